"""Own the view that says, candidate by candidate, why settings won; it stands in a page's place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from tunesmith.errors import TunesmithError
from tunesmith.gui.aside import back_button, head, leave_by_keys
from tunesmith.gui.context import AppContext
from tunesmith.gui.loading import LateLoading
from tunesmith.gui.page import button, label
from tunesmith.gui.theme import GRID
from tunesmith.gui.why_table import WhyTable
from tunesmith.gui.widgets.asking import Asker
from tunesmith.presentation.why import WhyView, to_markdown, why_view
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.profile import TunedProfile
    from tunesmith.store import Store

TITLE = tr("Why these settings")


class WhyPanel(QWidget):
    """Opened on a profile; Escape, Alt+Left or the button goes back to where it was opened."""

    left = Signal()
    """Go back to what was shown before."""
    failed = Signal(object)
    """The run could not be read; what was shown before is shown again."""

    def __init__(self, context: AppContext) -> None:
        super().__init__()
        self._context = context
        self._asker = Asker(self, self._fail)
        self._wanted = ""
        self.view: WhyView | None = None
        self.setAccessibleName(TITLE)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(self._head())
        self.name = label("", "secondary", wrap=True, selectable=True)
        self.sentence, self.note, self.proven = (label("", wrap=True, selectable=True) for _ in range(3))
        self.proven.setProperty("role", "small")
        for words in (self.name, self.sentence, self.note):
            column.addWidget(words)
        self.table = WhyTable(context.theme.colours)
        self._states = LateLoading(tr("Reading the run"), self.table)
        column.addWidget(self._states, 1)
        column.addWidget(self.proven)
        leave_by_keys(self, self._leave)
        context.theme.changed.connect(self.table.recolour)

    def _head(self) -> QHBoxLayout:
        self.back_button = back_button(self._leave)
        self.copy_button = button(
            tr("Copy as Markdown"),
            tip=tr("Copy all of it; Ctrl+C in the table copies the chosen candidates."),
        )
        self.copy_button.clicked.connect(self._copy)
        return head(TITLE, self.back_button, self.copy_button)

    def open(self, profile: TunedProfile) -> None:
        """Read the run behind a profile and show why its settings won."""
        self.view, self._wanted = None, profile.id
        self.name.setText(profile.name)
        for words in (self.sentence, self.note, self.proven):
            words.hide()
        self.copy_button.setEnabled(False)
        self._states.begin()
        self.back_button.setFocus()
        self._asker.ask(lambda: _read(self._context.store, profile), self._shower(profile.id))

    def _shower(self, wanted: str) -> Callable[[WhyView], None]:
        def show(view: WhyView) -> None:
            if wanted == self._wanted:
                self._show(view)

        return show

    def _show(self, view: WhyView) -> None:
        self.view = view
        _tell(self.sentence, view.sentence)
        _tell(self.note, view.note)
        _tell(self.proven, view.proven)
        self.copy_button.setEnabled(True)
        self._states.end(self.table if view.questions else None)
        self.table.show_view(view)
        if self.back_button.hasFocus():
            self.table.setFocus()

    def _fail(self, error: TunesmithError) -> None:
        self._states.end()
        self._wanted = ""
        self.left.emit()
        self.failed.emit(error)

    def _leave(self) -> None:
        self._states.end()
        self._wanted = ""
        self.left.emit()

    def _copy(self) -> None:
        if self.view is not None:
            QGuiApplication.clipboard().setText(to_markdown(self.view))
            self._context.bus.message.emit(tr("The explanation is on the clipboard."))


def _read(store: Store, profile: TunedProfile) -> WhyView:
    from tunesmith.presentation.explain import explain
    from tunesmith.services.past_runs import events_of

    return why_view(explain(profile, events_of(profile, store)))


def _tell(words: QLabel, text: str) -> None:
    words.setText(text)
    words.setVisible(bool(text))
