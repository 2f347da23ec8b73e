"""Own what was measured of matrix multiplication, and what it allows of prefill."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from tunesmith.domain.base import Value

SHARE_THAT_COUNTS = 0.01
"""Weights whose type takes less of a token's operations than this are not measured and count as free."""


ATTENTION_THAT_COUNTS = 0.1
"""Attention that takes less of a token's operations than this counts as free: it has kernels of its own."""
ATTENTION_TYPE = "F16"
"""Measured beside a model's own types where attention counts."""


class MatrixReading(Value):
    """A batch of activations multiplied by weights over and over, raw."""

    threads: int = Field(ge=1)
    place: str
    """ggml's name of the buffer type the weights lay in, such as ``CPU`` or ``CPU_REPACK``."""
    operations_per_s: tuple[float, ...] = Field(min_length=1)
    """Multiplications and additions: sums over the threads, of the fastest repetition of each first."""

    @property
    def best(self) -> float:
        """The highest repetition: what disturbs only ever slows."""
        return max(self.operations_per_s)


class MatrixThroughput(Value):
    """How fast a machine's CPUs multiply weights of one type, by llama.cpp's own kernels."""

    type: str
    """ggml's name of the weights' type, such as ``Q4_K``."""
    readings: tuple[MatrixReading, ...] = Field(min_length=1)
    foreign_cores: float | None
    """CPU used by others meanwhile, in cores."""
    noisy: bool
    """Whether others disturbed it: then the figures may be too low, and are no limit."""
    measured_utc: str = ""
    """ISO 8601; stamped by who asked."""

    @property
    def fastest(self) -> MatrixReading:
        """The reading with the highest repetition."""
        return max(self.readings, key=lambda reading: reading.best)


class PrefillWork(Value):
    """What reading a prompt takes at least, for each of its tokens."""

    operations: tuple[tuple[str, float], ...]
    """Multiplications and additions with weights, by the weights' type, each type once."""
    attention_operations: float
    """Those with what is in the KV cache, the mean over the prompt's tokens."""
    weight_bytes: int
    """Read at least once for each batch."""

    @property
    def operations_per_token(self) -> float:
        """All multiplications and additions of a token."""
        return self.attention_operations + sum(count for _type, count in self.operations)

    @property
    def types(self) -> tuple[str, ...]:
        """The types whose throughput is wanted, the most busy first: of weights, then of attention."""
        least = SHARE_THAT_COUNTS * self.operations_per_token
        busy = sorted(self.operations, key=lambda each: -each[1])
        weights = [name for name, count in busy if count >= least]
        if self._attention_counts and ATTENTION_TYPE not in weights:
            weights.append(ATTENTION_TYPE)
        return tuple(weights)

    @property
    def _attention_counts(self) -> bool:
        return self.attention_operations >= ATTENTION_THAT_COUNTS * self.operations_per_token > 0

    def seconds_per_token(self, throughputs: Iterable[MatrixThroughput]) -> float | None:
        """What computing a token takes at least; None where a type that counts was not measured.

        Attention, where it counts, goes by the fastest of all types, since it has kernels of its own.
        """
        rates = {one.type: one.fastest.best for one in throughputs}
        if not all(name in rates for name in self.types):
            return None
        total = sum(count / rates[name] for name, count in self.operations if name in self.types)
        return total + (self.attention_operations / max(rates.values()) if self._attention_counts else 0.0)


class PrefillLimit(Value):
    """What matrix throughput, or memory bandwidth where that is less, allows of prefill."""

    tokens_per_s: float | None
    """Over all sequences; None where no limit is known."""
    operations_per_token: float | None
    """What a token of the prompt takes at least; None where it does not matter."""
    operations_per_s: float | None
    """What was measured, over all types of weights that take part; None where it was not."""
    by_memory: bool = False
    """Whether reading the weights holds it back more than computing does, as with short prompts."""
    reason: str = ""
    """Why no limit is known, in words."""

    def reached(self, tokens_per_s: float) -> float | None:
        """The share of the limit that a speed reaches; None where there is none."""
        return None if self.tokens_per_s is None else tokens_per_s / self.tokens_per_s
