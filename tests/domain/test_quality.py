"""Own the claims about the measures of quality: values by hand, errors between chunks, verdicts."""

from __future__ import annotations

import math
import random
from statistics import stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.domain.quality import ChunkScore, judge_kld, kld_interval, summarize_quality


def _score(
    chunk: int, kld: list[float], nll: list[float], source: list[float], agreed: int = 0
) -> ChunkScore:
    return ChunkScore(chunk=chunk, kld=tuple(kld), nll=tuple(nll), source_nll=tuple(source), agreed=agreed)


TWO = [
    _score(0, [0.1, 0.3], [1.0, 2.0], [1.0, 1.0], agreed=2),
    _score(1, [0.2, 0.6], [3.0, 2.0], [2.0, 2.0], agreed=1),
]


def test_measures_are_those_computed_by_hand() -> None:
    found = summarize_quality(TWO)
    assert found.mean_kld.value == pytest.approx(0.3)
    assert found.mean_kld.standard_error == pytest.approx(stdev([0.2, 0.4]) / math.sqrt(2))
    assert found.median_kld.value == pytest.approx(0.25)
    assert found.p99_kld.value == pytest.approx(0.3 + 0.97 * 0.3)
    assert found.max_kld.value == 0.6
    assert found.max_kld.standard_error is None
    assert found.top1_agreement.value == pytest.approx(0.75)
    assert found.perplexity.value == pytest.approx(math.exp(2.0))
    assert found.source_perplexity.value == pytest.approx(math.exp(1.5))
    assert found.perplexity_ratio.value == pytest.approx(math.exp(0.5))
    assert (found.chunks, found.tokens_scored) == (2, 4)


def test_the_ratio_is_paired_so_that_what_is_hard_for_both_cancels_out() -> None:
    rng = random.Random(1)
    hardness = [rng.uniform(1, 5) for _ in range(10)]
    scores = [_score(n, [0.1], [hard + 0.1], [hard]) for n, hard in enumerate(hardness)]
    found = summarize_quality(scores)
    assert found.perplexity.standard_error is not None
    assert found.perplexity_ratio.standard_error == pytest.approx(0, abs=1e-9)
    assert found.perplexity.standard_error > 1


def test_one_chunk_has_no_errors() -> None:
    found = summarize_quality(TWO[:1])
    assert {
        getattr(found, name).standard_error for name in ("mean_kld", "median_kld", "perplexity_ratio")
    } == {None}


def test_nothing_scored_is_refused() -> None:
    with pytest.raises(ValueError, match="no chunk"):
        summarize_quality([])


def test_a_quantiles_error_is_about_what_it_varies_by_over_other_texts() -> None:
    def text(seed: int) -> list[ChunkScore]:
        rng = random.Random(seed)
        return [
            _score(n, [rng.expovariate(10) for _ in range(60)], [1.0] * 60, [1.0] * 60) for n in range(20)
        ]

    repeated = [summarize_quality(text(seed)).p99_kld for seed in range(60)]
    spread = stdev([estimate.value for estimate in repeated])
    stated = [estimate.standard_error or 0 for estimate in repeated]
    assert 0.6 * spread < sum(stated) / len(stated) < 1.5 * spread


@given(st.lists(st.floats(0, 5), min_size=1, max_size=40))
def test_measures_lie_where_they_must(klds: list[float]) -> None:
    found = summarize_quality([_score(0, klds, [1.0] * len(klds), [1.0] * len(klds), agreed=len(klds))])
    assert 0 <= found.median_kld.value <= found.p99_kld.value <= found.max_kld.value == max(klds)
    assert found.top1_agreement.value == 1
    assert found.perplexity_ratio.value == 1


# ---------------------------------------------------------------- verdicts


def _chunks(means: list[float]) -> list[ChunkScore]:
    return [_score(n, [mean], [1.0], [1.0]) for n, mean in enumerate(means)]


def test_a_verdict_waits_until_it_is_clear() -> None:
    rng = random.Random(2)
    scores = _chunks([rng.gauss(0.02, 0.002) for _ in range(40)])
    assert judge_kld(scores[:2], 0.05, horizon=40) == "undecided"
    assert judge_kld(scores[:6], 0.05, horizon=40) == "within"
    assert judge_kld(scores[:6], 0.005, horizon=40) == "beyond"
    assert judge_kld(scores, 0.02, horizon=40) == "undecided"
    low, high = kld_interval(scores, horizon=40)
    assert low < 0.02 < high


def test_verdicts_that_are_asked_for_after_each_chunk_err_rarely() -> None:
    rng = random.Random(3)
    wrong = 0
    for _ in range(400):
        scores = _chunks([rng.gauss(0.05, 0.01) for _ in range(20)])
        verdicts = {judge_kld(scores[:count], 0.05, horizon=20) for count in range(1, 21)}
        wrong += verdicts != {"undecided"}
    assert wrong <= 0.05 * 400 + 2 * math.sqrt(0.05 * 0.95 * 400)
