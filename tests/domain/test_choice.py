"""Claims about tunesmith.domain.choice and the limits of tunesmith.domain.quality."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from tunesmith.domain.choice import Contender, pareto_labels
from tunesmith.domain.quality import ChunkScore, Estimate, Quality, QualityLimits, summarize_quality


def _quality(kld: float) -> Quality:
    one = Estimate(value=1.0, standard_error=None)
    at = Estimate(value=kld, standard_error=None)
    return Quality(
        mean_kld=at, median_kld=at, p99_kld=at, max_kld=at, top1_agreement=one, perplexity=one,
        source_perplexity=one, perplexity_ratio=one, chunks=1, tokens_scored=255,
    )  # fmt: skip


@st.composite
def _files(draw: st.DrawFn) -> tuple[list[Contender], dict[str, float]]:
    rows = draw(
        st.lists(st.tuples(st.integers(1, 5), st.integers(0, 5), st.integers(1, 5)), min_size=1, max_size=8)
    )
    files = [
        Contender(label=str(n), quantization="Q4_0", size_bytes=size, quality=_quality(kld / 100))
        for n, (size, kld, _) in enumerate(rows)
    ]
    return files, {str(n): float(speed) for n, (_, _, speed) in enumerate(rows)}


def _worth(file: Contender) -> tuple[int, float]:
    assert file.size_bytes is not None
    assert file.mean_kld is not None
    return file.size_bytes, file.mean_kld


@given(_files())
def test_whatever_is_left_out_is_made_superfluous_by_something_kept(
    drawn: tuple[list[Contender], dict[str, float]],
) -> None:
    files, speed = drawn
    kept = pareto_labels(files, lambda one, other: speed[one] >= speed[other])
    assert kept
    for file in files:
        size, kld = _worth(file)
        better = [
            other for other in files
            if other.label in kept and _worth(other)[0] <= size and _worth(other)[1] <= kld
            and _worth(other) != (size, kld) and speed[other.label] >= speed[file.label]
        ]  # fmt: skip
        assert (file.label in kept) != bool(better)


@given(_files())
def test_where_no_speed_is_proven_nothing_is_left_out(
    drawn: tuple[list[Contender], dict[str, float]],
) -> None:
    files, _ = drawn
    assert pareto_labels(files, lambda _one, _other: False) == {file.label for file in files}


def _scores(mean: float, *, agreed: int = 90, excess: float = 0.0, chunks: int = 20) -> list[ChunkScore]:
    rng = random.Random(1)
    return [
        ChunkScore(
            chunk=n, kld=(max(0.0, mean * rng.uniform(0.9, 1.1)),) * 100, source_nll=(2.0,) * 100,
            nll=(2.0 + excess + rng.uniform(-0.01, 0.01),) * 100, agreed=agreed + rng.randint(-2, 2),
        )
        for n in range(chunks)
    ]  # fmt: skip


def test_every_limit_is_judged_and_one_broken_is_enough() -> None:
    scores = _scores(0.02, agreed=90, excess=0.03)
    for limits, verdict in (
        (QualityLimits(max_kld=0.05), "within"),
        (QualityLimits(max_kld=0.01), "beyond"),
        (QualityLimits(min_top1=0.85), "within"),
        (QualityLimits(min_top1=0.95), "beyond"),
        (QualityLimits(max_perplexity_ratio=1.05), "within"),
        (QualityLimits(max_perplexity_ratio=1.01), "beyond"),
        (QualityLimits(max_kld=0.05, min_top1=0.95), "beyond"),
        (QualityLimits(max_kld=0.05, min_top1=0.85, max_perplexity_ratio=1.05), "within"),
    ):
        assert limits.judge(scores, horizon=20) == verdict, limits
        assert limits.keeps(summarize_quality(scores)) == (verdict == "within")


def test_two_chunks_decide_nothing() -> None:
    scores = _scores(0.2, chunks=2)
    assert QualityLimits(max_kld=0.05).judge(scores, horizon=2) == "undecided"
    assert not QualityLimits(max_kld=0.05).keeps(summarize_quality(scores))
