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
from tunesmith.domain.events import (
    ContenderStanding,
    Event,
    Progress,
    RunFinished,
    RunStarted,
    TensorQuantized,
)
from tunesmith.domain.measurement import Quantity
from tunesmith.domain.model import ModelHeader, ModelIdentity
from tunesmith.domain.profile import MeasuredQuality
from tunesmith.domain.quantization import LADDER
from tunesmith.domain.request import MeasureRequest
from tunesmith.domain.settings import Settings
from tunesmith.errors import (
    Interrupted,
    ModelFileError,
    ModelNotFound,
    NoisyMachineError,
    StoreError,
    TunesmithError,
    UsageError,
    WorkerError,
)
from tunesmith.services.choose_result import (
    ChooseRequest,
    ChooseResult,
    Outcome,
    beyond_text,
    choice_sentence,
)
from tunesmith.services.choose_speed import ModelRigs, Screening
from tunesmith.services.context import (
    Surroundings,
    check_devices,
    identify_model,
    read_model,
    survey_machine,
)
from tunesmith.services.limits import DecodeLimits, with_bandwidth
from tunesmith.services.made_files import MadeFiles
from tunesmith.services.metering import LedgerMeter, StoreRecorder
from tunesmith.services.part_streams import part_emit, part_stream, relayed_stream
from tunesmith.services.quality import (
    EvaluationText,
    QualityRequest,
    read_text,
    run_quality,
)
from tunesmith.services.quantize import (
    QuantizeRequest,
    check_types,
    quantized_from,
    run_quantize,
)
from tunesmith.services.session import Controls, Session, Stream
from tunesmith.services.siblings import find_siblings
from tunesmith.services.tune import run_tune, starting_points
from tunesmith.services.tune_result import TuneInfeasible, TuneResult
from tunesmith.tuning.meter import TrialFailure
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.store import Store

_LOG = logging.getLogger(__name__)

RACE_SHARE = 0.5
"""Of the budget, for the files' speed against each other and the confirmation; the rest is for tuning."""
QUALITY_SHARE = 0.5
"""Of the bar of progress, whatever it takes."""
_FINALISTS = 2


def start_choose(request: ChooseRequest, store: Store) -> Session[ChooseResult]:
    """Choose in the background.

    Files that were made and not picked are removed at the end, however it comes, unless they are to be kept.
    What was there before is never touched. The session's result raises UsageError, ModelFileError,
    InfeasibleError, NoisyMachineError, WorkerError, StoreError or Interrupted.
    """
    return Session(lambda stream, controls: _Choice(request, store, stream, controls).run())


def default_folder(source: Path) -> Path:
    """Where files made of a source go."""
    return source.absolute().parent / f"{source.stem}-quantized"


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
        self._contenders: dict[str, Contender] = {}
        self._warnings: list[str] = []
        self._begun = time.monotonic()
        self._first_error: TunesmithError | None = None
        self._recorder: _Recorder | None = None
        self._races_seconds = request.tune.budget.seconds * RACE_SHARE

    @property
    def _source_path(self) -> str:
        return self._request.tune.model_path

    # ------------------------------------------------------------- from begin to end

    def run(self) -> ChooseResult:
        request = self._request
        header = self._checked_source()
        text = read_text(request.text_path)
        folder = Path(request.folder).absolute() if request.folder else default_folder(Path(header.path))
        self._line_up(header, folder)
        baseline, start = self._starts(survey := survey_machine(self._controls))
        model = identify_model(self._source_path, self._controls)
        run_id = self._open_run(model, survey, baseline)
        files = MadeFiles(folder)
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
        self._tell_all()
        self._judge_all(header, files)
        rigs = ModelRigs(
            lambda label: self._contenders[label], memory_bytes=found.machine.memory.available_bytes,
            on_event=self._stream.emit, interrupted=lambda: self._controls.cancelled,
        )  # fmt: skip
        assert self._recorder is not None  # noqa: S101 (the run is open)
        meter = LedgerMeter(
            rigs, stream=self._stream, controls=self._controls, recorder=self._recorder, ledger={}
        )
        with contextlib.closing(rigs):
            screening = Screening(
                request=self._request.tune, settings=start, contenders=self._fit_for_race(), meter=meter,
                emit=part_emit(self._stream, QUALITY_SHARE, 0.7), tell=self._tell,
                budget_seconds=self._races_seconds, decode_limit=self._decode_limit(found, start),
            )  # fmt: skip
            self._check_source()
            winner = screening.run()
            rigs.close()
            tunes = self._tune(winner, screening.unsettled, model, text)
            picked = self._best(screening, tunes, winner)
            speedup = self._confirm(screening, tunes.get(picked), picked, baseline)
        return self._conclude(run_id, model, found, text, files, screening, tunes, picked, speedup)

    def _checked_source(self) -> ModelHeader:
        """The source's header.

        Raises:
            UsageError: it is quantized already, or the objective is no speed.
        """
        header = read_model(self._source_path)
        if self._request.tune.objective.name == "memory":
            raise UsageError(
                tr("A quantization is chosen by speed, within limits."),
                todo=tr("Choose another objective, and give --max-memory."),
            )
        base = quantized_from(header)
        if base == "Q8_0":
            self._warnings.append(
                tr("The source is in Q8_0: a little of its quality was lost already. F16 would be better.")
            )
        elif base is not None:
            raise UsageError(
                tr("{path} is quantized already ({kind}), so there is nothing to compare quality with.",
                   path=header.path, kind=header.quantization),
                unharmed=tr("Nothing was changed."), todo=tr("Take the F16, BF16 or F32 file."),
            )  # fmt: skip
        return header

    def _check_source(self) -> None:
        if not Path(self._source_path).exists():
            raise ModelNotFound(
                tr("The model file {path} is no longer there.", path=self._source_path),
                unharmed=tr("What was measured is kept."), todo=tr("Put it back and try again."),
            )  # fmt: skip

    def _starts(self, found: Surroundings) -> tuple[Settings, Settings]:
        baseline, start = starting_points(self._request.tune, found)
        check_devices(start, found.machine)
        return baseline, start

    # ------------------------------------------------------------- what there is to choose from

    def _line_up(self, header: ModelHeader, folder: Path) -> None:
        """The source, the files that are there, and those that can be made.

        Raises:
            UsageError: there is no such type.
        """
        asked = None if self._request.types is None else check_types(self._request.types)
        source = Contender(
            label=tr("{kind} (source)", kind=header.quantization), quantization=header.quantization,
            is_source=True, path=str(Path(header.path).absolute()), size_bytes=header.file_bytes,
        )  # fmt: skip
        there = find_siblings(header, dict.fromkeys((Path(header.path).absolute().parent, folder)))
        kinds = list(dict.fromkeys(sibling.quantization for sibling in there))
        self._contenders = {source.label: source}
        wanted = asked or tuple(dict.fromkeys((*LADDER, *kinds)))
        for kind in wanted:
            if kind == header.quantization:
                continue
            found = [sibling for sibling in there if sibling.quantization == kind]
            for sibling in found:
                name = Path(sibling.path).name
                label = kind if len(found) == 1 else f"{kind} ({name})"
                while label in self._contenders:
                    label += "'"
                self._contenders[label] = Contender(
                    label=label, quantization=kind, path=str(Path(sibling.path).absolute()),
                    size_bytes=sibling.file_bytes,
                )  # fmt: skip
            if not found:
                self._contenders[kind] = Contender(label=kind, quantization=kind, made=True, kept=False)
        if len(self._contenders) == 1:
            raise UsageError(
                tr("There is nothing to choose from but the source."),
                todo=tr("Name other types, or say --quantization auto."),
            )

    def _fit_for_race(self) -> list[Contender]:
        """The source, then what is within the limit, the truest first."""
        source, *others = self._contenders.values()
        within = [contender for contender in others if contender.state == "within"]
        if not within and all(contender.state == "failed" for contender in others):
            assert self._first_error is not None  # noqa: S101 (what failed says why)
            raise self._first_error
        return [source, *sorted(within, key=lambda one: (one.mean_kld or 0.0, one.size_bytes or 0))]

    def _tell(self, label: str, **changes: object) -> None:
        now = self._contenders[label]
        changed = Contender.model_validate(
            {**{name: getattr(now, name) for name in type(now).model_fields}, **changes}
        )
        if changed != now:
            self._contenders[label] = changed
            self._stream.emit(ContenderStanding(contender=changed))

    def _tell_all(self) -> None:
        for contender in self._contenders.values():
            self._stream.emit(ContenderStanding(contender=contender))

    # ------------------------------------------------------------- quality

    def _judge_all(self, header: ModelHeader, files: MadeFiles) -> None:
        """Make what is not there and measure all files' quality; what breaks the limit is removed at once."""
        todo = [contender for contender in self._contenders.values() if not contender.is_source]
        for place, contender in enumerate(todo):
            self._controls.wait_if_paused()
            begin, end = (QUALITY_SHARE * (place + n) / len(todo) for n in (0, 1))
            try:
                if contender.path is None:
                    self._make(contender.label, header, files, (begin, begin + (end - begin) / 4))
                self._judge(contender.label, (begin + (end - begin) / 4, end))
            except (WorkerError, ModelFileError, StoreError, UsageError) as error:
                self._check_source()
                if isinstance(error, UsageError) and contender.made:
                    raise
                self._first_error = self._first_error or error
                self._tell(contender.label, state="failed", why=error.what)
            now = self._contenders[contender.label]
            if now.made and now.state in ("beyond", "failed") and not self._request.keep_files:
                if now.path is not None:
                    files.remove(Path(now.path))
                self._tell(contender.label, kept=False)
            if self._recorder is not None:
                self._recorder.flush()

    def _make(self, label: str, header: ModelHeader, files: MadeFiles, span: tuple[float, float]) -> None:
        files.open()
        request = QuantizeRequest(
            source_path=header.path, types=(self._contenders[label].quantization,), folder=str(files.folder)
        )
        done = run_quantize(request, part_stream(self._stream, *span), self._controls)
        (made,) = done.files
        files.add(made.path)
        for warning in done.warnings:
            if warning not in self._warnings:
                self._warnings.append(warning)
        self._tell(label, state="made", path=str(made.path), size_bytes=made.size_bytes, kept=True)

    def _judge(self, label: str, span: tuple[float, float]) -> None:
        request, limits = self._request, self._request.limits
        contender = self._contenders[label]
        assert contender.path is not None  # noqa: S101 (it is there by now)
        found = run_quality(
            QualityRequest(
                model_path=contender.path, source_path=self._source_path, text_path=request.text_path,
                chunks=request.chunks, n_ctx=request.n_ctx, max_kld=limits.max_kld, min_top1=limits.min_top1,
                max_perplexity_ratio=limits.max_perplexity_ratio,
            ),
            part_stream(self._stream, *span), self._controls,
        )  # fmt: skip
        beyond = found.verdict == "beyond" or not limits.keeps(found.quality)
        self._tell(
            label, quality=found.quality, verdict=found.verdict, kld_low=found.kld_low,
            kld_high=found.kld_high, state="beyond" if beyond else "within",
            why=beyond_text(limits, found.quality, sure=found.verdict == "beyond") if beyond else "",
        )  # fmt: skip

    # ------------------------------------------------------------- speed

    def _decode_limit(
        self, found: Surroundings, start: Settings
    ) -> Callable[[Contender], DecodeLimit] | None:
        """What memory bandwidth allows of a file, however it is tuned; None where it cannot decide."""
        tune = self._request.tune
        if tune.objective.name != "decode":
            return None
        machine = with_bandwidth(found, self._store, self._controls).machine

        def of(contender: Contender) -> DecodeLimit:
            limits = DecodeLimits(read_model(contender.path or ""), machine)
            return limits.loosest(tune.workload, start, tune.rules.cache_types)

        return of

    # ------------------------------------------------------------- tuning

    def _tune(
        self, winner: str, unsettled: list[str], model: ModelIdentity, text: EvaluationText
    ) -> dict[str, TuneResult]:
        """Tune the winner, and what may yet be better than it; what fails is left out."""
        finalists = [winner, *unsettled][:_FINALISTS]
        seconds = self._request.tune.budget.seconds * (1 - RACE_SHARE) / len(finalists)
        budget = self._request.tune.budget.model_copy(update={"name": "custom", "seconds": seconds})
        tunes: dict[str, TuneResult] = {}
        for place, label in enumerate(finalists):
            contender = self._contenders[label]
            self._tell(label, state="finalist", why="")
            path = self._source_path if contender.is_source else contender.path
            request = self._request.tune.model_copy(update={"model_path": path, "budget": budget})
            begin, end = (0.7 + 0.2 * (place + n) / len(finalists) for n in (0, 1))
            try:
                result = run_tune(
                    request, self._store, relayed_stream(self._stream, begin, end), self._controls
                )
            except TuneInfeasible as error:
                self._tell(label, state="infeasible", why=error.what)
                continue
            except (NoisyMachineError, WorkerError, ModelFileError) as error:
                self._check_source()
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
                self._tell(best, state="slower", why=tr("slower than {label}, both tuned", label=other))
                best = other
            else:
                self._tell(
                    other, state="tied", why=tr("not proven faster than {label}, both tuned", label=best)
                )
        return best

    def _confirm(
        self, screening: Screening, tune: TuneResult | None, picked: str, baseline: Settings
    ) -> Quantity | None:
        """The pick as it is tuned against the source at llama.cpp's defaults, in pairs."""
        source = next(iter(self._contenders))
        if picked == source:
            return None if tune is None else tune.speedup
        if self._contenders[picked].state == "infeasible":
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
        source = next(iter(self._contenders))
        infeasible = self._contenders[picked].state == "infeasible"
        if not infeasible:
            self._tell(picked, state="picked", why="")
        left = [one for one in self._contenders.values() if one.in_race or one.label == picked]
        best = pareto_labels([one for one in left if one.state != "infeasible"], screening.not_slower)
        for contender in list(self._contenders.values()):
            kept = not contender.made or contender.label == picked or self._request.keep_files
            self._tell(contender.label, pareto=contender.label in best)
            if not contender.made or contender.path is None:
                continue
            path = Path(contender.path)
            if kept and path.exists():
                files.keep(path)
            else:
                files.remove(path)
            self._tell(contender.label, kept=kept and path.exists())
            dropped = tunes.get(contender.label)
            if not kept and dropped is not None and dropped.profile is not None:
                self._store.delete_profile(dropped.profile.id)
        outcome: Outcome = "infeasible" if infeasible else "picked"
        if not infeasible and picked == source:
            outcome = "source_is_best"
        pick = self._contenders[picked]
        sentence = choice_sentence(outcome, pick, tuple(self._contenders.values()), speedup)
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
            speedup=speedup, contenders=tuple(self._contenders.values()), tune=tune, source=model, text=text,
            surroundings=found, folder=files.folder, warnings=tuple(self._warnings),
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
