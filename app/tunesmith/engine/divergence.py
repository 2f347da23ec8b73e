"""Own the arithmetic of predictions compared: probabilities packed, and two models' divergence.

As llama-perplexity computes it, so that its numbers come out: single precision, sums over the vocabulary in
double, and the source's logarithms of probabilities in 16 bits between the largest and 16 below it.
Everything is in nats. Rows are positions of a text, columns are the tokens of the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]
CodeArray = npt.NDArray[np.uint16]
TokenArray = npt.NDArray[np.int32]

RANGE: Final = 16.0
"""What is less likely than the likeliest by more than this factor's logarithm counts as not there."""
STEPS: Final = 65535
_FLAT: Final = 1e-30
"""A smaller step tells nothing apart; its inverse would be no number."""


@dataclass(frozen=True, slots=True)
class PackedRows:
    """Logarithms of probabilities: ``scale * codes + minimum`` of each row."""

    scale: FloatArray
    """One for each row; at least 0."""
    minimum: FloatArray
    """One for each row; below 0."""
    codes: CodeArray
    """Rows by columns."""

    def part(self, start: int, stop: int) -> PackedRows:
        """Some of the rows, without copying them."""
        return PackedRows(self.scale[start:stop], self.minimum[start:stop], self.codes[start:stop])

    def logarithms(self) -> FloatArray:
        """Unpacked."""
        unpacked = self.codes.astype(np.float32)
        unpacked *= self.scale[:, None]
        unpacked += self.minimum[:, None]
        return unpacked


@dataclass(frozen=True, slots=True)
class Comparison:
    """How rows were predicted, one number for each."""

    kld: DoubleArray
    nll: FloatArray
    source_nll: FloatArray
    agreed: npt.NDArray[np.bool_]


def empty_rows(rows: int, columns: int) -> PackedRows:
    """Room for packed rows."""
    return PackedRows(
        np.empty(rows, np.float32), np.empty(rows, np.float32), np.empty((rows, columns), np.uint16)
    )


def normalizers(logits: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The largest logit of each row, and log(sum(exp(logits - largest))).

    Each exponential is rounded correctly, as the C library's is and numpy's in single precision is not: else
    the logarithm of the sum comes out a last digit off in some rows, and the perplexity with it.
    """
    largest = logits.max(axis=1)
    shifted = logits - largest[:, None]
    np.exp(shifted, out=shifted, dtype=np.float64, casting="same_kind")
    return largest, np.log(shifted.sum(axis=1, dtype=np.float64)).astype(np.float32)


@np.errstate(invalid="ignore", over="ignore")
def pack_rows(logits: FloatArray, into: PackedRows) -> None:
    """Turn logits into packed logarithms of probabilities; what is no number makes its row's scale none.

    Args:
        logits: rows by columns; left as they are.
        into: as many rows and columns.
    """
    largest, log_sum = normalizers(logits)
    smallest = np.maximum(logits.min(axis=1), largest - np.float32(RANGE))
    scale = (largest - smallest) / np.float32(STEPS)
    into.scale[:] = scale
    into.minimum[:] = smallest - largest - log_sum
    inverse = np.divide(np.float32(1), scale, out=np.zeros_like(scale), where=scale > _FLAT)
    steps = logits - smallest[:, None]
    steps *= inverse[:, None]
    np.rint(steps, out=steps)
    np.clip(steps, 0, STEPS, out=steps)
    into.codes[:] = steps


def _blank(values: FloatArray, where: npt.NDArray[np.bool_]) -> None:
    """Set to 0 where asked, whatever is there: by the bits, since picking places takes ten times as long."""
    values.view(np.uint32)[...] &= where.astype(np.uint32) - np.uint32(1)


@np.errstate(invalid="ignore", over="ignore")
def compare_rows(logits: FloatArray, source: PackedRows, following: TokenArray) -> Comparison:
    """How a candidate's logits compare with what its source gave.

    The divergence is sum(p * (log p - log q)) over the tokens that the source gives more than exp(-16), with
    the source's p and the candidate's q. Since p is rounded, that of equal models is 0 up to some 1e-5.

    Args:
        logits: the candidate's, rows by columns; left as they are.
        source: as many rows and columns.
        following: the token that follows in the text, one for each row.
    """
    rows = np.arange(len(logits))
    largest, log_sum = normalizers(logits)
    total = largest + log_sum
    p_log = source.logarithms()
    weighted = p_log - logits
    weighted += total[:, None]
    weighted *= np.exp(p_log)
    _blank(weighted, p_log <= -np.float32(RANGE))
    return Comparison(
        kld=weighted.sum(axis=1, dtype=np.float64),
        nll=total - logits[rows, following],
        source_nll=-p_log[rows, following],
        agreed=logits.argmax(axis=1) == source.codes.argmax(axis=1),
    )
