"""Own a plain measurement: one workload under one set of settings, and a profile measured again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tunesmith.domain.endpoint import refuse_unnamed
from tunesmith.domain.energy import energy_of
from tunesmith.domain.events import Progress, RunFinished, RunStarted, TrialMeasured
from tunesmith.domain.measurement import Measurement, Sample
from tunesmith.domain.request import MeasureRequest
from tunesmith.domain.summary import summarize
from tunesmith.errors import Interrupted, TunesmithError
from tunesmith.services.context import (
    Surroundings,
    check_devices,
    identify_model,
    read_model,
    survey_machine,
)
from tunesmith.services.limits import Limits, with_ceilings
from tunesmith.services.metering import StoreRecorder
from tunesmith.services.power_gauge import PowerGauge
from tunesmith.services.rig import Rig
from tunesmith.services.session import Controls, Session, Stream
from tunesmith.store import MeasuredTrial
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.bandwidth import DecodeLimit
    from tunesmith.domain.energy import Energy
    from tunesmith.domain.model import ModelIdentity
    from tunesmith.domain.throughput import PrefillLimit
    from tunesmith.store import Store


@dataclass(frozen=True, slots=True)
class MeasureResult:
    """What was measured, on what."""

    run_id: str
    measurement: Measurement
    seconds: float
    model: ModelIdentity
    surroundings: Surroundings
    limit: DecodeLimit
    energy: Energy | None = None
    """None where it was not asked for."""
    prefill_limit: PrefillLimit | None = None


def start_measure(request: MeasureRequest, store: Store) -> Session[MeasureResult]:
    """Measure in the background.

    The session's result raises ModelFileError, WorkerError, StoreError or Interrupted.
    """
    return Session(lambda stream, controls: _measure(request, store, stream, controls))


def _measure(request: MeasureRequest, store: Store, stream: Stream, controls: Controls) -> MeasureResult:
    begun = time.monotonic()
    read_model(request.model_path)
    refuse_unnamed(request.settings.rpc, request.rpc)
    found = survey_machine(controls, rpc=request.settings.rpc, on_reached=stream.emit)
    check_devices(request.settings, found.machine)
    found = with_ceilings(found, store, request.model_path, request.workload, controls)
    build = found.machine.build
    assert build is not None  # noqa: S101 (survey_machine fills it in)
    model = identify_model(request.model_path, controls)
    store.save_machine(found.machine, found.machine_class)
    store.save_model(model)
    run_id = store.start_run("measure", request, model=model, machine=found.machine_class, build=build)
    recorder = StoreRecorder(lambda events, trial: store.record(run_id, events, trial=trial))
    stream.run_id, stream.recorder = run_id, recorder
    name = model.header.name or Path(request.model_path).name
    limits = Limits(model.header, found.machine)
    stream.emit(
        RunStarted(
            kind="measure", model_name=name, baseline=request.settings,
            decode_limit_tokens_per_s=limits.decode.of(request.workload, request.settings).tokens_per_s,
            prefill_limit_tokens_per_s=limits.prefill.loosest(
                request.workload, request.settings
            ).tokens_per_s,
        )
    )  # fmt: skip
    try:
        samples, energy = _samples(request, stream, controls, recorder)
    except Interrupted:
        _end(store, stream, recorder, run_id, "interrupted")
        raise
    except TunesmithError:
        _end(store, stream, recorder, run_id, "failed")
        raise
    measurement = summarize(samples, request.settings, request.workload)
    _end(store, stream, recorder, run_id, "finished")
    allowed = limits.confirmed(store, found, measurement)
    return MeasureResult(
        run_id, measurement, time.monotonic() - begun, model, found, allowed.decode, energy, allowed.prefill
    )


def _samples(
    request: MeasureRequest, stream: Stream, controls: Controls, recorder: StoreRecorder
) -> tuple[list[Sample], Energy | None]:
    given = request.given_power
    gauge = PowerGauge() if request.energy else None
    with Rig(
        request.model_path, on_event=stream.emit, interrupted=lambda: controls.cancelled,
        rpc=request.settings.rpc, gauge=gauge,
    ) as rig:  # fmt: skip
        if gauge is not None and (silent := gauge.silent()) is not None:
            stream.emit(silent)
        elif gauge is not None:
            stream.emit(Progress(step=tr("idle power"), fraction=0.0, eta_seconds=None))
            gauge.idle(stop=lambda: controls.cancelled)
        samples = _take(rig, request, stream, controls, recorder)
        if gauge is not None:
            return samples, gauge.sum_up(samples, given)
    return samples, None if given is None else energy_of(samples, given=given)


def _take(
    rig: Rig, request: MeasureRequest, stream: Stream, controls: Controls, recorder: StoreRecorder
) -> list[Sample]:
    samples: list[Sample] = []
    settings = request.settings
    begun = time.monotonic()
    for number in range(request.repetitions):
        controls.wait_if_paused()
        done = number / request.repetitions
        eta = (time.monotonic() - begun) * (1 - done) / done if number else None
        step = tr("repetition {number} of {total}", number=number + 1, total=request.repetitions)
        stream.emit(Progress(step=step, fraction=done, eta_seconds=eta))
        sample = rig.sample(settings, request.workload)
        samples.append(sample)
        stream.emit(
            TrialMeasured(
                stage="measure", candidate=tr("these settings"), digest=settings.digest, round=number,
                sample=sample,
            )
        )  # fmt: skip
        recorder.write(
            MeasuredTrial(
                key=f"measure/{number}", stage="measure", candidate=tr("these settings"), round=number,
                settings=settings, sample=sample,
            )
        )  # fmt: skip
    return samples


def _end(store: Store, stream: Stream, recorder: StoreRecorder, run_id: str, state: str) -> None:
    sentence = {
        "finished": tr("measured"), "interrupted": tr("interrupted; what was measured is kept"),
    }.get(state, tr("failed"))  # fmt: skip
    outcome = "measured" if state == "finished" else state
    store.leave_run(run_id)
    stream.emit(RunFinished.model_validate({"outcome": outcome, "profile_id": None, "sentence": sentence}))
    recorder.flush()
    match state:
        case "finished" | "interrupted" | "failed":
            store.finish_run(run_id, state, outcome, sentence)
