"""Claims about tunesmith.services.survey, on a simulated machine."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import pytest

from tests.services.simulated_source import SimulatedSource
from tests.support.gguf_writer import tiny_llama
from tests.tuning.machines import TWO_CORE_VM
from tests.tuning.simulation import CHAT, SimulatedMachine, Speeds, flat
from tunesmith.domain.events import Event, Progress, StageStarted, TrialFailed, TrialMeasured
from tunesmith.domain.machine import machine_class
from tunesmith.domain.request import SearchRules
from tunesmith.domain.settings import ChangeCost, Settings
from tunesmith.domain.surface import Surface
from tunesmith.domain.workload import Workload
from tunesmith.errors import Interrupted, ModelNotFound, ModelRefused, UsageError, WorkerCrashed
from tunesmith.services import survey as service
from tunesmith.services.context import Surroundings
from tunesmith.services.survey import SurveyRequest, SurveyResult, start_survey

SURROUNDINGS = Surroundings(machine=TWO_CORE_VM, machine_class=machine_class(TWO_CORE_VM))


def truth(settings: Settings) -> Speeds:
    return Speeds().times(
        prefill=1 if settings.threads_batch == 2 else 0.55,
        decode=(1 if settings.threads == 2 else 0.7) * (1.15 if settings.flash_attn == "off" else 1),
    )


@dataclass
class Surveyor:
    """A model, a machine and a way to survey."""

    model: Path
    machine: SimulatedMachine = field(default_factory=lambda: SimulatedMachine(truth=truth))
    source: SimulatedSource = field(init=False)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.source = SimulatedSource(self.machine)

    def request(self, **changes: object) -> SurveyRequest:
        plain = SurveyRequest(
            model_path=str(self.model),
            workload=CHAT,
            rules=SearchRules(vary=("threads", "threads_batch", "flash_attn", "use_extra_bufts")),
            given={"flash_attn": ("auto", "off")},
            rounds=3,
            conditions="quiet",
        )
        return replace(plain, **changes)  # type: ignore[arg-type]

    def survey(self, request: SurveyRequest | None = None) -> SurveyResult:
        session = start_survey(request or self.request(), make_source=lambda *_: self.source)
        self.events = list(session.events())
        return session.result()


@pytest.fixture
def surveyor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Surveyor:
    monkeypatch.setattr(service, "survey_machine", lambda _controls, **_named: SURROUNDINGS)
    path = tmp_path / "tiny.gguf"
    tiny_llama().write(path)
    return Surveyor(path)


def test_every_cell_has_a_sample_of_each_round(surveyor: Surveyor) -> None:
    result = surveyor.survey()
    surface = result.surface
    assert len(surface.cells) == 8 + 8
    assert {len(cell.samples) for cell in surface.cells} == {3}
    assert result.samples == 48
    assert len(list(surface.grid())) == 16
    assert surface.baseline in set(surface.grid())


def test_only_what_a_cell_is_about_is_measured_and_all_of_it_is_kept(surveyor: Surveyor) -> None:
    surface = surveyor.survey().surface
    for cell in surface.cells:
        wanted = surface.measured
        for sample in cell.samples:
            assert len(sample.step_ns) == (wanted.generate if cell.part == "decode" else 0)
            assert (sample.prefill_ns is None) == (cell.part == "decode")
    assert surface.measured.depth == 512
    for cell in surface.cells:
        speeds = truth(cell.settings)
        expected = speeds.prefill_ns if cell.part == "prefill" else speeds.step_ns
        assert cell.true_ns == pytest.approx(expected, rel=0.05)


def test_the_machine_is_told_without_its_name(surveyor: Surveyor) -> None:
    surface = surveyor.survey(surveyor.request(title="A title")).surface
    assert surface.machine == TWO_CORE_VM.model_copy(update={"hostname": "recorded"})
    assert TWO_CORE_VM.hostname not in surface.model_dump_json()
    assert (surface.title, surface.conditions) == ("A title", "quiet")


def test_without_words_title_and_conditions_say_what_was_seen(surveyor: Surveyor) -> None:
    surface = surveyor.survey(surveyor.request(conditions="", preset="chat")).surface
    assert surface.conditions == "others used 0.00 CPUs, 0 of 48 samples disturbed"
    assert ", chat, others used" in surface.title


def test_each_round_loads_the_model_once_for_each_way_of_loading(surveyor: Surveyor) -> None:
    surveyor.survey()
    rounds = [call for call in surveyor.source.calls if call[2].startswith("round-")]
    assert len(rounds) == 48
    assert len({group for _, _, group in rounds}) == 3
    loads = [(group, settings.key(ChangeCost.MODEL)) for settings, _, group in rounds]
    changes = sum(before != after for before, after in pairwise(loads))
    assert changes == 3 * 2 - 1
    orders = [[s.digest for s, _, group in rounds if group == f"round-{n}"] for n in range(3)]
    assert orders[0] != orders[1] != orders[2]


def test_costs_are_what_the_machine_charges(surveyor: Surveyor) -> None:
    surveyor.machine.truth = flat
    costs = surveyor.survey().surface.costs
    depth = CHAT.depth * Speeds().prefill_ns / 1e9
    assert costs.sample == pytest.approx(0, abs=1e-6)
    assert costs.context == pytest.approx(surveyor.machine.context_seconds + depth)
    assert costs.load == pytest.approx(surveyor.machine.load_seconds)


def test_disturbed_samples_are_kept_with_their_flag(surveyor: Surveyor) -> None:
    surveyor.machine.busy = lambda _seconds, rng: rng.random() < 0.3
    result = surveyor.survey()
    assert 5 < result.noisy_samples < 30
    assert {len(cell.samples) for cell in result.surface.cells} == {3}


@pytest.mark.parametrize("error", ["worker_crashed", "model_refused"])
def test_a_cell_that_cannot_be_measured_is_recorded_as_such(surveyor: Surveyor, error: str) -> None:
    surveyor.machine.refuses = lambda settings: error if settings.flash_attn == "off" else None
    surface = surveyor.survey().surface
    failed = [cell for cell in surface.cells if cell.failure]
    assert {cell.settings.flash_attn for cell in failed} == {"off"}
    assert len(failed) == 8
    assert all(cell.failure.startswith(f"{error}: ") and not cell.samples for cell in failed)
    assert {settings.flash_attn for settings in surface.grid()} == {"auto"}
    told = [event for event in surveyor.events if isinstance(event, TrialFailed)]
    assert len(told) == 8 * (2 if error == "worker_crashed" else 1)


def test_a_worker_that_dies_once_costs_no_cell(surveyor: Surveyor) -> None:
    calls = 0

    def refuses(_settings: Settings) -> str | None:
        nonlocal calls
        calls += 1
        return "worker_crashed" if calls == 20 else None

    surveyor.machine.refuses = refuses
    surface = surveyor.survey().surface
    assert {len(cell.samples) for cell in surface.cells} == {3}
    assert not any(cell.failure for cell in surface.cells)


def test_a_baseline_that_cannot_be_measured_ends_the_survey(surveyor: Surveyor) -> None:
    surveyor.machine.refuses = lambda _settings: "model_refused"
    with pytest.raises(ModelRefused):
        surveyor.survey()
    surveyor.machine.refuses = lambda settings: (
        "worker_crashed" if settings.flash_attn == "auto" and surveyor.machine.now > 20 else None
    )
    with pytest.raises(WorkerCrashed):
        surveyor.survey()
    assert surveyor.source.closed == 2


def test_an_interrupted_survey_says_that_nothing_is_kept(surveyor: Surveyor) -> None:
    surveyor.source.stop_before = 12
    with pytest.raises(Interrupted, match="nothing of it is kept"):
        surveyor.survey()
    assert surveyor.source.closed == 1


def test_what_makes_no_sense_is_told_before_anything_is_measured(surveyor: Surveyor) -> None:
    with pytest.raises(ModelNotFound):
        surveyor.survey(surveyor.request(model_path=str(surveyor.model.with_name("none.gguf"))))
    with pytest.raises(UsageError):
        surveyor.survey(surveyor.request(rules=SearchRules(vary=("nothing",))))
    assert not surveyor.source.calls


def test_progress_goes_from_nothing_to_nearly_all(surveyor: Surveyor) -> None:
    surveyor.survey()
    told = [event for event in surveyor.events if isinstance(event, Progress)]
    assert [event.fraction for event in told] == [n / 48 for n in range(48)]
    assert told[-1].step == "round 3 of 3"
    (announced,) = [event for event in surveyor.events if isinstance(event, StageStarted)]
    assert "16 cells in 3 rounds" in announced.title
    assert "threads 2 1" in announced.candidates
    measured = [event for event in surveyor.events if isinstance(event, TrialMeasured)]
    assert len(measured) == 48
    assert {event.round for event in measured} == {1, 2, 3}


def test_several_sequences_at_once_are_surveyed_as_they_decode(surveyor: Surveyor) -> None:
    """Four sequences decode with the threads that prefill: their number alone makes a decode cell."""
    workload = Workload(prompt=64, generate=16, depth=0, parallel=4)
    surface: Surface = surveyor.survey(surveyor.request(workload=workload)).surface
    decode = [cell for cell in surface.cells if cell.part == "decode"]
    assert len(decode) == 2 * 2 * 2
    assert all(cell.settings.threads == cell.settings.threads_batch for cell in decode)
    assert {sample.sequences for cell in decode for sample in cell.samples} == {4}
    assert len(list(surface.grid())) == 8
    assert "threads" not in surface.axes
