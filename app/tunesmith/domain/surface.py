"""Own a recorded surface: every combination of some settings, measured in rounds, raw."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from statistics import fmean
from typing import Literal

from pydantic import ConfigDict, Field, ValidationError

from tunesmith.domain.base import Value
from tunesmith.domain.event_base import Part
from tunesmith.domain.machine import Machine
from tunesmith.domain.measurement import Sample
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload

AxisValue = bool | int | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...] | None


def part_settings(settings: Settings, part: Part, *, parallel: int) -> Settings:
    """The settings that a part of a workload depends on; the others are put to a fixed value.

    llama.cpp computes batches of more than one token with ``threads_batch`` and single tokens with
    ``threads``; only a prompt is cut by ``n_batch`` and ``n_ubatch``.
    """
    if part == "prefill":
        return settings.replace(threads=settings.threads_batch)
    threads = settings.threads if parallel == 1 else settings.threads_batch
    fixed = {name: Settings.model_fields[name].default for name in ("n_batch", "n_ubatch")}
    return settings.replace(threads=threads, threads_batch=threads, **fixed)


class PartCell(Value):
    """One part under the settings that it depends on."""

    part: Part
    settings: Settings
    """As :func:`part_settings` gives them."""
    samples: tuple[Sample, ...] = ()
    """One per round, in order; raw."""
    failure: str = ""
    """Why it could not be measured; empty if it could."""

    @property
    def unit_ns(self) -> tuple[float, ...]:
        """Per round: nanoseconds per prompt token, or mean nanoseconds per decoding step."""
        found = []
        for sample in self.samples:
            value = sample.prefill_ns_per_token if self.part == "prefill" else sample.step_ns_mean
            if value is not None:
                found.append(value)
        return tuple(found)

    @property
    def true_ns(self) -> float:
        """The geometric mean over the rounds: what counts as the truth in a replay, ns."""
        return math.exp(fmean(math.log(value) for value in self.unit_ns))


class Costs(Value):
    """What changes cost on top of the timed parts, seconds."""

    load: float = Field(ge=0)
    """Loading the model anew in a process that has it not, until the first context."""
    process: float = Field(ge=0)
    """Starting a process."""
    context: float = Field(ge=0)
    """Making a context and filling it to the depth."""
    sample: float = Field(ge=0)
    """Every sample, beside what is timed."""


class Surface(Value):
    """A whole grid of settings, measured exhaustively on one machine under one workload."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, serialize_by_alias=True, validate_by_name=True,
        validate_by_alias=True,
    )  # fmt: skip

    schema_name: Literal["tunesmith.survey/1"] = Field(default="tunesmith.survey/1", alias="schema")
    title: str
    """Such as ``SmolLM2-135M Q4_1, chat, quiet``."""
    model_name: str
    quantization: str
    machine: Machine
    conditions: str
    """What else went on, in words."""
    workload: Workload
    """What the survey is about."""
    measured: Workload
    """What one sample measured of it."""
    baseline: Settings
    axes: dict[str, tuple[AxisValue, ...]]
    """The grid: values by setting."""
    cells: tuple[PartCell, ...]
    costs: Costs
    recorded_utc: str

    def grid(self) -> Iterator[Settings]:
        """All settings of the grid that could be measured in every part."""
        known = self.by_part()
        parts: tuple[Part, ...] = tuple(sorted({cell.part for cell in self.cells}))
        seen = set()
        names = list(self.axes)
        for values in product(*self.axes.values()):
            try:
                settings = self.baseline.replace(**dict(zip(names, values, strict=True)))
            except ValidationError:
                continue
            keys = [
                (part, part_settings(settings, part, parallel=self.workload.parallel).digest)
                for part in parts
            ]
            if settings.digest in seen or not all(key in known and not known[key].failure for key in keys):
                continue
            seen.add(settings.digest)
            yield settings

    def by_part(self) -> dict[tuple[Part, str], PartCell]:
        """Cells by part and the digest of the part's settings."""
        return {(cell.part, cell.settings.digest): cell for cell in self.cells}
