"""Own the page of tuned profiles: the list beside one of them, read anew whenever either may have changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QApplication, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from tunesmith.errors import NotFoundError, TunesmithError
from tunesmith.gui.columns import window_settings
from tunesmith.gui.context import AppContext
from tunesmith.gui.cost import CostPanel
from tunesmith.gui.icons import icon
from tunesmith.gui.page import EmptyState, Page, button
from tunesmith.gui.pages.profile_actions import ProfileActions, comparable
from tunesmith.gui.pages.profile_deeds import ProfileDeeds
from tunesmith.gui.pages.profile_details import ProfileDetails
from tunesmith.gui.pages.profiles_list import ProfilesList
from tunesmith.gui.run_views import RunViews
from tunesmith.gui.theme import GRID, Colours
from tunesmith.gui.waiting import Waiting
from tunesmith.gui.why import WhyPanel
from tunesmith.gui.widgets.asking import Asker
from tunesmith.gui.widgets.titles import retitle
from tunesmith.gui.widgets.undo_bar import UndoBar
from tunesmith.wording import tr, trn

if TYPE_CHECKING:
    from tunesmith.domain.profile import TunedProfile
    from tunesmith.store import ProfileRow, Store

_DETAILS = "profiles/details"


class ProfilesPage(Page):
    """All tuned profiles, and one of them in full."""

    name = "profiles"
    title = tr("Profiles")

    def __init__(self, context: AppContext) -> None:
        super().__init__(context)
        self._settings = window_settings(context.folders.config, self)
        self._asker = Asker(self, self._failed)
        self._wanted: set[str] = set()
        """Profiles to be chosen once the list is read."""
        self.list = ProfilesList(self._settings)
        self.table, self.search = self.list.table, self.list.search
        self.undo_bar = UndoBar()
        self.deeds = ProfileDeeds(self, context, self._asker, self.undo_bar)
        self.acts = ProfileActions(
            self,
            self.table,
            self.deeds,
            of_one=self._of_one,
            rename=self.table.edit_name,
            compare=self._compare,
            delete=self._delete,
            find=self.search.setFocus,
            explain=self.explain,
            cost=self.reckon,
            export=self._export,
        )
        self.details = ProfileDetails(self.acts.menu(self))
        self.waiting = Waiting(self, tr("Reading the profiles"))
        self._build()
        self._connect()
        self._show_pane(self._settings.value(_DETAILS, defaultValue=True, type=bool) is not False)
        self._colour(context.theme.colours)

    # ------------------------------------------------------------- building

    def _build(self) -> None:
        self.import_button = button(
            tr("Import…"), tip=tr("Add profiles from JSON files; dropping them does the same")
        )
        self.compare_button = button(tr("Compare"), "primary")
        self.pane_button = QToolButton()
        self.pane_button.setProperty("role", "icon")
        self.pane_button.setIconSize(QSize(20, 20))
        self.pane_button.setFixedSize(32, 32)  # as high as a button
        self.pane_button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.pane_button.setToolTip(tr("Show or hide the details"))
        self.pane_button.setAccessibleName(tr("Details"))
        self.pane_button.setCheckable(True)
        self._tools = (self.search, self.import_button, self.compare_button, self.pane_button)
        for widget in self._tools:
            self.add_action(widget)
        full = QWidget()
        row = QHBoxLayout(full)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID * 2)
        row.addWidget(self.list, 1)
        row.addWidget(self.details)
        self.full = self.add_state(full)
        self.empty = self.add_state(self._empty())
        self.why = WhyPanel(self.context)
        self.cost = CostPanel(self.context, self._settings)
        self.views = RunViews(self)
        self.views.left.connect(self._leave_aside)
        for aside in (self.why, self.cost):
            self.add_state(aside)
            aside.left.connect(self._leave_aside)
        outer = self.layout()
        assert isinstance(outer, QVBoxLayout)  # noqa: S101 (Page made it so)
        outer.insertWidget(outer.count() - 1, self.undo_bar)

    def _empty(self) -> QWidget:
        to_models = button(tr("Choose a model to tune"), "primary")
        to_models.clicked.connect(lambda: self.context.bus.show_page.emit("models"))
        take = button(tr("Import…"))
        take.clicked.connect(self.deeds.ask_what)
        return EmptyState(
            tr("No profiles yet"),
            tr(
                "A profile keeps the settings that won and the measurements that prove it. "
                "Tune a model to make one, or drop a profile's JSON file here."
            ),
            to_models,
            take,
        )

    def _connect(self) -> None:
        bus = self.context.bus
        bus.profile_saved.connect(lambda _id: self.refresh())
        bus.show_profile.connect(self.choose)
        bus.files_dropped.connect(self._take_files)
        self.context.theme.changed.connect(self._colour)
        self.list.chosen_changed.connect(self._selected)
        self.list.model.rename_asked.connect(self.deeds.rename)
        self.table.doubleClicked.connect(lambda _index: self._show_pane(shown=True))
        self.import_button.clicked.connect(self.deeds.ask_what)
        self.compare_button.clicked.connect(self._compare)
        self.pane_button.toggled.connect(self._show_pane)
        self.details.notes_changed.connect(self.deeds.set_notes)
        self.details.try_asked.connect(self._of_one(self.deeds.try_it))
        self.details.tune_asked.connect(self._of_one(self.deeds.tune_again))
        self.details.history_asked.connect(self._of_one(self.deeds.show_history))
        self.details.soak_asked.connect(self._of_one(self.deeds.soak))
        self.details.roofline_asked.connect(self.draw_roofline)
        self.details.tradeoff_asked.connect(self.draw_tradeoff)
        self.details.energy_asked.connect(self.show_energy)
        self.details.why_asked.connect(self.explain)
        self.details.cost_asked.connect(self.reckon)
        self.details.export_asked.connect(self._export)
        self.why.failed.connect(self._failed)
        self.deeds.changed.connect(self.refresh)
        self.deeds.noted.connect(self._show_details)
        self.deeds.made.connect(self._choose_all)

    def _colour(self, colours: Colours) -> None:
        self.pane_button.setIcon(icon("panel", colours.secondary, colours.accent))

    def closing(self) -> None:
        """Keep notes, column widths and whether details are shown."""
        self.details.save_notes()
        self._asker.finish()
        self.list.columns.save()
        self._settings.setValue(_DETAILS, self.pane_button.isChecked())

    # ------------------------------------------------------------- the list

    def shown(self) -> None:
        """Read the list anew: another process may have changed it."""
        self.refresh()

    def refresh(self) -> None:
        """Read the list."""
        self.waiting.begin()
        self._asker.ask(lambda: self.context.store.profiles(), self._show_rows)

    def choose(self, profile_id: str) -> None:
        """Show one profile, without filters that might hide it."""
        self._choose_all([profile_id])

    def _choose_all(self, ids: list[str]) -> None:
        self._wanted = set(ids)
        self._leave_aside()
        self.list.clear_filters()
        self.refresh()

    def _show_rows(self, rows: list[ProfileRow]) -> None:
        wanted, self._wanted = self._wanted, set()
        self.waiting.end()
        if not self._aside_shown:
            self.show_state(self.full if rows else self.empty)
        for widget in self._tools:
            widget.setVisible(bool(rows) and not self._aside_shown)
        self.list.show_rows(rows, wanted)
        focus = QApplication.focusWidget()
        elsewhere = focus is None or not self.isAncestorOf(focus)
        if rows and self.table.isVisible() and (wanted or elsewhere):  # keys act on what was asked for
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def _failed(self, error: TunesmithError) -> None:
        self.message.show_error(error)
        self.details.expect_none()
        if self.waiting.shown:
            self.waiting.end()
            self.show_state(self.full)

    # ------------------------------------------------------------- what is chosen

    def _selected(self) -> None:
        chosen = self.list.chosen()
        self.acts.enable(len(chosen))
        self._offer_comparison(len(chosen))
        if len(chosen) == 1:
            wanted = chosen[0].id
            self.details.expect(wanted)
            self._asker.ask(lambda: self.context.store.profile(wanted), self._show_details)
        else:
            self.details.show_hint(_hint(len(chosen), self.list.shown), several=len(chosen) > 1)

    def _offer_comparison(self, count: int) -> None:
        possible = comparable(count)
        self.compare_button.setEnabled(possible)
        retitle(self.compare_button, tr("Compare {count}", count=count) if possible else tr("Compare"))
        self.compare_button.setToolTip(
            tr("Set the chosen profiles side by side")
            if possible
            else tr("Choose two to four profiles to compare")
        )

    def _show_details(self, profile: TunedProfile) -> None:
        chosen = self.list.chosen()
        if len(chosen) == 1 and chosen[0].id == profile.id:
            self.details.show_profile(profile)
            self._asker.ask(
                lambda: _has_run(self.context.store, profile.run_id),
                lambda there: self._offer_run(profile, on=there),
            )

    def _offer_run(self, profile: TunedProfile, *, on: bool) -> None:
        shown = self.details.profile
        if shown is not None and shown.id == profile.id:
            self.details.offer_run(on=on)

    def _show_pane(self, shown: bool) -> None:  # noqa: FBT001 (a signal's argument)
        self.details.setVisible(shown)
        self.pane_button.setChecked(shown)

    # ------------------------------------------------------------- in the list's place

    @property
    def _aside_shown(self) -> bool:
        return self.states.currentWidget() in (self.why, self.cost, *self.views.made)

    def explain(self) -> None:
        """Say, candidate by candidate, why the settings of the profile that is shown won."""
        self._open_aside(self.why, self.why.open)

    def reckon(self) -> None:
        """Say what tokens cost under the profile that is shown."""
        self._open_aside(self.cost, self.cost.open)

    def draw_roofline(self) -> None:
        """Draw where the candidates of the profile's run stand below what memory and CPU allow."""
        self._open_aside(self.views.roofline, lambda profile: self.views.roofline.open(profile.run_id))

    def draw_tradeoff(self) -> None:
        """Draw the speed of the candidates of the profile's run against what they take."""
        self._open_aside(self.views.tradeoff, lambda profile: self.views.tradeoff.open(profile.run_id))

    def show_energy(self) -> None:
        """Show what the profile states of energy."""
        self._open_aside(self.views.energy, self.views.energy.open_profile)

    def _open_aside(self, aside: QWidget, open_: Callable[[TunedProfile], object]) -> None:
        if self.details.profile is not None and not self._aside_shown:
            self.details.save_notes()
            for widget in self._tools:
                widget.hide()
            self.show_state(aside)
            open_(self.details.profile)

    def _leave_aside(self) -> None:
        if self._aside_shown:
            self.show_state(self.full)
            for widget in self._tools:
                widget.show()
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    # ------------------------------------------------------------- deeds

    def _of_one(self, deed: Callable[[TunedProfile], object]) -> Callable[[], None]:
        """A deed on the profile that is shown."""

        def call() -> None:
            if self.details.profile is not None:
                deed(self.details.profile)

        return call

    def _delete(self) -> None:
        self.details.save_notes()
        self.deeds.delete([(line.id, line.name) for line in self.list.chosen()])

    def _compare(self) -> None:
        ids = [line.id for line in self.list.chosen()]
        if comparable(len(ids)):
            self.context.bus.show_page.emit("compare")  # makes the page, which then hears the rest
            self.context.bus.compare_profiles.emit(ids)

    def _export(self) -> None:
        chosen = [line.id for line in self.list.chosen()]
        if len(chosen) > 1:
            self.deeds.export.show_several(chosen)
        elif self.details.profile is not None:
            self.deeds.export.show(self.details.profile)

    def _take_files(self, paths: list[str]) -> None:
        found = [path for path in paths if path.lower().endswith(".json")]
        if found:
            self.context.bus.show_page.emit("profiles")
            self.deeds.import_files(found)


def _has_run(store: Store, run_id: str) -> bool:
    """Whether the run that a profile came of is in this store; an imported one's is elsewhere."""
    try:
        return store.run(run_id).id == run_id
    except NotFoundError:
        return False


def _hint(chosen: int, shown: int) -> str:
    """What to say beside a list in which none or several are chosen."""
    if comparable(chosen):
        return trn(
            "{count} profile is chosen. Compare sets them side by side.",
            "{count} profiles are chosen. Compare sets them side by side.",
            chosen,
        )
    if chosen:
        return trn(
            "{count} profile is chosen. Two to four can be compared.",
            "{count} profiles are chosen. Two to four can be compared.",
            chosen,
        )
    if shown:
        return tr("Choose a profile to see its settings and what they were measured to do.")
    return tr("No profile matches.")
