"""Two to four profiles side by side."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.values import BUILD, MACHINE_CLASS, identity, profile
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.workload import Workload
from tunesmith.presentation.compare import compare, table, to_csv, to_markdown


def pair() -> list[TunedProfile]:
    """Two profiles of one run that differ in one setting."""
    other = profile("p2", name="Other")
    return [
        profile("p1", name="One"),
        other.model_copy(update={"settings": other.settings.replace(n_ubatch=256)}),
    ]


@pytest.mark.parametrize("count", [0, 1, 5])
def test_one_profile_or_five_are_no_comparison(count: int) -> None:
    with pytest.raises(ValueError, match="2 to 4"):
        compare([profile()] * count)


def test_profiles_of_the_same_kind_need_no_warning() -> None:
    assert compare(pair()).warnings == ()


def test_every_reason_not_to_compare_is_said() -> None:
    other = profile(
        "p2", model=identity("7b" * 32), machine=MACHINE_CLASS.model_copy(update={"fingerprint": "0"})
    )
    other = other.model_copy(
        update={
            "workload": Workload(prompt=1, generate=1),
            "build": BUILD.model_copy(update={"llama_cpp_version": "0.6"}),
            "tuned": other.tuned.model_copy(update={"noisy_samples": 1}),
        }
    )
    text = " ".join(compare([profile(), other]).warnings)
    for word in ("models", "machine classes", "workloads", "builds", "disturbed the measurement of B"):
        assert word in text


def test_only_differences_keeps_what_was_measured_and_what_differs() -> None:
    lines = table(compare(pair()), only_differences=True)
    names = [line.name for line in lines]
    assert "n_ubatch" in names
    assert "Decode" in names
    assert "n_batch" not in names
    assert "Workload" not in names


def test_a_bar_carries_its_interval_its_baseline_and_its_unit() -> None:
    decode = compare(pair()).groups[0]
    bar = decode.bars[0]
    assert (bar.letter, bar.value) == ("A", 111.0)
    assert bar.low == pytest.approx(99.9)
    assert bar.high == pytest.approx(122.1)
    assert bar.baseline == 111.0
    assert bar.text == "111 tok/s"
    assert decode.highest == pytest.approx(122.1)


def test_memory_is_in_mib_and_less_is_better() -> None:
    memory = compare(pair()).groups[-1]
    assert memory.unit == "MiB"
    assert not memory.more_is_better
    assert memory.bars[0].value == pytest.approx(143.05, abs=0.01)


def test_what_one_did_not_measure_is_an_empty_bar_and_what_none_did_is_no_group() -> None:
    first, second = pair()
    none = {"prefill_tokens_per_s": None}
    second = second.model_copy(update={"tuned": second.tuned.model_copy(update=none)})
    prefill = next(group for group in compare([first, second]).groups if group.role == "prefill")
    assert prefill.bars[1].value is None
    assert prefill.bars[1].text == "not measured"
    first = first.model_copy(update={"tuned": first.tuned.model_copy(update=none)})
    assert all(group.role != "prefill" for group in compare([first, second]).groups)


def test_markdown_holds_a_row_for_each_line_and_no_markup_of_the_names() -> None:
    first, second = pair()
    text = to_markdown(compare([first.model_copy(update={"name": "a|b\n*c*"}), second]))
    header, rule, *_ = text.splitlines()
    assert r"A · a\|b \*c\*" in header
    assert rule == "| --- | --- | --- |"
    assert "| n\\_ubatch | 512 | 256 |" in text


def test_csv_reads_back_and_starts_no_formula() -> None:
    first, second = pair()
    first = first.model_copy(update={"model": identity(name="=HYPERLINK(1)")})
    rows = list(csv.reader(io.StringIO(to_csv(compare([first, second])))))
    assert {len(row) for row in rows} == {4}
    assert ["Of what", "Model", "'=HYPERLINK(1)", "SmolLM2 135M"] in rows
    assert ["Settings", "n_gpu_layers", "-1", "-1"] in rows


@given(name=st.text(max_size=40))
def test_any_name_makes_one_row_of_markdown(name: str) -> None:
    first, second = pair()
    comparison = compare([first.model_copy(update={"name": name}), second])
    assert len(to_markdown(comparison).splitlines()) == 2 + len(comparison.lines)
