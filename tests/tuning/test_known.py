"""Claims about tunesmith.tuning.known: what won before is tried first, within the rules."""

from __future__ import annotations

from tests.tuning.simulation import SimulatedMachine, Speeds, Tuned, request, tune
from tunesmith.domain.events import StageStarted
from tunesmith.domain.request import KnownSettings, SearchRules
from tunesmith.domain.settings import Settings
from tunesmith.tuning.known import known_question
from tunesmith.tuning.space import BOTH

BASE = Settings(threads=2, threads_batch=2, n_ctx=1024)
WON = BASE.replace(flash_attn="off", n_ubatch=256, n_ctx=4096, threads=1)


def test_context_and_sequences_are_the_workloads_own() -> None:
    question = known_question([KnownSettings(label="before", settings=WON)], BASE, SearchRules(), BOTH)
    assert question is not None
    (option,) = question.options
    assert dict(option.changes) == {"flash_attn": "off", "n_ubatch": 256, "threads": 1}


def test_only_what_the_rules_leave_open_is_taken_over() -> None:
    known = [
        KnownSettings(label="before", settings=WON.replace(flash_attn="on", type_k="q4_0", type_v="q4_0"))
    ]
    fixed = known_question(known, BASE, SearchRules(fix={"threads": "2", "flash-attn": "auto"}), BOTH)
    assert fixed is not None
    assert dict(fixed.options[0].changes) == {"n_ubatch": 256}
    varied = known_question(known, BASE, SearchRules(vary=("threads",)), BOTH)
    assert varied is not None
    assert dict(varied.options[0].changes) == {"threads": 1}


def test_nothing_new_is_no_question() -> None:
    known = [KnownSettings(label="before", settings=BASE.replace(n_ctx=8192))]
    assert known_question(known, BASE, SearchRules(), BOTH) is None
    twice = [KnownSettings(label=label, settings=WON) for label in ("one", "two")]
    question = known_question(twice, BASE, SearchRules(), BOTH)
    assert question is not None
    assert len(question.options) == 1


def truth(settings: Settings) -> Speeds:
    """Only both together are faster: one setting at a time never finds them."""
    both = settings.flash_attn == "off" and settings.n_ubatch == 256
    one = settings.flash_attn == "off" or settings.n_ubatch == 256
    ratio = 1.3 if both else 0.9 if one else 1.0
    return Speeds().times(prefill=ratio, decode=ratio)


def search(*known: KnownSettings) -> Tuned:
    wanted = request().model_copy(update={"known": known})
    return tune(wanted, SimulatedMachine(truth, seed=2), confirm=False)


def test_what_is_known_is_raced_first_and_kept_if_proven() -> None:
    assert search().settings.flash_attn == "auto"
    warm = search(KnownSettings(label="before", settings=BASE.replace(flash_attn="off", n_ubatch=256)))
    assert (warm.search.settings.flash_attn, warm.search.settings.n_ubatch) == ("off", 256)
    first = next(event for event in warm.events if isinstance(event, StageStarted))
    assert (first.stage, first.candidates[1]) == ("known", "before")


def test_what_is_known_and_wrong_costs_some_rounds_and_no_more() -> None:
    warm = search(KnownSettings(label="before", settings=BASE.replace(threads=1, flash_attn="off")))
    assert warm.search.settings == warm.baseline
    assert sum(job.stage == "known" for job in warm.machine.jobs) < 40
