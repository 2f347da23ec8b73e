"""Claims about joules per token: what is summed, what is subtracted, and when there is no figure."""

from __future__ import annotations

import pytest

from tunesmith.domain.energy import (
    GivenPower,
    ReadingCost,
    counting,
    decode_joules_per_token,
    energy_of,
    prefill_joules_per_token,
)
from tunesmith.domain.measurement import Conditions, MemoryUse, Sample
from tunesmith.domain.power import Covers, PowerSource, SensorUse

IDLE_W = 10.0


def use(
    name: str = "package-0",
    source: PowerSource = "powercap",
    covers: Covers = "processors",
    *,
    prefill_j: float | None = 100.0,
    decode_j: float | None = 200.0,
    idle_watts: float | None = IDLE_W,
    idle_error: float = 0.0,
    why: str = "",
) -> SensorUse:
    return SensorUse(
        sensor=f"{source}:{name}", name=name, source=source, covers=covers, idle_watts=idle_watts,
        idle_error_watts=idle_error, idle_why="" if idle_watts is not None else "idle was not read",
        prefill_joules=prefill_j, prefill_why="" if prefill_j is not None else why,
        decode_joules=decode_j, decode_why="" if decode_j is not None else why,
    )  # fmt: skip


def sample(*power: SensorUse, prefill_s: float | None = 2.0, steps: int = 40, noisy: bool = False) -> Sample:
    """50 tokens each of two sequences prefilled, then ``steps`` of a tenth of a second."""
    return Sample(
        prefill_tokens=0 if prefill_s is None else 100,
        prefill_ns=None if prefill_s is None else round(prefill_s * 1e9),
        step_ns=(100_000_000,) * steps,
        sequences=2,
        conditions=Conditions(foreign_cores=0.0, wait_share=None, steal_cores=None, power=power),
        memory=MemoryUse(peak_rss_bytes=None, rss_bytes=None, pss_bytes=None),
        noisy=noisy,
        started_mono_ns=1,
        cost_ns=1,
    )


def test_joules_are_shared_among_tokens_and_idle_power_is_taken_off() -> None:
    energy = energy_of([sample(use()), sample(use(prefill_j=110.0, decode_j=220.0))])
    prefill, decode = energy.prefill, energy.decode
    assert energy.origin == "measured"
    assert energy.idle_watts == IDLE_W
    assert prefill.joules_per_token is not None
    assert prefill.joules_per_token.samples == pytest.approx((1.0, 1.1))
    assert prefill.above_idle_joules_per_token is not None
    assert prefill.above_idle_joules_per_token.samples == pytest.approx((0.8, 0.9))  # less 10 W for 2 s
    assert prefill.watts == pytest.approx(210 / 4)
    assert decode.joules_per_token is not None
    assert decode.joules_per_token.samples == pytest.approx((2.5, 2.75))  # 40 steps of two sequences
    assert decode.above_idle_joules_per_token is not None
    assert decode.above_idle_joules_per_token.samples == pytest.approx((2.0, 2.25))
    low, high = decode.joules_per_token.low, decode.joules_per_token.high
    assert low is not None
    assert high is not None
    assert low < 2.5 < 2.75 < high
    assert prefill_joules_per_token(energy) == pytest.approx(1.05)
    assert decode_joules_per_token(energy) == pytest.approx(2.625)


def test_the_error_of_the_idle_power_widens_what_is_above_it_and_nothing_else() -> None:
    sure, unsure = (energy_of([sample(use(idle_error=error)) for _ in range(4)]) for error in (0.0, 2.0))
    assert sure.decode.joules_per_token == unsure.decode.joules_per_token
    one, other = sure.decode.above_idle_joules_per_token, unsure.decode.above_idle_joules_per_token
    assert one is not None and other is not None  # noqa: PT018
    assert one.low is not None and other.low is not None  # noqa: PT018
    assert other.low < one.low


def test_packages_memory_and_devices_are_summed_and_the_machine_is_not_added_again() -> None:
    parts = (
        use("package-0"), use("package-1"), use("dram", covers="memory"), use("H100", "nvml", "device"),
        use("battery BAT0", "battery", "machine"), use("Esocket0", "hwmon"), use("APU", "amdgpu"),
    )  # fmt: skip
    energy = energy_of([sample(*parts)])
    assert prefill_joules_per_token(energy) == pytest.approx(4.0)
    assert energy.idle_watts == pytest.approx(4 * IDLE_W)
    counted = {sensor.name: sensor.counted for sensor in energy.sensors}
    assert [name for name, counts in counted.items() if counts] == ["package-0", "package-1", "dram", "H100"]


@pytest.mark.parametrize(
    ("uses", "chosen"),
    [
        ([use("BAT0", "battery", "machine"), use("H100", "nvml", "device")], ["battery:BAT0"]),
        ([use("BAT0", "battery", "machine"), use("meter", "hwmon", "machine")], ["hwmon:meter"]),
        ([use("H100", "nvml", "device")], ["nvml:H100"]),
        ([use("SoC", "powermetrics"), use("BAT0", "battery", "machine")], ["powermetrics:SoC"]),
        ([use("APU", "amdgpu"), use("card", "amdgpu", "device")], ["amdgpu:APU", "amdgpu:card"]),
        ([], []),
    ],
)
def test_each_thing_is_told_by_the_best_that_tells_it(uses: list[SensorUse], chosen: list[str]) -> None:
    assert list(counting(uses, {})) == chosen


def test_without_a_sensor_there_is_no_figure_but_a_reason() -> None:
    energy = energy_of([sample()], silent="package-0: only root may read it")
    assert energy.origin == "none"
    assert energy.prefill.joules_per_token is None
    assert energy.prefill.reason == "package-0: only root may read it"
    assert energy.idle_watts is None
    assert decode_joules_per_token(energy) is None


def test_a_sensor_that_lies_for_the_whole_run_leaves_no_figure_at_all() -> None:
    energy = energy_of([sample(use())], lies={"powercap:package-0": "it tells 0 W all along"})
    assert energy.origin == "none"
    assert energy.decode.reason == "package-0: it tells 0 W all along"
    assert energy.decode.above_idle_joules_per_token is None
    (told,) = energy.sensors
    assert (told.counted, told.decode_watts, told.reason) == (False, None, "it tells 0 W all along")


def test_one_package_without_a_figure_leaves_no_sum() -> None:
    energy = energy_of([sample(use(), use("package-1", decode_j=None, why="its counter was set back"))])
    assert energy.decode.joules_per_token is None
    assert energy.decode.reason == "package-1: its counter was set back"
    assert energy.prefill.joules_per_token is not None


def test_memory_that_stands_still_is_left_out_of_the_sum() -> None:
    dram = use("dram", covers="memory", prefill_j=None, decode_j=None, idle_watts=None, why="stands still")
    energy = energy_of([sample(use(), dram)])
    assert prefill_joules_per_token(energy) == pytest.approx(1.0)
    assert [sensor.counted for sensor in energy.sensors] == [True, False]


def test_a_load_no_higher_than_idle_has_no_figure_above_it() -> None:
    energy = energy_of([sample(use(idle_watts=80.0))])
    assert energy.prefill.joules_per_token is not None
    assert energy.prefill.above_idle_joules_per_token is None
    assert energy.prefill.above_idle_reason == "no more was drawn than when idle"


def test_idle_power_that_is_not_known_leaves_what_was_drawn_in_all() -> None:
    energy = energy_of([sample(use(idle_watts=None))])
    assert energy.idle_reason == "package-0: idle was not read"
    assert decode_joules_per_token(energy) == pytest.approx(2.5)
    assert energy.decode.above_idle_reason == "package-0: idle was not read"


def test_a_part_that_was_not_run_says_so() -> None:
    energy = energy_of([sample(use(prefill_j=None), prefill_s=None)])
    assert energy.prefill.reason == "nothing was prefilled"
    assert energy.decode.joules_per_token is not None


def test_a_sensor_that_came_late_leaves_no_figure() -> None:
    energy = energy_of([sample(), sample(use())])
    assert energy.decode.reason == "a sensor was not read at every sample"


def test_watts_that_the_user_gave_are_labelled_and_overrule_sensors_that_are_shown() -> None:
    energy = energy_of([sample(use())], given=GivenPower(load_watts=65.0, idle_watts=15.0))
    assert energy.origin == "given"
    assert prefill_joules_per_token(energy) == pytest.approx(1.3)  # 65 W for 2 s, 100 tokens
    assert energy.prefill.above_idle_joules_per_token is not None
    assert energy.prefill.above_idle_joules_per_token.median == pytest.approx(1.0)
    assert energy.idle_watts == 15.0
    assert [sensor.decode_watts for sensor in energy.sensors] == [pytest.approx(50.0)]


def test_what_reading_costs_is_a_share_of_one_core() -> None:
    assert ReadingCost(readings=40, seconds=10.0, cpu_seconds=0.02).core_share == pytest.approx(0.002)
    assert ReadingCost(readings=1, seconds=0.0, cpu_seconds=0.0).core_share is None
