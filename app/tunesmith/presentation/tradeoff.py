"""Own what is shown of candidates' speed against what they take: axes, dots, sentences, without Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from tunesmith.domain.energy import Origin
from tunesmith.domain.event_base import Part
from tunesmith.domain.measurement import Quantity
from tunesmith.domain.power import watts_text
from tunesmith.domain.roofline import Standing
from tunesmith.domain.tradeoff import TradedCandidate, Tradeoff, front
from tunesmith.presentation.axis import Axis, axis_of
from tunesmith.presentation.document import Document
from tunesmith.presentation.numbers import DASH, bytes_text, memory_scale, quantity_text
from tunesmith.wording import tr, trn

Measure = Literal["energy", "memory"]
"""What speed is held against."""
_MEMORY_TIE = 0.01
"""Memory that differs by less is alike."""
Spot = tuple[float, float]
"""What is taken, and tokens a second."""


class CandidateFacts(Document):
    """A candidate as the search measured it, over one request of the workload."""

    candidate: str
    digest: str
    """Of its settings."""
    standing: Standing
    samples: int
    tokens_per_s: Quantity
    """Prompt and answer together, as far as the objective is about them; the interval is the mean's."""
    joules_per_token: Quantity | None
    """All that was drawn meanwhile; null where it is not told."""
    mean_watts: float | None
    energy_origin: Origin
    """Where energy comes from: sensors, watts that were given, or nowhere."""
    energy_reason: str | None
    """Why no energy is told; null where one is."""
    memory_bytes: int | None
    """In use after a sample, devices included."""
    pareto: bool
    """No other is as fast and as frugal, and surely better in one of the two; false without an energy."""


def candidate_facts(tradeoff: Tradeoff | None) -> tuple[CandidateFacts, ...]:
    """What ``tune`` prints of its candidates."""
    if tradeoff is None:
        return ()
    worth = {one.digest for one in _worth(_placed(tradeoff, "energy"), "energy")}
    return tuple(
        CandidateFacts(
            candidate=one.candidate, digest=one.digest, standing=one.standing, samples=one.samples,
            tokens_per_s=one.tokens_per_s, joules_per_token=one.joules_per_token, mean_watts=one.mean_watts,
            energy_origin=tradeoff.origin if one.joules_per_token is not None else "none",
            energy_reason=one.energy_reason or None, memory_bytes=one.memory_bytes,
            pareto=one.digest in worth,
        )
        for one in tradeoff.candidates
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class TradeDot:
    """One candidate."""

    standing: Standing
    at: Spot
    x_ends: Spot | None
    """Where the mean of what it takes lies, at 95%."""
    y_ends: Spot | None
    """Where the mean of its speed lies, at 95%."""
    worth: bool
    """It is on the front."""
    name: str
    """Written beside it; empty for candidates that only the reading names."""
    reading: str
    """All of it in a sentence."""


@dataclass(frozen=True, slots=True)
class TradeChoice:
    """Something that speed can be held against."""

    measure: Measure
    name: str
    reason: str
    """Why it cannot be chosen; empty where it can."""


@dataclass(frozen=True, slots=True)
class TradeView:
    """Candidates' speed against what they take, as it is drawn."""

    x: Axis
    y: Axis
    dots: tuple[TradeDot, ...]
    line: tuple[Spot, ...]
    """Through those of the front that none surpasses by what was measured, least taken first."""
    sentences: tuple[str, ...]
    note: str


def trade_choices(tradeoff: Tradeoff) -> tuple[TradeChoice, ...]:
    """What speed can be held against, the most telling first; what cannot has its reason."""
    memory = any(one.memory_bytes for one in tradeoff.candidates)
    return (
        TradeChoice("energy", tr("energy"), tradeoff.reason),
        TradeChoice("memory", tr("memory"), "" if memory else tr("memory cannot be read on this system")),
    )


def trade_view(tradeoff: Tradeoff, measure: Measure) -> TradeView:
    """The view of candidates that can be placed, of which there is one at least."""
    placed = _placed(tradeoff, measure)
    worth = _worth(placed, measure)
    spots = [(_taken(one, measure).median, one.tokens_per_s.median) for one in placed]
    dots = tuple(
        _dot(one, spot, measure, worth=one in worth, given=tradeoff.origin == "given")
        for one, spot in zip(placed, spots, strict=True)
    )
    mega, mega_bytes = memory_scale("mega")
    x_name = tr("joules per token") if measure == "energy" else tr("memory, {unit}", unit=mega)
    if measure == "energy" and tradeoff.origin == "given":
        x_name = tr("joules per token (given)")
    return TradeView(
        x=axis_of(
            [value for dot in dots for value in (dot.at[0], *(dot.x_ends or ()))], x_name,
            unit=1.0 if measure == "energy" else mega_bytes,
        ),
        y=axis_of([v for dot in dots for v in (dot.at[1], *(dot.y_ends or ()))], _speed_name(tradeoff.parts)),
        dots=dots, line=_staircase([spot for one, spot in zip(placed, spots, strict=True) if one in worth]),
        sentences=tuple(_sentences(placed, worth, measure)), note=_note(tradeoff, placed, measure),
    )  # fmt: skip


def _placed(tradeoff: Tradeoff, measure: Measure) -> list[TradedCandidate]:
    if measure == "energy":
        return [one for one in tradeoff.candidates if one.joules_per_token is not None]
    return [one for one in tradeoff.candidates if one.memory_bytes]


def _taken(one: TradedCandidate, measure: Measure) -> Quantity:
    """What speed is held against; memory is the most seen, without an interval."""
    if measure == "energy" and one.joules_per_token is not None:
        return one.joules_per_token
    return Quantity(
        median=float(one.memory_bytes or 0), low=None, high=None, confidence=0.95, samples=(), noisy=False
    )


def _worth(placed: Sequence[TradedCandidate], measure: Measure) -> list[TradedCandidate]:
    spots = [(one.tokens_per_s, _taken(one, measure)) for one in placed]
    best = front(spots, tie=_MEMORY_TIE if measure == "memory" else 0.0)
    return [one for number, one in enumerate(placed) if number in best]


def _staircase(spots: Sequence[Spot]) -> tuple[Spot, ...]:
    """Those that are faster than all that take less."""
    found: list[Spot] = []
    for spot in sorted(spots, key=lambda one: (one[0], -one[1])):
        if not found or spot[1] > found[-1][1]:
            found.append(spot)
    return tuple(found)


def _speed_name(parts: Sequence[Part]) -> str:
    if tuple(parts) == ("prefill",):
        return tr("prefill, tokens per second")
    if tuple(parts) == ("decode",):
        return tr("decode, tokens per second")
    return tr("prompt and answer, tokens per second")


def _ends(one: Quantity) -> Spot | None:
    return None if one.low is None or one.high is None else (one.low, one.high)


def _dot(one: TradedCandidate, spot: Spot, measure: Measure, *, worth: bool, given: bool) -> TradeDot:
    takes = _taken(one, measure)
    return TradeDot(
        standing=one.standing, at=spot, x_ends=_ends(takes), y_ends=_ends(one.tokens_per_s), worth=worth,
        name=_called(one) if one.standing != "other" else one.candidate if worth else "",
        reading=_reading(one, given=given),
    )  # fmt: skip


def _called(one: TradedCandidate) -> str:
    match one.standing:
        case "baseline":
            return tr("the defaults")
        case "chosen":
            return tr("tuned")
        case "other":
            return one.candidate


def _reading(one: TradedCandidate, *, given: bool) -> str:
    called = _called(one)
    if one.standing == "chosen":
        called = tr("{candidate}, tuned", candidate=one.candidate)
    facts = [quantity_text(one.tokens_per_s, "tok/s"), energy_text(one, given=given)]
    if one.mean_watts is not None:
        facts.append(f"{watts_text(one.mean_watts)} W")
    if one.memory_bytes:
        facts.append(bytes_text(one.memory_bytes))
    facts.append(trn("{count} sample", "{count} samples", one.samples))
    return tr("{candidate}: {facts}", candidate=called, facts=" · ".join(facts))


def energy_text(one: TradedCandidate, *, given: bool) -> str:
    """Joules for each token, or a dash with its reason."""
    if one.joules_per_token is None:
        return f"{DASH} {one.energy_reason}".rstrip()
    text = quantity_text(one.joules_per_token, "J/tok")
    return tr("{figures} (given)", figures=text) if given else text


def _sentences(
    placed: Sequence[TradedCandidate], worth: Sequence[TradedCandidate], measure: Measure
) -> list[str]:
    """The tuned and the default ones, and what takes least where that is neither."""
    told = []
    marked = {one.standing: one for one in placed if one.standing != "other"}
    if tuned := marked.get("chosen"):
        told.append(tr("Tuned: {figures}.", figures=_figures(tuned, measure)))
    if before := marked.get("baseline"):
        told.append(tr("The defaults: {figures}.", figures=_figures(before, measure)))
    frugal = min(worth, key=lambda one: _taken(one, measure).median)
    if frugal.standing == "other":
        values = {"candidate": frugal.candidate, "figures": _figures(frugal, measure)}
        told.append(tr("Least of all: {candidate}, {figures}.", **values))
    return told


def _figures(one: TradedCandidate, measure: Measure) -> str:
    """Such as ``61 tok/s at 0.31 J/tok``, without intervals."""
    speed = quantity_text(one.tokens_per_s, "tok/s").partition(" (")[0]
    taken = bytes_text(one.memory_bytes)
    if measure == "energy":
        taken = quantity_text(one.joules_per_token, "J/tok").partition(" (")[0]
    return tr("{speed} at {taken}", speed=speed, taken=taken)


def _note(tradeoff: Tradeoff, placed: Sequence[TradedCandidate], measure: Measure) -> str:
    parts = [tr("By the search's samples, on part of the workload; what was confirmed stands in the result.")]
    if measure == "energy" and tradeoff.origin == "given":
        parts.append(tr("With watts that you gave, energy tells nothing that time does not."))
    without = len(tradeoff.candidates) - len(placed) + tradeoff.left_out
    if without:
        parts.append(
            trn(
                "{count} candidate is not drawn: too little was measured of it.",
                "{count} candidates are not drawn: too little was measured of them.",
                without,
            )
        )
    return " ".join(parts)


def to_text(tradeoff: Tradeoff) -> str:
    """All candidates and what they take, as plain text."""
    given = tradeoff.origin == "given"
    lines = [_reading(one, given=given) for one in tradeoff.candidates]
    notes = [
        tr("Speed against {measure}: {reason}.", measure=choice.name, reason=choice.reason)
        for choice in trade_choices(tradeoff)
        if choice.reason
    ]
    return "\n".join([*lines, *notes, _note(tradeoff, tradeoff.candidates, get_args(Measure)[0])]) + "\n"
