"""Own what the views of a run share: they read it late, stand in a page's place, and can be copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QVBoxLayout, QWidget

from tunesmith.errors import TunesmithError
from tunesmith.gui.aside import back_button, head, leave_by_keys
from tunesmith.gui.context import AppContext
from tunesmith.gui.loading import LateLoading
from tunesmith.gui.page import button, label
from tunesmith.gui.theme import GRID
from tunesmith.gui.widgets.asking import Asker
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.store import Store

_Read = TypeVar("_Read")


class RunPanel(QWidget, Generic[_Read]):
    """Opened on a run; Escape, Alt+Left or the button goes back to where it was opened."""

    left = Signal()
    """Go back to what was shown before."""

    title: ClassVar[str]
    copy_tip: ClassVar[str]
    copied: ClassVar[str]
    """What is told once its text is on the clipboard."""

    def __init__(self, context: AppContext) -> None:
        super().__init__()
        self.context = context
        self._asker = Asker(self, self._fail)
        self._wanted = ""
        self.setAccessibleName(self.title)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        self.back_button = back_button(self._leave)
        self.copy_button = button(tr("Copy as text"), tip=self.copy_tip)
        self.copy_button.clicked.connect(self._copy)
        column.addLayout(head(self.title, self.back_button, self.copy_button))
        self.content = self._make_content()
        self.empty = label("", "secondary", wrap=True, selectable=True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._states = LateLoading(tr("Reading the run"), self.content, self.empty)
        column.addWidget(self._states, 1)
        leave_by_keys(self, self._leave)

    # ------------------------------------------------------------- what each view has of its own

    def _make_content(self) -> QWidget:
        raise NotImplementedError

    def _read(self, store: Store, run_id: str) -> _Read:
        """Read a stored run, in a thread of its own."""
        raise NotImplementedError

    def _forget(self) -> None:
        """Another run is coming."""
        raise NotImplementedError

    def _show_read(self, found: _Read) -> None:
        raise NotImplementedError

    def _text(self) -> str:
        """All of it in plain text; empty where nothing is shown."""
        raise NotImplementedError

    # ------------------------------------------------------------- what they share

    def open(self, run_id: str) -> None:
        """Read a stored run and show it."""
        self._forget()
        self._wanted = run_id
        self.copy_button.setEnabled(False)
        self._states.begin()
        self.back_button.setFocus()

        def show(found: _Read) -> None:
            if run_id == self._wanted:
                self._show_read(found)

        self._asker.ask(lambda: self._read(self.context.store, run_id), show)

    def _show_content(self, *, instead: str = "") -> None:
        """Show what was made, or in its place why there is nothing."""
        self.copy_button.setEnabled(True)
        self.empty.setText(instead)
        self._states.end(self.empty if instead else self.content)

    def _fail(self, error: TunesmithError) -> None:
        self.empty.setText(str(error))
        self._states.end(self.empty)

    def _leave(self) -> None:
        self._states.end()
        self._wanted = ""
        self.left.emit()

    def _copy(self) -> None:
        if text := self._text():
            QGuiApplication.clipboard().setText(text)
            self.context.bus.message.emit(self.copied)
