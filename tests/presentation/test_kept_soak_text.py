"""Claims about how the figures read that a profile carries of a soak."""

from __future__ import annotations

from tests.store.values import profile
from tests.support.soaks import kept
from tunesmith.presentation.compare import compare
from tunesmith.presentation.kept_soak_text import kept_rows, kept_sentences
from tunesmith.presentation.tune_text import profile_report


def test_burst_and_sustained_speed_stand_side_by_side() -> None:
    prefill, decode = kept_rows(kept(falls_to=0.8))
    assert prefill[0] == "Prefill, tok/s"
    assert decode[1].startswith("100.") or decode[1].startswith("99.")
    assert decode[2].startswith(("80.", "79."))


def test_a_fall_is_told_with_its_time_and_a_held_speed_as_one() -> None:
    whole, prefill, decode = kept_sentences(kept(falls_to=0.8))
    assert whole == "Soaked for 2 min."
    assert prefill == "Prefill held its speed."
    assert decode.startswith("Decode fell by 20.0% (")
    assert decode.endswith("first after 1 min.")


def test_a_speed_that_was_not_steady_is_told_not_to_have_been() -> None:
    told = kept(falls_to=0.8)
    unsettled = told.model_copy(
        update={"parts": tuple(part.model_copy(update={"settled": False}) for part in told.parts)}
    )
    assert kept_sentences(unsettled)[-1].endswith("It may not have been steady yet.")
    assert kept_sentences(kept(falls_to=1.25))[-1].startswith("Decode became 25.0% faster (")


def test_profiles_are_compared_in_it_once_one_was_soaked() -> None:
    soaked = profile("p1").model_copy(update={"soak": kept(falls_to=0.8)})
    lines = {line.name: line.cells for line in compare([soaked, profile("p2")]).lines}
    assert lines["Decode, sustained"][0].startswith(("80.", "79."))
    assert lines["Decode, sustained"][1] == "–"
    assert lines["Decode, drop"][0].startswith("20.0% (")
    assert lines["Prefill, drop"][0] == "none found"
    assert "Decode, sustained" not in {line.name for line in compare([profile("p1"), profile("p2")]).lines}


def test_a_profile_that_was_soaked_is_shown_with_both_speeds() -> None:
    plain = profile_report(profile())
    told = profile_report(profile().model_copy(update={"soak": kept()}))
    assert len(told) > len(plain)
    assert str(told[-1]) == "Decode held its speed."
