"""Claims about tunesmith.tuning.grid: what a survey measures, in what order, and for how long."""

from __future__ import annotations

import random
from itertools import groupby

import pytest

from tests.tuning.machines import GPU_MACHINE, HYBRID, LAPTOP, TWO_CORE_VM
from tests.tuning.simulation import CHAT, SimulatedMachine
from tests.tuning.surfaces import surface
from tunesmith.domain.blocks import Blocks
from tunesmith.domain.event_base import Part
from tunesmith.domain.machine import Machine
from tunesmith.domain.request import SearchRules
from tunesmith.domain.settings import ChangeCost, Settings
from tunesmith.domain.surface import part_settings
from tunesmith.domain.workload import Workload
from tunesmith.errors import UsageError
from tunesmith.tuning.grid import (
    Axes,
    grid_cells,
    grid_settings,
    parse_axis,
    shuffled,
    survey_axes,
    survey_pace,
)
from tunesmith.tuning.pace import pilot_workload
from tunesmith.tuning.space import baseline_settings, questions

PARTS: frozenset[Part] = frozenset({"prefill", "decode"})
BASELINE = baseline_settings(TWO_CORE_VM, CHAT)


def axes(
    *, workload: Workload = CHAT, vary: tuple[str, ...] | None = None, given: Axes | None = None
) -> Axes:
    return survey_axes(
        baseline_settings(TWO_CORE_VM, workload), workload=workload, machine=TWO_CORE_VM,
        rules=SearchRules(vary=vary), given=given or {},
    )  # fmt: skip


def test_the_axes_are_what_a_tune_would_vary_with_the_baseline_first() -> None:
    assert axes() == {
        "threads": (2, 1),
        "threads_batch": (2, 1),
        "n_ubatch": (512, 64, 128, 256),  # 256 is asked about once another than 512 holds
        "flash_attn": ("auto", "off", "on"),
        "type_k": ("f16", "q8_0"),
        "type_v": ("f16", "q8_0"),
        "use_extra_bufts": (True, False),
    }


def test_a_workload_without_a_prompt_has_no_axis_of_the_prompt() -> None:
    found = axes(workload=Workload(prompt=0, generate=64))
    assert "threads" in found
    assert not {"threads_batch", "n_ubatch"} & set(found)


@pytest.mark.parametrize("machine", [TWO_CORE_VM, LAPTOP, HYBRID], ids=["vm", "laptop", "hybrid"])
def test_whatever_a_tune_comes_to_after_two_answers_is_in_the_grid(machine: Machine) -> None:
    baseline = baseline_settings(machine, CHAT)
    laid = survey_axes(baseline, workload=CHAT, machine=machine, rules=SearchRules(), given={})

    def steps(settings: Settings) -> list[Settings]:
        asked = questions(settings, workload=CHAT, machine=machine, rules=SearchRules(), parts=PARTS)
        found = []
        for option in (option for question in asked for option in question.options):
            try:
                found.append(option.apply(settings))
            except ValueError:
                continue
        return found

    reached = [again for once in steps(baseline) for again in (once, *steps(once))]
    assert reached
    for settings in reached:
        for name, values in laid.items():
            assert getattr(settings, name) in values
        unlaid = set(Settings.model_fields) - set(laid)
        assert all(getattr(settings, name) == getattr(baseline, name) for name in unlaid)


def test_where_there_is_a_gpu_the_ladder_of_layers_is_an_axis() -> None:
    baseline = baseline_settings(GPU_MACHINE, CHAT)
    laid = survey_axes(
        baseline, workload=CHAT, machine=GPU_MACHINE, rules=SearchRules(vary=("n_gpu_layers",)), given={},
        blocks=Blocks(count=32, weights_bytes=2**32),
    )  # fmt: skip
    assert laid == {"n_gpu_layers": (-1, 0, 8, 16, 24)}


def test_only_the_named_settings_are_varied_and_values_by_hand_come_in_place_of_ours() -> None:
    assert axes(vary=("threads", "fa"), given={"flash_attn": ("off",)}) == {
        "threads": (2, 1),
        "flash_attn": ("auto", "off"),
    }
    assert axes(vary=("threads",), given={"op_offload": (True, False)}) == {
        "threads": (2, 1),
        "op_offload": (True, False),
    }


@pytest.mark.parametrize(
    ("vary", "given", "words"),
    [
        (("no_such",), {}, "no setting called"),
        (("swa_full",), {}, "is not tuned"),
        (("threads",), {"threads": (2,)}, "nothing to vary"),
        (None, {"threads": tuple(range(1, 300)), "threads_batch": tuple(range(1, 300))}, "more than 200000"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused(vary: tuple[str, ...] | None, given: Axes, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        axes(vary=vary, given=given)


def test_axes_are_read_as_users_write_them() -> None:
    assert parse_axis("threads=1,2,4,2") == ("threads", (1, 2, 4))
    assert parse_axis("fa=auto, off") == ("flash_attn", ("auto", "off"))
    assert parse_axis("repack=on,off") == ("use_extra_bufts", (True, False))
    assert parse_axis("affinity=none;0-1;0,2") == ("cpu_affinity", (None, (0, 1), (0, 2)))


@pytest.mark.parametrize(
    "text", ["threads", "threads=", "nothing=1", "threads=x", "ctx=4096", "parallel=2", "t=0", "fa=maybe"]
)
def test_what_is_no_axis_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_axis(text)


def test_the_grid_holds_every_combination_that_makes_sense_once() -> None:
    found = list(grid_settings(BASELINE, axes()))
    assert len({one.digest for one in found}) == len(found) == 2 * 2 * 4 * 2 * (3 + 2)
    assert all(one.type_k == one.type_v for one in found)


def test_each_part_is_measured_once_for_all_settings_that_differ_in_nothing_it_depends_on() -> None:
    cells = grid_cells(BASELINE, axes(), CHAT)
    assert len(cells) == 2 * 4 * 2 * 5 + 2 * 2 * 5
    known = {(part, settings.digest) for part, settings in cells}
    assert len(known) == len(cells)
    for settings in grid_settings(BASELINE, axes()):
        assert all((part, part_settings(settings, part, parallel=1).digest) in known for part in PARTS)


def test_the_order_is_random_but_loads_each_model_and_makes_each_context_once() -> None:
    cells = grid_cells(BASELINE, axes(), CHAT)
    first, second = (shuffled(cells, random.Random(seed)) for seed in (1, 2))
    flat = [cell for load in first for context in load for cell in context]
    assert sorted(map(repr, flat)) == sorted(map(repr, cells))
    assert flat != [cell for load in second for context in load for cell in context]
    assert len([key for key, _ in groupby(flat, lambda cell: cell[1].key(ChangeCost.MODEL))]) == 2
    contexts = [key for key, _ in groupby(flat, lambda cell: repr(cell[1].key(ChangeCost.CONTEXT)))]
    assert len(contexts) == 2 * 4 * 5


def test_a_pace_by_hand_makes_samples_that_take_so_long() -> None:
    machine = SimulatedMachine(noise=0.0)  # 2.5 ms a prompt token, 7 ms a step
    pilot = machine.measure(BASELINE, pilot_workload(CHAT), "pilot")
    whole = Workload(prompt=4096, generate=4096, depth=512)
    pace = survey_pace(whole, pilot, axes=axes(), part_seconds=0.7)
    assert (pace.prompt, pace.generate, pace.depth) == (280, 100, 512)
    short = survey_pace(CHAT, pilot, axes=axes(), part_seconds=1e-6)
    assert (short.prompt, short.generate) == (32, 8)
    usual = survey_pace(CHAT, pilot, axes=axes())
    assert 0.35 <= usual.generate * 7e-3 <= 2.0


def test_the_surface_knows_the_grid_that_its_cells_make_up() -> None:
    made = surface()
    assert len(list(made.grid())) == 8
    failing = surface(failure=lambda settings: "it crashed" if settings.flash_attn == "off" else "")
    assert {settings.flash_attn for settings in failing.grid()} == {"auto"}
