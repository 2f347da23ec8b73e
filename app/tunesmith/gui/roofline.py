"""Own the view of a run's roofline; it stands in a page's place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QVBoxLayout, QWidget

from tunesmith.gui.context import AppContext
from tunesmith.gui.page import label
from tunesmith.gui.roofline_plot import RooflinePlot
from tunesmith.gui.run_panel import RunPanel
from tunesmith.gui.theme import GRID
from tunesmith.presentation.roofline import RooflineView, roofline_view, to_text
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.store import Store

HINT = tr(
    "On the left memory is the ceiling, on the right what the CPU can multiply. Filled marks are tuned, "
    "hollow ones the defaults; squares are prefill, circles decode."
)
POINT_AT = tr("Point at a mark, or use the arrow keys, to read it.")


class RooflinePanel(RunPanel["RooflineView"]):
    """Every candidate's prefill and decode below what memory and CPU allow."""

    title = tr("Roofline")
    copy_tip = tr("Copy what every mark says as plain text.")
    copied = tr("The roofline is on the clipboard.")

    def __init__(self, context: AppContext) -> None:
        self.view: RooflineView | None = None
        super().__init__(context)

    def _make_content(self) -> QWidget:
        picture = QWidget()
        rows = QVBoxLayout(picture)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(GRID)
        self.sentences, self.note = (label("", wrap=True, selectable=True) for _ in range(2))
        self.plot = RooflinePlot(self.context.theme.colours)
        self.context.theme.changed.connect(self.plot.recolour)
        self.reading = label(POINT_AT, "secondary", wrap=True)
        self.plot.pointed.connect(lambda text: self.reading.setText(text or POINT_AT))
        for widget in (self.sentences, self.note):
            rows.addWidget(widget)
        rows.addWidget(self.plot, 1)
        for widget in (self.reading, label(HINT, "small", wrap=True)):
            rows.addWidget(widget)
        return picture

    def _read(self, store: Store, run_id: str) -> RooflineView:
        from tunesmith.services.roofline import read_roofline

        return roofline_view(read_roofline(store, run_id))

    def _forget(self) -> None:
        self.view = None

    def _show_read(self, found: RooflineView) -> None:
        self.show_view(found)

    def _text(self) -> str:
        return "" if self.view is None else to_text(self.view)

    def show_view(self, view: RooflineView) -> None:
        """Draw this."""
        self.view = view
        for words, text in ((self.sentences, " ".join(view.sentences)), (self.note, view.note)):
            words.setText(text)
            words.setVisible(bool(text))
        self.reading.setText(POINT_AT)
        self._show_content()
        self.plot.draw(view)
        if self.back_button.hasFocus():
            self.plot.setFocus()
