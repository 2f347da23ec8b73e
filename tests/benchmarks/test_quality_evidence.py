"""Own the claims about how the quality benchmarks read the tool, and about their arithmetic."""

from __future__ import annotations

import pytest

from tests.benchmarks.quality_agreement import LINES, agrees, own_digits, read_tool
from tests.benchmarks.quality_agreement import render as render_agreement
from tests.benchmarks.quality_cost import TOLD, ChunkTimes, CostRecord, Part, Who, ends, middle, render, spans

STATISTICS = """
====== Perplexity statistics ======
Mean PPL(Q)                   :  66.896975 ±   4.567890
Mean PPL(base)                :  45.715394 ±   3.001000
Mean PPL(Q)/PPL(base)         :   1.463336 ±   0.010000

====== KL divergence statistics ======
Mean    KLD:   0.561327 ±   0.006000
Maximum KLD:   8.252824
99.9%   KLD:   4.852824
99.0%   KLD:   2.787534
Median  KLD:   0.406692

====== Token probability statistics ======
Same top p: 53.373 ± 0.699 %
"""


def test_every_measure_is_read_from_what_the_tool_prints() -> None:
    assert read_tool(STATISTICS) == {
        "mean_kld": "0.561327", "median_kld": "0.406692", "p99_kld": "2.787534", "max_kld": "8.252824",
        "top1_agreement": "53.373", "perplexity": "66.896975", "source_perplexity": "45.715394",
        "perplexity_ratio": "1.463336",
    }  # fmt: skip


def test_a_measure_that_the_tool_does_not_tell_ends_the_comparison() -> None:
    with pytest.raises(SystemExit, match="does not say max_kld"):
        read_tool(STATISTICS.replace("Maximum", "Largest"))


def test_ours_is_told_in_as_many_digits_and_shares_in_percent() -> None:
    document = {name: {"value": 0.5337254902} for name in LINES}
    told = own_digits(document)
    assert told["top1_agreement"] == "53.373"
    assert told["perplexity"] == "0.533725"


def test_perplexity_must_agree_in_all_digits_and_a_divergence_in_five() -> None:
    assert not agrees("perplexity", "66.896975", "66.896974")
    assert not agrees("top1_agreement", "53.373", "53.374")
    assert agrees("max_kld", "8.252824", "8.252822")
    assert not agrees("max_kld", "8.252824", "8.253824")


def test_a_record_shows_what_differs_and_counts_what_does_not() -> None:
    tool = read_tool(STATISTICS)
    one = {
        "candidate": "Q2_K.gguf",
        "chunks": 20,
        "tool": tool,
        "tunesmith": {**tool, "perplexity": "66.896974"},
    }
    text = render_agreement([one])
    assert "66.896975, ours 66.896974" in text
    assert "7 of 8 figures are the same" in text


def test_a_chunk_ends_when_its_number_is_told_however_the_output_is_cut() -> None:
    source = [(1.0, b"[1]45.12"), (2.0, b"34,[2"), (3.0, b"]46.1,[3]44.0,"), (4.0, b"\n")]
    assert ends(source, TOLD["source"]) == [1.0, 3.0, 3.0]
    candidate = [
        (1.0, b"chunk             PPL\n   1      45.1234 "),
        (2.0, b"\xc2\xb1    3.1\n   2"),
        (3.0, b"    46.12"),
    ]
    assert ends(candidate, TOLD["candidate"]) == [1.0, 3.0]
    assert spans([1.0, 3.0, 3.5]) == (2.0, 0.5)


def a_record(ours: float, theirs: float) -> CostRecord:
    """Three rounds in which a chunk costs each program as much, on a machine of changing speed."""
    costs: dict[Who, float] = {"Tunesmith": ours, "llama-perplexity": theirs}
    parts: tuple[Part, ...] = ("source", "candidate")
    times = [
        ChunkTimes(round=number, place=1, who=who, part=part, seconds=(cost * number, cost * number))
        for number in (1, 2, 3)
        for who, cost in costs.items()
        for part in parts
    ]
    return CostRecord(
        started="now", machine="a machine", source="F16", candidate="Q4", chunks=3, threads=2,
        times=tuple(times),
    )  # fmt: skip


def test_costs_are_compared_within_rounds() -> None:
    found = a_record(1.1, 1.0)
    assert found.ratios("source") == pytest.approx([1.1] * 6)
    assert middle(found.ratios(None)).high == pytest.approx(1.1)
    assert "| 2.000 (1.000–3.000) | 2.200 (1.100–3.300) | 1.100 (1.100–1.100) | 1.000 | 1.100 |" in render(
        found
    )


def test_the_fastest_quarter_is_of_all_rounds() -> None:
    assert a_record(1.1, 1.0).undisturbed("Tunesmith", "source") == pytest.approx(1.1)


def test_a_median_lies_between_values_and_single_large_ones_move_nothing() -> None:
    found = middle([1.0, 1.1, 1.2, 1.3, 1.4, 90.0])
    assert found.median == pytest.approx(1.25)
    assert (found.low, found.high) == (1.0, 90.0)
    assert middle([1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 80.0, 90.0]).high == 80.0
    assert middle([1.0, 1.1]).low is None
