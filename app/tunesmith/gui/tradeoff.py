"""Own the view of a run's candidates, speed against what they take; it stands in a page's place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication, QStandardItemModel
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QVBoxLayout, QWidget

from tunesmith.domain.tradeoff import Tradeoff
from tunesmith.errors import TunesmithError
from tunesmith.gui.aside import back_button, head, leave_by_keys
from tunesmith.gui.context import AppContext
from tunesmith.gui.loading import LateLoading
from tunesmith.gui.page import button, label
from tunesmith.gui.theme import GRID
from tunesmith.gui.tradeoff_plot import TradeoffPlot
from tunesmith.gui.widgets.asking import Asker
from tunesmith.presentation.tradeoff import Measure, to_text, trade_choices, trade_view
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.store import Store

TITLE = tr("Pareto plot")
HINT = tr(
    "Up is faster, left takes less. The line joins candidates that none surpasses in both; the filled mark "
    "is tuned, the hollow ring the defaults. Bars: where the mean lies, 95% sure."
)
POINT_AT = tr("Point at a mark, or use the arrow keys, to read it.")


class TradeoffPanel(QWidget):
    """Opened on a run; Escape, Alt+Left or the button goes back to where it was opened."""

    left = Signal()
    """Go back to what was shown before."""

    def __init__(self, context: AppContext) -> None:
        super().__init__()
        self._context = context
        self._asker = Asker(self, self._fail)
        self._wanted = ""
        self.tradeoff: Tradeoff | None = None
        self.setAccessibleName(TITLE)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        self.back_button = back_button(self._leave)
        self.copy_button = button(tr("Copy as text"), tip=tr("Copy what every mark says as plain text."))
        self.copy_button.clicked.connect(self._copy)
        column.addLayout(head(TITLE, self.back_button, self.copy_button))
        self._picture = self._make_picture(context)
        self.empty = label("", "secondary", wrap=True, selectable=True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._states = LateLoading(tr("Reading the run"), self._picture, self.empty)
        column.addWidget(self._states, 1)
        leave_by_keys(self, self._leave)
        context.theme.changed.connect(self.plot.recolour)

    def _make_picture(self, context: AppContext) -> QWidget:
        picture = QWidget()
        rows = QVBoxLayout(picture)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(GRID)
        choice = QHBoxLayout()
        choice.setSpacing(GRID)
        self.measure = QComboBox()
        self.measure.setAccessibleName(tr("Speed against"))
        self.measure.setToolTip(tr("What the axis at the foot shows."))
        self.measure.currentIndexChanged.connect(self._draw)
        self.why_not = label("", "small", wrap=True)
        choice.addWidget(label(tr("Speed against"), "secondary"))
        choice.addWidget(self.measure)
        choice.addWidget(self.why_not, 1)
        rows.addLayout(choice)
        self.sentences, self.note = label("", wrap=True, selectable=True), label("", "small", wrap=True)
        rows.addWidget(self.sentences)
        frame = QFrame()
        frame.setProperty("role", "surface")
        inner = QVBoxLayout(frame)
        inner.setContentsMargins(GRID, GRID, GRID, 4)
        inner.setSpacing(2)
        self.plot = TradeoffPlot(context.theme.colours)
        self.reading = label(POINT_AT, "secondary", wrap=True)
        self.plot.pointed.connect(lambda text: self.reading.setText(text or POINT_AT))
        inner.addWidget(self.plot, 1)
        inner.addWidget(self.reading)
        rows.addWidget(frame, 1)
        rows.addWidget(label(HINT, "small", wrap=True))
        rows.addWidget(self.note)
        return picture

    def open(self, run_id: str) -> None:
        """Read a stored run and draw its candidates."""
        self.tradeoff, self._wanted = None, run_id
        self.copy_button.setEnabled(False)
        self._states.begin()
        self.back_button.setFocus()
        self._asker.ask(lambda: _read(self._context.store, run_id), self._shower(run_id))

    def _shower(self, wanted: str) -> Callable[[Tradeoff], None]:
        def show(tradeoff: Tradeoff) -> None:
            if wanted == self._wanted:
                self.show_tradeoff(tradeoff)

        return show

    def show_tradeoff(self, tradeoff: Tradeoff) -> None:
        """Draw this, against the most telling of what is known."""
        self.tradeoff = tradeoff
        choices = trade_choices(tradeoff)
        self.measure.blockSignals(True)  # noqa: FBT003 (Qt's name)
        self.measure.clear()
        for one in choices:
            self.measure.addItem(one.name, one.measure)
        model = self.measure.model()
        for row, one in enumerate(choices):
            if one.reason and isinstance(model, QStandardItemModel):
                model.item(row).setEnabled(False)
        possible = next((row for row, one in enumerate(choices) if not one.reason), -1)
        self.measure.setCurrentIndex(possible)
        self.measure.blockSignals(False)  # noqa: FBT003 (Qt's name)
        reasons = [
            tr("No {measure}: {reason}.", measure=one.name, reason=one.reason)
            for one in choices if one.reason
        ]  # fmt: skip
        self.why_not.setText(" ".join(reasons))
        self.copy_button.setEnabled(True)
        if possible < 0:
            self.empty.setText("\n".join(reasons))
            self._states.end(self.empty)
            return
        self._states.end(self._picture)
        self._draw()
        if self.back_button.hasFocus():
            self.plot.setFocus()

    def _draw(self) -> None:
        measure: Measure | None = self.measure.currentData()
        if self.tradeoff is None or measure is None:
            return
        view = trade_view(self.tradeoff, measure)
        self.sentences.setText(" ".join(view.sentences))
        self.sentences.setVisible(bool(view.sentences))
        self.note.setText(view.note)
        self.reading.setText(POINT_AT)
        self.plot.draw(view)

    def _fail(self, error: TunesmithError) -> None:
        """Say in the picture's place why there is none."""
        self.empty.setText(str(error))
        self._states.end(self.empty)

    def _leave(self) -> None:
        self._states.end()
        self._wanted = ""
        self.left.emit()

    def _copy(self) -> None:
        if self.tradeoff is not None:
            QGuiApplication.clipboard().setText(to_text(self.tradeoff))
            self._context.bus.message.emit(tr("The candidates are on the clipboard."))


def _read(store: Store, run_id: str) -> Tradeoff:
    from tunesmith.services.tradeoff import read_tradeoff

    return read_tradeoff(store, run_id)
