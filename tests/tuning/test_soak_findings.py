"""Own the claims about what a soak's samples are said to mean."""

from __future__ import annotations

from typing import Any

import pytest

from tunesmith.domain.device_reading import DeviceLoad
from tunesmith.domain.event_base import Part
from tunesmith.domain.measurement import Conditions
from tunesmith.domain.soak import MeanConditions, SoakSample
from tunesmith.tuning.soak_findings import findings, likely_causes, mean_conditions

NOTHING = Conditions(foreign_cores=0.0, wait_share=0.0, steal_cores=0.0)


def sample(place: int, speed: float, *, part: Part = "decode", periods: int = 0, **read: Any) -> SoakSample:
    return SoakSample(
        part=part, begun_s=float(place), seconds=0.9, tokens=90, tokens_per_s=speed,
        conditions=NOTHING.model_copy(update=read), throttled_periods=periods, throttled_seconds=0.0,
    )  # fmt: skip


def wobble(place: int) -> float:
    return 1 + 0.004 * ((place * 7) % 5 - 2)


def device(**told: Any) -> DeviceLoad:
    values: dict[str, Any] = dict.fromkeys(DeviceLoad.model_fields)
    return DeviceLoad.model_validate(values | {"name": "GPU", "readings": 2} | told)


def test_a_fall_halfway_has_a_burst_a_sustained_speed_a_time_and_a_drop() -> None:
    samples = [sample(n, 100 * wobble(n) * (0.8 if n >= 60 else 1)) for n in range(120)]
    (decode,) = findings(samples)
    assert decode.burst_tokens_per_s.median == pytest.approx(100, rel=0.01)
    assert decode.sustained_tokens_per_s.median == pytest.approx(80, rel=0.01)
    assert decode.time_to_throttle_s == pytest.approx(60, abs=1)
    assert decode.drop_low <= 0.2 <= decode.drop_high
    assert decode.settled
    assert [change.causes for change in decode.changes] == [("not_known",)]


def test_a_steady_speed_has_no_drop_and_one_speed() -> None:
    (decode,) = findings([sample(n, 100 * wobble(n)) for n in range(60)])
    assert decode.changes == ()
    assert decode.drop == decode.drop_low == decode.drop_high == 0
    assert decode.time_to_throttle_s is None
    assert decode.burst_tokens_per_s == decode.sustained_tokens_per_s


def test_a_fall_that_ended_is_no_throttling() -> None:
    samples = [sample(n, 100 * wobble(n) * (0.8 if 60 <= n < 120 else 1)) for n in range(180)]
    (decode,) = findings(samples)
    assert [change.ratio < 1 for change in decode.changes] == [True, False]
    assert decode.time_to_throttle_s is None


def test_a_fall_near_the_end_is_not_called_settled() -> None:
    samples = [sample(n, 100 * wobble(n) * (0.8 if n >= 105 else 1)) for n in range(120)]
    (decode,) = findings(samples)
    assert decode.changes
    assert not decode.settled


def test_prefill_and_decode_are_told_apart_and_too_few_samples_tell_nothing() -> None:
    prefill = [sample(2 * n, 900 * wobble(n), part="prefill") for n in range(30)]
    decode = [sample(2 * n + 1, 90 * wobble(n)) for n in range(3)]
    assert [part.part for part in findings([*prefill, *decode])] == ["prefill"]
    assert findings(decode) == ()


def means(**told: Any) -> MeanConditions:
    return mean_conditions([sample(n, 100, **told) for n in range(6)])


@pytest.mark.parametrize(
    ("before", "after", "causes"),
    [
        ({}, {}, ("not_known",)),
        ({"cpu_mhz": 4000.0}, {"cpu_mhz": 3000.0, "temperature_celsius": 95.0}, ("heat",)),
        ({"cpu_mhz": 4000.0}, {"cpu_mhz": 3000.0, "temperature_celsius": 60.0}, ("clock",)),
        ({"cpu_mhz": 4000.0}, {"cpu_mhz": 3000.0}, ("clock",)),
        ({"cpu_mhz": 4000.0}, {"cpu_mhz": 3950.0, "temperature_celsius": 95.0}, ("not_known",)),
        ({}, {"foreign_cores": 0.9}, ("other_program",)),
        ({"foreign_cores": 0.9}, {"foreign_cores": 0.9}, ("not_known",)),
        ({}, {"steal_cores": 0.5}, ("hypervisor",)),
        ({}, {"periods": 3}, ("quota",)),
        ({}, {"periods": 3, "foreign_cores": 0.9}, ("quota", "other_program")),
        ({}, {"periods": 3, "foreign_cores": 0.3}, ("quota",)),
        ({"devices": (device(),)}, {"devices": (device(throttled=("heat, by the hardware",)),)}, ("heat",)),
        ({"devices": (device(),)}, {"devices": (device(throttled=("power limit",)),)}, ("power_limit",)),
        (
            {"devices": (device(clock_mhz=1900.0),)},
            {"devices": (device(clock_mhz=1500.0, temperature_celsius=88.0),)},
            ("heat",),
        ),
        (
            {"devices": (device(),)},
            {"devices": (device(foreign_utilization=0.4),)},
            ("other_program",),
        ),
        ({"foreign_cores": None}, {"foreign_cores": None, "cpu_mhz": 3000.0}, ("not_known",)),
    ],
)
def test_a_cause_is_named_only_where_something_read_explains_it(
    before: dict[str, Any], after: dict[str, Any], causes: tuple[str, ...]
) -> None:
    assert likely_causes(means(**before), means(**after)) == causes


def test_what_nobody_read_has_no_mean() -> None:
    told = mean_conditions(
        [
            SoakSample(
                part="decode", begun_s=0, seconds=1, tokens=1, tokens_per_s=1, throttled_periods=None,
                conditions=Conditions(foreign_cores=None, wait_share=None, steal_cores=None),
                throttled_seconds=None,
            )
        ]
    )  # fmt: skip
    assert set(told.model_dump().values()) == {None, ()}
