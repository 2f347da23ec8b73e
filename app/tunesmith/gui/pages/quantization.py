"""Own the quantization page: what to compare, the run, the result, and what becomes of the files made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from tunesmith.domain.choice import Contender
from tunesmith.errors import Interrupted, TunesmithError, UsageError
from tunesmith.gui.choice_run import ChoiceRun, Start, start_choose
from tunesmith.gui.choice_setup import ChoiceSetup, Look, look_over
from tunesmith.gui.context import AppContext
from tunesmith.gui.discards import Discards
from tunesmith.gui.open_dialogs import ask_for_models
from tunesmith.gui.page import EmptyState, button
from tunesmith.gui.run_page import RunPage
from tunesmith.gui.theme import Colours
from tunesmith.gui.widgets.undo_bar import UndoBar
from tunesmith.presentation.numbers import bytes_text
from tunesmith.services.presets import DEFAULT_PRESET
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.gui.choice_board import ChoiceBoard
    from tunesmith.services.choose_result import ChooseResult
    from tunesmith.services.tune_result import TuneResult


class QuantizationPage(RunPage):
    """Choose the quantization that is fastest here within the quality that is asked for."""

    name = "quantization"
    title = tr("Quantization")
    setup: ChoiceSetup
    run: ChoiceRun

    def __init__(self, context: AppContext, *, start: Start = start_choose, look: Look = look_over) -> None:
        """The page, saying what to do.

        Args:
            start: what starts a run; called off the UI thread with a request and the store.
            look: what says what there is to choose from; called off the UI thread with the source's path.
        """
        super().__init__(context)
        self.state = "empty"
        self._result: ChooseResult | None = None
        self._board: ChoiceBoard | None = None
        self._add_actions()
        self.empty = self.add_state(self._empty())
        self.setup = ChoiceSetup(self._load_presets(), first=DEFAULT_PRESET, look=look)
        self.setup.changed.connect(self._enable)
        self.add_state(self.setup)
        self.run = ChoiceRun(context, start=start)
        self.run.moved.connect(self._refresh)
        self.run.finished.connect(self._show_result)
        self.run.failed.connect(self._show_failure)
        self.undo_bar = UndoBar()
        outer = self.layout()
        if outer is not None:
            outer.addWidget(self.undo_bar)
        self.discards = Discards(context, self.undo_bar)
        self.discards.changed.connect(self._tell_files)
        context.theme.changed.connect(self._recolour)
        context.bus.choose_quantization.connect(self.choose_for)
        context.bus.busy_changed.connect(self._set_busy)
        self._show("empty")

    def _add_actions(self) -> None:
        self.back_button = button(tr("New choice"), tip=tr("Go back to the form; it keeps its values."))
        self._make_run_buttons(
            pause_tip=tr("Wait after the current step."),
            stop_tip=tr("Stop now; what was measured stays in view, files made are removed."),
        )
        self.start_button = button(tr("Start"), "primary", tip=tr("Start with what the form says."))
        self._place_buttons(
            (
                (self.back_button, self.new_choice), (self.pause_button, self._toggle_pause),
                (self.stop_button, self._stop), (self.start_button, self.begin),
            )
        )  # fmt: skip

    def _empty(self) -> QWidget:
        choose = button(tr("Choose a source…"), "primary")
        choose.clicked.connect(lambda _checked=False: self._ask_for_source())
        show = button(tr("Show models"))
        show.clicked.connect(lambda _checked=False: self.context.bus.show_page.emit("models"))
        return EmptyState(
            tr("Which quantization is best here?"),
            tr(
                "Choose a model in F16, BF16 or F32. Smaller files are made of it or found beside it, and "
                "measured on this machine: speed, size, and what each costs in quality."
            ),
            choose,
            show,
        )

    def _ask_for_source(self) -> None:
        ask_for_models(self, lambda paths: self.choose_for(paths[0]))

    # ------------------------------------------------------------- what is shown

    @property
    def board(self) -> ChoiceBoard:
        """Plot, details and table; made, and pyqtgraph imported, when it is first needed."""
        if self._board is None:
            from tunesmith.gui.choice_board import ChoiceBoard

            made = self._board = ChoiceBoard(self.context.theme.colours)
            made.chosen.connect(self._show_details)
            made.discard_others.connect(self._discard_others)
            made.details.try_it.connect(self._try_it)
            made.details.tune.connect(self._tune)
            made.details.show_profile.connect(self._show_profile)
            made.details.discard.connect(self._discard)
            self.add_state(made)
        return self._board

    def _show(self, state: str) -> None:
        """Switch between ``empty``, ``setup``, ``running``, ``result`` and ``stopped``."""
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
        self.back_button.setVisible(self.state in ("result", "stopped"))

    def shown(self) -> None:
        """Draw what came in while the page was not seen."""
        self._refresh()
        if self.state == "setup":
            self.setup.model.setFocus()

    def left(self) -> None:
        """What was discarded is gone for good."""
        self.undo_bar.settle()

    def _refresh(self) -> None:
        if self.state == "running" and self._board is not None:
            self._board.refresh(paused=self.run.paused)
            if self._board.selected:
                self._show_details(self._board.selected)

    def _recolour(self, colours: Colours) -> None:
        if self._board is not None:
            self._board.recolour(colours)

    # ------------------------------------------------------------- a run

    def choose_for(self, path: str) -> None:
        """Put a source into the form and show it."""
        self.setup.set_model(path)
        if not self.run.busy:
            self.message.hide()
            self._show("setup")
        self.context.bus.show_page.emit(self.name)

    def new_choice(self) -> None:
        """Show the form; what is on the disk is looked at again."""
        self.discards.forget()
        self.message.hide()
        self._result = None
        self._show("setup")
        if self.setup.file.model_name:
            self.setup.look_again()

    def begin(self) -> None:
        """Start what the form asks for."""
        try:
            request = self.setup.request()
        except UsageError as error:
            self.message.show_error(error)
            return
        if self.run.busy:
            return
        self.message.hide()
        self.discards.forget()
        self._result = None
        foretold = {one.kind: one.size_bytes for one in self.setup.files.chosen if not one.paths}
        self.run.begin(request, foretold)
        self.board.show_run(self.run.live)
        self._show("running")
        self.pause_button.setFocus()

    # ------------------------------------------------------------- its end

    def _show_result(self, result: ChooseResult) -> None:
        from tunesmith.presentation.choice_result_view import headline

        self._result = result
        self.stop_button.setEnabled(True)
        self.board.show_headline(headline(result), result.warnings)
        self._show("result")
        self._tell_files()
        self.board.select(result.picked)
        for tune in result.tunes.values():
            if tune.profile is not None:
                self.context.bus.profile_saved.emit(tune.profile.id)
        self.context.bus.message.emit(tr("The choice is done."))

    def _show_failure(self, error: TunesmithError) -> None:
        self.stop_button.setEnabled(True)
        measured = any(one.quality is not None for one in self.run.live.contenders.values())
        if isinstance(error, Interrupted):
            self.message.show_note(
                tr("Stopped. What was measured is shown; files that were made are removed.") if measured
                else tr("Stopped before anything was measured; files that were made are removed.")
            )  # fmt: skip
        else:
            self.message.show_error(error)
        if not measured:
            self._show("setup")
            return
        gone = [one.model_copy(update={"kept": one.kept and not one.made})
                for one in self.run.live.contenders.values()]  # fmt: skip
        self.run.live.take_end(gone)
        self._show("stopped")
        self.board.show_stopped()
        if self.board.selected:
            self._show_details(self.board.selected)

    # ------------------------------------------------------------- one file

    def _contender(self) -> Contender | None:
        return self.run.live.contenders.get(self.board.selected)

    def _tune_of(self, label: str) -> TuneResult | None:
        return None if self._result is None else self._result.tunes.get(label)

    def _show_details(self, label: str) -> None:
        from tunesmith.presentation.choice_result_view import details

        contender = self.run.live.contenders.get(label)
        if contender is None:
            return
        tune = self._tune_of(label)
        result = self._result
        over = self.state != "running"
        found = details(contender, self.run.live.limits, tune, over=over)
        gone = label in self.discards.labels or not contender.kept
        droppable = result is not None and self.discards.discardable(result, contender)
        self.board.details.show_file(
            found, usable=over and contender.path is not None and not gone,
            profile=tune is not None and tune.profile is not None and not gone,
            discard=bytes_text(contender.size_bytes) if droppable else "",
        )  # fmt: skip

    def _show_profile(self) -> None:
        tune = self._tune_of(self.board.selected)
        if tune is not None and tune.profile is not None:
            self.context.bus.show_page.emit("profiles")
            self.context.bus.show_profile.emit(tune.profile.id)

    def _try_it(self) -> None:
        contender, tune = self._contender(), self._tune_of(self.board.selected)
        if contender is not None and contender.path is not None:
            self.context.bus.show_page.emit("chat")
            self.context.bus.try_model.emit(contender.path, None if tune is None else tune.profile)

    def _tune(self) -> None:
        contender = self._contender()
        if contender is not None and contender.path is not None:
            self.context.bus.tune_model.emit(contender.path)

    # ------------------------------------------------------------- files made

    def _discard(self) -> None:
        contender = self._contender()
        if self._result is not None and contender is not None:
            self.discards.discard(self._result, [contender])

    def _discard_others(self) -> None:
        if self._result is not None:
            self.discards.discard(self._result, self._others(self._result))

    def _others(self, result: ChooseResult) -> list[Contender]:
        """What was made, is there, and was not picked."""
        return [
            one for one in result.contenders
            if one.label != result.picked and self.discards.discardable(result, one)
        ]  # fmt: skip

    def _tell_files(self) -> None:
        """Say what was made and is there; the table and the details follow."""
        from tunesmith.presentation.choice_view import files_sentence

        result = self._result
        if result is None:
            return
        made = [one for one in result.contenders if self.discards.discardable(result, one)]
        size = sum(one.size_bytes or 0 for one in made)
        text = files_sentence(len(made), size, str(result.folder)) if made else ""
        self.board.show_made(text, others=bool(self._others(result)))
        self.run.live.take_end(
            one.model_copy(update={"kept": False}) if one.label in self.discards.labels else one
            for one in result.contenders
        )
        self.board.refresh()
        if self.board.selected:
            self._show_details(self.board.selected)

    def closing(self) -> None:
        """Stop the run and wait a while for it to end; what was discarded goes."""
        self.run.close()
        self.undo_bar.settle()
