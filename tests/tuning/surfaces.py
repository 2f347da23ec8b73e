"""Own small surfaces, made up: every cell's speed is known."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from tests.tuning.machines import TWO_CORE_VM
from tunesmith.domain.measurement import Conditions, MemoryUse, Sample
from tunesmith.domain.settings import Settings
from tunesmith.domain.surface import Costs, PartCell, Surface
from tunesmith.domain.workload import Workload
from tunesmith.tuning.grid import Axes, grid_cells
from tunesmith.tuning.space import baseline_settings

WORKLOAD = Workload(prompt=256, generate=128, depth=512)
MEASURED = Workload(prompt=100, generate=10, depth=512)
AXES: Axes = {"threads": (2, 1), "threads_batch": (2, 1), "flash_attn": ("auto", "off")}
COSTS = Costs(load=3.0, process=2.0, context=0.5, sample=0.01)


def sample(
    *, prefill_ns: int | None = None, tokens: int = 0, step_ns: tuple[int, ...] = (), noisy: bool = False
) -> Sample:
    """A sample of these times and nothing else worth noting."""
    return Sample(
        prefill_tokens=tokens, prefill_ns=prefill_ns, step_ns=step_ns, sequences=1,
        conditions=Conditions(foreign_cores=0.0, wait_share=0.0, steal_cores=0.0),
        memory=MemoryUse(peak_rss_bytes=1, rss_bytes=1, pss_bytes=None),
        noisy=noisy, started_mono_ns=0, cost_ns=0,
    )  # fmt: skip


def slowness(settings: Settings) -> float:
    """One thread takes 1.8 times as long, flash attention a tenth longer than none."""
    return (1.8 if settings.threads == 1 else 1.0) * (1.0 if settings.flash_attn == "off" else 1.1)


def surface(
    *, rounds: int = 6, noise: float = 0.02, round_noise: float = 0.0, seed: int = 1, axes: Axes = AXES,
    workload: Workload = WORKLOAD, failure: Callable[[Settings], str] = lambda _settings: "",
) -> Surface:  # fmt: skip
    """A surface of a two-core machine.

    Args:
        rounds: samples of each cell.
        noise: standard deviation of the logarithm of each sample.
        round_noise: the same, shared by all samples of a round.
        seed: of the noise.
        axes: the grid.
        workload: what it is about.
        failure: why a cell could not be measured.
    """
    order = random.Random(seed)
    shared = [order.gauss(0, round_noise) for _ in range(rounds)]
    baseline = baseline_settings(TWO_CORE_VM, workload)
    cells = []
    for part, settings in grid_cells(baseline, axes, workload):
        if why := failure(settings):
            cells.append(PartCell(part=part, settings=settings, failure=why))
            continue
        samples = []
        for number in range(rounds):
            slow = slowness(settings) * math.exp(shared[number] + order.gauss(0, noise))
            if part == "prefill":
                samples.append(sample(prefill_ns=round(2e8 * slow), tokens=MEASURED.prompt))
            else:
                steps = tuple(round(7e6 * slow * (2.0 if step == 0 else 1.0)) for step in range(10))
                samples.append(sample(step_ns=steps))
        cells.append(PartCell(part=part, settings=settings, samples=tuple(samples)))
    return Surface(
        title="made up", model_name="none", quantization="Q4_1",
        machine=TWO_CORE_VM.model_copy(update={"hostname": "recorded"}), conditions="quiet",
        workload=workload, measured=MEASURED, baseline=baseline, axes=axes, cells=tuple(cells), costs=COSTS,
        recorded_utc="2026-11-23T12:00:00+00:00",
    )  # fmt: skip
