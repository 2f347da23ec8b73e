"""Own the quiet row of read-outs over a run's plots: temperature, clock, power, foreign load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from tunesmith.gui.page import label
from tunesmith.gui.theme import GRID, TABLE_PX, tabular
from tunesmith.gui.widgets.elided import ElidedLabel
from tunesmith.presentation.read_outs import LONG, NAMES, ReadOut
from tunesmith.wording import tr

_HEIGHT = 18


@dataclass(frozen=True, slots=True)
class _Place:
    dot: QLabel
    value: QLabel


class ReadOutRow(QWidget):
    """Shows what can be read and nothing for the rest; as high with as without."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(tr("State of the machine"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID)
        self._places: dict[str, _Place] = {}
        for kind, name in NAMES.items():
            value = ElidedLabel(role="small") if kind in LONG else label("", "small")
            place = self._places[kind] = _Place(label("·", "small"), value)
            place.value.setAccessibleName(name)
            place.value.setFont(tabular(place.value.font(), pixels=TABLE_PX))
            for widget in (place.dot, place.value):
                widget.hide()
                row.addWidget(widget)
        row.addStretch()
        self.setFixedHeight(_HEIGHT)

    def value(self, kind: str) -> QLabel:
        """The label of one of them, such as ``temperature``."""
        return self._places[kind].value

    def show_all(self, found: Sequence[ReadOut]) -> None:
        """Show these; what is not among them is hidden."""
        by_kind = {one.kind: one for one in found}
        first = True
        for kind, place in self._places.items():
            one = by_kind.get(kind)
            place.value.setVisible(one is not None)
            place.dot.setVisible(one is not None and not first)
            if one is not None:
                first = False
                _show(place.value, one)


def _show(value: QLabel, one: ReadOut) -> None:
    """Change only what differs, which spares a layout."""
    if value.text() != one.text:
        value.setText(one.text)
    if value.toolTip() != one.tip:
        value.setToolTip(one.tip)
    role = "warning" if one.warns else "small"
    if value.property("role") != role:
        value.setProperty("role", role)
        value.style().polish(value)
