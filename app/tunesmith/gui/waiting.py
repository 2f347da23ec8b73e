"""Own how a page comes to its first content: nothing for a moment, then that it waits."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QWidget

from tunesmith.gui.loading import LOADING_MS, LoadingState
from tunesmith.gui.page import Page


class Waiting(QObject):
    """A page's states until it has something to show; what takes less than LOADING_MS shows no loading."""

    def __init__(self, page: Page, text: str, stop: Callable[[], object] | None = None) -> None:
        """Show the page blank.

        Args:
            text: what is waited for, such as ``Reading the profiles``.
            stop: how to end it before its time, if that can be done.
        """
        super().__init__(page)
        self._page = page
        self.blank = page.add_state(QWidget())
        self.loading = LoadingState(text, stop)
        page.add_state(self.loading)
        page.show_state(self.blank)
        self._late = QTimer(self)
        self._late.setSingleShot(True)
        self._late.setInterval(LOADING_MS)
        self._late.timeout.connect(self._show_loading)

    @property
    def shown(self) -> bool:
        """Whether the page has nothing else to show yet."""
        return self._page.states.currentWidget() in (self.blank, self.loading)

    def begin(self) -> None:
        """Something is waited for; a page that shows something already goes on showing it."""
        if self.shown and not self._late.isActive():
            self._late.start()

    def end(self) -> None:
        """It came, or will not come; what is shown instead is the page's to say, else it is blank."""
        self._late.stop()
        if self.shown:
            self._page.show_state(self.blank)

    def _show_loading(self) -> None:
        if self.shown:
            self._page.show_state(self.loading)
