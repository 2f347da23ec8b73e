"""Own the page that sets two to four profiles side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from tunesmith.errors import TunesmithError
from tunesmith.gui.columns import window_settings
from tunesmith.gui.context import AppContext
from tunesmith.gui.page import EmptyState, Page, button, label
from tunesmith.gui.pages.compare_table import CompareTable
from tunesmith.gui.theme import GRID, Colours
from tunesmith.gui.waiting import Waiting
from tunesmith.gui.widgets.asking import Asker
from tunesmith.gui.widgets.bar_chart import BarChart
from tunesmith.gui.widgets.choice_grid import ChoiceGrid
from tunesmith.gui.widgets.elided import ElidedChoice
from tunesmith.presentation.compare import FEWEST, LETTERS, MOST, Comparison, compare, to_csv, to_markdown
from tunesmith.presentation.machine_facts import class_text
from tunesmith.wording import tr, trc

if TYPE_CHECKING:
    from tunesmith.domain.profile import TunedProfile
    from tunesmith.store import ProfileRow

_NONE = trc("profile", "None")


class ComparePage(Page):
    """Bars, differences, and both to take away."""

    name = "compare"
    title = tr("Compare")

    def __init__(self, context: AppContext) -> None:
        super().__init__(context)
        self._asker = Asker(self, self._failed)
        self._wanted: list[str] = []
        self.comparison: Comparison | None = None
        self.markdown_button = button(tr("Copy as Markdown"), tip=tr("The table, for a text or an issue"))
        self.csv_button = button(tr("Copy as CSV"), tip=tr("The table, for a spreadsheet"))
        self.save_button = button(
            tr("Save chart…"), "primary", tip=tr("The bars as a PNG picture or an SVG drawing")
        )
        self._takers = (self.markdown_button, self.csv_button, self.save_button)
        for widget in self._takers:
            self.add_action(widget)
        self._build()
        self.markdown_button.clicked.connect(self._copy_markdown)
        self.csv_button.clicked.connect(self._copy_csv)
        self.save_button.clicked.connect(self._ask_where_to)
        self.only_differences.toggled.connect(self._show_table)
        context.bus.compare_profiles.connect(self.choose)
        context.bus.profile_saved.connect(lambda _id: self.refresh())
        context.theme.changed.connect(self._recolour)

    def _build(self) -> None:
        self.boxes = [self._box(letter) for letter in LETTERS[:MOST]]
        self.warnings = QFrame()
        self.warnings.setProperty("role", "message")
        row = QHBoxLayout(self.warnings)
        row.setContentsMargins(GRID * 2, GRID, GRID * 2, GRID)
        self.warning_text = label("", wrap=True, selectable=True)
        row.addWidget(self.warning_text)
        self.chart = BarChart(self.context.theme.colours)
        self.only_differences = QCheckBox(tr("Only what differs"))
        self.only_differences.setChecked(True)
        self.table = CompareTable(
            self.context.theme.colours, window_settings(self.context.folders.config, self)
        )
        heading = QHBoxLayout()
        heading.addWidget(label(tr("Differences"), "section"))
        heading.addStretch()
        heading.addWidget(self.only_differences)
        self.hint = label("", "secondary", wrap=True)
        self.body = QWidget()
        column = QVBoxLayout(self.body)
        column.setContentsMargins(0, 0, GRID, 0)
        column.setSpacing(GRID * 2)
        column.addWidget(self.warnings)
        column.addWidget(_panel(self.chart))
        column.addLayout(heading)
        column.addWidget(self.table)
        column.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setAccessibleName(tr("Comparison"))
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self.body)
        full = QWidget()
        outer = QVBoxLayout(full)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(GRID * 2)
        outer.addWidget(ChoiceGrid(LETTERS[:MOST], self.boxes))
        outer.addWidget(self.hint)
        outer.addWidget(scroll, 1)
        self.full = self.add_state(full)
        to_profiles = button(tr("Show profiles"), "primary")
        to_profiles.clicked.connect(lambda: self.context.bus.show_page.emit("profiles"))
        self.empty = self.add_state(
            EmptyState(
                tr("Two profiles are needed"),
                tr(
                    "Tune a model twice, for different uses or under different limits, or import a profile "
                    "from another machine. Then set them side by side here."
                ),
                to_profiles,
            )
        )
        self.waiting = Waiting(self, tr("Reading the profiles"))
        self._show(None)

    def _box(self, letter: str) -> QComboBox:
        made = ElidedChoice()
        made.setAccessibleName(tr("Profile {letter}", letter=letter))
        made.setMinimumContentsLength(8)
        made.currentIndexChanged.connect(self._read_chosen)
        return made

    # ------------------------------------------------------------- choosing

    def shown(self) -> None:
        """Read the list anew."""
        self.refresh()

    def refresh(self) -> None:
        """Read which profiles there are."""
        self.waiting.begin()
        self._asker.ask(lambda: self.context.store.profiles(), self._offer)

    def closing(self) -> None:
        """Write a chart that was still to be written; keep column widths."""
        self._asker.finish()
        self.table.columns.save()

    def choose(self, ids: list[str]) -> None:
        """Compare these profiles."""
        self._wanted = [str(profile_id) for profile_id in ids][:MOST]
        self.refresh()

    @property
    def chosen(self) -> list[str]:
        """The chosen profiles' ids, without repetitions."""
        return list(dict.fromkeys(box.currentData() for box in self.boxes if box.currentData()))

    def _offer(self, rows: list[ProfileRow]) -> None:
        there = [row.id for row in rows]
        wanted = [profile_id for profile_id in self._wanted or self.chosen if profile_id in there]
        self._wanted = []
        missing = max(0, FEWEST - len(wanted))
        wanted += [profile_id for profile_id in there if profile_id not in wanted][:missing]
        for number, box in enumerate(self.boxes):
            box.blockSignals(True)  # noqa: FBT003 (Qt's name)
            box.clear()
            box.addItem(_NONE, None)
            for row in rows:
                box.addItem(row.name, row.id)
                box.setItemData(
                    box.count() - 1,
                    f"{row.name} · {class_text(row.machine_label)}",
                    Qt.ItemDataRole.ToolTipRole,
                )
            box.setCurrentIndex(box.findData(wanted[number]) if number < len(wanted) else 0)
            box.blockSignals(False)  # noqa: FBT003 (Qt's name)
        enough = len(rows) >= FEWEST
        for widget in self._takers:
            widget.setVisible(enough)
        if enough:
            self._read_chosen()
        else:
            self._show(None)
            self.show_state(self.empty)

    def _read_chosen(self) -> None:
        ids = self.chosen
        if len(ids) < FEWEST:
            self._show(None)
            self.show_state(self.full)
            return
        self._asker.ask(lambda: [self.context.store.profile(each) for each in ids], self._compare)

    def _compare(self, profiles: list[TunedProfile]) -> None:
        if [profile.id for profile in profiles] == self.chosen:
            self._show(compare(profiles))
            self.show_state(self.full)

    def _failed(self, error: TunesmithError) -> None:
        self.message.show_error(error)
        self.waiting.end()
        if self.waiting.shown and self.boxes[0].count():
            self.show_state(self.full)  # others can be chosen

    # ------------------------------------------------------------- showing

    def _show(self, comparison: Comparison | None) -> None:
        self.waiting.end()
        self.comparison = comparison
        self.body.setVisible(comparison is not None)
        self.hint.setVisible(comparison is None)
        self.hint.setText(tr("Choose at least two different profiles."))
        for widget in self._takers:
            widget.setEnabled(comparison is not None)
        if comparison is None:
            return
        self.warnings.setVisible(bool(comparison.warnings))
        self.warning_text.setText("\n".join(comparison.warnings))
        self.chart.show_comparison(comparison)
        self._show_table()

    def _show_table(self) -> None:
        if self.comparison is not None:
            self.table.show_comparison(self.comparison, only_differences=self.only_differences.isChecked())

    def _recolour(self, colours: Colours) -> None:
        self.chart.recolour(colours)
        self.table.recolour(colours)

    # ------------------------------------------------------------- taking away

    def _copy_markdown(self) -> None:
        if self.comparison is not None:
            text = to_markdown(self.comparison, only_differences=self.only_differences.isChecked())
            self._to_clipboard(text, tr("The table is on the clipboard, as Markdown."))

    def _copy_csv(self) -> None:
        if self.comparison is not None:
            text = to_csv(self.comparison, only_differences=self.only_differences.isChecked())
            self._to_clipboard(text, tr("The table is on the clipboard, as CSV."))

    def _to_clipboard(self, text: str, words: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self.context.bus.message.emit(words)

    def _ask_where_to(self) -> None:
        dialog = QFileDialog(self, tr("Save chart"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters([tr("PNG picture") + " (*.png)", tr("SVG drawing") + " (*.svg)"])
        dialog.setDefaultSuffix("png")
        dialog.filterSelected.connect(
            lambda chosen: dialog.setDefaultSuffix("svg" if "*.svg" in chosen else "png")
        )
        dialog.selectFile("comparison.png")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.save_chart)
        dialog.open()

    def save_chart(self, path: str) -> None:
        """Write the bars; a name that ends in .svg asks for a drawing."""
        from tunesmith.services.files import write_whole

        content = self.chart.to_svg() if path.lower().endswith(".svg") else self.chart.to_png()
        self._asker.ask(
            lambda: write_whole(Path(path), content),
            lambda _none: self.context.bus.message.emit(tr("Saved to {path}.", path=path)),
            change=True,
        )


def _panel(chart: BarChart) -> QFrame:
    """A surface around the chart."""
    made = QFrame()
    made.setProperty("role", "surface")
    column = QVBoxLayout(made)
    column.setContentsMargins(GRID * 2, GRID * 2, GRID * 2, GRID * 2)
    column.addWidget(chart)
    return made
