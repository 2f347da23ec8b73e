"""Own the view of a run's candidates, speed against what they take; it stands in a page's place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QVBoxLayout, QWidget

from tunesmith.domain.tradeoff import Tradeoff
from tunesmith.gui.context import AppContext
from tunesmith.gui.page import label
from tunesmith.gui.run_panel import RunPanel
from tunesmith.gui.theme import GRID
from tunesmith.gui.tradeoff_plot import TradeoffPlot
from tunesmith.presentation.tradeoff import Measure, to_text, trade_choices, trade_view
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.store import Store

HINT = tr(
    "Up is faster, left takes less. The line joins candidates that none surpasses in both; the filled mark "
    "is tuned, the hollow ring the defaults. Bars: where the mean lies, 95% sure."
)
POINT_AT = tr("Point at a mark, or use the arrow keys, to read it.")


class TradeoffPanel(RunPanel["Tradeoff"]):
    """The speed of every candidate against the energy or the memory it takes."""

    title = tr("Pareto plot")
    copy_tip = tr("Copy what every mark says as plain text.")
    copied = tr("The candidates are on the clipboard.")

    def __init__(self, context: AppContext) -> None:
        self.tradeoff: Tradeoff | None = None
        super().__init__(context)

    def _make_content(self) -> QWidget:
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
        self.plot = TradeoffPlot(self.context.theme.colours)
        self.context.theme.changed.connect(self.plot.recolour)
        self.reading = label(POINT_AT, "secondary", wrap=True)
        self.plot.pointed.connect(lambda text: self.reading.setText(text or POINT_AT))
        inner.addWidget(self.plot, 1)
        inner.addWidget(self.reading)
        rows.addWidget(frame, 1)
        rows.addWidget(label(HINT, "small", wrap=True))
        rows.addWidget(self.note)
        return picture

    def _read(self, store: Store, run_id: str) -> Tradeoff:
        from tunesmith.services.tradeoff import read_tradeoff

        return read_tradeoff(store, run_id)

    def _forget(self) -> None:
        self.tradeoff = None

    def _show_read(self, found: Tradeoff) -> None:
        self.show_tradeoff(found)

    def _text(self) -> str:
        return "" if self.tradeoff is None else to_text(self.tradeoff)

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
        self._show_content(instead="" if possible >= 0 else "\n".join(reasons))
        if possible < 0:
            return
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
