"""Own the view of a run's roofline; it stands in a page's place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QVBoxLayout, QWidget

from tunesmith.errors import TunesmithError
from tunesmith.gui.aside import back_button, head, leave_by_keys
from tunesmith.gui.context import AppContext
from tunesmith.gui.loading import LateLoading
from tunesmith.gui.page import button, label
from tunesmith.gui.roofline_plot import RooflinePlot
from tunesmith.gui.theme import GRID
from tunesmith.gui.widgets.asking import Asker
from tunesmith.presentation.roofline import RooflineView, roofline_view, to_text
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.store import Store

TITLE = tr("Roofline")
HINT = tr(
    "On the left memory is the ceiling, on the right what the CPU can multiply. Filled marks are tuned, "
    "hollow ones the defaults; squares are prefill, circles decode."
)
POINT_AT = tr("Point at a mark, or use the arrow keys, to read it.")


class RooflinePanel(QWidget):
    """Opened on a run; Escape, Alt+Left or the button goes back to where it was opened."""

    left = Signal()
    """Go back to what was shown before."""

    def __init__(self, context: AppContext) -> None:
        super().__init__()
        self._context = context
        self._asker = Asker(self, self._fail)
        self._wanted = ""
        self.view: RooflineView | None = None
        self.setAccessibleName(TITLE)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        self.back_button = back_button(self._leave)
        self.copy_button = button(tr("Copy as text"), tip=tr("Copy what every mark says as plain text."))
        self.copy_button.clicked.connect(self._copy)
        column.addLayout(head(TITLE, self.back_button, self.copy_button))
        self.sentences, self.note = (label("", wrap=True, selectable=True) for _ in range(2))
        self.plot = RooflinePlot(context.theme.colours)
        self.reading = label(POINT_AT, "secondary", wrap=True)
        self.plot.pointed.connect(self._read)
        self.hint = label(HINT, "small", wrap=True)
        picture = QWidget()
        rows = QVBoxLayout(picture)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(GRID)
        for widget in (self.sentences, self.note):
            rows.addWidget(widget)
        rows.addWidget(self.plot, 1)
        for widget in (self.reading, self.hint):
            rows.addWidget(widget)
        self.empty = label("", "secondary", wrap=True, selectable=True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._picture = picture
        self._states = LateLoading(tr("Reading the run"), picture, self.empty)
        column.addWidget(self._states, 1)
        leave_by_keys(self, self._leave)
        context.theme.changed.connect(self.plot.recolour)

    def open(self, run_id: str) -> None:
        """Read a stored run and draw its roofline."""
        self.view, self._wanted = None, run_id
        self.copy_button.setEnabled(False)
        self._states.begin()
        self.back_button.setFocus()
        self._asker.ask(lambda: _read(self._context.store, run_id), self._shower(run_id))

    def _shower(self, wanted: str) -> Callable[[RooflineView], None]:
        def show(view: RooflineView) -> None:
            if wanted == self._wanted:
                self.show_view(view)

        return show

    def show_view(self, view: RooflineView) -> None:
        """Draw this."""
        self.view = view
        self.copy_button.setEnabled(True)
        for words, text in ((self.sentences, " ".join(view.sentences)), (self.note, view.note)):
            words.setText(text)
            words.setVisible(bool(text))
        self.reading.setText(POINT_AT)
        self._states.end(self._picture)
        self.plot.draw(view)
        if self.back_button.hasFocus():
            self.plot.setFocus()

    def _fail(self, error: TunesmithError) -> None:
        """Say in the picture's place why there is none."""
        self.empty.setText(str(error))
        self._states.end(self.empty)

    def _read(self, reading: str) -> None:
        self.reading.setText(reading or POINT_AT)

    def _leave(self) -> None:
        self._states.end()
        self._wanted = ""
        self.left.emit()

    def _copy(self) -> None:
        if self.view is not None:
            QGuiApplication.clipboard().setText(to_text(self.view))
            self._context.bus.message.emit(tr("The roofline is on the clipboard."))


def _read(store: Store, run_id: str) -> RooflineView:
    from tunesmith.services.roofline import read_roofline

    return roofline_view(read_roofline(store, run_id))
