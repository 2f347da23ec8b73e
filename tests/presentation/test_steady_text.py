"""Claims about how a comparison at steady state reads."""

from __future__ import annotations

from tests.store.values import MACHINE, profile
from tests.support.heat import HotMachine
from tests.tuning.test_steady import WORKLOAD, found, threads
from tunesmith.domain.power_limit import PowerLimit
from tunesmith.domain.steady import SteadyCompared, SteadyFindings
from tunesmith.presentation.power_limit_text import power_limit_rows
from tunesmith.presentation.steady_text import (
    ratio_text,
    steady_header,
    steady_notes,
    steady_report,
    steady_rows,
    verdict,
)
from tunesmith.services.context import Surroundings
from tunesmith.services.steady import SteadyResult


def compared(told: SteadyFindings | None, **changed: object) -> SteadyCompared:
    values: dict[str, object] = {
        "compared": threads(2, 3), "workload": WORKLOAD, "sampled": {}, "planned_seconds": 480.0,
        "seconds": 479.0, "planned_blocks": 4, "block_seconds": 60.0, "end": "finished", "fault": "",
        "alpha": 0.05, "least_ratio": 0.03, "reloads": False, "findings": told, "blocks": (), "samples": (),
    }  # fmt: skip
    return SteadyCompared.model_validate(values | changed)


def test_each_setting_has_a_line_and_the_first_no_ratio() -> None:
    told = found(HotMachine(), 2, 3)
    first, second = steady_rows(told, "decode")
    assert (first[0], first[3]) == ("threads=2", "–")
    assert second[2].startswith(("70", "69.9"))
    assert second[3].startswith("−12.")
    assert len(first) == len(steady_header(told)) == 4
    assert steady_header(told)[3] == "against threads=2"


def test_joules_have_a_column_where_sensors_tell_them_and_a_reason_where_not() -> None:
    told = found(HotMachine(watts=10.0), 1, 2)
    assert steady_header(told)[-1] == "J per token"
    assert len(steady_rows(told, "request")[0]) == 5
    silent = steady_notes(compared(found(HotMachine(), 2, 3)))
    assert "No joules per token: no sensor tells it." in silent


def test_the_verdict_names_what_holds_more_or_that_nothing_was_shown() -> None:
    assert verdict(found(HotMachine(), 2, 3)) == "threads=2 holds more than threads=3."
    assert verdict(found(HotMachine(), 2, 2)) == "No difference shown."
    assert (
        verdict(found(HotMachine(), 1, 2, 3, seconds=720))
        == "threads=2 holds more than threads=1, threads=3."
    )
    partly = found(HotMachine(), 1, 2, 2, seconds=720)
    assert verdict(partly) == "threads=2, threads=2: more than threads=1. Which holds most was not shown."


def test_an_interval_that_says_nothing_is_not_written_out() -> None:
    (wide,) = (r for r in found(HotMachine(), 2, 3).ratios if r.measure == "decode")
    ratio = wide.ratio.model_copy(update={"median": 0.1, "low": 1e-9, "high": 127_711.0})
    assert ratio_text(wide.model_copy(update={"ratio": ratio})) == "−90.0% (too noisy for an interval)"


def test_the_verdict_says_what_it_is_about_where_parts_are_told_too() -> None:
    tuned = profile()
    where = Surroundings(machine=MACHINE, machine_class=tuned.machine)
    shown = steady_report(SteadyResult(compared(found(HotMachine(), 2, 3)), tuned.model, where, 0))
    texts = [str(one) for one in shown]
    assert "Whole request: threads=2 holds more than threads=3." in texts


def test_how_a_comparison_ended_and_what_was_not_steady_is_told() -> None:
    assert steady_notes(compared(None, end="interrupted"))[0].startswith("Interrupted after 7 min")
    assert "Not every setting had a whole block" in steady_notes(compared(None))[-1]
    short = found(HotMachine(), 2, 3, seconds=4)
    assert "No steady state was shown for threads=2, threads=3: give it longer blocks." in " ".join(
        steady_notes(compared(short))
    )
    assert "Counted are the 4 rounds" in " ".join(steady_notes(compared(short, planned_blocks=6)))
    assert "loaded anew" in " ".join(steady_notes(compared(short, reloads=True)))


def test_a_limit_that_was_given_is_marked_and_what_is_read_stands_beside_it() -> None:
    assert power_limit_rows(None, ()) == []
    given, read = power_limit_rows(
        15.0,
        (
            PowerLimit(name="package-0", source="powercap", kind="long_term", watts=28.0, reason=""),
            PowerLimit(name="GPU", source="nvml", kind="", watts=None, reason="the driver says: no"),
        ),
    )
    assert given == ("Power limit", "15 W (given)")
    assert read == ("In force", "package-0, long_term: 28 W · GPU: – the driver says: no")
    assert power_limit_rows(15.0, ())[1][1] == "– this machine tells of no power limit"
