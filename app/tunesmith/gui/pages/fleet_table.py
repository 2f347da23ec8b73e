"""Own the table of a fleet's devices: what is said of a cell, and what is filtered out."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QTableView

from tunesmith.domain.verification import Answer
from tunesmith.gui.lines_table import LinesModel, LinesProxy, lay_out
from tunesmith.presentation.fleet_lines import BUILD_COLUMN, COLUMNS, SPEED_COLUMN, FleetLine, matches
from tunesmith.wording import tr

_WIDTHS = (150, 96, 80, 220, 200, 160, 120)


class FleetModel(LinesModel):
    """The lines."""

    lines: Sequence[FleetLine]

    def __init__(self) -> None:
        super().__init__(COLUMNS, figures=(SPEED_COLUMN, len(COLUMNS) - 1))

    def tip(self, line: FleetLine, column: int) -> str:
        """The whole sentence on answer and speed; a build in full."""
        if column == BUILD_COLUMN:
            return line.build
        return line.tip if column in (1, SPEED_COLUMN) else super().tip(line, column)


class FleetProxy(LinesProxy):
    """Filters by words and answer."""

    def __init__(self, source: FleetModel) -> None:
        super().__init__(source)
        self._search = ""
        self._answer: Answer | None = None

    def narrow(self, search: str, answer: Answer | None) -> None:
        """Show only what matches."""
        self._search, self._answer = search, answer
        self.invalidate()

    def accepts(self, line: FleetLine) -> bool:
        """Whether a line matches."""
        return matches(line, self._search, self._answer)


class FleetTable(QTableView):
    """The table; the slowest come first."""

    def __init__(self, proxy: FleetProxy) -> None:
        super().__init__()
        self.setModel(proxy)
        self.setAccessibleName(tr("Results"))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        lay_out(self, _WIDTHS)
        self.sortByColumn(SPEED_COLUMN, Qt.SortOrder.AscendingOrder)
