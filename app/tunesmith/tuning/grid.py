"""Own the grid of a survey: which settings it measures, part by part, in what order and how long."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import cast

from pydantic import ValidationError

from tunesmith.domain.blocks import Blocks
from tunesmith.domain.event_base import Part
from tunesmith.domain.machine import Machine
from tunesmith.domain.measurement import Sample
from tunesmith.domain.request import SearchRules
from tunesmith.domain.settings import ChangeCost, Settings, setting_spec
from tunesmith.domain.surface import AxisValue, part_settings
from tunesmith.domain.workload import BUDGETS, Workload
from tunesmith.errors import UsageError
from tunesmith.tuning.forecast import CONFIRM_SHARE, TYPICAL_ROUNDS
from tunesmith.tuning.options import Option
from tunesmith.tuning.pace import MIN_PROMPT, MIN_STEPS, Pace, choose_pace
from tunesmith.tuning.setting_text import parse_setting, unknown_setting
from tunesmith.tuning.space import check_rules, questions

MAX_COMBINATIONS = 200_000
"""A grid of more settings than this is a mistake: nobody can wait for it."""
_OF_THE_WORKLOAD = ("n_ctx", "n_seq_max")
_LISTS = ("cpu_affinity", "devices", "tensor_split", "override_tensor")
_OF_THE_RUN = ("rpc",)
"""Named for the whole run: a worker's servers do not change."""
_BEARS_ANYTHING = Settings(threads=1, threads_batch=1, n_ctx=1, n_batch=2**20, n_ubatch=1)
"""Any value of any one setting makes sense beside these."""
_STEPS = 2
"""What the tuner may come to in so many steps from the baseline is in the grid."""

Axes = dict[str, tuple[AxisValue, ...]]
Cell = tuple[Part, Settings]
"""A part of the workload and all that it depends on."""


def workload_parts(workload: Workload) -> tuple[Part, ...]:
    """The parts that a workload has."""
    found: list[Part] = []
    if workload.generate:
        found.append("decode")
    if workload.prompt:
        found.append("prefill")
    return tuple(found)


def parse_axis(text: str, flag: str = "--axis") -> tuple[str, tuple[AxisValue, ...]]:
    """Read ``threads=1,2,4``; lists, which have commas themselves, are divided by semicolons.

    Args:
        text: what was written.
        flag: where, for the words of an error.

    Raises:
        UsageError: it names no setting of a grid, or a value is none of its kind.
    """
    name, sign, values = text.partition("=")
    if not sign or not values.strip():
        raise UsageError(f"{text!r} names no values of a setting.", todo=f"Write it as {flag} threads=1,2,4.")
    try:
        name = setting_spec(name).name
    except KeyError:
        raise unknown_setting(name) from None
    if name in _OF_THE_WORKLOAD:
        raise UsageError(f"{name} belongs to the workload.", todo="Set it with --workload.")
    if name in _OF_THE_RUN:
        raise UsageError(f"{name} holds for the whole run.", todo="Name servers with --rpc.")
    pieces = values.split(";" if name in _LISTS else ",")
    return name, tuple(dict.fromkeys(_axis_value(name, piece) for piece in pieces))


def _axis_value(name: str, text: str) -> AxisValue:
    value = parse_setting(name, text)[1]
    try:
        _BEARS_ANYTHING.replace(**{name: value})
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]["msg"]
        raise UsageError(f"{name} cannot be {text.strip()}: {problem[:1].lower()}{problem[1:]}.") from None
    return cast("AxisValue", value)


def survey_axes(
    baseline: Settings, *, workload: Workload, machine: Machine, rules: SearchRules,
    given: Mapping[str, tuple[AxisValue, ...]], blocks: Blocks | None = None,
) -> Axes:  # fmt: skip
    """The values of each setting that is surveyed, the baseline's first.

    Args:
        baseline: what the grid is laid around.
        workload: what is surveyed.
        machine: what the tuner would try depends on it.
        rules: which settings, and which cache types; see :func:`~tunesmith.tuning.space.check_rules`.
        given: values that were set by hand, in place of what the tuner would try.
        blocks: the model's layers, where its header says how many there are.

    Raises:
        UsageError: the rules make no sense, nothing is left to vary, or the grid is out of all proportion.
    """
    check_rules(rules)
    found: dict[str, dict[AxisValue, None]] = {}
    for option in _reachable(baseline, workload, machine, rules, blocks):
        for name, value in option.changes:
            found.setdefault(name, {})[cast("AxisValue", value)] = None
    kept = {name: tuple(values) for name, values in found.items()} | dict(given)
    order = list(Settings.model_fields)
    axes = {
        name: tuple(dict.fromkeys((getattr(baseline, name), *sorted(kept[name], key=_place))))
        for name in sorted(kept, key=order.index)
    }
    axes = {name: values for name, values in axes.items() if len(values) > 1}
    if not axes:
        raise UsageError("There is nothing to vary.", todo="Name settings with --vary or --axis.")
    size = math.prod(map(len, axes.values()))
    if size > MAX_COMBINATIONS:
        raise UsageError(
            f"The grid has {size} settings, more than {MAX_COMBINATIONS}.",
            todo="Vary fewer settings, or give fewer values with --axis.",
        )
    return axes


def _place(value: AxisValue) -> tuple[int, float, str]:
    """Numbers by size, all else by how it is written."""
    return (0, float(value), "") if isinstance(value, int) else (1, 0.0, str(value))


def _reachable(
    baseline: Settings, workload: Workload, machine: Machine, rules: SearchRules, blocks: Blocks | None
) -> Iterator[Option]:
    """What the tuner asks about at the baseline, and wherever it may stand after the first answers."""
    places, parts = [baseline], frozenset(workload_parts(workload))
    for _ in range(_STEPS):
        options = [
            (place, option)
            for place in places
            for question in questions(
                place, workload=workload, machine=machine, rules=rules, parts=parts, blocks=blocks
            )
            for option in question.options
        ]
        yield from (option for _, option in options)
        places = [settings for place, option in options if (settings := _applied(option, place)) is not None]


def _applied(option: Option, settings: Settings) -> Settings | None:
    try:
        return option.apply(settings)
    except ValidationError:
        return None


def grid_settings(baseline: Settings, axes: Axes) -> Iterator[Settings]:
    """All settings of a grid that make sense; K and V caches are alike where both are varied."""
    names = list(axes)
    alike = {"type_k", "type_v"} <= set(names)
    for values in product(*axes.values()):
        changes = dict(zip(names, values, strict=True))
        if alike and changes["type_k"] != changes["type_v"]:
            continue
        try:
            yield baseline.replace(**changes)
        except ValidationError:
            continue


def grid_cells(baseline: Settings, axes: Axes, workload: Workload) -> list[Cell]:
    """What has to be measured so that every setting of the grid is known in every part; each once."""
    found: dict[tuple[Part, str], Cell] = {}
    for settings in grid_settings(baseline, axes):
        for part in workload_parts(workload):
            cell = part_settings(settings, part, parallel=workload.parallel)
            found.setdefault((part, cell.digest), (part, cell))
    return list(found.values())


def shuffled(cells: Iterable[Cell], order: random.Random) -> list[list[list[Cell]]]:
    """Cells in random order, but by model load, and in it by context, so that little is made anew."""
    nested: dict[tuple[object, ...], dict[tuple[object, ...], list[Cell]]] = {}
    for part, settings in cells:
        contexts = nested.setdefault(settings.key(ChangeCost.MODEL), {})
        contexts.setdefault(settings.key(ChangeCost.CONTEXT), []).append((part, settings))
    loads = [list(contexts.values()) for contexts in nested.values()]
    order.shuffle(loads)
    for contexts_of_load in loads:
        order.shuffle(contexts_of_load)
        for cells_of_context in contexts_of_load:
            order.shuffle(cells_of_context)
    return loads


def survey_pace(
    whole: Workload, pilot: Sample, *, axes: Axes, part_seconds: float | None = None
) -> Pace:  # fmt: skip
    """How much of the workload each sample measures.

    Args:
        whole: what is surveyed.
        pilot: a sample of :func:`~tunesmith.tuning.pace.pilot_workload`.
        axes: the grid; the more the tuner has to ask, the shorter its samples are.
        part_seconds: about how long a sample takes; None for what a tune of the standard budget takes.
    """
    seconds = BUDGETS["standard"].seconds * (1 - CONFIRM_SHARE)
    samples = sum((len(values) + 1) * TYPICAL_ROUNDS for values in axes.values())
    pace = choose_pace(whole, pilot, seconds=seconds, samples=samples)
    if part_seconds is None:
        return pace
    prompt, generate = pace.prompt, pace.generate
    per_token, step = pilot.prefill_ns_per_token, pilot.step_ns_mean
    if whole.prompt and per_token:
        affordable = math.ceil(part_seconds * 1e9 / (per_token * whole.parallel))
        prompt = min(whole.prompt, max(MIN_PROMPT, affordable))
    if whole.generate and step:
        generate = min(whole.generate, max(MIN_STEPS, math.ceil(part_seconds * 1e9 / step)))
    return Pace(
        prompt=prompt, generate=generate, depth=pace.depth, batch_prompt=max(prompt, pace.batch_prompt)
    )
