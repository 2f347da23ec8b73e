"""Own the list of profiles under its filters: what is shown of it and what is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from tunesmith.gui.columns import RememberedColumns
from tunesmith.gui.page import label
from tunesmith.gui.pages.profiles_table import ProfilesModel, ProfilesProxy, ProfilesTable
from tunesmith.gui.theme import GRID
from tunesmith.gui.widgets.elided import ElidedChoice
from tunesmith.gui.widgets.search_field import SearchField
from tunesmith.presentation.profiles import ProfileLine, choices, count_words, profile_lines
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.store import ProfileRow

_LEAST_CHOICE = GRID * 13


class ProfilesList(QWidget):
    """The table, two filters and the count; the search field is for the page to place."""

    chosen_changed = Signal()
    """Other profiles are chosen, or the same ones were read anew."""

    def __init__(self, settings: QSettings) -> None:
        """An empty list.

        Args:
            settings: where the columns are remembered.
        """
        super().__init__()
        self._lines: list[ProfileLine] = []
        self._filling = False
        self.model = ProfilesModel()
        self.proxy = ProfilesProxy(self.model)
        self.search = SearchField(tr("Search"), tr("Search profiles"), 180)
        self.models, self.machines = _choice(tr("Model")), _choice(tr("Machine class"))
        self.count = label("", "secondary")
        self.table = ProfilesTable(self.proxy, self.model)
        self.columns = RememberedColumns(self.table.horizontalHeader(), settings, "profiles")
        self._lay_out()
        self.search.textChanged.connect(self._narrow)
        self.models.currentIndexChanged.connect(self._narrow)
        self.machines.currentIndexChanged.connect(self._narrow)
        self.table.selectionModel().selectionChanged.connect(self._tell)

    def _lay_out(self) -> None:
        filters = QHBoxLayout()
        filters.setSpacing(GRID)
        filters.addWidget(self.models)
        filters.addWidget(self.machines)
        filters.addStretch()
        filters.addWidget(self.count)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(filters)
        column.addWidget(self.table, 1)

    @property
    def shown(self) -> int:
        """How many profiles the filters leave."""
        return self.proxy.rowCount()

    def chosen(self) -> list[ProfileLine]:
        """The chosen lines, from top to bottom."""
        return self.table.chosen()

    def clear_filters(self) -> None:
        """Show all profiles."""
        self.search.clear()
        self.models.setCurrentIndex(0)
        self.machines.setCurrentIndex(0)

    def show_rows(self, rows: list[ProfileRow], wanted: set[str]) -> None:
        """Show what was read; the wanted ids are chosen, else what was chosen stays so, else the first."""
        wanted = wanted or {line.id for line in self.chosen()}
        self._lines = profile_lines(rows)
        models, machines = choices(rows)
        _fill(self.models, tr("All models"), models)
        _fill(self.machines, tr("All machines"), machines)
        self._filling = True  # the selection comes and goes meanwhile
        self.model.replace(self._lines)
        self._narrow()
        if not self.table.choose(lambda line: line.id in wanted):
            self._choose_first()
        self._filling = False
        self._tell()

    def _choose_first(self) -> bool:
        first = self.table.line(0) if self.shown else None
        return self.table.choose(lambda line: line is first)

    def _narrow(self) -> None:
        self.proxy.narrow(
            self.search.text(), model=self.models.currentData(), machine=self.machines.currentData()
        )
        self.count.setText(count_words(self.shown, len(self._lines)))
        if not self._filling and not self.chosen() and not self._choose_first():
            self._tell()  # nothing is shown, so nothing is chosen

    def _tell(self) -> None:
        if not self._filling:
            self.chosen_changed.emit()


def _choice(name: str) -> QComboBox:
    made = ElidedChoice()
    made.setAccessibleName(name)
    made.setMinimumContentsLength(12)
    made.setMinimumWidth(_LEAST_CHOICE)  # in the smallest window
    return made


def _fill(box: QComboBox, everything: str, pairs: list[tuple[str, str]]) -> None:
    """Offer other choices, keeping what is chosen if it is still there."""
    kept = box.currentData()
    box.blockSignals(True)  # noqa: FBT003 (Qt's name)
    box.clear()
    box.addItem(everything, None)
    for words, key in pairs:
        box.addItem(words, key)
        box.setItemData(box.count() - 1, words, Qt.ItemDataRole.ToolTipRole)
    box.setCurrentIndex(max(0, box.findData(kept)) if kept is not None else 0)
    box.blockSignals(False)  # noqa: FBT003 (Qt's name)
