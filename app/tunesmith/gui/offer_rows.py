"""Own the choice of quantizations to compare: a check box, a size and a note for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QGridLayout, QVBoxLayout, QWidget

from tunesmith.gui.page import button, flush, label
from tunesmith.gui.theme import GRID, tabular
from tunesmith.gui.widgets.titles import retitle
from tunesmith.presentation.choice_setup_text import file_note
from tunesmith.presentation.numbers import bytes_text, fixed, rough_bytes_text
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.services.choose_files import Foreseen

_BITS_TIP = tr("Bits a weight takes on average")


class OfferRows(QWidget):
    """The usual ones first; the others when they are asked for."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._files: tuple[Foreseen, ...] = ()
        self.boxes: dict[str, QCheckBox] = {}
        self._further: list[QWidget] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 6, 0, 2)
        column.setSpacing(6)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(GRID * 2)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(4, 1)
        column.addLayout(self._grid)
        self.more = flush(button(tr("More types"), "quiet", tip=tr("Show all that can be made here.")))
        self.more.setCheckable(True)
        self.more.toggled.connect(self._show_further)
        self.more.hide()
        column.addWidget(self.more, alignment=Qt.AlignmentFlag.AlignLeft)

    def show_files(self, files: Sequence[Foreseen]) -> None:
        """Offer these; the usual ones are chosen."""
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        self.boxes, self._further = {}, []
        self._files = (*(one for one in files if one.usual), *(one for one in files if not one.usual))
        for row, one in enumerate(self._files):
            self._add(row, one)
        self.more.setVisible(bool(self._further))
        self.more.setChecked(False)
        self._show_further(on=False)

    def _add(self, row: int, one: Foreseen) -> None:
        size = bytes_text(one.size_bytes) if one.paths else rough_bytes_text(one.size_bytes)
        note = file_note(one)
        box = QCheckBox(one.kind)
        box.setChecked(one.usual)
        box.setAccessibleName(", ".join(part for part in (one.kind, size, note) if part))
        box.setToolTip("\n".join(one.paths))
        box.toggled.connect(lambda _on: self.changed.emit())
        self.boxes[one.kind] = box
        figures = [label(size), label(tr("{bits} bits", bits=fixed(one.bits_per_weight, 2)), "secondary")]
        figures[1].setToolTip(_BITS_TIP)
        for figure in figures:
            figure.setFont(tabular(figure.font()))
        noted = label(note, "small")
        if one.fallbacks:
            noted.setToolTip(tr("Their shape does not allow the type, so they get a larger one."))
        widgets: list[QWidget] = [box, *figures, noted]
        for column, widget in enumerate(widgets):
            self._grid.addWidget(widget, row, column)
        if not one.usual:
            self._further += widgets

    def _show_further(self, on: bool) -> None:  # noqa: FBT001 (a slot)
        retitle(self.more, tr("Fewer types") if on else tr("More types"))
        for widget in self._further:
            widget.setVisible(on)

    @property
    def chosen(self) -> tuple[Foreseen, ...]:
        """Those whose box is checked."""
        return tuple(one for one in self._files if self.boxes[one.kind].isChecked())
