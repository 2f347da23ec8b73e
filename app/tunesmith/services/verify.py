"""Own measuring a profile again, in fresh processes and within a time limit: does it hold on this machine?"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median

from tunesmith import __version__
from tunesmith.domain.endpoint import refuse_unnamed
from tunesmith.domain.events import Progress, RunFinished, RunStarted, TrialMeasured
from tunesmith.domain.measurement import Measurement, Quantity, Sample
from tunesmith.domain.model import ModelIdentity
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.ruling import FEWEST, InTurn, Ruling, in_turn, mean_ratio, rule
from tunesmith.domain.summary import summarize
from tunesmith.domain.verification import (
    MARGIN,
    Verification,
    VerifiedProfile,
    differences,
    speeds,
    undisturbed,
)
from tunesmith.errors import Interrupted, ModelNotFound
from tunesmith.services.context import Surroundings, check_devices, identify_model, survey_machine
from tunesmith.services.metering import SampleSource
from tunesmith.services.rig import Rig
from tunesmith.services.session import Controls, Session, Stream
from tunesmith.services.verify_rounds import FIRST_LOOK, Role, Rounds, has_baseline
from tunesmith.wording import tr
from tunesmith.worker.protocol import NoisePolicy

BUDGET_SECONDS = 60.0
MOST_STARTS = 16
"""Fresh processes of the profile after which no more are made."""
HOPELESS = 3
"""So many disturbed samples in a row, and a machine is in use."""
REST_SECONDS = 2.0

SourceFactory = Callable[["VerifyRequest", Stream, Controls, Callable[[], bool]], SampleSource]
"""The last one tells whether a sample under way is to be stopped."""


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """What is to be verified, and how long that may take."""

    profile: TunedProfile
    model_path: str
    budget_seconds: float = BUDGET_SECONDS
    """For measuring; hashing a model for the first time and asking llama.cpp what it is come on top."""
    margin: float = MARGIN
    rpc: tuple[str, ...] = ()
    """RPC servers that the user named."""


def find_model(profile: TunedProfile, given: str | None, beside: Path | None) -> str:
    """Where the profile's model lies: as told, else as the profile says, else beside its file.

    Raises:
        ModelNotFound: nowhere.
    """
    if given is not None:
        return given
    path = Path(profile.model.header.path)
    places = [path] if beside is None else [path, beside.parent / path.name]
    for place in places:
        if place.is_file():
            return str(place)
    raise ModelNotFound(
        tr("The profile's model {path} is not here.", path=path),
        unharmed=tr("Nothing was measured."),
        todo=tr("Say where it is with --model."),
    )


def start_verify(
    request: VerifyRequest,
    *,
    make_source: SourceFactory | None = None,
    found: Surroundings | None = None,
    model: ModelIdentity | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Session[Verification]:
    """Verify in the background; what is given besides the request is for tests.

    The session's result raises ModelFileError, WorkerError, UsageError or Interrupted.
    """
    return Session(
        lambda stream, controls: _Verify(request, stream, controls, make_source, clock).run(found, model)
    )


def _rig(request: VerifyRequest, stream: Stream, _controls: Controls, interrupted: Callable[[], bool]) -> Rig:
    return Rig(
        request.model_path, live=1, on_event=stream.emit, interrupted=interrupted,
        rpc=request.profile.settings.rpc, noise=NoisePolicy(max_retries=1),
    )  # fmt: skip


class _Verify:
    """One verification in its thread."""

    def __init__(
        self, request: VerifyRequest, stream: Stream, controls: Controls, make_source: SourceFactory | None,
        clock: Callable[[], float],
    ) -> None:  # fmt: skip
        self._request = request
        self._stream = stream
        self._controls = controls
        self._make_source = make_source or _rig
        self._clock = clock
        self._began = self._sampling = clock()
        self._rounds = Rounds()

    def run(self, found: Surroundings | None, model: ModelIdentity | None) -> Verification:
        request, profile = self._request, self._request.profile
        refuse_unnamed(profile.settings.rpc, request.rpc)
        model = model or identify_model(request.model_path, self._controls)
        found = found or survey_machine(
            self._controls, rpc=profile.settings.rpc, on_reached=self._stream.emit
        )  # fmt: skip
        if model.sha256 != profile.model.sha256:
            words = tr(
                "The model {path} is not the one that the profile is for: SHA-256 {here}, not {there}.",
                path=request.model_path, here=f"{model.sha256[:16]}…", there=f"{profile.model.sha256[:16]}…",
            )  # fmt: skip
            return self._result(found, model, Ruling(answer="drifted", cause="model", sentence=words))
        check_devices(profile.settings, found.machine)
        self._rounds.alone = not has_baseline(profile, request.rpc, found.machine)
        name = model.header.name or Path(request.model_path).name
        self._stream.emit(RunStarted(kind="measure", model_name=name, baseline=profile.settings))
        ruling = self._measure()
        self._stream.emit(RunFinished(outcome="measured", profile_id=profile.id, sentence=ruling.sentence))
        return self._result(found, model, ruling)

    # ------------------------------------------------------------- measuring

    def _measure(self) -> Ruling:
        self._sampling = self._clock()
        source = self._make_source(
            self._request, self._stream, self._controls, lambda: self._controls.cancelled or self._left <= 0
        )
        try:
            return self._looks(source)
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()

    def _looks(self, source: SampleSource) -> Ruling:
        """Sample until a profile is found to hold at one of two looks, or time or starts are used up.

        How many samples there are at each look is fixed by the clock alone and not by what they say, so
        that each look errs on either side with at most half of what the interval leaves.
        """
        while True:
            try:
                self._rounds.take(partial(self._sample, source), self._bears)
            except Interrupted:
                if self._controls.cancelled:
                    raise
                return self._out_of_time(undisturbed(self._samples))
            quiet = undisturbed(self._samples)
            if all(sample.noisy for sample in self._samples[-HOPELESS:]) and len(self._samples) >= HOPELESS:
                return self._loaded()
            if len(quiet) in (FIRST_LOOK, MOST_STARTS):
                ruling = self._rule(quiet)
                if ruling.answer == "holds" or len(quiet) == MOST_STARTS:
                    return ruling
            if self._left < self._round_seconds:
                return self._out_of_time(quiet)
            if self._samples[-1].noisy:
                self._controls.sleep(REST_SECONDS)

    @property
    def _left(self) -> float:
        return self._request.budget_seconds - (self._clock() - self._sampling)

    @property
    def _round_seconds(self) -> float:
        """What one more round takes, on the average."""
        return (self._clock() - self._sampling) / len(self._samples)

    @property
    def _samples(self) -> list[Sample]:
        return self._rounds.samples

    def _bears(self, rounds: int) -> bool:
        """Whether so many rounds like those so far fit into the time."""
        return rounds * self._round_seconds <= self._request.budget_seconds

    def _sample(self, source: SampleSource, role: Role, number: int) -> Sample:
        """Take a sample in a fresh process and tell it."""
        self._controls.wait_if_paused()
        profile = self._request.profile
        done = min(1.0, (self._clock() - self._sampling) / self._request.budget_seconds)
        step = tr("measuring in fresh process {number}", number=number + 1)
        self._stream.emit(Progress(step=step, fraction=done, eta_seconds=max(0.0, self._left)))
        if role == "profile":
            settings, candidate = profile.settings, tr("the profile")
        else:
            settings, candidate = profile.baseline.settings, tr("the baseline")
        sample = source.sample(settings, profile.workload, group=f"verify-{number}/{role}")
        self._stream.emit(
            TrialMeasured(
                stage="verify", candidate=candidate, digest=settings.digest, round=number, sample=sample
            )
        )
        return sample

    # ------------------------------------------------------------- judging

    def _summary(self, quiet: list[Sample]) -> Measurement | None:
        profile = self._request.profile
        return summarize(quiet, profile.settings, profile.workload) if quiet else None

    def _rule(self, quiet: list[Sample]) -> Ruling:
        profile = self._request.profile
        measured = self._summary(quiet)
        new = speeds(measured, profile.objective) if measured else ()
        stated = speeds(profile.tuned, profile.objective)
        return rule(
            profile, stated, measured, new, margin=self._request.margin, compared=self._compared()
        )  # fmt: skip

    def _compared(self) -> InTurn | None:
        """The profile against its baseline, over the pairs that others left alone."""
        pairs = [(self._speed(before), self._speed(after)) for before, after in self._rounds.pairs()]
        return in_turn(self._request.profile, pairs)

    def _speed(self, sample: Sample) -> float:
        profile = self._request.profile
        (found,) = speeds(summarize([sample], profile.settings, profile.workload), profile.objective)
        return found

    def _out_of_time(self, quiet: list[Sample]) -> Ruling:
        if not self._samples:
            return Ruling(
                answer="cannot_tell", cause="budget",
                sentence=tr(
                    "Not one sample was done within {seconds} s: others use the machine, or it takes longer; "
                    "give more with --budget.",
                    seconds=round(self._request.budget_seconds),
                ),
            )  # fmt: skip
        if 2 * len(quiet) < len(self._samples):
            return self._loaded()
        if len(quiet) >= FEWEST:
            return self._rule(quiet)
        needed = FIRST_LOOK * self._round_seconds
        return Ruling(
            answer="cannot_tell", cause="budget",
            sentence=tr(
                "There was time for {count} of at least {fewest} samples; give about --budget {seconds}s.",
                count=len(quiet), fewest=FEWEST, seconds=round(1.2 * needed),
            ),
        )  # fmt: skip

    def _loaded(self) -> Ruling:
        cores = self._foreign_cores()
        if cores is None:
            words = tr("It cannot be told whether the profile holds: others used the machine.")
        else:
            words = tr(
                "It cannot be told whether the profile holds: others used {cores} cores of the machine.",
                cores=f"{cores:.1f}",
            )
        return Ruling(answer="cannot_tell", cause="load", sentence=words)

    def _foreign_cores(self) -> float | None:
        known = [
            sample.conditions.foreign_cores
            for sample in self._samples
            if sample.conditions.foreign_cores is not None
        ]
        return median(known) if known else None

    # ------------------------------------------------------------- telling

    def _result(self, found: Surroundings, model: ModelIdentity, ruling: Ruling) -> Verification:
        profile = self._request.profile
        here = found.machine.build.label if found.machine.build else tr("unknown")
        measured = self._summary(undisturbed(self._samples))
        stated, compared = speeds(profile.tuned, profile.objective), self._compared()
        return Verification(
            tunesmith_version=__version__,
            answer=ruling.answer, cause=ruling.cause, sentence=ruling.sentence,
            speed_ratio=mean_ratio(stated, speeds(measured, profile.objective)) if measured else None,
            prefill_ratio=_ratio(profile.tuned, measured, "prefill_tokens_per_s"),
            decode_ratio=_ratio(profile.tuned, measured, "decode_tokens_per_s"),
            baseline_ratio=compared.baseline_ratio if compared else None,
            speedup_ratio=compared.speedup_ratio if compared else None,
            memory_ratio=_ratio(profile.tuned, measured, "peak_memory_bytes"),
            margin=self._request.margin,
            starts=len(self._samples), disturbed=sum(sample.noisy for sample in self._samples),
            foreign_cores=self._foreign_cores(),
            profile=_in_short(profile),
            model_matches=model.sha256 == profile.model.sha256,
            build_matches=here == profile.build.label,
            class_matches=found.machine_class.fingerprint == profile.machine.fingerprint,
            differences=tuple(differences(profile, found.machine_class.facts, here)),
            machine_fingerprint=found.machine_class.fingerprint, machine_label=found.machine_class.label,
            build=here, measured=measured,
            budget_seconds=self._request.budget_seconds, seconds=round(self._clock() - self._began, 3),
            finished_utc=datetime.now(tz=UTC).isoformat(timespec="seconds"),
        )  # fmt: skip


def _in_short(profile: TunedProfile) -> VerifiedProfile:
    header = profile.model.header
    return VerifiedProfile(
        id=profile.id, name=profile.name, created_utc=profile.created_utc, objective=profile.objective,
        workload=profile.workload, settings=profile.settings, model_sha256=profile.model.sha256,
        model_name=header.name or Path(header.path).name, machine_fingerprint=profile.machine.fingerprint,
        machine_label=profile.machine.label, build=profile.build.label,
    )  # fmt: skip


def _ratio(stated: Measurement, measured: Measurement | None, name: str) -> Quantity | None:
    before = getattr(stated, name)
    after = getattr(measured, name) if measured is not None else None
    if before is None or after is None:
        return None
    deviation = {"stated_deviation": 0.0} if name == "peak_memory_bytes" else {}
    return mean_ratio(before.samples, after.samples, **deviation)
