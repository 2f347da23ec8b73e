"""Own what a comparison of chosen quantizations keeps, raw, and the arithmetic on it."""

from __future__ import annotations

from typing import Literal

from tunesmith.domain.base import Value
from tunesmith.domain.measurement import Quantity
from tunesmith.domain.settings import Settings
from tunesmith.domain.statistics import quantity

SOURCE = "the source"
Reading = Literal["llama-bench", "tunesmith measure"]
READINGS: tuple[Reading, ...] = ("llama-bench", "tunesmith measure")


class Question(Value):
    """What everyone is asked."""

    source: str
    source_sha256: str
    text: str
    types: tuple[str, ...]
    chunks: int
    """Of 512 tokens, of which the second half is scored."""
    max_perplexity_ratio: float
    """Over the source's."""
    prompt: int
    generate: int
    threads: int


class Pick(Value):
    """What someone chose."""

    quantization: str
    file: str
    """Where it lies in the folder of the comparison."""
    settings: Settings
    decode_tokens_per_s: float | None
    """As its chooser stated it."""
    perplexity_ratio: float | None
    claim: str
    notes: tuple[str, ...] = ()


class Search(Value):
    """How one search went."""

    contestant: str
    version: str
    command: str
    """With names in place of paths."""
    seconds: float
    pick: Pick | None
    failure: str | None = None


class Speed(Value):
    """What one process measured: tokens generated per second from an empty context."""

    round: int
    place: int
    contestant: str
    reading: Reading
    values: tuple[float, ...]


class PickQuality(Value):
    """One file's quality, measured again by both, as each prints it."""

    sha256: str
    quantization: str
    size_bytes: int
    chunks: int
    tool: dict[str, str]
    tunesmith: dict[str, str]


class ChoiceRecord(Value):
    """A whole run."""

    schema_name: Literal["choice-side-by-side/1"] = "choice-side-by-side/1"
    started: str
    machine: str
    versions: dict[str, str]
    question: Question
    baseline: Settings
    searches: tuple[Search, ...] = ()
    speeds: tuple[Speed, ...] = ()
    qualities: tuple[PickQuality, ...] = ()

    @property
    def picks(self) -> dict[str, Pick]:
        """Of those who found one."""
        return {search.contestant: search.pick for search in self.searches if search.pick}

    @property
    def rounds(self) -> int:
        """How many were measured."""
        return max((speed.round for speed in self.speeds), default=0)

    def by_round(self, contestant: str, reading: Reading) -> dict[int, float]:
        """Mean tokens per second, round by round."""
        return {
            speed.round: sum(speed.values) / len(speed.values)
            for speed in self.speeds
            if (speed.contestant, speed.reading) == (contestant, reading)
        }

    def speed(self, contestant: str, reading: Reading) -> Quantity | None:
        """Tokens per second; None if it was not measured."""
        found = list(self.by_round(contestant, reading).values())
        return quantity(found, interval="mean") if found else None

    def against(self, contestant: str, other: str, reading: Reading) -> Quantity | None:
        """Contestant over other, round by round, with a 95% interval of the mean; None without rounds."""
        mine, theirs = self.by_round(contestant, reading), self.by_round(other, reading)
        both = sorted(mine.keys() & theirs.keys())
        return quantity([mine[number] / theirs[number] for number in both], interval="mean") if both else None
