"""Own the tune page: the form, the run, the result, and every way a run can end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.request import TuneRequest
from tunesmith.errors import (
    InfeasibleError,
    Interrupted,
    NoisyMachineError,
    StoreError,
    TunesmithError,
    UsageError,
)
from tunesmith.gui.columns import window_settings
from tunesmith.gui.context import AppContext
from tunesmith.gui.page import button
from tunesmith.gui.pages.profile_export import ProfileExport
from tunesmith.gui.replay import Replay
from tunesmith.gui.run_page import RunPage
from tunesmith.gui.run_views import VIEW_NAMES, RunViews, ViewName
from tunesmith.gui.stopped_runs import StoppedRuns
from tunesmith.gui.theme import Colours
from tunesmith.gui.tune_run import Start, TuneRun, start_tune
from tunesmith.gui.tune_setup import TuneSetup
from tunesmith.gui.why import WhyPanel
from tunesmith.gui.widgets.asking import Asker
from tunesmith.presentation.live import MIB, LiveView
from tunesmith.presentation.stopped import stopped_words
from tunesmith.services.presets import DEFAULT_PRESET
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.gui.tune_result import TuneResultView
    from tunesmith.gui.tune_running import TuneRunning
    from tunesmith.services.tune_result import TuneResult


class TunePage(RunPage):
    """Tune a model and watch it get faster."""

    name = "tune"
    title = tr("Tune")
    setup: TuneSetup
    run: TuneRun

    def __init__(self, context: AppContext, *, start: Start = start_tune) -> None:
        """The page, showing its form.

        Args:
            start: what starts a run; called off the UI thread with a request, the store and ``resume``.
        """
        super().__init__(context)
        self.state = "setup"
        self._result: TuneResult | None = None
        self._stopped_run: str | None = None
        self._replayed = ""
        self._running: TuneRunning | None = None
        self._result_view: TuneResultView | None = None
        self._why: WhyPanel | None = None
        self._opened_from = "result"
        self.views = RunViews(self)
        self.views.left.connect(lambda: self._show(self._opened_from))
        self._add_actions()
        self.setup = TuneSetup(context, self._load_presets(), first=DEFAULT_PRESET)
        self.add_state(self.setup)
        self.run = TuneRun(context, start=start)
        self.run.moved.connect(self._refresh)
        self.run.finished.connect(self._show_result)
        self.run.failed.connect(self._show_failure)
        self._exporter = ProfileExport(self, context, Asker(self, self.message.show_error))
        self._stopped = StoppedRuns(context)
        self._stopped.found.connect(self._offer_stopped)
        self._replay = Replay(context)
        self._replay.shown.connect(self._show_replay)
        self._replay.failed.connect(self._show_failure)
        context.theme.changed.connect(self._recolour)
        context.bus.tune_model.connect(self.tune_model)
        context.bus.tune_again.connect(self.tune_again)
        context.bus.show_run.connect(self.show_run)
        self.setup.changed.connect(self._enable)
        context.bus.busy_changed.connect(self._set_busy)
        self._show("setup")

    def _add_actions(self) -> None:
        self.back_button = button(tr("New tune"), tip=tr("Go to the form."))
        self.roofline_button = button(
            tr("Roofline"), tip=tr("What memory and CPU allow, and where each candidate stands below.")
        )
        self.tradeoff_button = button(
            tr("Pareto plot"), tip=tr("The speed of each candidate against the energy or memory it takes.")
        )
        self.energy_button = button(
            tr("Energy"), tip=tr("Joules per token and power, of the defaults and tuned, and what told them.")
        )
        self.resume_button = button(tr("Resume stopped run"), tip=tr("Go on where the stopped run left off."))
        self._make_run_buttons(
            pause_tip=tr("Wait after the current sample."),
            stop_tip=tr("Stop now; what was measured is kept and can be resumed."),
        )
        self.start_button = button(tr("Tune"), "primary", tip=tr("Start with what the form says."))
        self._place_buttons(
            (
                (self.roofline_button, lambda: self._open_view("roofline")),
                (self.tradeoff_button, lambda: self._open_view("tradeoff")),
                (self.energy_button, lambda: self._open_view("energy")),
                (self.back_button, self._new_tune),
                (self.resume_button, self._resume),
                (self.pause_button, self._toggle_pause), (self.stop_button, self._stop),
                (self.start_button, self.begin),
            )
        )  # fmt: skip

    # ------------------------------------------------------------- what is shown

    @property
    def running(self) -> TuneRunning:
        """The view of a run; made, and pyqtgraph imported, when it is first needed."""
        if self._running is None:
            from tunesmith.gui.tune_running import TuneRunning

            settings = window_settings(self.context.folders.config, self)
            self._running = TuneRunning(self.context.theme.colours, settings)
            self._running.replay_moved.connect(self._replay.move)
            self.add_state(self._running)
        return self._running

    @property
    def result_view(self) -> TuneResultView:
        """The view of a result; made when it is first needed."""
        if self._result_view is None:
            from tunesmith.gui.tune_result import TuneResultView

            made = self._result_view = TuneResultView()
            made.show_profile.connect(self._show_profile)
            made.explain.connect(self._explain)
            made.roofline.connect(lambda: self._open_view("roofline"))
            made.tradeoff.connect(lambda: self._open_view("tradeoff"))
            made.energy.connect(lambda: self._open_view("energy"))
            made.copy_command.connect(self._copy_command)
            made.try_it.connect(self._try_it)
            made.export.connect(self._export)
            made.tune_again.connect(self._new_tune)
            self.add_state(made)
        return self._result_view

    @property
    def why(self) -> WhyPanel:
        """The view of why the result's settings won; made when it is first needed."""
        if self._why is None:
            self._why = WhyPanel(self.context)
            self._why.left.connect(lambda: self._show("result"))
            self._why.failed.connect(self.message.show_error)
            self.add_state(self._why)
        return self._why

    def _show(self, state: str) -> None:
        """Switch to ``setup``, ``running``, ``replay``, ``result``, ``why``, or to a view of a run."""
        self.state = state
        widget: QWidget = self.setup
        if state in ("running", "replay"):
            widget = self.running
        elif state == "result":
            widget = self.result_view
        elif state == "why":
            widget = self.why
        for name in VIEW_NAMES:
            if state == name:
                widget = self.views.view(name)
        self.show_state(widget)
        self._enable()

    def _enable(self) -> None:
        super()._enable()
        self.resume_button.setVisible(self.state == "setup" and self._stopped_run is not None)
        self.back_button.setVisible(self.state == "replay")
        self.roofline_button.setVisible(self.state == "replay")
        self.tradeoff_button.setVisible(self.state == "replay")
        self.energy_button.setVisible(self.state == "replay")

    def shown(self) -> None:
        """Draw what came in while the page was not seen; begin with the model that was opened."""
        self._refresh()
        if self.state == "setup":
            if not self.setup.model.text():
                self.setup.set_model(self.context.opened_model)
            self.setup.model.setFocus()
            self.setup.projected.look()
            self._stopped.look()

    def _refresh(self) -> None:
        if self.state == "running" and self._running is not None:
            self._running.refresh(paused=self.run.paused)

    def _recolour(self, colours: Colours) -> None:
        if self._running is not None:
            self._running.recolour(colours)

    # ------------------------------------------------------------- a run

    def begin(self) -> None:
        """Start what the form asks for."""
        try:
            request = self.setup.request()
        except UsageError as error:
            self.message.show_error(error)
            return
        self._run(request, resume=None)

    def _run(self, request: TuneRequest, *, resume: str | None) -> None:
        if self.run.busy:
            return
        self.message.hide()
        self._stopped_run = None
        self.run.begin(request, resume=resume)
        limit = request.constraints.max_memory_bytes
        self.running.show_run(self.run.live, memory_limit_mib=limit / MIB if limit else None)
        self._show("running")
        self.pause_button.setFocus()

    def _resume(self) -> None:
        request = self.run.request
        if request is None or self._stopped_run is None:
            return
        named = self.setup.servers.chosen()
        unnamed = [endpoint for endpoint in request.rpc if endpoint not in named]
        if unnamed:
            self.message.show_note(
                tr(
                    "This run used RPC servers that are not ticked now: {servers}. No connection was made. "
                    "If you trust them, name them on the page Machine, tick them here, and resume again.",
                    servers=", ".join(unnamed),
                )
            )
            return
        self._run(request, resume=self._stopped_run)

    def _offer_stopped(self, request: TuneRequest, run_id: str, sentence: str) -> None:
        """Offer to go on with a run of an earlier window."""
        if self.state == "setup" and not self.run.busy and self._stopped_run is None:
            self.run.request, self._stopped_run = request, run_id
            self.message.show_note(sentence)
            self._enable()

    # ------------------------------------------------------------- its end

    def _show_result(self, result: TuneResult) -> None:
        from tunesmith.presentation.tune_result_view import result_view

        self._result = result
        self.stop_button.setEnabled(True)
        self.result_view.show_result(result_view(result))
        self._show("result")
        if result.profile is not None:
            self.context.bus.profile_saved.emit(result.profile.id)
        self.context.bus.message.emit(tr("The tune is done."))

    def _show_failure(self, error: TunesmithError) -> None:
        self.stop_button.setEnabled(True)
        if isinstance(error, Interrupted):
            self._stopped_run = self.run.live.run_id or None
            self.message.show_note(
                stopped_words(self.run.live.samples, resumable=self._stopped_run is not None)
            )
        else:
            if isinstance(error, StoreError) and self.state == "running":
                self._stopped_run = self.run.live.run_id or None  # what it measured before is stored
            self.message.show_error(error, step=self._look_at_run(error))
        self._show("setup")

    def _look_at_run(self, error: TunesmithError) -> tuple[str, Callable[[], object]] | None:
        """The way to the candidates of a run that came to its end without a result; None for other ends."""
        run_id = self.run.live.run_id
        if (
            self.state != "running"
            or not run_id
            or not isinstance(error, InfeasibleError | NoisyMachineError)
        ):
            return None
        return tr("Show the run"), lambda: self.show_run(run_id)

    # ------------------------------------------------------------- what other pages ask for

    def tune_model(self, path: str) -> None:
        """Put a model into the form and show it."""
        self.setup.set_model(path)
        self._come_forward()

    def tune_again(self, profile: TunedProfile) -> None:
        """Put a profile's model, workload and objective into the form and show it."""
        self.setup.set_profile(profile)
        self._come_forward()
        if not self.setup.model.text():
            self.message.show_note(
                tr(
                    "The model is not at {path} any longer. Choose where it is now.",
                    path=profile.model.header.path,
                )
            )

    def _come_forward(self) -> None:
        if not self.run.busy:
            self.message.hide()
            self._show("setup")
        self.context.bus.show_page.emit(self.name)

    def _new_tune(self) -> None:
        self._show("running" if self.run.busy else "setup")

    def show_run(self, run_id: str) -> None:
        """Replay a stored run; not while one is under way."""
        self.context.bus.show_page.emit(self.name)
        if self.run.busy:
            self.context.bus.message.emit(tr("A tune is under way; its history can be seen when it is done."))
            return
        self._replay.load(run_id)

    def _show_replay(self, view: LiveView, first: bool) -> None:  # noqa: FBT001 (a slot)
        if self.run.busy:
            return
        self._replayed = view.run_id
        if first:
            self.message.hide()
            self.running.show_run(view, replay=True)
            self._show("replay")
            if view.end is not None:
                self.message.show_note(f"{view.end.sentence}.")
        else:
            self.running.move_replay(view)

    # ------------------------------------------------------------- what to do with a result

    def _show_profile(self) -> None:
        if self._result is not None and self._result.profile is not None:
            self.context.bus.show_page.emit("profiles")
            self.context.bus.show_profile.emit(self._result.profile.id)

    def _explain(self) -> None:
        if self._result is not None and self._result.profile is not None:
            self._show("why")
            self.why.open(self._result.profile)

    def _shown_run(self) -> str:
        """The run whose result or replay is shown, to which a view that is opened now goes back."""
        self._opened_from = self.state
        return self._replayed if self.state == "replay" else self._result.run_id if self._result else ""

    def _open_view(self, name: ViewName) -> None:
        run_id = self._shown_run()
        self._show(name)
        self.views.view(name).open(run_id)

    def _copy_command(self) -> None:
        from tunesmith.presentation.server_command import server_command

        if self._result is not None:
            command = server_command(self._result.tuned.settings, self._result.request.model_path)
            QGuiApplication.clipboard().setText(command)
            self.context.bus.message.emit(tr("The llama-server command is on the clipboard."))

    def _export(self) -> None:
        if self._result is not None and self._result.profile is not None:
            self._exporter.show(self._result.profile)

    def _try_it(self) -> None:
        if self._result is not None:
            self.context.bus.show_page.emit("chat")
            self.context.bus.try_model.emit(self._result.request.model_path, self._result.profile)

    def closing(self) -> None:
        """Stop the run and wait a while for it to end."""
        self.setup.projected.hold()
        self.run.close()
