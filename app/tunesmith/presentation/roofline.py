"""Own what is shown of a roofline: axes, roof, points and sentences, without Qt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tunesmith.domain.event_base import Part
from tunesmith.domain.roofline import Roofline, RooflinePoint, Standing
from tunesmith.presentation.limit_text import bandwidth_text, throughput_text
from tunesmith.presentation.numbers import fixed, percent
from tunesmith.wording import tr

_PARTS: dict[Part, str] = {"prefill": "Prefill", "decode": "Decode"}
_MARGIN = 2.0
"""The axes go on past what is drawn by this factor."""
Spot = tuple[float, float]
"""Operations per byte, and operations a second."""


@dataclass(frozen=True, slots=True)
class Dot:
    """One candidate in one part."""

    part: Part
    standing: Standing
    at: Spot
    name: str
    """Written beside it; empty for candidates that only the reading names."""
    reading: str
    """All of it in a sentence."""


@dataclass(frozen=True, slots=True)
class RooflineView:
    """A roofline as it is drawn; all numbers plain, for axes that are logarithmic."""

    x: tuple[float, float]
    y: tuple[float, float]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    slope: tuple[Spot, Spot] | None
    """What memory allows, up to the ridge or the edge; None where it is not known."""
    level: tuple[Spot, Spot] | None
    """What arithmetic allows, from the ridge or the edge on; None where it is not known."""
    slope_name: str
    level_name: str
    dots: tuple[Dot, ...]
    sentences: tuple[str, ...]
    """What the picture says, for those who do not see it, and for all."""
    note: str
    """Why the roof is not whole; empty where it is."""


def roofline_view(roofline: Roofline) -> RooflineView:
    """The view of a run's roofline."""
    spots = [(point.operations_per_byte, point.operations_per_s) for point in roofline.points]
    slope, level = roofline.bandwidth_bytes_per_s, roofline.operations_per_s
    corner = [(level / slope, level)] if slope and level else []
    x = _decades([spot[0] for spot in (*spots, *corner)])
    tops = [level] if level else [slope * x[1]] if slope and not corner else []
    y = _decades([*(spot[1] for spot in spots), *tops])
    edge = level / slope if slope and level else x[1]
    left = max(x[0], y[0] / slope) if slope else x[0]
    return RooflineView(
        x=x, y=y, x_ticks=_ticks(x, 1.0), y_ticks=_ticks(y, 1e9),
        slope=((left, slope * left), (min(edge, x[1]), slope * min(edge, x[1]))) if slope else None,
        level=((edge if slope else x[0], level), (x[1], level)) if level else None,
        slope_name=tr("memory, {bandwidth}", bandwidth=bandwidth_text(slope)) if slope else "",
        level_name=tr("matrices, {throughput}", throughput=throughput_text(level)) if level else "",
        dots=tuple(_dot(point, roofline) for point in roofline.points),
        sentences=tuple(_sentences(roofline)),
        note=tr("The roof is not whole: {reason}.", reason=roofline.reason) if roofline.reason else "",
    )  # fmt: skip


def _dot(point: RooflinePoint, roofline: Roofline) -> Dot:
    marked = {
        "baseline": tr("the defaults"), "chosen": tr("tuned"), "other": point.candidate,
    }[point.standing]  # fmt: skip
    reached = _reached(point, roofline)
    values = {
        "part": _PARTS[point.part], "candidate": marked, "speed": f"{fixed(point.tokens_per_s, 0)} tok/s",
        "throughput": throughput_text(point.operations_per_s),
        "intensity": _number(point.operations_per_byte),
    }  # fmt: skip
    if reached is None:
        reading = tr(
            "{part}, {candidate}: {speed}, {throughput} at {intensity} operations per byte", **values
        )
    else:
        reading = tr(
            "{part}, {candidate}: {speed}, {throughput} at {intensity} operations per byte, "
            "{share} of the roof",
            **values, share=percent(reached),
        )  # fmt: skip
    named = point.standing != "other"
    return Dot(
        part=point.part, standing=point.standing, at=(point.operations_per_byte, point.operations_per_s),
        name=tr("{part}, {candidate}", part=_PARTS[point.part], candidate=marked) if named else "",
        reading=reading,
    )  # fmt: skip


def _reached(point: RooflinePoint, roofline: Roofline) -> float | None:
    allowed = roofline.allowed(point)
    return None if allowed is None else point.operations_per_s / allowed


def _sentences(roofline: Roofline) -> list[str]:
    """One for each part: who holds it back, and how near it comes."""
    told = []
    for part, name in _PARTS.items():
        own = [point for point in roofline.points if point.part == part]
        best = next((one for one in own if one.standing == "chosen"), None) or next(
            (one for one in own if one.standing == "baseline"), None
        )
        if best is None:
            continue
        reached = _reached(best, roofline)
        if reached is None or not roofline.bandwidth_bytes_per_s or not roofline.operations_per_s:
            continue
        ridge = roofline.operations_per_s / roofline.bandwidth_bytes_per_s
        values = {"part": name, "share": percent(reached)}
        if best.operations_per_byte < ridge:
            told.append(tr("{part} has memory as its ceiling, and reaches {share} of it.", **values))
        else:
            told.append(tr("{part} has computing as its ceiling, and reaches {share} of it.", **values))
    return told


def _decades(values: Sequence[float]) -> tuple[float, float]:
    """From below the least to above the greatest, each a 1 or 3 times a power of ten."""
    return _half(min(values) / _MARGIN, up=False), _half(max(values) * _MARGIN, up=True)


def _half(value: float, *, up: bool) -> float:
    """The next 1 or 3 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    steps = [power * each for each in (1, 3, 10)]
    return next(s for s in steps if s >= value * 0.999) if up else max(s for s in steps if s <= value * 1.001)


def _ticks(ends: tuple[float, float], unit: float) -> tuple[tuple[float, str], ...]:
    """Powers of ten between two ends, and the 3 between where there are few."""
    first, last = math.floor(math.log10(ends[0])), math.ceil(math.log10(ends[1]))
    powers = [10.0**n for n in range(first, last + 1)]
    fine = [p * each for p in powers for each in (1, 3)] if last - first <= 3 else powers
    inside = [value for value in fine if ends[0] * 0.999 <= value <= ends[1] * 1.001]
    return tuple((value, f"{value / unit:g}") for value in inside)


def _number(value: float) -> str:
    """As many places as three figures need."""
    if value >= 100:
        return fixed(value, 0)
    return fixed(value, 1) if value >= 10 or value == round(value, 1) else fixed(value, 2)


def to_text(view: RooflineView) -> str:
    """Everything that the picture says, as plain text."""
    roof = [name for name in (view.slope_name, view.level_name) if name]
    lines = [*view.sentences, view.note, *roof, *(dot.reading for dot in view.dots)]
    return "\n".join(filter(None, lines)) + "\n"
