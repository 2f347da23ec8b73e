"""Own the claims about a soak as it runs: it keeps what it measured, however it ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tunesmith.domain.events import Event
from tunesmith.domain.measurement import Conditions, MemoryUse, Sample
from tunesmith.domain.settings import Settings
from tunesmith.domain.soak import SoakRequest, SoakSample, Throttle
from tunesmith.domain.workload import Workload
from tunesmith.errors import Interrupted, StoreError, TunesmithError, WorkerCrashed
from tunesmith.services.session import Controls, Stream
from tunesmith.services.soak import Soak
from tunesmith.tuning.soak_samples import LEAST_GENERATE

SETTINGS = Settings(threads=2, threads_batch=2, n_ctx=1024)
WORKLOAD = Workload(prompt=512, generate=128)


class Machine:
    """A clock, and a source of samples whose speed falls at some time."""

    def __init__(self, *, falls_at: float = 1e9, fault: Callable[[float], None] = lambda _now: None) -> None:
        self.now = 0.0
        self.asked: list[Workload] = []
        self._falls_at = falls_at
        self._fault = fault

    def clock(self) -> float:
        return self.now

    def throttle(self) -> Throttle:
        held = max(0, int(self.now - self._falls_at))
        return Throttle(periods=held, seconds=0.01 * held)

    def sample(self, settings: Settings, workload: Workload, *, group: str = "search") -> Sample:
        del settings, group
        self._fault(self.now)
        self.asked.append(workload)
        slower = 2.0 if self.now >= self._falls_at else 1.0
        wobble = 1 + 0.002 * (len(self.asked) * 7 % 5)
        prefill_s = workload.prompt * 0.001 * slower * wobble
        step_ns = round(10e6 * slower * wobble)
        begun = self.now
        self.now += prefill_s + workload.generate * step_ns / 1e9
        return Sample(
            prefill_tokens=workload.prompt,
            prefill_ns=round(prefill_s * 1e9) if workload.prompt else None,
            step_ns=(step_ns,) * workload.generate,
            sequences=workload.parallel,
            conditions=Conditions(foreign_cores=0.0, wait_share=0.0, steal_cores=0.0),
            memory=MemoryUse(peak_rss_bytes=None, rss_bytes=None, pss_bytes=None),
            noisy=False,
            started_mono_ns=round(begun * 1e9),
            cost_ns=0,
        )


def soak(machine: Machine, *, seconds: float = 120, workload: Workload = WORKLOAD) -> Soak:
    events: list[Event] = []
    return Soak(
        SoakRequest(model_path="m.gguf", workload=workload, settings=SETTINGS, seconds=seconds),
        machine,
        stream=Stream(events.append),
        controls=Controls(),
        throttle=machine.throttle,
        clock=machine.clock,
    )


def test_prefill_and_decode_take_turns_in_samples_of_a_size_that_the_pilot_told() -> None:
    machine = Machine()
    soaked, code = soak(machine).run()
    assert code == 0
    assert soaked.end == "finished"
    assert [sample.part for sample in soaked.samples[:4]] == ["prefill", "decode"] * 2
    assert soaked.sampled["prefill"].generate == 0
    assert soaked.sampled["decode"].depth == WORKLOAD.prompt
    assert all(0.25 <= sample.seconds <= 0.7 for sample in soaked.samples)
    assert soaked.samples[0].begun_s == 0
    assert soaked.seconds == pytest.approx(120, abs=1)
    assert all(not part.changes for part in soaked.parts)


def test_a_machine_that_falls_to_half_halfway_is_found_out_and_its_quota_named() -> None:
    soaked, _ = soak(Machine(falls_at=60)).run()
    for part in soaked.parts:
        assert part.drop == pytest.approx(0.5, abs=0.02)
        assert part.time_to_throttle_s == pytest.approx(60, abs=2)
        assert part.changes[0].causes == ("quota",)


def test_a_workload_of_one_part_is_soaked_in_that_part() -> None:
    soaked, _ = soak(Machine(), workload=Workload(prompt=0, generate=64), seconds=20).run()
    assert {sample.part for sample in soaked.samples} == {"decode"}
    assert soaked.sampled["decode"].generate >= LEAST_GENERATE


def test_a_slow_model_gets_samples_as_short_as_a_pilots() -> None:
    class Slow(Machine):
        def sample(self, settings: Settings, workload: Workload, *, group: str = "search") -> Sample:
            found = super().sample(settings, workload, group=group)
            return found.model_copy(update={"step_ns": tuple(1000 * ns for ns in found.step_ns)})

    soaked, _ = soak(Slow(), workload=Workload(prompt=0, generate=64), seconds=2).run()
    assert soaked.sampled["decode"].generate == LEAST_GENERATE


@pytest.mark.parametrize(
    ("error", "end", "code"),
    [(Interrupted("stopped"), "interrupted", 130), (WorkerCrashed("It crashed."), "failed", 1)],
)
def test_what_was_measured_is_kept_however_it_ends(error: TunesmithError, end: str, code: int) -> None:
    def fault(now: float) -> None:
        if now > 30:
            raise error

    kept: list[SoakSample] = []
    running = soak(Machine(fault=fault))
    running.keep = kept.append
    soaked, told = running.run()
    assert (soaked.end, told) == (end, code)
    assert soaked.samples == tuple(kept)
    assert soaked.seconds == pytest.approx(30, abs=1)
    assert len(soaked.parts) == 2


def test_an_end_before_the_first_sample_is_an_error() -> None:
    def fault(now: float) -> None:
        raise Interrupted(f"stopped at {now}")

    with pytest.raises(Interrupted):
        soak(Machine(fault=fault)).run()


def test_a_full_disk_ends_a_soak_and_leaves_what_was_measured() -> None:
    running = soak(Machine())
    written: list[SoakSample] = []

    def keep(sample: SoakSample) -> None:
        written.append(sample)
        if len(written) == 100:
            raise StoreError("The disk is full.")

    running.keep = keep
    soaked, code = running.run()
    assert (soaked.end, soaked.fault, code) == ("failed", "The disk is full.", 6)
    assert list(soaked.samples) == written
