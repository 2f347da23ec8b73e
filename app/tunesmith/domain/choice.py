"""Own the choice of a quantization: what each file of a model is worth, and which are worth having."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from tunesmith.domain.base import Value
from tunesmith.domain.measurement import Measurement, Quantity
from tunesmith.domain.quality import Quality, Verdict

ContenderState = Literal[
    "waiting", "making", "judging", "beyond", "within", "slower", "tied", "infeasible", "failed", "finalist",
    "picked",
]  # fmt: skip
"""``judging``, ``beyond`` and ``within``: the quality limit; from ``slower`` on it is about speed."""


class Contender(Value):
    """One file of the model, the source among them, as far as it is known."""

    label: str
    """The type, such as ``Q4_K_M``; with more where two files are of one type."""
    quantization: str
    is_source: bool = False
    path: str | None = None
    """None before it is made."""
    size_bytes: int | None = None
    bits_per_weight: float | None = None
    made: bool = False
    """By this run; what was there before is the user's."""
    kept: bool = True
    """Whether the file is there still, or will be."""
    state: ContenderState = "waiting"
    why: str = ""
    quality: Quality | None = None
    """None for the source, which is what the others are compared with."""
    verdict: Verdict | None = None
    """Whether the quality limit is kept; ``undecided`` where it is, but not surely."""
    kld_low: float | None = None
    kld_high: float | None = None
    """Where the mean KL divergence lies, at 95%; None before three chunks."""
    speedup: Quantity | None = None
    """Ratio of speed to the source's at the same settings, pair by pair; None before three rounds."""
    measured: Measurement | None = None
    """At those settings."""
    pareto: bool = False
    """Of those within the limit, none is as fast, as small and as true to the source and better in one."""

    @property
    def mean_kld(self) -> float | None:
        """Nats per token; 0 for the source, None where it was not measured."""
        if self.is_source:
            return 0.0
        return None if self.quality is None else self.quality.mean_kld.value

    @property
    def in_race(self) -> bool:
        """Whether its speed was measured side by side with the others'."""
        return self.measured is not None

    @property
    def untimed(self) -> bool:
        """Whether it keeps the quality limit and the time ran out before its speed was measured."""
        open_ = self.state in ("waiting", "within", "tied") and not self.in_race
        return open_ and self.verdict in ("within", "undecided")


def pareto_labels(contenders: Sequence[Contender], not_slower: Callable[[str, str], bool]) -> frozenset[str]:
    """Labels of those that no other makes superfluous.

    One makes another superfluous if it is no larger, no further from the source, better in one of these two,
    and proven to be not slower. So noise alone takes nobody out.

    Args:
        contenders: with size and quality known.
        not_slower: whether the first label is proven to be at most the margin slower than the second.
    """

    def beats(one: Contender, other: Contender) -> bool:
        a, b = (one.size_bytes, one.mean_kld), (other.size_bytes, other.mean_kld)
        if a[0] is None or a[1] is None or b[0] is None or b[1] is None:
            return False
        return a[0] <= b[0] and a[1] <= b[1] and a != b and not_slower(one.label, other.label)

    return frozenset(one.label for one in contenders if not any(beats(other, one) for other in contenders))
