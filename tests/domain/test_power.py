"""Claims about sensors of power: counters that begin anew, spans between readings, and sensors that lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.machine.recorded_power import EPYC_RANGE_UJ, ZEUS_DISAGREEMENT, h200_readings
from tunesmith.domain.power import (
    PowerReading,
    PowerSensor,
    counted,
    drawn,
    idle_power,
    not_believed,
)

SECOND = 1_000_000_000
RANGE_J = EPYC_RANGE_UJ / 1e6
PACKAGE = PowerSensor(
    id="p", name="package-0", source="powercap", covers="processors", counts=True, wraps_joules=RANGE_J
)
CARD = PowerSensor(id="c", name="RX 580", source="amdgpu", covers="device", counts=False)
H200 = PowerSensor(id="nvml:h200", name="NVIDIA H200", source="nvml", covers="device", counts=True)


def counter(joules: Sequence[float | None], step_s: float = 0.25) -> list[PowerReading]:
    return [
        PowerReading(sensor="p", mono_ns=round(at * step_s * SECOND), joules=value)
        for at, value in enumerate(joules)
    ]


def power(watts: Sequence[float | None], step_s: float = 0.25, sensor: str = "c") -> list[PowerReading]:
    return [
        PowerReading(sensor=sensor, mono_ns=round(at * step_s * SECOND), watts=value)
        for at, value in enumerate(watts)
    ]


# --- counters


@given(
    before=st.floats(0, RANGE_J), watts=st.floats(0.1, 1900), seconds=st.floats(0.05, 30), known=st.booleans()
)
def test_a_counter_is_followed_across_its_end(
    before: float, watts: float, seconds: float, *, known: bool
) -> None:
    used = watts * seconds
    after = before + used
    if after >= RANGE_J:
        after -= RANGE_J
        if not known:
            with pytest.raises(ValueError, match="not told"):
                counted(before, after, seconds=seconds, most_watts=2000, wraps=None)
            return
    wraps = RANGE_J if known else None
    assert counted(before, after, seconds=seconds, most_watts=2000, wraps=wraps) == pytest.approx(
        used, abs=1e-3
    )


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (-1.0, 5.0, "negative"),
        (5.0, -1.0, "negative"),
        (30_000.0, 0.0, "set back"),  # 35 kJ to the end, in a second
        (RANGE_J * 3, 1.0, "set back"),  # beyond its own end
        (100.0, 9_000.0, "jumped by"),
    ],
)
def test_a_counter_that_cannot_be_true_gives_a_reason_and_no_figure(
    before: float, after: float, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        counted(before, after, seconds=1.0, most_watts=2000, wraps=RANGE_J)


# --- spans


def test_a_span_between_readings_is_interpolated() -> None:
    readings = counter([0, 10, 20, 40, 60, 80, 100])
    used = drawn(PACKAGE, readings, round(0.125 * SECOND), round(1.375 * SECOND))
    assert used.joules == pytest.approx(90 - 5)
    assert used.watts == pytest.approx(85 / 1.25)


def test_power_is_integrated_by_trapezoids() -> None:
    used = drawn(CARD, power([100, 100, 200, 200, 200, 100]), 0, round(1.25 * SECOND))
    assert used.joules == pytest.approx(0.25 * (100 + 150 + 200 + 200 + 150))


def test_the_end_of_a_counters_range_in_a_span_does_not_show() -> None:
    start = RANGE_J - 25
    plain, wrapping = (
        counter([10.0 * at for at in range(8)]),
        counter([(start + 10.0 * at) % RANGE_J for at in range(8)]),
    )
    span = (round(0.1 * SECOND), round(1.7 * SECOND))
    assert drawn(PACKAGE, wrapping, *span).joules == pytest.approx(drawn(PACKAGE, plain, *span).joules)


@pytest.mark.parametrize(
    ("readings", "why"),
    [
        (counter([0, 10]), "not read around"),
        (counter([]), "not read around"),
        (counter([0, 40], step_s=2.0), "too short"),
        (counter([0, 1, 2, None, 4, 5, 6, 7, 8, 9]), "stopped telling"),
        (counter([7.0] * 10), "stands still"),
        (counter([0, 1, 2, -3, 4, 5, 6, 7, 8, 9]), "negative energy"),
        (counter([0, 1, 2, 3, 9000, 9001, 9002, 9003, 9004]), "jumped by"),
        (counter([50, 51, 52, 0, 1, 2, 3, 4, 5, 6]), "set back"),
        ([*counter([*range(4), 100], step_s=0.3), PowerReading(sensor="p", mono_ns=9 * SECOND, joules=150)],
         "not read for"),
    ],
)  # fmt: skip
def test_a_counter_that_lies_or_is_silent_gives_a_reason_and_no_figure(
    readings: list[PowerReading], why: str
) -> None:
    used = drawn(PACKAGE, readings, round(0.05 * SECOND), round(1.5 * SECOND))
    assert used.joules is None
    assert used.watts is None
    assert why in used.why


@pytest.mark.parametrize(
    ("watts", "why"),
    [
        ([50, 50, 0, 50, 50, 50, 50, 50], "told 0 W"),
        ([0.0] * 8, "told 0 W"),
        ([50, 51, -2, 52, 50, 50, 50, 50], "negative power"),  # -2 W: nicehash/excavator, issue 137
        ([50, 51, 65_535, 52, 50, 50, 50, 50], "not believed"),  # 0xFFFF: MangoHud, issue 875
        ([50, 51, None, 52, 50, 50, 50, 50], "stopped telling"),
    ],
)
def test_a_power_that_lies_gives_a_reason_and_no_figure(watts: list[float | None], why: str) -> None:
    used = drawn(CARD, power(watts), round(0.05 * SECOND), round(1.5 * SECOND))
    assert used.joules is None
    assert why in used.why


def test_a_lie_outside_a_span_does_not_spoil_it() -> None:
    readings = power([65_535, 50, 50, 50, 52, 50, 50, 50])
    assert drawn(CARD, readings, round(0.3 * SECOND), round(1.6 * SECOND)).joules is not None


def test_a_battery_that_was_not_renewed_meanwhile_tells_nothing() -> None:
    battery = PowerSensor(id="b", name="battery BAT0", source="battery", covers="machine", counts=False)
    stale = drawn(battery, power([12.0] * 8, sensor="b"), 0, round(1.5 * SECOND))
    assert (stale.joules, stale.why) == (None, "it was not renewed meanwhile")
    renewed = drawn(battery, power([12.0] * 4 + [14.0] * 4, sensor="b"), 0, round(1.75 * SECOND))
    assert renewed.watts == pytest.approx(13, abs=0.2)


# --- a whole run


@pytest.mark.parametrize(
    ("sensor", "readings", "why"),
    [
        (CARD, power([66.0] * 20), "66.0 W all along"),
        (CARD, power([0.0] * 20), "0 W all along"),  # MangoHud, issues 1202 and 1620
        (PACKAGE, counter([7.0] * 20), "stands still"),
        (CARD, power([66.0] * 7), ""),
        (CARD, power([66.0] * 19 + [67.0]), ""),
        (PACKAGE, counter([float(at) for at in range(20)]), ""),
    ],
)
def test_what_never_moves_over_idle_and_load_is_not_believed(
    sensor: PowerSensor, readings: list[PowerReading], why: str
) -> None:
    said = not_believed(sensor, readings)
    assert why in said
    assert bool(said) == bool(why)


def test_a_device_whose_counter_and_power_disagree_is_not_believed() -> None:
    counted_j, told_j, seconds = ZEUS_DISAGREEMENT
    step = 0.5
    readings = [
        PowerReading(
            sensor="nvml:h200", mono_ns=round(at * step * SECOND), joules=at * step * counted_j / seconds,
            watts=told_j / seconds,
        )
        for at in range(24)
    ]  # fmt: skip
    assert not_believed(H200, readings) == "its counter says 37.5 W and its power 65.3 W"


# --- a recorded device


def test_a_recorded_h200_is_believed_idle_and_under_load() -> None:
    readings, loaded_ns = h200_readings()
    assert not_believed(H200, readings) == ""
    begun = readings[0].mono_ns
    idle = idle_power(H200, readings, begun, begun + 3 * SECOND)
    assert idle.watts == pytest.approx(80.5, abs=1)
    assert 0 < idle.error_watts < 1
    span: Any = (loaded_ns, loaded_ns + 8 * SECOND)
    by_counter = drawn(H200, readings, *span).watts
    by_power = drawn(H200.model_copy(update={"counts": False}), readings, *span).watts
    assert by_counter == pytest.approx(451, abs=1)
    assert by_power == pytest.approx(by_counter, rel=0.02)


def test_idle_power_of_a_silent_sensor_has_a_reason() -> None:
    idle = idle_power(PACKAGE, [], 0, 3 * SECOND)
    assert idle.watts is None
    assert idle.why
