"""Own what is shown of a run's energy: sentences, bars, figures with their reasons, sensors, without Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunesmith.domain.energy import Energy, Phase, PhaseEnergy, SensorFacts
from tunesmith.domain.measurement import Quantity
from tunesmith.domain.power import Covers, watts_text
from tunesmith.presentation.energy_text import energy_notes
from tunesmith.presentation.numbers import DASH, quantity_text
from tunesmith.presentation.tune_result_view import QuantityRow, quantity_row
from tunesmith.services.run_energy import RunEnergy
from tunesmith.wording import tr

_COVERS: dict[Covers, str] = {
    "processors": tr("processors"), "memory": tr("memory"), "device": tr("a device"),
    "machine": tr("the whole machine"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class EnergyBar:
    """What a token takes, and how much of it the idle machine would have drawn."""

    name: str
    joules: float
    idle_joules: float | None
    """None where idle power is not known."""
    low: float | None
    high: float | None
    text: str


@dataclass(frozen=True, slots=True)
class EnergyBars:
    """Prefill, or decode."""

    phase: Phase
    title: str
    bars: tuple[EnergyBar, ...]


@dataclass(frozen=True, slots=True)
class FigureRow:
    """A figure before and after; where there is none, the reason."""

    row: QuantityRow
    reasons: tuple[str, str]
    """Why there is none before and after; empty where there is one."""


@dataclass(frozen=True, slots=True)
class SensorRow:
    """What one sensor told."""

    cells: tuple[str, ...]
    """By SENSOR_COLUMNS."""
    note: str
    """Why it tells nothing or is not in the sum; empty where it is."""


SENSOR_COLUMNS = (tr("Sensor"), tr("Tells of"), tr("Idle"), tr("Prefill"), tr("Decode"))


@dataclass(frozen=True, slots=True)
class EnergyView:
    """A run's energy as it is shown."""

    before_name: str
    both: bool
    """Whether there is a before and an after."""
    given: bool
    sentences: tuple[str, ...]
    bars: tuple[EnergyBars, ...]
    figures: tuple[FigureRow, ...]
    sensors: tuple[SensorRow, ...]
    notes: tuple[str, ...]


def energy_view(run: RunEnergy) -> EnergyView:
    """The view of a run's energy."""
    last = run.after or run.before
    return EnergyView(
        before_name=_before_name(run), both=run.after is not None, given=last.origin == "given",
        sentences=tuple(_sentences(run)),
        bars=tuple(bars for bars in (_bars(run, "prefill"), _bars(run, "decode")) if bars.bars),
        figures=tuple(_figures(run)), sensors=tuple(_sensor(one) for one in last.sensors),
        notes=tuple(_notes(last)),
    )  # fmt: skip


def _phase(energy: Energy, phase: Phase) -> PhaseEnergy:
    return energy.prefill if phase == "prefill" else energy.decode


# ------------------------------------------------------------- words


def _sentences(run: RunEnergy) -> list[str]:
    last = run.after or run.before
    if last.origin == "none":
        return [tr("Nothing tells the energy: {reason}.", reason=last.decode.reason or last.prefill.reason)]
    told = []
    for phase in ("prefill", "decode"):
        joules = _phase(last, phase).joules_per_token
        if joules is None:
            continue
        figure = quantity_text(joules, "J").partition(" (")[0]
        before = _phase(run.before, phase).joules_per_token if run.after is not None else None
        told.append(_of_tokens(phase, figure, _against(before, joules)))
    return told


def _of_tokens(phase: Phase, figure: str, against: str) -> str:
    values = {"figure": figure, "against": against}
    if phase == "prefill":
        if against:
            return tr("A token of the prompt takes {figure}, {against}.", **values)
        return tr("A token of the prompt takes {figure}.", **values)
    if against:
        return tr("A token of the answer takes {figure}, {against}.", **values)
    return tr("A token of the answer takes {figure}.", **values)


def _against(before: Quantity | None, after: Quantity) -> str:
    """Such as ``23% less than with the defaults``; empty without a comparison."""
    if before is None:
        return ""
    row = quantity_row("", "", before, after, "J/tok")
    if row.better is None:
        return tr("which cannot be told from the defaults")
    change = row.change.lstrip("+−-")
    if row.better:
        return tr("{share} less than with the defaults", share=change)
    return tr("{share} more than with the defaults", share=change)


def _notes(last: Energy) -> list[str]:
    notes = [
        tr("Above idle: less what the idle machine would have drawn in that time."),
        tr("Beside each number: where 95% of repeated measurements are expected."),
        *energy_notes(last),
    ]
    if last.origin == "none":
        notes = [
            tr("The doctor on the page Machine says what a permission would add, and how to grant it."),
            tr("Or name what the machine draws, in the tune's form: then energy is reckoned from that."),
            *energy_notes(last),
        ]
    return notes


# ------------------------------------------------------------- figures


def _before_name(run: RunEnergy) -> str:
    return tr("llama.cpp's defaults") if run.of_defaults else tr("These settings")


def _bars(run: RunEnergy, phase: Phase) -> EnergyBars:
    title = tr("Prefill") if phase == "prefill" else tr("Decode")
    told = [(_before_name(run), run.before)]
    if run.after is not None:
        told.append((tr("Tuned"), run.after))
    found = [bar for name, energy in told if (bar := _bar(name, _phase(energy, phase))) is not None]
    return EnergyBars(phase, title, tuple(found))


def _bar(name: str, told: PhaseEnergy) -> EnergyBar | None:
    whole, above = told.joules_per_token, told.above_idle_joules_per_token
    if whole is None:
        return None
    idle = None if above is None else max(0.0, whole.median - above.median)
    return EnergyBar(
        name, whole.median, idle, whole.low, whole.high, quantity_text(whole, "J/tok").partition(" (")[0]
    )


def _figures(run: RunEnergy) -> list[FigureRow]:
    rows = []
    named: tuple[tuple[Phase, str, str, str], ...] = (
        ("prefill", tr("Prefill"), tr("Prefill, above idle"), tr("Power in prefill")),
        ("decode", tr("Decode"), tr("Decode, above idle"), tr("Power in decode")),
    )
    for phase, name, above_name, _power_name in named:
        before, after = _pair(run, phase)
        rows.append(
            _row(name, tr("All that was drawn meanwhile."), "J/tok",
                 (before.joules_per_token, before.reason), (after.joules_per_token, after.reason))
        )  # fmt: skip
        rows.append(
            _row(above_name, tr("Less what the idle machine would have drawn in that time."), "J/tok",
                 (before.above_idle_joules_per_token, before.above_idle_reason),
                 (after.above_idle_joules_per_token, after.above_idle_reason))
        )  # fmt: skip
    last = run.after or run.before
    rows.append(
        _watts(tr("Idle power"), tr("Of the machine before the model was loaded."),
               (run.before.idle_watts, run.before.idle_reason), (last.idle_watts, last.idle_reason))
    )  # fmt: skip
    for phase, _name, _above_name, name in named:
        before, after = _pair(run, phase)
        rows.append(
            _watts(name, tr("Mean power."), (before.watts, before.reason), (after.watts, after.reason))
        )
    return rows


def _pair(run: RunEnergy, phase: Phase) -> tuple[PhaseEnergy, PhaseEnergy]:
    return _phase(run.before, phase), _phase(run.after or run.before, phase)


def _row(
    name: str, explanation: str, unit: str, before: tuple[Quantity | None, str],
    after: tuple[Quantity | None, str],
) -> FigureRow:  # fmt: skip
    row = quantity_row(name, explanation, before[0], after[0], unit)
    return FigureRow(row, (_why(before), _why(after)))


def _watts(
    name: str, explanation: str, before: tuple[float | None, str], after: tuple[float | None, str]
) -> FigureRow:
    """Mean power has no interval, and is neither better nor worse."""
    cells = [(_watts_text(value), "") for value, _why_not in (before, after)]
    row = QuantityRow(name, explanation, cells[0], cells[1], "", None)
    return FigureRow(row, (_why(before), _why(after)))


def _why(told: tuple[object | None, str]) -> str:
    return told[1] if told[0] is None else ""


def _watts_text(watts: float | None) -> str:
    return DASH if watts is None else f"{watts_text(watts)} W"


def _sensor(one: SensorFacts) -> SensorRow:
    told = (one.idle_watts, one.prefill_watts, one.decode_watts)
    note = one.reason
    if not note and not one.counted:
        note = tr("not in the sum: another tells the same")
    return SensorRow(
        (f"{one.name} ({one.source})", _COVERS[one.covers], *(_watts_text(watts) for watts in told)), note
    )


# ------------------------------------------------------------- plain text


def to_text(view: EnergyView) -> str:
    """Everything that the view says, as plain text."""
    lines = [*view.sentences]
    for figure in view.figures:
        row, reasons = figure.row, figure.reasons
        lines.append(f"{row.name}: {_told(row, reasons, both=view.both)}{_given(view)}")
    for sensor in view.sensors:
        name, covers, *watts = sensor.cells
        told = " · ".join(f"{title} {text}" for title, text in zip(SENSOR_COLUMNS[2:], watts, strict=True))
        lines.append("; ".join(filter(None, (f"{name}, {covers}: {told}", sensor.note))))
    return "\n".join([*lines, *view.notes]) + "\n"


def _given(view: EnergyView) -> str:
    return f" {tr('(given)')}" if view.given else ""


def _told(row: QuantityRow, reasons: Sequence[str], *, both: bool) -> str:
    cells = [
        " ".join(filter(None, (value, f"({interval})" if interval else "", reason)))
        for (value, interval), reason in zip((row.before, row.after), reasons, strict=True)
    ]
    return " → ".join(cells) if both else cells[0]
