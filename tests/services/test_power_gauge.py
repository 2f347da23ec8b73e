"""Claims about the energy of a run, on sensors made for it and a real worker."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.machine.recorded_power import POWERCAP_HASWELL, plant
from tests.support.gguf_writer import tiny_llama
from tunesmith.domain.events import EVENTS, PowerRead
from tunesmith.domain.measurement import Conditions, MemoryUse, Sample
from tunesmith.domain.power import PowerReading, PowerSensor
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload
from tunesmith.machine.energy_powercap import PowercapReader
from tunesmith.machine.files import load_text
from tunesmith.machine.power_watch import PowerWatch
from tunesmith.services.energy_check import energy_checks
from tunesmith.services.power_gauge import PowerGauge, silence
from tunesmith.services.rig import Rig
from tunesmith.worker.protocol import NoisePolicy

PACKAGE = PowerSensor(
    id="p0", name="package-0", source="powercap", covers="processors", counts=True, wraps_joules=65_532.6
)
DENIED = PACKAGE.model_copy(update={"id": "p1", "name": "package-1", "why": "only root may read it",
                                    "todo": "Run `sudo chmod`."})  # fmt: skip


class Sensors:
    """Counters of a machine that draws as told by the clock: 20 W until ``loaded_ns``, then 80 W."""

    def __init__(self, *sensors: PowerSensor, start_joules: float = 65_532.0) -> None:
        self._sensors = sensors
        self._begun_ns = time.monotonic_ns()
        self._start_joules = start_joules  # begins anew soon after
        self.loaded_ns: int | None = None

    def sensors(self) -> tuple[PowerSensor, ...]:
        return self._sensors

    def power(self) -> tuple[PowerReading, ...]:
        now_ns = time.monotonic_ns()
        joules = self._start_joules + 20.0 * (now_ns - self._begun_ns) / 1e9
        if self.loaded_ns is not None:
            joules += 60.0 * max(0, now_ns - self.loaded_ns) / 1e9
        return tuple(
            PowerReading(sensor=sensor.id, mono_ns=now_ns, joules=joules % 65_532.6)
            for sensor in self._sensors
            if not sensor.why
        )

    def close(self) -> None:
        pass


def gauge(
    *sensors: PowerSensor, idle_seconds: float = 0.25, period_s: float = 0.01
) -> tuple[PowerGauge, Sensors]:
    reader = Sensors(*sensors)

    def watch() -> PowerWatch:
        return PowerWatch(open_all=lambda: (reader,), period_s=period_s)

    return PowerGauge(watch=watch, idle_seconds=idle_seconds), reader


def sample(started_ns: int, prefill_s: float, steps: int) -> Sample:
    return Sample(
        prefill_tokens=100, prefill_ns=round(prefill_s * 1e9), step_ns=(20_000_000,) * steps, sequences=1,
        conditions=Conditions(foreign_cores=0.0, wait_share=None, steal_cores=None),
        memory=MemoryUse(peak_rss_bytes=None, rss_bytes=None, pss_bytes=None), noisy=False,
        started_mono_ns=started_ns, cost_ns=1,
    )  # fmt: skip


def test_idle_and_load_are_told_apart_and_the_counters_end_does_not_show() -> None:
    meter, reader = gauge(PACKAGE)
    with meter:
        meter.idle()
        reader.loaded_ns = started = time.monotonic_ns()
        time.sleep(0.55)
        found = meter.of(sample(started, 0.2, 15))
        energy = meter.sum_up([found])
    assert energy.origin == "measured"
    assert energy.idle_watts == pytest.approx(20, rel=0.05)
    assert energy.decode.watts == pytest.approx(80, rel=0.05)
    assert energy.decode.joules_per_token is not None
    assert energy.decode.joules_per_token.median == pytest.approx(1.6, rel=0.05)
    assert energy.decode.above_idle_joules_per_token is not None
    assert energy.decode.above_idle_joules_per_token.median == pytest.approx(1.2, rel=0.07)
    assert energy.prefill.joules_per_token is not None
    assert energy.prefill.joules_per_token.median == pytest.approx(0.16, rel=0.1)
    assert energy.cost is not None


def test_a_part_too_short_for_the_readings_says_what_to_do() -> None:
    meter, _ = gauge(PACKAGE)
    with meter:
        started = time.monotonic_ns()
        time.sleep(0.35)
        energy = meter.sum_up([meter.of(sample(started, 0.002, 15))])
    assert "ask for more tokens" in energy.prefill.reason
    assert energy.decode.joules_per_token is not None
    assert energy.decode.above_idle_reason == "package-0: idle power was not measured"


def test_a_second_package_that_may_not_be_read_leaves_no_sum() -> None:
    meter, _ = gauge(PACKAGE, DENIED)
    with meter:
        meter.idle()
        started = time.monotonic_ns()
        time.sleep(0.2)
        energy = meter.sum_up([meter.of(sample(started, 0.05, 5))])
    assert energy.origin == "none"
    assert energy.decode.reason == "package-1: only root may read it"


def test_where_nothing_may_be_read_the_sample_is_left_as_it_is_and_nobody_waits() -> None:
    meter, _ = gauge(DENIED, idle_seconds=30)
    with meter:
        begun = time.monotonic()
        meter.idle()
        plain = sample(1, 1.0, 5)
        assert meter.of(plain) is plain
        assert time.monotonic() - begun < 5
        energy = meter.sum_up([plain])
    assert energy.decode.reason == "package-1: only root may read it"
    assert energy.cost is None


def test_the_power_of_the_last_moments_is_the_sum_of_what_counts_together() -> None:
    second = PACKAGE.model_copy(update={"id": "p2", "name": "package-1"})
    board = PACKAGE.model_copy(update={"id": "m", "name": "board", "source": "hwmon", "covers": "machine"})
    meter, _ = gauge(PACKAGE, second, board)
    with meter:
        assert meter.silent() is None
        time.sleep(0.15)
        told = meter.latest()
    assert told is not None
    assert told.watts == pytest.approx(40, rel=0.1)
    assert told.sensors == ("package-0", "package-1")
    assert told.core_share is not None


def test_a_recorded_tree_whose_counters_go_on_tells_its_power(tmp_path: Path) -> None:
    """A Haswell's package and memory, made to draw 40 W and 5 W from what they told on."""
    begun, watts = time.monotonic(), {"package-0": 40e6, "dram": 5e6}

    def load(path: Path) -> str:
        told = load_text(path)
        if path.name != "energy_uj":
            return told
        rate = watts[load_text(path.with_name("name"))]
        return str(int(told) + round(rate * (time.monotonic() - begun)))

    reader = PowercapReader(plant(tmp_path, POWERCAP_HASWELL), load=load)
    watch = PowerWatch(open_all=lambda: (reader,), period_s=0.01)
    with PowerGauge(watch=lambda: watch, idle_seconds=0.2) as meter:
        meter.idle()
        time.sleep(0.1)
        told = meter.latest()
    assert told is not None
    assert told.sensors == ("package-0", "dram")
    assert told.watts == pytest.approx(45, rel=0.1)


class Stuck(Sensors):
    """Its counter stands still."""

    def power(self) -> tuple[PowerReading, ...]:
        return (PowerReading(sensor="p0", mono_ns=time.monotonic_ns(), joules=7.0),)


def test_no_power_is_told_of_half_a_machine_or_by_a_counter_that_stands_still() -> None:
    meter, _ = gauge(PACKAGE, DENIED)
    with meter:
        time.sleep(0.15)
        assert meter.latest() is None, "the other package may not be read"
    with PowerGauge(watch=lambda: PowerWatch(open_all=lambda: (Stuck(PACKAGE),), period_s=0.01)) as stuck:
        time.sleep(0.15)
        assert stuck.latest() is None


def test_where_nothing_may_be_read_that_is_said_with_its_reason() -> None:
    meter, _ = gauge(DENIED)
    with meter:
        told = meter.silent()
        assert told is not None
        assert (told.watts, told.why) == (None, "package-1: only root may read it")
        assert EVENTS.validate_json(EVENTS.dump_json(told)) == told
        assert meter.latest() is None


def test_a_rig_tells_the_power_once_a_second_at_most(tmp_path: Path) -> None:
    model = tiny_llama().write(tmp_path / "tiny.gguf")
    told: list[PowerRead] = []

    def listen(event: object) -> None:
        if isinstance(event, PowerRead):
            told.append(event)

    meter, _ = gauge(PACKAGE)
    begun = time.monotonic()
    with Rig(
        str(model), noise=NoisePolicy(max_foreign_cores=1e6, max_wait_share=1e6), on_event=listen, gauge=meter
    ) as rig:
        settings, workload = Settings(threads=1, threads_batch=1, n_ctx=64), Workload(prompt=8, generate=4)
        while len(told) < 2 and time.monotonic() - begun < 20:
            rig.sample(settings, workload)
    assert len(told) == 2
    assert (told[1].mono_ns - told[0].mono_ns) / 1e9 > 0.9
    assert EVENTS.validate_json(EVENTS.dump_json(told[0])) == told[0]


def test_a_stop_ends_the_wait_for_the_idle_power() -> None:
    meter, _ = gauge(PACKAGE, idle_seconds=30)
    with meter:
        begun = time.monotonic()
        meter.idle(stop=lambda: True)
        assert time.monotonic() - begun < 5


def test_silence_has_its_reasons() -> None:
    assert silence([]) == "this machine shows no sensor of power or energy"
    assert silence([DENIED]) == "package-1: only root may read it"
    assert silence([PACKAGE, DENIED]) == ""


def test_the_check_up_names_what_tells_and_what_a_permission_would_add() -> None:
    told, denied = energy_checks([PACKAGE, DENIED])
    assert (told.status, told.what) == ("ok", "power is told by package-0 (powercap)")
    assert (denied.status, denied.what) == ("warning", "package-1: only root may read it")
    assert denied.todo == "Joules per token would be told. Run `sudo chmod`."


def test_the_check_up_of_a_machine_without_sensors_is_well_and_names_the_way_out() -> None:
    (check,) = energy_checks([])
    assert check.status == "ok"
    assert "--load-watts" in (check.todo or "")
    mute = DENIED.model_copy(update={"todo": "", "why": "the driver says: Not Supported"})
    (check,) = energy_checks([mute])
    assert check.what == "package-1: the driver says: Not Supported"
