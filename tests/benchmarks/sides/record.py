"""Own what a side-by-side comparison keeps, raw, and the arithmetic on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from tunesmith.domain.base import Value
from tunesmith.domain.measurement import Quantity
from tunesmith.domain.settings import Settings
from tunesmith.domain.statistics import quantity
from tunesmith.domain.workload import Workload

DEFAULTS = "llama.cpp's defaults"
WORKLOAD = Workload(prompt=256, generate=128, depth=512)
"""The preset chat: what ours tunes for when nothing is said."""

Kind = Literal["prefill", "decode", "response"]


class Reading(Value):
    """One thing that is measured of each contestant in each round, in a fresh process."""

    name: str
    kind: Kind
    """``response`` is measured by ours, in milliseconds; the others by llama-bench, in tokens/s."""
    tokens: int
    depth: int
    repetitions: int


READINGS: tuple[Reading, ...] = (
    Reading(name="chat decode", kind="decode", tokens=WORKLOAD.generate, depth=WORKLOAD.depth, repetitions=2),
    Reading(name="chat prefill", kind="prefill", tokens=WORKLOAD.prompt, depth=WORKLOAD.depth, repetitions=2),
    Reading(name="chat response", kind="response", tokens=0, depth=WORKLOAD.depth, repetitions=1),
    Reading(name="optimus decode", kind="decode", tokens=192, depth=0, repetitions=1),
    Reading(name="scout prefill", kind="prefill", tokens=128, depth=128, repetitions=2),
    Reading(name="scout decode", kind="decode", tokens=256, depth=128, repetitions=1),
)
"""The workload of ours, and those that the others search with."""


class Search(Value):
    """How one tuner's search went."""

    contestant: str
    version: str
    objective: str
    command: str
    """With names in place of paths."""
    result_seconds: float | None
    """From its start until it told its result."""
    seconds: float
    """Until it ended."""
    settings: Settings | None
    """None if it found none."""
    claim: str
    notes: tuple[str, ...] = ()
    failure: str | None = None


class Sample(Value):
    """What one process measured."""

    round: int
    place: int
    """In which order within the round."""
    contestant: str
    reading: str
    values: tuple[float, ...]
    """Raw repetitions: tokens/s, or ms for the response; empty if it failed."""
    failure: str | None = None


class Comparison(Value):
    """A whole run."""

    schema_name: Literal["side-by-side/1"] = "side-by-side/1"
    started: str
    machine: str
    versions: dict[str, str]
    model: str
    model_sha256: str
    rehearsal: bool
    baseline: Settings
    readings: tuple[Reading, ...] = READINGS
    searches: tuple[Search, ...]
    samples: tuple[Sample, ...] = ()

    @property
    def contestants(self) -> dict[str, Settings]:
        """The defaults first, then every tuner that found settings."""
        found = {search.contestant: search.settings for search in self.searches if search.settings}
        return {DEFAULTS: self.baseline, **found}

    @property
    def different(self) -> dict[str, Settings]:
        """Those to be measured: who ended with the defaults is measured as they are."""
        return {
            name: settings
            for name, settings in self.contestants.items()
            if name == DEFAULTS or settings != self.baseline
        }

    @property
    def rounds(self) -> int:
        """How many were measured."""
        return len({sample.round for sample in self.samples})


_PROMPT, _GENERATE = WORKLOAD.prompt, WORKLOAD.generate


def rounds_of(comparison: Comparison, contestant: str, reading: str) -> dict[int, float]:
    """By round, the mean of a contestant's repetitions in it; rounds in which it failed are left out.

    Who ended with the defaults has the samples of the defaults.
    """
    if comparison.contestants.get(contestant) == comparison.baseline:
        contestant = DEFAULTS
    return {
        sample.round: sum(sample.values) / len(sample.values)
        for sample in comparison.samples
        if sample.contestant == contestant and sample.reading == reading and sample.values
    }


def figure(comparison: Comparison, contestant: str, name: str) -> dict[int, float]:
    """By round, one of the figures that the report compares; more is better in all of them.

    ``response`` is requests per second by llama-bench: 1 / (prompt / prefill + generate / decode). ``ours``
    is requests per second by our own measurement. ``balanced`` is the scout's own: the geometric mean.

    Raises:
        KeyError: there is no such figure.
    """

    def of(reading: str) -> dict[int, float]:
        return rounds_of(comparison, contestant, reading)

    match name:
        case "response":
            prefill, decode = of("chat prefill"), of("chat decode")
            both = prefill.keys() & decode.keys()
            return {r: 1 / (_PROMPT / prefill[r] + _GENERATE / decode[r]) for r in sorted(both)}
        case "ours":
            return {r: 1000 / ms for r, ms in of("chat response").items()}
        case "balanced":
            prefill, decode = of("scout prefill"), of("scout decode")
            return {r: (prefill[r] * decode[r]) ** 0.5 for r in sorted(prefill.keys() & decode.keys())}
        case _ if any(name == reading.name for reading in comparison.readings):
            return of(name)
        case _:
            raise KeyError(name)


def ratios(mine: dict[int, float], theirs: dict[int, float]) -> list[float]:
    """Mine divided by theirs, round by round, where both were measured."""
    return [mine[number] / theirs[number] for number in sorted(mine.keys() & theirs.keys())]


def against(comparison: Comparison, name: str, contestant: str, other: str) -> Quantity | None:
    """The paired ratio contestant / other, more is better, with a 95% interval of its geometric mean.

    None if no round has both.
    """
    found = ratios(figure(comparison, contestant, name), figure(comparison, other, name))
    return quantity(found, interval="mean") if found else None


def verdict(ratio: Quantity, *, margin: float = 0.02) -> str:
    """What an interval of a ratio says, in words; ``margin`` is what still counts as not slower."""
    if ratio.low is None or ratio.high is None:
        return "too few rounds to tell"
    if ratio.low > 1:
        return "faster"
    if ratio.low >= 1 - margin:
        return "not slower"
    if ratio.high < 1:
        return "slower"
    return "no difference shown"


def middle(values: Sequence[float]) -> Quantity | None:
    """The median with Student's interval of the mean; None without values."""
    return quantity(values, interval="mean") if values else None
