"""Own what a quantization costs in quality: scores of chunks of a text, and what is made of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from math import fsum
from statistics import fmean, stdev
from typing import Literal

from tunesmith.domain.base import Value
from tunesmith.domain.statistics import anytime_interval, percentile

ERROR_SHARE = 0.05
"""How often a verdict may be wrong."""

Verdict = Literal["within", "beyond", "undecided"]


class Estimate(Value):
    """A number estimated from chunks, and how far it may be off."""

    value: float
    standard_error: float | None
    """Of repeating it on as many other chunks of such a text; None where that cannot be told."""


class ChunkScore(Value):
    """How one chunk of a text was predicted: one number for each scored token, in nats."""

    chunk: int
    kld: tuple[float, ...]
    """Kullback-Leibler divergence of the candidate's distribution from the source's."""
    nll: tuple[float, ...]
    """Negative logarithm of the probability that the candidate gave the token that follows."""
    source_nll: tuple[float, ...]
    agreed: int
    """Tokens of which both thought the same one the likeliest."""

    @property
    def mean_kld(self) -> float:
        """Of the chunk."""
        return fmean(self.kld)


class Quality(Value):
    """What a candidate's quality is, measured against its source."""

    mean_kld: Estimate
    """Kullback-Leibler divergence from the source, nats per token."""
    median_kld: Estimate
    p99_kld: Estimate
    max_kld: Estimate
    top1_agreement: Estimate
    """Share of tokens, 0 to 1."""
    perplexity: Estimate
    source_perplexity: Estimate
    perplexity_ratio: Estimate
    chunks: int
    tokens_scored: int


def summarize_quality(scores: Sequence[ChunkScore]) -> Quality:
    """All measures of some chunks of equal length.

    Standard errors are those between chunks, since the tokens of one hang together: of a mean,
    s / sqrt(chunks) of the chunks' means; of a perplexity and of a ratio of two, the same of the logarithm
    times the value, where the ratio is of both models' differences chunk by chunk, so that what makes a
    chunk hard for both cancels out; of a quantile, half of where it would lie if the share of tokens below
    were one standard error lower or higher (Woodruff 1952, "Confidence intervals for medians and other
    position measures"). A maximum has none, nor has anything of one chunk.

    Raises:
        ValueError: there are no scores.
    """
    if not scores:
        msg = "no chunk was scored"
        raise ValueError(msg)
    klds = sorted(value for score in scores for value in score.kld)
    return Quality(
        mean_kld=_mean([score.mean_kld for score in scores]),
        median_kld=_quantile(scores, klds, 0.5),
        p99_kld=_quantile(scores, klds, 0.99),
        max_kld=Estimate(value=klds[-1], standard_error=None),
        top1_agreement=_mean([score.agreed / len(score.kld) for score in scores]),
        perplexity=_exponential(_mean([fmean(score.nll) for score in scores])),
        source_perplexity=_exponential(_mean([fmean(score.source_nll) for score in scores])),
        perplexity_ratio=_exponential(_mean([_difference(score) for score in scores])),
        chunks=len(scores),
        tokens_scored=len(klds),
    )


class QualityLimits(Value):
    """What a quantization may cost at most; None where nothing is asked."""

    max_kld: float | None = None
    """Mean KL divergence from the source, nats per token."""
    min_top1: float | None = None
    """Share of tokens, 0 to 1."""
    max_perplexity_ratio: float | None = None

    @property
    def any(self) -> bool:
        """Whether anything is asked at all."""
        return any(limit is not None for limit in self.model_dump().values())

    def judge(self, scores: Sequence[ChunkScore], *, horizon: int) -> Verdict:
        """Whether all limits are kept, as far as the chunks scored so far tell; see :func:`judge_kld`.

        Each limit's verdict errs with 5% at most.
        """
        verdicts: set[Verdict] = set()
        if self.max_kld is not None:
            verdicts.add(judge_kld(scores, self.max_kld, horizon=horizon))
        if self.min_top1 is not None:
            missed = [1 - score.agreed / len(score.kld) for score in scores]
            verdicts.add(_judge(missed, 1 - self.min_top1, horizon))
        if self.max_perplexity_ratio is not None:
            excess = [_difference(score) for score in scores]
            verdicts.add(_judge(excess, math.log(self.max_perplexity_ratio), horizon))
        if "beyond" in verdicts:
            return "beyond"
        return "undecided" if "undecided" in verdicts else "within"

    def keeps(self, quality: Quality) -> bool:
        """Whether what was measured is within all limits, sure or not."""
        return (
            (self.max_kld is None or quality.mean_kld.value <= self.max_kld)
            and (self.min_top1 is None or quality.top1_agreement.value >= self.min_top1)
            and (
                self.max_perplexity_ratio is None
                or quality.perplexity_ratio.value <= self.max_perplexity_ratio
            )
        )


def judge_kld(scores: Sequence[ChunkScore], limit: float, *, horizon: int) -> Verdict:
    """Whether the mean KL divergence is at most ``limit``, as far as the chunks scored so far tell.

    May be asked after each chunk: see :func:`tunesmith.domain.statistics.anytime_interval`.

    Args:
        scores: in the order in which they came, which must be a random one.
        limit: nats per token.
        horizon: chunks that will be scored at most.
    """
    return _judge([score.mean_kld for score in scores], limit, horizon)


def _judge(values: Sequence[float], limit: float, horizon: int) -> Verdict:
    low, high = anytime_interval(values, ERROR_SHARE, horizon=horizon)
    if high <= limit:
        return "within"
    return "beyond" if low > limit else "undecided"


def kld_interval(scores: Sequence[ChunkScore], *, horizon: int) -> tuple[float, float]:
    """Where the mean KL divergence of such a text lies, at 95%, however often this is asked."""
    return anytime_interval([score.mean_kld for score in scores], ERROR_SHARE, horizon=horizon)


def _difference(score: ChunkScore) -> float:
    return fsum((*score.nll, *(-value for value in score.source_nll))) / len(score.nll)


def _mean(chunks: Sequence[float]) -> Estimate:
    error = stdev(chunks) / math.sqrt(len(chunks)) if len(chunks) > 1 else None
    return Estimate(value=fmean(chunks), standard_error=error)


def _exponential(logarithm: Estimate) -> Estimate:
    value, error = math.exp(logarithm.value), logarithm.standard_error
    return Estimate(value=value, standard_error=None if error is None else value * error)


def _quantile(scores: Sequence[ChunkScore], ordered: Sequence[float], fraction: float) -> Estimate:
    value = percentile(ordered, fraction)
    below: Callable[[ChunkScore], float] = lambda score: fmean(kld <= value for kld in score.kld)  # noqa: E731
    share = _mean([below(score) for score in scores]).standard_error
    if share is None:
        return Estimate(value=value, standard_error=None)
    low, high = (percentile(ordered, min(1.0, max(0.0, fraction + sign * share))) for sign in (-1, 1))
    return Estimate(value=value, standard_error=(high - low) / 2)
