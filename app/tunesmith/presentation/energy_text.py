"""Own how energy reads: joules for each token, idle power, sensors, and what reading them cost."""

from __future__ import annotations

from collections.abc import Iterator

from tunesmith.domain.digits import percent
from tunesmith.domain.energy import Energy, PhaseEnergy, SensorFacts
from tunesmith.domain.measurement import Quantity
from tunesmith.domain.power import watts_text
from tunesmith.presentation.numbers import DASH, quantity_text
from tunesmith.wording import tr


def energy_rows(energy: Energy | None) -> list[tuple[str, str]]:
    """Name and text of every figure; a dash with its reason for one that is missing."""
    if energy is None:
        return []
    if energy.origin == "none" and energy.prefill.reason == energy.decode.reason:
        return [(tr("Energy"), _missing(energy.prefill.reason)), *_sensor_rows(energy)]
    given = energy.origin == "given"
    return [
        *_phase_rows(tr("Energy, prefill"), tr("Energy, prefill, above idle"), energy.prefill, given=given),
        *_phase_rows(tr("Energy, decode"), tr("Energy, decode, above idle"), energy.decode, given=given),
        (tr("Power"), _power(energy)),
        *_sensor_rows(energy),
    ]


def energy_notes(energy: Energy | None) -> list[str]:
    """Sentences about the figures: where they come from, and what reading them cost."""
    if energy is None:
        return []
    return list(_notes(energy))


def _notes(energy: Energy) -> Iterator[str]:
    if energy.origin == "given":
        yield tr("Energy is reckoned from the watts that you gave, not measured; its interval is the time's.")
    elif energy.origin == "measured":
        names = ", ".join(sensor.name for sensor in energy.sensors if sensor.counted)
        yield tr("Energy is what these sensors tell, and no more: {names}.", names=names)
        mute = [sensor.name for sensor in energy.sensors if sensor.covers == "device" and not sensor.counted]
        if mute:
            yield tr("What {names} draws is not in it, for nothing tells it.", names=", ".join(mute))
    if energy.cost is not None and energy.cost.core_share is not None:
        yield tr(
            "Reading the sensors {count} times took {share} of one core.",
            count=energy.cost.readings, share=percent(energy.cost.core_share, 2),
        )  # fmt: skip


def _phase_rows(name: str, above: str, phase: PhaseEnergy, *, given: bool) -> list[tuple[str, str]]:
    all_of_it = _missing(phase.reason)
    if phase.joules_per_token is not None:
        all_of_it = _labelled(quantity_text(phase.joules_per_token, "J/tok"), given=given)
    rows = [(name, all_of_it)]
    if phase.above_idle_joules_per_token is not None:
        net = quantity_text(phase.above_idle_joules_per_token, "J/tok")
        rows.append((above, _labelled(net, given=given)))
    elif phase.joules_per_token is not None:
        rows.append((above, _missing(phase.above_idle_reason)))
    return rows


def _power(energy: Energy) -> str:
    parts = [
        tr("idle {watts}", watts=_watts(energy.idle_watts)),
        tr("prefill {watts}", watts=_watts(energy.prefill.watts)),
        tr("decode {watts}", watts=_watts(energy.decode.watts)),
    ]
    text = " · ".join(parts)
    return _labelled(text, given=energy.origin == "given")


def _labelled(figures: str, *, given: bool) -> str:
    return tr("{figures} (given)", figures=figures) if given else figures


def _sensor_rows(energy: Energy) -> list[tuple[str, str]]:
    return [(_sensor_name(sensor), _sensor_text(sensor)) for sensor in energy.sensors]


def _sensor_name(sensor: SensorFacts) -> str:
    return f"{sensor.name} ({sensor.source})"


def _sensor_text(sensor: SensorFacts) -> str:
    told = (sensor.idle_watts, sensor.prefill_watts, sensor.decode_watts)
    if all(watts is None for watts in told):
        return _missing(sensor.reason)
    text = " · ".join(
        (
            tr("idle {watts}", watts=_watts(told[0])), tr("prefill {watts}", watts=_watts(told[1])),
            tr("decode {watts}", watts=_watts(told[2])),
        )
    )  # fmt: skip
    if sensor.reason:
        text = tr("{figures}; {reason}", figures=text, reason=sensor.reason)
    return text if sensor.counted else tr("{figures}; not in the sum", figures=text)


def _watts(watts: float | None) -> str:
    return DASH if watts is None else f"{watts_text(watts)} W"


def _missing(reason: str) -> str:
    return f"{DASH} {reason}".rstrip()


def energy_comparison(before: Energy | None, after: Energy | None) -> list[tuple[str, str, str]]:
    """Name, text before and text after of every figure that either has; none where no sensor was read."""
    if before is None or after is None:
        return []
    rows = [
        (tr("Energy, prefill"), before.prefill.joules_per_token, after.prefill.joules_per_token),
        (
            tr("Energy, prefill, above idle"),
            before.prefill.above_idle_joules_per_token, after.prefill.above_idle_joules_per_token,
        ),
        (tr("Energy, decode"), before.decode.joules_per_token, after.decode.joules_per_token),
        (
            tr("Energy, decode, above idle"),
            before.decode.above_idle_joules_per_token, after.decode.above_idle_joules_per_token,
        ),
    ]  # fmt: skip
    told = [
        (name, _compared(old, before), _compared(new, after))
        for name, old, new in rows
        if old is not None or new is not None
    ]
    if not told and (before.sensors or after.sensors):
        return [(tr("Energy"), _missing(before.decode.reason), _missing(after.decode.reason))]
    return told


def _compared(figure: Quantity | None, energy: Energy) -> str:
    text = quantity_text(figure, "J/tok")
    return text if figure is None else _labelled(text, given=energy.origin == "given")
