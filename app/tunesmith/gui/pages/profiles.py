"""Own the page of tuned profiles: find, read, name, copy, compare, delete and bring back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QApplication, QComboBox, QHBoxLayout, QLineEdit, QMenu, QVBoxLayout, QWidget

from tunesmith.errors import TunesmithError
from tunesmith.gui.context import AppContext
from tunesmith.gui.icons import icon
from tunesmith.gui.page import EmptyState, Page, button, label
from tunesmith.gui.pages.profile_deeds import ProfileDeeds
from tunesmith.gui.pages.profile_details import ProfileDetails
from tunesmith.gui.pages.profiles_table import ProfilesModel, ProfilesProxy, ProfilesTable
from tunesmith.gui.theme import GRID, Colours
from tunesmith.gui.widgets.asking import Asker
from tunesmith.gui.widgets.undo_bar import UndoBar
from tunesmith.presentation.profiles import (
    ProfileLine,
    choices,
    count_words,
    profile_lines,
)

if TYPE_CHECKING:
    from tunesmith.domain.profile import TunedProfile
    from tunesmith.store import ProfileRow

_FEWEST, _MOST = 2, 4
_ALL_MODELS, _ALL_MACHINES = "All models", "All machines"
_NONE_CHOSEN = "Choose a profile to see its settings and what they were measured to do."


class ProfilesPage(Page):
    """All tuned profiles, and one of them in full."""

    name = "profiles"
    title = "Profiles"

    def __init__(self, context: AppContext) -> None:
        super().__init__(context)
        self._state = QSettings(str(context.folders.config / "profiles.ini"), QSettings.Format.IniFormat)
        self._asker = Asker(self, self._failed)
        self._wanted: set[str] = set()
        """Profiles to be chosen once the list is read."""
        self._lines: list[ProfileLine] = []
        self._filling = False
        self.model = ProfilesModel()
        self.proxy = ProfilesProxy(self.model)
        self.table = ProfilesTable(self.proxy, self.model)
        self.undo_bar = UndoBar()
        self.deeds = ProfileDeeds(self, context, self._asker, self.undo_bar)
        self._make_actions()
        self.details = ProfileDetails(self._more_menu())
        self._build()
        self._connect()
        self._restore()
        self._colour(context.theme.colours)

    # ------------------------------------------------------------- building

    def _make_actions(self) -> None:
        def action(text: str, keys: str, call: Callable[[], object], owner: QWidget) -> QAction:
            made = QAction(text, owner)
            made.setShortcut(QKeySequence(keys))
            made.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            made.triggered.connect(lambda _checked=False: call())
            owner.addAction(made)
            return made

        deeds = self.deeds
        table = self.table  # Delete and F2 are the table's, not the notes'
        self.rename_action = action("Rename", "F2", table.edit_name, table)
        self.duplicate_action = action("Duplicate", "Ctrl+D", self._of_one(deeds.duplicate), table)
        self.compare_action = action("Compare", "Ctrl+Return", self._compare, table)
        self.copy_action = action(
            "Copy llama-server command", "Ctrl+Shift+C", self._of_one(deeds.copy_command), table
        )
        self.export_action = action("Export…", "Ctrl+E", self._of_one(deeds.ask_where_to), table)
        self.delete_action = action("Delete", "Del", self._delete, table)
        self.import_action = action("Import…", "Ctrl+I", deeds.ask_what, self)
        self.find_action = action("Find", "Ctrl+F", lambda: self.search.setFocus(), self)
        self._one_only = (self.rename_action, self.duplicate_action, self.copy_action, self.export_action)

    def _more_menu(self) -> QMenu:
        menu = QMenu(self)
        menu.addActions([self.rename_action, self.duplicate_action, self.copy_action, self.export_action])
        menu.addSeparator()
        menu.addAction(self.delete_action)
        return menu

    def _build(self) -> None:
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search")
        self.search.setAccessibleName("Search profiles")
        self.search.setClearButtonEnabled(True)
        self.search.setFixedWidth(180)
        self.import_button = button(
            "Import…", tip="Add profiles from JSON files; dropping them does the same"
        )
        self.compare_button = button("Compare", "primary")
        self.pane_button = button("", "quiet", tip="Show or hide the details")
        self.pane_button.setAccessibleName("Details")
        self.pane_button.setCheckable(True)
        self.pane_button.setChecked(True)
        for widget in (self.search, self.import_button, self.compare_button, self.pane_button):
            self.add_action(widget)
        self.models, self.machines = _choice("Model"), _choice("Machine class")
        self.count = label("", "secondary")
        filters = QHBoxLayout()
        filters.setSpacing(GRID)
        filters.addWidget(self.models)
        filters.addWidget(self.machines)
        filters.addStretch()
        filters.addWidget(self.count)
        left = QVBoxLayout()
        left.setSpacing(GRID)
        left.addLayout(filters)
        left.addWidget(self.table, 1)
        full = QWidget()
        row = QHBoxLayout(full)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID * 2)
        row.addLayout(left, 1)
        row.addWidget(self.details)
        self.full = self.add_state(full)
        to_models = button("Choose a model to tune", "primary")
        to_models.clicked.connect(lambda: self.context.bus.show_page.emit("models"))
        take = button("Import…")
        take.clicked.connect(self.deeds.ask_what)
        self.empty = self.add_state(
            EmptyState(
                "No profiles yet",
                "A profile keeps the settings that won and the measurements that prove it. "
                "Tune a model to make one, or drop a profile's JSON file here.",
                to_models,
                take,
            )
        )
        self.nothing = self.add_state(QWidget())  # until the list is read for the first time
        self.show_state(self.nothing)
        outer = self.layout()
        assert isinstance(outer, QVBoxLayout)  # noqa: S101 (Page made it so)
        outer.insertWidget(outer.count() - 1, self.undo_bar)

    def _connect(self) -> None:
        bus = self.context.bus
        bus.profile_saved.connect(lambda _id: self.refresh())
        bus.show_profile.connect(self.choose)
        bus.files_dropped.connect(self._take_files)
        self.context.theme.changed.connect(self._colour)
        self.search.textChanged.connect(self._narrow)
        self.models.currentIndexChanged.connect(self._narrow)
        self.machines.currentIndexChanged.connect(self._narrow)
        self.table.selectionModel().selectionChanged.connect(self._selected)
        self.table.doubleClicked.connect(lambda _index: self._show_pane(shown=True))
        self.model.rename_asked.connect(self.deeds.rename)
        self.import_button.clicked.connect(self.deeds.ask_what)
        self.compare_button.clicked.connect(self._compare)
        self.pane_button.toggled.connect(self._show_pane)
        self.details.notes_changed.connect(self.deeds.set_notes)
        self.details.try_asked.connect(self._of_one(self.deeds.try_it))
        self.details.tune_asked.connect(self._of_one(self.deeds.tune_again))
        self.details.history_asked.connect(self._of_one(self.deeds.show_history))
        self.deeds.changed.connect(self.refresh)
        self.deeds.noted.connect(self._show_details)
        self.deeds.made.connect(self._choose_all)

    def _colour(self, colours: Colours) -> None:
        self.pane_button.setIcon(icon("panel", colours.secondary, colours.accent))

    def _restore(self) -> None:
        state = self._state.value("columns")
        if state is not None:
            self.table.horizontalHeader().restoreState(state)
        self._show_pane(self._state.value("details", defaultValue=True, type=bool) is not False)

    def closing(self) -> None:
        """Keep notes and column widths."""
        self.details.save_notes()
        self._asker.finish()
        self._state.setValue("columns", self.table.horizontalHeader().saveState())
        self._state.setValue("details", self.pane_button.isChecked())

    # ------------------------------------------------------------- the list

    def shown(self) -> None:
        """Read the list anew: another process may have changed it."""
        self.refresh()

    def refresh(self) -> None:
        """Read the list."""
        self._asker.ask(lambda: self.context.store.profiles(), self._show_rows)

    def choose(self, profile_id: str) -> None:
        """Show one profile, without filters that might hide it."""
        self._choose_all([profile_id])

    def _choose_all(self, ids: list[str]) -> None:
        self._wanted = set(ids)
        self.search.clear()
        self.models.setCurrentIndex(0)
        self.machines.setCurrentIndex(0)
        self.refresh()

    def _show_rows(self, rows: list[ProfileRow]) -> None:
        wanted = self._wanted or {line.id for line in self.table.chosen()}
        self._wanted = set()
        self._lines = profile_lines(rows)
        models, machines = choices(rows)
        _fill(self.models, _ALL_MODELS, models)
        _fill(self.machines, _ALL_MACHINES, machines)
        self._filling = True  # the selection comes and goes meanwhile
        self.model.replace(self._lines)
        self._narrow()
        self.show_state(self.full if rows else self.empty)
        for widget in (self.search, self.compare_button, self.pane_button, self.import_button):
            widget.setVisible(bool(rows))
        if not self.table.choose(lambda line: line.id in wanted):
            self.table.choose(lambda line: line is self._first())
        self._filling = False
        self._selected()
        focus = QApplication.focusWidget()
        if rows and self.isVisible() and (focus is None or not self.isAncestorOf(focus)):
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def _first(self) -> ProfileLine | None:
        return self.table.line(0) if self.proxy.rowCount() else None

    def _narrow(self) -> None:
        self.proxy.narrow(
            self.search.text(), model=self.models.currentData(), machine=self.machines.currentData()
        )
        self.count.setText(count_words(self.proxy.rowCount(), len(self._lines)))
        if self._filling or self.table.chosen():
            return
        if not self.table.choose(lambda line: line is self._first()):
            self._selected()  # nothing is shown, so nothing is chosen

    def _selected(self) -> None:
        if self._filling:
            return
        chosen = self.table.chosen()
        comparable = _FEWEST <= len(chosen) <= _MOST
        for action in (*self._one_only, self.delete_action):
            action.setEnabled(bool(chosen) if action is self.delete_action else len(chosen) == 1)
        self.compare_button.setEnabled(comparable)
        self.compare_action.setEnabled(comparable)
        self.compare_button.setText(f"Compare {len(chosen)}" if comparable else "Compare")
        self.compare_button.setToolTip(
            "Set the chosen profiles side by side" if comparable else "Choose two to four profiles to compare"
        )
        if len(chosen) == 1:
            wanted = chosen[0].id
            self._asker.ask(lambda: self.context.store.profile(wanted), self._show_details)
        elif chosen:
            more = "Compare sets them side by side." if comparable else "Two to four can be compared."
            self.details.show_hint(f"{len(chosen)} profiles are chosen. {more}")
        else:
            self.details.show_hint(_NONE_CHOSEN if self.proxy.rowCount() else "No profile matches.")

    def _show_details(self, profile: TunedProfile) -> None:
        chosen = self.table.chosen()
        if len(chosen) == 1 and chosen[0].id == profile.id:
            self.details.show_profile(profile)

    def _show_pane(self, shown: bool) -> None:  # noqa: FBT001 (a signal's argument)
        self.details.setVisible(shown)
        self.pane_button.setChecked(shown)

    def _failed(self, error: TunesmithError) -> None:
        self.message.show_error(error)
        if self.states.currentWidget() is self.nothing:
            self.show_state(self.full)

    # ------------------------------------------------------------- deeds

    def _of_one(self, deed: Callable[[TunedProfile], object]) -> Callable[[], None]:
        """A deed on the profile that is shown."""

        def call() -> None:
            if self.details.profile is not None:
                deed(self.details.profile)

        return call

    def _delete(self) -> None:
        self.details.save_notes()
        self.deeds.delete([(line.id, line.name) for line in self.table.chosen()])

    def _compare(self) -> None:
        ids = [line.id for line in self.table.chosen()]
        if _FEWEST <= len(ids) <= _MOST:
            self.context.bus.show_page.emit("compare")  # makes the page, which then hears the rest
            self.context.bus.compare_profiles.emit(ids)

    def _take_files(self, paths: list[str]) -> None:
        found = [path for path in paths if path.lower().endswith(".json")]
        if found:
            self.context.bus.show_page.emit("profiles")
            self.deeds.import_files(found)


def _choice(name: str) -> QComboBox:
    made = QComboBox()
    made.setAccessibleName(name)
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(12)
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
