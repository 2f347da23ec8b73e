"""Own the page that sums up what many devices found when they verified."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from tunesmith.errors import TunesmithError
from tunesmith.gui.background import Tasks
from tunesmith.gui.columns import RememberedColumns, window_settings
from tunesmith.gui.context import AppContext
from tunesmith.gui.open_dialogs import ask_for_folder
from tunesmith.gui.page import EmptyState, Page, button, label
from tunesmith.gui.pages.fleet_table import FleetModel, FleetProxy, FleetTable
from tunesmith.gui.theme import GRID
from tunesmith.gui.waiting import Waiting
from tunesmith.gui.widgets.search_field import SearchField
from tunesmith.presentation.fleet_lines import answers, fleet_lines
from tunesmith.wording import tr, trn

if TYPE_CHECKING:
    from tunesmith.services.fleet import FleetReport


class FleetPage(Page):
    """A folder of results: the sum in a sentence, a line for each device, sorted and narrowed."""

    name = "fleet"
    title = tr("Fleet")

    def __init__(self, context: AppContext) -> None:
        super().__init__(context)
        self._tasks = Tasks(self)
        self.folder: Path | None = None
        self.report: FleetReport | None = None
        self.search = SearchField(tr("Search results"), tr("Search results"), 180)
        self.answer = QComboBox()
        self.answer.setAccessibleName(tr("Answer"))
        for words, answer in answers():
            self.answer.addItem(words, answer)
        self.again = button(tr("Read again"), tip=tr("Read the same folder once more"))
        self.choose_button = button(
            tr("Open folder…"), "primary", tip=tr("A folder with results of tunesmith verify")
        )
        for widget in (self.search, self.answer, self.again, self.choose_button):
            self.add_action(widget)
        self._build()
        self.search.textChanged.connect(self._narrow)
        self.answer.currentIndexChanged.connect(self._narrow)
        self.again.clicked.connect(self._read_again)
        self.choose_button.clicked.connect(self._ask)
        self._show_empty()

    def _build(self) -> None:
        self.model = FleetModel()
        self.proxy = FleetProxy(self.model)
        self.table = FleetTable(self.proxy)
        settings = window_settings(self.context.folders.config, self)
        self.columns = RememberedColumns(self.table.horizontalHeader(), settings, "fleet")
        self.sum = label("", wrap=True, selectable=True)
        self.note = label("", "secondary", wrap=True)
        full = QWidget()
        column = QVBoxLayout(full)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        row = QHBoxLayout()
        row.addWidget(self.sum, 1)
        column.addLayout(row)
        column.addWidget(self.note)
        column.addWidget(self.table, 1)
        every = button(tr("Show all results"))
        every.clicked.connect(self._show_every)
        self.nothing = EmptyState(
            tr("No result matches"), tr("None of the results has these words and this answer."), every
        )
        column.addWidget(self.nothing, 1)
        self.nothing.hide()
        self.full = self.add_state(full)
        first = button(tr("Choose a folder…"), "primary")
        first.clicked.connect(self._ask)
        self.empty = self.add_state(
            EmptyState(
                tr("No results yet"),
                tr(
                    "Let each device write what tunesmith verify found with --output, and collect the files "
                    "in one folder, named as you know your devices. Then see here which profiles hold."
                ),
                first,
            )
        )
        self.waiting = Waiting(self, tr("Reading the results"))

    # ------------------------------------------------------------- reading

    def _ask(self) -> None:
        ask_for_folder(self, lambda paths: self.read(Path(paths[0])), title=tr("Open folder"))

    def _read_again(self) -> None:
        if self.folder is not None:
            self.read(self.folder)

    def read(self, folder: Path) -> None:
        """Read a folder in the background."""
        self.message.hide()
        self.folder = folder
        self.choose_button.setEnabled(False)
        self.again.setEnabled(False)
        self.waiting.begin()

        def work() -> FleetReport:
            from tunesmith.services.fleet import read_fleet

            return read_fleet(folder)

        self._tasks.run(work, self._done, self._failed)

    def _done(self, report: FleetReport) -> None:
        from tunesmith.presentation.fleet_text import sum_sentence

        self.report = report
        self.waiting.end()
        self.choose_button.setEnabled(True)
        self.model.replace(fleet_lines(report))
        self._show_nothing()
        self.sum.setText(sum_sentence(report))
        skipped = len(report.skipped)
        words = trn("{count} file was no result.", "{count} files were no results.", skipped)
        self.note.setText(words)
        self.note.setVisible(skipped > 0)
        if report.results:
            self._show_full()
        else:
            self._show_empty()
            self.message.show_note(sum_sentence(report))

    def _failed(self, error: TunesmithError) -> None:
        self.waiting.end()
        self.choose_button.setEnabled(True)
        if self.report is None or not self.report.results:
            self._show_empty()
        else:
            self._show_full()
        self.message.show_error(error)

    # ------------------------------------------------------------- showing

    def _narrow(self) -> None:
        self.proxy.narrow(self.search.text(), self.answer.currentData())
        self._show_nothing()

    def _show_every(self) -> None:
        self.answer.setCurrentIndex(0)
        self.search.clear()
        self.search.setFocus()

    def _show_nothing(self) -> None:
        """Say so where none of the results is to be shown."""
        nothing = self.proxy.rowCount() == 0
        self.table.setVisible(not nothing)
        self.nothing.setVisible(nothing)

    def _show_full(self) -> None:
        self._offer(results=True)
        self.show_state(self.full)

    def _show_empty(self) -> None:
        self._offer(results=False)
        self.show_state(self.empty)

    def _offer(self, *, results: bool) -> None:
        """Offer only what there is something to do with."""
        for widget in (self.search, self.answer, self.choose_button):
            widget.setVisible(results)
        self.again.setVisible(results)
        self.again.setEnabled(True)

    def closing(self) -> None:
        """Remember the columns."""
        self.columns.save()
