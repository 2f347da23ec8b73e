"""Own the soak page: what to soak, the run, what came of it, and what becomes of the figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from tunesmith.domain.profile import TunedProfile
from tunesmith.errors import Interrupted, TunesmithError, UsageError
from tunesmith.gui.context import AppContext
from tunesmith.gui.open_dialogs import ask_for_models
from tunesmith.gui.page import EmptyState, button
from tunesmith.gui.run_page import RunPage
from tunesmith.gui.soak_run import SoakRun, Start, start_soak
from tunesmith.gui.soak_setup import SoakSetup
from tunesmith.gui.theme import Colours
from tunesmith.gui.waiting import Waiting
from tunesmith.gui.widgets.asking import Asker
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.gui.soak_board import SoakBoard
    from tunesmith.services.soak import SoakResult
    from tunesmith.services.soak_keeping import Kept
    from tunesmith.store import ProfileRow, Store


class SoakPage(RunPage):
    """Run a profile, or a model with the defaults, for long, and see how long its speed holds."""

    name = "soak"
    title = tr("Soak")
    setup: SoakSetup
    run: SoakRun

    def __init__(self, context: AppContext, *, start: Start = start_soak) -> None:
        """The page, which looks for profiles when it is first shown.

        Args:
            start: what starts a run; called off the UI thread with the plan and what keeps samples.
        """
        super().__init__(context)
        self.state = "waiting"
        self.result: SoakResult | None = None
        self._kept: Kept | None = None
        self._board: SoakBoard | None = None
        self._asker = Asker(self, self._failed)
        self._add_actions()
        self.waiting = Waiting(self, tr("Reading the profiles"))
        self.empty = self.add_state(self._empty())
        self.setup = SoakSetup(context)
        self.setup.changed.connect(self._enable)
        self.setup.profile_wanted.connect(self._read_profile)
        self.add_state(self.setup)
        self.run = SoakRun(context, start=start)
        self.run.moved.connect(self._refresh)
        self.run.finished.connect(self._show_result)
        self.run.failed.connect(self._show_failure)
        context.theme.changed.connect(self._recolour)
        context.bus.soak_profile.connect(self.soak_profile)
        context.bus.profile_saved.connect(lambda _id: self._look())
        context.bus.busy_changed.connect(self._set_busy)
        self._enable()

    def _add_actions(self) -> None:
        self.back_button = button(tr("New soak"), tip=tr("Go back to the form; it keeps its values."))
        self._make_run_buttons(
            pause_tip=tr("Wait after the current sample; the machine cools meanwhile."),
            stop_tip=tr("Stop now and see what was measured."),
        )
        self.start_button = button(tr("Start"), "primary", tip=tr("Start with what the form says."))
        self._place_buttons(
            (
                (self.back_button, self.new_soak), (self.pause_button, self._toggle_pause),
                (self.stop_button, self._stop), (self.start_button, self.begin),
            )
        )  # fmt: skip

    def _empty(self) -> QWidget:
        choose = button(tr("Choose model…"), "primary")
        choose.clicked.connect(lambda _checked=False: self._ask_for_model())
        tune = button(tr("Tune a model"))
        tune.clicked.connect(lambda _checked=False: self.context.bus.show_page.emit("tune"))
        return EmptyState(
            tr("How long does the speed hold?"),
            tr(
                "A soak runs one setting for minutes or hours and finds when the machine slows down, by how "
                "much, and the likely cause. There is no tuned profile yet: tune a model to get one, or "
                "choose a model and soak it with llama.cpp's defaults."
            ),
            choose,
            tune,
        )

    def _ask_for_model(self) -> None:
        ask_for_models(self, lambda paths: self.soak_model(paths[0]))

    # ------------------------------------------------------------- what is shown

    @property
    def board(self) -> SoakBoard:
        """Plots and what was found; made, and pyqtgraph imported, when it is first needed."""
        if self._board is None:
            from tunesmith.gui.soak_board import SoakBoard

            made = self._board = SoakBoard(self.context.theme.colours)
            made.save_csv.connect(self._ask_where_to)
            made.copy_report.connect(self._copy)
            made.show_profile.connect(self._show_profile)
            self.add_state(made)
        return self._board

    def _show(self, state: str) -> None:
        """Switch between ``empty``, ``setup``, ``running`` and ``result``."""
        self.state = state
        if state == "empty":
            self.show_state(self.empty)
        elif state == "setup":
            self.show_state(self.setup)
        else:
            self.show_state(self.board)
        self._enable()

    def _enable(self) -> None:
        super()._enable()
        self.back_button.setVisible(self.state == "result")
        self.start_button.setToolTip(
            tr("Something else is running; a soak would disturb it.")
            if self.context.busy
            else tr("Start with what the form says.")
        )

    def shown(self) -> None:
        """Draw what came in while the page was not seen; read which profiles there are."""
        self._refresh()
        if self.state in ("waiting", "empty", "setup"):
            self._look()
        if self.state == "setup":
            self.setup.what.setFocus()

    def _look(self) -> None:
        self.waiting.begin()
        self._asker.ask(lambda: self.context.store.profiles(), self._offer)

    def _offer(self, rows: list[ProfileRow]) -> None:
        self.waiting.end()
        if self.context.opened_model and not self.setup.model.text():
            self.setup.model.setText(self.context.opened_model)
        self.setup.offer(rows)
        if self.state in ("waiting", "empty", "setup"):
            something = self.setup.offers_profiles or self.setup.model.text()
            self._show("setup" if something else "empty")

    def _read_profile(self, profile_id: str) -> None:
        self._asker.ask(lambda: self.context.store.profile(profile_id), self.setup.take_profile)

    def _failed(self, error: TunesmithError) -> None:
        self.waiting.end()
        self.message.show_error(error)
        if self.state == "waiting":
            self._show("setup")

    def _refresh(self) -> None:
        if self.state == "running" and self._board is not None:
            self._board.refresh(paused=self.run.paused)

    def _recolour(self, colours: Colours) -> None:
        if self._board is not None:
            self._board.recolour(colours)

    # ------------------------------------------------------------- a run

    def soak_profile(self, profile: TunedProfile) -> None:
        """Put a profile into the form and show it."""
        self.setup.set_profile(profile)
        self._come_forward()

    def soak_model(self, path: str) -> None:
        """Put a model into the form, for llama.cpp's defaults, and show it."""
        self.setup.set_model(path)
        self._come_forward()

    def _come_forward(self) -> None:
        if not self.run.busy:
            self.message.hide()
            self.waiting.end()
            self._show("setup")
        self.context.bus.show_page.emit(self.name)

    def new_soak(self) -> None:
        """Show the form again; it keeps its values."""
        self.message.hide()
        self.result = self._kept = None
        self._show("setup")
        self._look()

    def begin(self) -> None:
        """Start what the form asks for."""
        try:
            plan = self.setup.request()
        except UsageError as error:
            self.message.show_error(error)
            return
        if self.run.busy or self.context.busy:
            return
        self.message.hide()
        self.result = self._kept = None
        self.run.begin(plan)
        self.board.show_run(self.run.live, plan)
        self._show("running")
        self.pause_button.setFocus()

    # ------------------------------------------------------------- its end

    def _show_result(self, result: SoakResult) -> None:
        from tunesmith.presentation.soak_view import soak_view

        self.result = result
        self.stop_button.setEnabled(True)
        self.board.show_result(soak_view(result))
        self._show("result")
        self.board.setFocus()
        if result.soaked.end == "failed":
            self.message.show_note(tr("It ended early: {fault}", fault=result.soaked.fault))
        profile = self.run.plan.profile if self.run.plan is not None else None
        if profile is not None:
            self._asker.ask(
                lambda: _keep(self.context.store, profile, result), self._show_kept, change=True
            )  # fmt: skip
        self.context.bus.message.emit(tr("The soak is done."))

    def _show_kept(self, kept: Kept) -> None:
        from tunesmith.presentation.soak_text import kept_sentence

        self._kept = kept
        if self.state == "result":
            self.board.show_kept(kept_sentence(kept), profile=kept.profile is not None)
        if kept.profile is not None:
            self.context.bus.profile_saved.emit(kept.profile.id)

    def _show_failure(self, error: TunesmithError) -> None:
        self.stop_button.setEnabled(True)
        if isinstance(error, Interrupted):
            self.message.show_note(tr("Stopped before anything was measured."))
        else:
            self.message.show_error(error)
        self._show("setup")

    # ------------------------------------------------------------- what to do with it

    def _copy(self) -> None:
        from tunesmith.presentation.soak_view import report_text
        from tunesmith.services.soak_keeping import Kept

        if self.result is not None:
            QGuiApplication.clipboard().setText(report_text(self.result, self._kept or Kept()))
            self.context.bus.message.emit(tr("The report is on the clipboard."))

    def _ask_where_to(self) -> None:
        dialog = QFileDialog(self, tr("Save samples"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters([tr("Table") + " (*.csv)"])
        dialog.setDefaultSuffix("csv")
        dialog.selectFile("soak.csv")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.save_csv)
        dialog.open()

    def save_csv(self, path: str) -> None:
        """Write every sample of the result."""
        from tunesmith.presentation.soak_view import samples_csv
        from tunesmith.services.files import write_whole

        if self.result is None:
            return
        soaked = self.result.soaked
        self._asker.ask(
            lambda: write_whole(Path(path), samples_csv(soaked)),
            lambda _none: self.context.bus.message.emit(tr("Saved to {path}.", path=path)),
            change=True,
        )

    def _show_profile(self) -> None:
        if self._kept is not None and self._kept.profile is not None:
            self.context.bus.show_page.emit("profiles")
            self.context.bus.show_profile.emit(self._kept.profile.id)

    def closing(self) -> None:
        """Stop the run and wait a while for it to end; what was to be written is."""
        self.run.close()
        self._asker.finish()


def _keep(store: Store, profile: TunedProfile, result: SoakResult) -> Kept:
    """Put the figures into the profile, or say why not."""
    from tunesmith.services.soak_keeping import Kept, keep_soak, why_not_kept

    if why := why_not_kept(profile, result):
        return Kept(why_not=why)
    try:
        return Kept(profile=keep_soak(store, profile, result))
    except TunesmithError as error:
        return Kept(why_not=error.what)
