"""Own a tune from request to stored profile."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tunesmith import gguf
from tunesmith.domain.blocks import Blocks, blocks_of
from tunesmith.domain.events import RunFinished, RunStarted
from tunesmith.domain.measurement import Measurement, Quantity
from tunesmith.domain.request import KnownSettings, TuneRequest
from tunesmith.domain.settings import Settings
from tunesmith.errors import (
    Interrupted,
    NoisyMachineError,
    StoreError,
    TunesmithError,
    WorkerOutOfMemory,
)
from tunesmith.services.baseline import baseline_name, llama_cpp_defaults
from tunesmith.services.context import (
    Surroundings,
    check_devices,
    identify_model,
    narrowed,
    read_model,
    survey_machine,
)
from tunesmith.services.limits import Limits, with_ceilings
from tunesmith.services.memory import MemoryGate
from tunesmith.services.metering import GaugedSource, LedgerMeter, StoreRecorder
from tunesmith.services.overtime import Overtime
from tunesmith.services.session import Controls, Session, Stream
from tunesmith.services.tradeoff import tradeoff_of_run
from tunesmith.services.tune_claim import claim
from tunesmith.services.tune_energy import check_objective, confirmed_energy
from tunesmith.services.tune_guarantee import guarantee
from tunesmith.services.tune_outcome import nothing_gained, too_noisy
from tunesmith.services.tune_profile import new_profile
from tunesmith.services.tune_result import TuneInfeasible, TuneResult, improvement_sentence
from tunesmith.services.tune_rig import live_rig
from tunesmith.services.tune_safety import fit_comparison, safety_of
from tunesmith.services.tune_start import lowered_start, starting_points, with_fit
from tunesmith.services.tune_steady import SteadyEnd, steady_end
from tunesmith.services.warm_start import known_settings
from tunesmith.tuning.confirm import Confirmation, Confirmer
from tunesmith.tuning.energy_meter import EnergyMeter
from tunesmith.tuning.expense import Expense
from tunesmith.tuning.headroom import MarginMeter
from tunesmith.tuning.meter import Meter, TrialFailure
from tunesmith.tuning.placement_options import lowered_offloads
from tunesmith.tuning.result import SearchResult
from tunesmith.tuning.steady_confirm import SteadyConfirmer
from tunesmith.tuning.tuner import Tuner
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.energy import Energy
    from tunesmith.domain.machine import Machine
    from tunesmith.domain.model import ModelIdentity
    from tunesmith.store import Store

_LOG = logging.getLogger(__name__)
_SAME = Quantity(median=1.0, low=1.0, high=1.0, confidence=0.95, samples=(), noisy=False, interval="mean")
_FITTED = ("n_gpu_layers", "tensor_split", "override_tensor")
"""Settings that --fit changes."""
_TOO_LARGE = (WorkerOutOfMemory.name,)
"""Causes of a failure that fewer layers on devices may mend."""

SourceFactory = Callable[[TuneRequest, Surroundings, Stream, Controls], GaugedSource]


def start_tune(
    request: TuneRequest,
    store: Store,
    *,
    resume: str | None = None,
    make_source: SourceFactory | None = None,
) -> Session[TuneResult]:
    """Tune in the background.

    Args:
        request: what to do; ignored but for the model's path when a run is resumed.
        store: where the run is recorded; it stays the caller's to close, after the session is over.
        resume: id of an interrupted run to go on with, or ``latest``.
        make_source: what takes the samples, for tests and replays; live workers unless given.

    The session's result raises ModelFileError, InfeasibleError, NoisyMachineError, WorkerError,
    StoreError, UsageError or Interrupted as the run ends.
    """
    return Session(lambda stream, controls: _Tune(request, store, stream, controls, make_source).run(resume))


def run_tune(
    request: TuneRequest,
    store: Store,
    stream: Stream,
    controls: Controls,
    *,
    make_source: SourceFactory | None = None,
) -> TuneResult:
    """Tune in this thread, as part of something larger; raises as :func:`start_tune` does."""
    return _Tune(request, store, stream, controls, make_source).run(None)


class _Tune:
    """One tune in its thread."""

    def __init__(
        self, request: TuneRequest, store: Store, stream: Stream, controls: Controls,
        make_source: SourceFactory | None,
    ) -> None:  # fmt: skip
        self._request = request
        self._store = store
        self._stream = stream
        self._controls = controls
        self._make_source = make_source or live_rig
        self._steady: SteadyConfirmer | None = None
        """Where sustained speed is to be made best."""

    def run(self, resume: str | None) -> TuneResult:
        read_model(self._request.model_path)  # a bad file is told before anything is started
        if resume is None:
            self._check_objective()
        found = survey_machine(
            self._controls, rpc=self._request.rpc, on_reached=self._stream.emit
        )  # fmt: skip
        surroundings = with_ceilings(
            found, self._store, self._request.model_path, self._request.workload, self._controls,
            measure=self._make_source is live_rig,  # a recorded source says nothing of this machine
        )  # fmt: skip
        model = identify_model(self._request.model_path, self._controls)
        run_id = self._open_run(resume, model, surroundings)
        recorder = StoreRecorder(lambda events, trial: self._store.record(run_id, events, trial=trial))
        self._stream.run_id = run_id
        self._stream.recorder = recorder
        source = self._open_source(run_id, surroundings)
        gate = MemoryGate(
            self._request.model_path, surroundings.machine, self._request.constraints.max_memory_bytes
        )
        overtime = Overtime(self._request.budget.seconds)
        self._controls.hopeless = overtime.hopeless
        meter = LedgerMeter(
            source,
            stream=self._stream,
            controls=self._controls,
            recorder=recorder,
            ledger=self._store.ledger(run_id),
            gate=gate,
            overtime=overtime,
        )
        try:
            result = self._finish(run_id, self._tune(run_id, model, surroundings, meter, gate))
        except TrialFailure as failure:
            self._close_run(run_id, "failed", str(failure))
            if isinstance(failure.__cause__, TunesmithError):
                raise failure.__cause__ from None
            raise NoisyMachineError(
                tr("The defaults could not be measured: {reason}.", reason=failure.message)
            ) from failure
        except Interrupted:
            if overtime.given_up and not self._controls.cancelled:
                noisy = too_noisy(run_id, tr("the time was over, and a sample took far longer than before"))
                self._close_run(run_id, "failed", str(noisy))
                raise noisy from None
            self._close_run(run_id, "interrupted", tr("interrupted; what was measured is kept"))
            raise
        except StoreError as error:  # nothing is wrong with the run: it can go on once the store can be used
            self._close_run(run_id, "interrupted", str(error))
            raise
        except BaseException as error:
            self._close_run(run_id, "failed", str(error))
            raise
        finally:
            self._controls.hopeless = lambda: False
            self._store.leave_run(run_id)
            close = getattr(source, "close", None)
            if close is not None:
                close()
        if result.profile is None:
            raise TuneInfeasible(result)
        return result

    def _check_objective(self) -> None:
        """Refuse an objective that cannot be told; a source of the caller's own brings its own sensors."""
        check_objective(self._request, live=self._make_source is live_rig)

    def _open_source(self, run_id: str, found: Surroundings) -> GaugedSource:
        try:
            self._check_objective()  # a resumed run brings its own
            source = self._make_source(self._request, found, self._stream, self._controls)
        except TunesmithError as error:
            self._close_run(run_id, "failed", str(error))
            self._store.leave_run(run_id)
            raise
        self._gauge = source.gauge
        return source

    # ------------------------------------------------------------- the run's record

    def _open_run(self, resume: str | None, model: ModelIdentity, found: Surroundings) -> str:
        build = found.machine.build
        assert build is not None  # noqa: S101 (survey_machine fills it in)
        self._store.save_machine(found.machine, found.machine_class)
        self._store.save_model(model)
        if resume is None:
            known: tuple[KnownSettings, ...] = ()
            if self._request.warm_start:
                known = known_settings(self._store, self._request, model, found.machine_class)
            if self._request.baseline is not None:
                known = (*known, llama_cpp_defaults(found.machine, self._request))
            self._request = with_fit(self._request.model_copy(update={"known": known}), found)
            return self._store.start_run(
                "tune", self._request, model=model, machine=found.machine_class, build=build
            )
        run_id, self._request = claim(self._store, self._request, resume, model, found)
        self._stream.count_on_from(self._store.last_seq(run_id))
        return run_id

    def _close_run(self, run_id: str, state: str, sentence: str) -> None:
        """Write the end of a run that did not finish, whatever else is wrong."""
        try:
            outcome = "interrupted" if state == "interrupted" else "failed"
            self._stream.emit(
                RunFinished.model_validate({"outcome": outcome, "profile_id": None, "sentence": sentence})
            )
            if self._stream.recorder is not None:
                self._stream.recorder.flush()
            self._store.finish_run(
                run_id, "interrupted" if state == "interrupted" else "failed", None, sentence
            )
        except TunesmithError as error:  # the first error is the one to tell
            _LOG.warning("the end of run %s could not be stored: %s", run_id, error)

    # ------------------------------------------------------------- search and confirmation

    def _tune(
        self, run_id: str, model: ModelIdentity, found: Surroundings, meter: LedgerMeter, gate: MemoryGate
    ) -> TuneResult:
        request = self._request
        baseline, start = starting_points(request, found)
        check_devices(start, found.machine)
        gate.spare(baseline, start)
        limits = Limits(model.header, found.machine)
        blocks = blocks_of(model.header, gguf.read_tensors(Path(model.header.path)))
        machine = narrowed(found.machine, request.devices)
        baseline, tuner, guarded, result = self._search(
            model, machine, meter, limits, blocks, gate, baseline=baseline, start=start
        )
        if request.objective.name == "sustained":
            self._steady = SteadyConfirmer(request, meter=guarded, forecast=tuner.forecast)
        confirmer = Confirmer(request, scorer=tuner.scorer, meter=guarded, forecast=tuner.forecast)
        return self._conclude(run_id, model, found, meter, baseline, result, confirmer, limits, gate)

    def _search(
        self, model: ModelIdentity, machine: Machine, meter: LedgerMeter, limits: Limits,
        blocks: Blocks | None, gate: MemoryGate, *, baseline: Settings, start: Settings,
    ) -> tuple[Settings, Tuner, Meter, SearchResult]:  # fmt: skip
        """Search; with fewer layers of the defaults on devices where no device holds them.

        Returns:
            The baseline, what searched, the meter that keeps the margin, and what was found.

        Raises:
            TrialFailure: the baseline cannot be measured with any number of layers.
        """
        request = self._request
        lowered: list[dict[str, object]] = [
            {"n_gpu_layers": layers} for layers in lowered_offloads(baseline, machine, blocks)
        ]
        if request.fitted is not None and request.fitted != baseline:
            lowered.insert(0, {name: getattr(request.fitted, name) for name in _FITTED})
        fewer = iter(lowered)
        while True:
            loosest = limits.decode.loosest(request.workload, baseline, request.rules.cache_types)
            self._stream.emit(
                RunStarted(
                    kind="tune",
                    model_name=model.header.name or Path(request.model_path).name,
                    baseline=baseline,
                    resumed=meter.resumes,
                    decode_limit_tokens_per_s=loosest.tokens_per_s,
                    prefill_limit_tokens_per_s=limits.prefill.loosest(
                        request.workload, baseline
                    ).tokens_per_s,
                )
            )
            gate.spare(baseline, start)
            guarded: Meter = MarginMeter(meter, machine, exempt=(baseline.digest, start.digest))
            expense = Expense(request.objective, request.given_power)
            if expense.by_sensors:
                guarded = EnergyMeter(guarded, expense)
            tuner = Tuner(
                request, baseline=baseline, machine=machine, meter=guarded, emit=self._stream.emit,
                blocks=blocks,
            )  # fmt: skip
            try:
                return baseline, tuner, guarded, tuner.search(start)
            except TrialFailure as failure:
                changes = next(fewer, None)
                if tuner.began or failure.cause not in _TOO_LARGE or changes is None:
                    raise
                _LOG.info("no device holds the defaults; the baseline is lowered: %s", changes)
                baseline, start = baseline.replace(**changes), lowered_start(start, changes, request)

    def _conclude(
        self, run_id: str, model: ModelIdentity, found: Surroundings, meter: LedgerMeter,
        baseline: Settings, result: SearchResult, confirmer: Confirmer, limits: Limits,
        gate: MemoryGate,
    ) -> TuneResult:  # fmt: skip
        changes = result.changes
        confirmed: Confirmation | None = None
        held: SteadyEnd | None = None
        if self._steady is not None:
            held = steady_end(self._request, run_id, baseline, result, self._steady)
        if held is not None:
            before, after, speedup, found_speedup = held.before, held.after, held.speedup, None
            changes, outcome, sentence = held.changes, held.outcome, held.sentence
        elif result.settings == baseline:
            before = confirmer.baseline_alone(baseline)
            after, speedup, found_speedup = before, _SAME, None
            outcome, sentence = nothing_gained(self._request, run_id, before, result)
        else:
            fit = self._request.fitted
            second = fit if fit is not None and fit not in (baseline, result.settings) else None
            confirmed = confirmer.compare(baseline, result.settings, second)
            before, after, speedup = confirmed.baseline, confirmed.tuned, confirmed.speedup
            found_speedup = speedup
            if confirmed.verdict == "too_noisy":
                raise too_noisy(run_id, confirmed.why)
            if confirmed.verdict == "better":
                outcome = "budget_spent" if result.budget_spent else "improved"
                sentence = improvement_sentence(speedup, self._request)
                if result.budget_spent:
                    sentence = tr(
                        "{sentence}; the budget ran out before everything was tried", sentence=sentence
                    )
                if result.blind:
                    sentence = tr(
                        "{sentence}; others began to use the machine: no answer for {questions}",
                        sentence=sentence,
                        questions=", ".join(result.blind),
                    )
            else:
                after, speedup, changes = before, _SAME, ()
                result.budget_spent |= confirmed.verdict == "out_of_time"
                outcome, sentence = nothing_gained(self._request, run_id, before, result)
                if outcome == "infeasible" and confirmed.verdict == "breaks_constraints":
                    sentence = tr("Nothing satisfies the constraints: {why}", why=confirmed.why)
                elif outcome == "defaults_are_best":
                    sentence = tr(
                        "{baseline} are best here: other settings won, but {why}",
                        baseline=baseline_name(self._request.baseline), why=confirmed.why,
                    )  # fmt: skip
        allowed = [limits.confirmed(self._store, found, one) for one in (before, after)]
        energies = [self._energy(run_id, one) for one in (before, after)]
        return TuneResult(
            request=self._request, run_id=run_id, outcome=outcome, profile=None, baseline=before,
            tuned=after, speedup=speedup, changes=changes,
            guarantee=guarantee(
                self._request, result, kept=after.settings == result.settings, speedup=found_speedup
            ),
            trials=meter.taken, seconds=meter.spent_seconds,
            sentence=sentence, model=model, steady=None if held is None else held.steady,
            safety=safety_of(after, found.machine),
            projected_memory_bytes=gate.projected_bytes(after.settings),
            fit=fit_comparison(self._request.fitted, baseline=before, tuned=after, confirmed=confirmed),
            surroundings=found, baseline_limit=allowed[0].decode, tuned_limit=allowed[1].decode,
            baseline_prefill_limit=allowed[0].prefill, tuned_prefill_limit=allowed[1].prefill,
            baseline_energy=energies[0], tuned_energy=energies[1],
            tradeoff=tradeoff_of_run(
                self._store.ledger(run_id).values(), self._request, baseline=baseline.digest,
                chosen=after.settings.digest, energies=energies,
            ),
        )  # fmt: skip

    def _energy(self, run_id: str, measured: Measurement) -> Energy | None:
        return confirmed_energy(self._store, run_id, self._request, self._gauge, measured)

    # ------------------------------------------------------------- the end

    def _finish(self, run_id: str, result: TuneResult) -> TuneResult:
        profile = None if result.outcome == "infeasible" else new_profile(run_id, result)
        if profile is not None:
            self._store.save_profile(profile)
        finished = RunFinished(
            outcome=result.outcome, profile_id=profile.id if profile else None, sentence=result.sentence
        )
        self._stream.emit(finished)
        if self._stream.recorder is not None:
            self._stream.recorder.flush()
        self._store.finish_run(run_id, "finished", result.outcome, result.sentence)
        return TuneResult(
            **{name: getattr(result, name) for name in result.__slots__ if name != "profile"},
            profile=profile,
        )
