"""Own the choice of a quantization: files made or found, their quality, their speed, and the pick."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tunesmith.domain.bandwidth import DecodeLimit
from tunesmith.domain.choice import Contender, pareto_labels
from tunesmith.domain.events import Event, Progress, RunFinished, RunStarted
from tunesmith.domain.measurement import Quantity
from tunesmith.domain.model import ModelHeader, ModelIdentity
from tunesmith.domain.profile import MeasuredQuality
from tunesmith.domain.request import MeasureRequest
from tunesmith.domain.settings import Settings
from tunesmith.domain.worker_events import TensorQuantized
from tunesmith.errors import (
    Interrupted,
    ModelFileError,
    NoisyMachineError,
    TunesmithError,
    UsageError,
    WorkerError,
)
from tunesmith.services.choose_files import check_source, default_folder, line_up, source_header
from tunesmith.services.choose_quality import QUALITY_SHARE, Judge
from tunesmith.services.choose_result import ChooseRequest, ChooseResult, Outcome, choice_sentence
from tunesmith.services.choose_speed import Screening
from tunesmith.services.context import Surroundings, check_devices, identify_model, read_model, survey_machine
from tunesmith.services.file_rigs import ModelRigs
from tunesmith.services.limits import DecodeLimits, reading_devices, with_bandwidth
from tunesmith.services.made_files import MadeFiles
from tunesmith.services.metering import LedgerMeter, StoreRecorder
from tunesmith.services.part_streams import part_emit, relayed_stream
from tunesmith.services.quality import EvaluationText, read_text
from tunesmith.services.session import Controls, Session, Stream
from tunesmith.services.standings import Standings
from tunesmith.services.tune import run_tune
from tunesmith.services.tune_result import TuneInfeasible, TuneResult
from tunesmith.services.tune_start import starting_points
from tunesmith.tuning.meter import TrialFailure
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.store import Store

_LOG = logging.getLogger(__name__)

RACE_SHARE = 0.5
"""Of the budget, for the files' speed against each other and the confirmation; the rest is for tuning."""
_FINALISTS = 2
_LEAST_TUNE_SHARE = 0.1
"""Of the budget, for tuning the winner, however long the race took."""


def start_choose(request: ChooseRequest, store: Store) -> Session[ChooseResult]:
    """Choose in the background.

    Files that were made and not picked are removed at the end, however it comes, unless they are to be kept.
    What was there before is never touched. The session's result raises UsageError, ModelFileError,
    InfeasibleError, NoisyMachineError, WorkerError, StoreError or Interrupted.
    """
    return Session(lambda stream, controls: _Choice(request, store, stream, controls).run())


class _Recorder(StoreRecorder):
    """Leaves out what tells nothing once it is over."""

    def take(self, event: Event) -> None:
        """Keep an event for the next write."""
        if not isinstance(event, TensorQuantized | Progress):
            super().take(event)


class _Choice:
    """One choice in its thread."""

    def __init__(self, request: ChooseRequest, store: Store, stream: Stream, controls: Controls) -> None:
        self._request = request
        self._store = store
        self._stream = stream
        self._controls = controls
        self._standings = Standings((), stream.emit)
        self._warnings: list[str] = []
        self._begun = time.monotonic()
        self._recorder: _Recorder | None = None
        self._races_seconds = request.tune.budget.seconds * RACE_SHARE

    @property
    def _source_path(self) -> str:
        return self._request.tune.model_path

    # ------------------------------------------------------------- from begin to end

    def run(self) -> ChooseResult:
        request = self._request
        header, warnings = self._checked_source()
        self._warnings += warnings
        text = read_text(request.text_path)
        folder = Path(request.folder).absolute() if request.folder else default_folder(Path(header.path))
        self._standings = Standings(line_up(header, folder, request.types), self._stream.emit)
        baseline, start = self._starts(survey := survey_machine(self._controls))
        model = identify_model(self._source_path, self._controls)
        run_id = self._open_run(model, survey, baseline)
        files = MadeFiles(folder, lasting=request.keep == "all")
        try:
            result = self._choose(run_id, header, model, survey, text, files, (baseline, start))
        except Interrupted:
            self._close_run(run_id, "interrupted", tr("interrupted; what was measured is kept"))
            raise
        except TrialFailure as failure:
            self._close_run(run_id, "failed", str(failure))
            if isinstance(failure.__cause__, TunesmithError):
                raise failure.__cause__ from None
            raise NoisyMachineError(
                tr("The source could not be measured: {reason}.", reason=failure.message)
            ) from failure
        except BaseException as error:
            self._close_run(run_id, "failed", str(error))
            raise
        finally:
            files.close()
            self._store.leave_run(run_id)
        return result

    def _choose(
        self, run_id: str, header: ModelHeader, model: ModelIdentity, found: Surroundings,
        text: EvaluationText, files: MadeFiles, settings: tuple[Settings, Settings],
    ) -> ChooseResult:  # fmt: skip
        baseline, start = settings
        self._standings.tell_all()
        assert self._recorder is not None  # noqa: S101 (the run is open)
        judge = Judge(
            request=self._request, standings=self._standings, files=files, stream=self._stream,
            controls=self._controls, flush=self._recorder.flush, warnings=self._warnings,
        )  # fmt: skip
        judge.judge_all(header)
        rigs = ModelRigs(
            lambda label: self._standings[label], memory_bytes=found.machine.memory.available_bytes,
            on_event=self._stream.emit, interrupted=lambda: self._controls.cancelled,
        )  # fmt: skip
        meter = LedgerMeter(
            rigs, stream=self._stream, controls=self._controls, recorder=self._recorder, ledger={}
        )
        with contextlib.closing(rigs):
            screening = Screening(
                request=self._request.tune, settings=start, contenders=judge.fit_for_race(), meter=meter,
                emit=part_emit(self._stream, QUALITY_SHARE, 0.7), tell=self._standings.tell,
                budget_seconds=self._races_seconds, decode_limit=self._decode_limit(found, start),
            )  # fmt: skip
            check_source(self._source_path)
            winner = screening.run()
            rigs.close()
            finalists = [winner, *screening.unsettled]
            tunes = self._tune(finalists, meter.spent_seconds, model, text)
            picked = self._best(screening, tunes, winner)
            speedup = self._confirm(screening, tunes.get(picked), picked, baseline)
        return self._conclude(run_id, model, found, text, files, screening, tunes, picked, speedup)

    def _checked_source(self) -> tuple[ModelHeader, tuple[str, ...]]:
        """The source's header, and what to be warned of.

        Raises:
            UsageError: it is quantized already, or the objective is no speed.
        """
        objective = self._request.tune.objective
        if not objective.of_speed or objective.name == "sustained":
            raise UsageError(
                tr("A quantization is chosen by speed, within limits."),
                todo=tr("Choose another objective, and give --max-memory."),
            )
        return source_header(self._source_path)

    def _starts(self, found: Surroundings) -> tuple[Settings, Settings]:
        baseline, start = starting_points(self._request.tune, found)
        check_devices(start, found.machine)
        return baseline, start

    # ------------------------------------------------------------- speed

    def _decode_limit(
        self, found: Surroundings, start: Settings
    ) -> Callable[[Contender], DecodeLimit] | None:
        """What memory bandwidth allows of a file, however it is tuned; None where it cannot decide."""
        tune = self._request.tune
        if tune.objective.name != "decode" or (start.n_gpu_layers != 0 and reading_devices(found.machine)):
            return None  # who else used a device while it was measured is not known
        machine = with_bandwidth(found, self._store, self._controls).machine

        def of(contender: Contender) -> DecodeLimit:
            limits = DecodeLimits(read_model(contender.path or ""), machine)
            return limits.loosest(tune.workload, start, tune.rules.cache_types)

        return of

    # ------------------------------------------------------------- tuning

    def _tune(
        self, finalists: list[str], raced_seconds: float, model: ModelIdentity, text: EvaluationText
    ) -> dict[str, TuneResult]:
        """Tune the winner, and what may yet be better than it; what fails is left out.

        A race that took longer than its part, as beside others' load, leaves less: then only the winner is.
        """
        whole = self._request.tune.budget.seconds
        late = raced_seconds > self._races_seconds
        finalists = finalists[: 1 if late else _FINALISTS]
        left = max(_LEAST_TUNE_SHARE * whole, whole - max(raced_seconds, self._races_seconds))
        seconds = left / len(finalists)
        budget = self._request.tune.budget.model_copy(update={"name": "custom", "seconds": seconds})
        tunes: dict[str, TuneResult] = {}
        for place, label in enumerate(finalists):
            contender = self._standings[label]
            self._standings.tell(label, state="finalist", why="")
            path = self._source_path if contender.is_source else contender.path
            request = self._request.tune.model_copy(update={"model_path": path, "budget": budget})
            begin, end = (0.7 + 0.2 * (place + n) / len(finalists) for n in (0, 1))
            try:
                result = run_tune(
                    request, self._store, relayed_stream(self._stream, begin, end), self._controls
                )
            except TuneInfeasible as error:
                self._standings.tell(label, state="infeasible", why=error.what)
                continue
            except (NoisyMachineError, WorkerError, ModelFileError) as error:
                check_source(self._source_path)
                self._warnings.append(
                    tr("{label} could not be tuned: {reason}", label=label, reason=error.what)
                )
                continue
            tunes[label] = self._with_quality(result, contender, model, text)
        return tunes

    def _with_quality(
        self, result: TuneResult, contender: Contender, source: ModelIdentity, text: EvaluationText
    ) -> TuneResult:
        """The result, with what the quantization costs in its profile."""
        if result.profile is None or contender.quality is None:
            return result
        quality = MeasuredQuality(
            source_sha256=source.sha256, source_quantization=source.header.quantization,
            text_name=text.name, text_sha256=text.sha256, measures=contender.quality,
        )  # fmt: skip
        profile = result.profile.model_copy(update={"quality": quality})
        self._store.save_profile(profile)
        return replace(result, profile=profile)

    def _best(self, screening: Screening, tunes: dict[str, TuneResult], winner: str) -> str:
        """The pick: the first of those tuned, unless the second is proven faster, both as they are tuned."""
        if not tunes:
            return winner
        best, *others = tunes
        for other in others:
            sides = [(label, tunes[label].tuned.settings) for label in (best, other)]
            compared = screening.compare("finalists", sides[0], sides[1])
            if compared.speedup.low is not None and compared.speedup.low > 1:
                self._standings.tell(
                    best, state="slower", why=tr("slower than {label}, both tuned", label=other)
                )
                best = other
            else:
                self._standings.tell(
                    other, state="tied", why=tr("not proven faster than {label}, both tuned", label=best)
                )
        return best

    def _confirm(
        self, screening: Screening, tune: TuneResult | None, picked: str, baseline: Settings
    ) -> Quantity | None:
        """The pick as it is tuned against the source at llama.cpp's defaults, in pairs."""
        source = self._standings.source.label
        if picked == source:
            return None if tune is None else tune.speedup
        if self._standings[picked].state == "infeasible":
            return None
        settings = tune.tuned.settings if tune is not None else screening.settings
        screening.emit = part_emit(self._stream, 0.9, 1.0)
        return screening.compare("final", (source, baseline), (picked, settings)).speedup

    # ------------------------------------------------------------- the end

    def _conclude(
        self, run_id: str, model: ModelIdentity, found: Surroundings, text: EvaluationText,
        files: MadeFiles, screening: Screening, tunes: dict[str, TuneResult], picked: str,
        speedup: Quantity | None,
    ) -> ChooseResult:  # fmt: skip
        source = self._standings.source.label
        infeasible = self._standings[picked].state == "infeasible"
        if not infeasible:
            self._standings.tell(picked, state="picked", why="")
        left = [one for one in self._standings.all if one.in_race or one.label == picked]
        best = pareto_labels([one for one in left if one.state != "infeasible"], screening.not_slower)
        for contender in self._standings.all:
            kept = not contender.made or contender.label == picked or self._request.keep != "pick"
            self._standings.tell(contender.label, pareto=contender.label in best)
            if not contender.made or contender.path is None:
                continue
            path = Path(contender.path)
            if not kept:
                files.remove(path)
            self._standings.tell(contender.label, kept=kept and path.exists())
            dropped = tunes.get(contender.label)
            if not kept and dropped is not None and dropped.profile is not None:
                self._store.delete_profile(dropped.profile.id)
        files.lasting = True
        outcome: Outcome = "infeasible" if infeasible else "picked"
        if not infeasible and picked == source:
            outcome = "source_is_best"
        pick = self._standings[picked]
        sentence = choice_sentence(outcome, pick, self._standings.all, speedup)
        tune = tunes.get(picked)
        profile_id = tune.profile.id if tune is not None and tune.profile is not None else None
        self._stream.emit(
            RunFinished(
                outcome="infeasible" if infeasible else "measured", profile_id=profile_id, sentence=sentence
            )
        )
        if self._recorder is not None:
            self._recorder.flush()
        self._store.finish_run(run_id, "finished", outcome, sentence)
        return ChooseResult(
            request=self._request, run_id=run_id, outcome=outcome, picked=picked, sentence=sentence,
            speedup=speedup, contenders=self._standings.all, tunes=tunes, source=model, text=text,
            surroundings=found, made=files, warnings=tuple(self._warnings),
            seconds=time.monotonic() - self._begun,
        )  # fmt: skip

    # ------------------------------------------------------------- the run's record

    def _open_run(self, model: ModelIdentity, found: Surroundings, baseline: Settings) -> str:
        """A run of the store: of the source, whose samples and the others' stand in it by name."""
        build = found.machine.build
        assert build is not None  # noqa: S101 (survey_machine fills it in)
        self._store.save_machine(found.machine, found.machine_class)
        self._store.save_model(model)
        request = MeasureRequest(
            model_path=self._source_path, workload=self._request.tune.workload, settings=baseline
        )
        run_id = self._store.start_run(
            "measure", request, model=model, machine=found.machine_class, build=build
        )
        self._recorder = _Recorder(lambda events, trial: self._store.record(run_id, events, trial=trial))
        self._stream.run_id, self._stream.recorder = run_id, self._recorder
        name = model.header.name or Path(self._source_path).name
        self._stream.emit(RunStarted(kind="measure", model_name=name, baseline=baseline))
        return run_id

    def _close_run(self, run_id: str, state: Literal["interrupted", "failed"], sentence: str) -> None:
        try:
            self._stream.emit(RunFinished(outcome=state, profile_id=None, sentence=sentence))
            if self._recorder is not None:
                self._recorder.flush()
            self._store.finish_run(run_id, state, state, sentence)
        except TunesmithError as error:  # the first error is the one to tell
            _LOG.warning("the end of run %s could not be stored: %s", run_id, error)
