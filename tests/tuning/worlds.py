"""Own small worlds for the tests of policies: quick to search, with every difficulty there is."""

from __future__ import annotations

from functools import cache

from tests.benchmarks.worlds.modelled import Costs, ModelledWorld, Rates
from tests.benchmarks.worlds.recorded import RecordedWorld
from tests.benchmarks.worlds.weather import Weather
from tests.tuning.machines import TWO_CORE_VM
from tunesmith.domain.event_base import Part
from tunesmith.domain.settings import Settings
from tunesmith.domain.surface import Costs as RecordedCosts
from tunesmith.domain.surface import PartCell, Surface, part_settings
from tunesmith.domain.workload import Workload
from tunesmith.tuning.meter import Job

WORKLOAD = Workload(prompt=64, generate=32, depth=64)


def _truth(settings: Settings, prompt: int) -> Rates:
    """What SmolLM2 was seen to do on two cores: flash attention costs, and so does a quantized cache."""
    del prompt
    prefill, decode = 2 / settings.threads_batch, 1.7 if settings.threads == 1 else 1.0
    if settings.flash_attn == "off":
        decode /= 1.11
    if settings.type_k == "q8_0":
        prefill, decode = prefill * 2.5, decode * 1.23
    return Rates(1.2e6 * prefill, 6.4e6 * decode)


def two_cores(name: str = "two-cores", weather: Weather | None = None) -> ModelledWorld:
    """A small model on two cores; flash attention off without f16 makes no sense and is left out."""
    return ModelledWorld(
        name,
        source="the demo model on two cores",
        machine=TWO_CORE_VM,
        workload=WORKLOAD,
        axes={
            "threads": (1, 2), "threads_batch": (1, 2), "flash_attn": ("auto", "on", "off"),
            "type_k": ("f16", "q8_0"),
        },
        truth=_truth,
        costs=Costs(process=0.2, load=0.3, context=0.05),
        weather=weather or Weather(noise=0.02, drift=0.02, outliers=0.03),
    )  # fmt: skip


def refusing() -> ModelledWorld:
    """As :func:`two_cores`, but whatever differs from the defaults in more than one way fails, and more."""
    world = two_cores()

    def refuses(settings: Settings) -> str:
        base = world.baseline
        names = ("threads", "threads_batch", "flash_attn", "type_k")
        ways = sum(getattr(settings, name) != getattr(base, name) for name in names)
        return "not enough memory" if ways > 1 or settings.threads_batch == 1 else ""

    return ModelledWorld(
        "refusing", source="made up", machine=TWO_CORE_VM, workload=WORKLOAD,
        axes={
            "threads": (1, 2), "threads_batch": (1, 2), "flash_attn": ("auto", "on", "off"),
            "type_k": ("f16", "q8_0"),
        },
        truth=_truth, refuses=refuses,
    )  # fmt: skip


def nothing_to_choose() -> ModelledWorld:
    """The defaults alone."""
    return ModelledWorld(
        "nothing-to-choose", source="made up", machine=TWO_CORE_VM, workload=WORKLOAD,
        axes={"threads": (2,)}, truth=_truth,
    )  # fmt: skip


def recorded(rounds: int = 12) -> RecordedWorld:
    """A surface, as a survey would record it, of :func:`two_cores`."""
    world = two_cores()
    meter = world.meter(7)
    cells: dict[tuple[Part, Settings], PartCell] = {}
    for settings in world.settings():
        for part, workload in (
            ("prefill", WORKLOAD.model_copy(update={"generate": 0})),
            ("decode", WORKLOAD.model_copy(update={"prompt": 0})),
        ):
            name: Part = "prefill" if part == "prefill" else "decode"
            own = part_settings(settings, name, parallel=1)
            samples = tuple(
                meter.sample(
                    Job(
                        stage="survey", candidate="", round=number, attempt=0, position=0, settings=own,
                        workload=workload,
                    )
                )
                for number in range(rounds)
            )  # fmt: skip
            cells.setdefault((name, own), PartCell(part=name, settings=own, samples=samples))
    surface = Surface(
        title="a made-up survey", model_name="small", quantization="Q4_1", machine=TWO_CORE_VM,
        conditions="simulated", workload=WORKLOAD, measured=WORKLOAD, baseline=world.baseline,
        axes={
            "threads": (1, 2), "threads_batch": (1, 2), "flash_attn": ("auto", "on", "off"),
            "type_k": ("f16", "q8_0"), "type_v": ("f16", "q8_0"),
        },
        cells=tuple(cells.values()),
        costs=RecordedCosts(load=0.3, process=0.2, context=0.1, sample=0.02),
        recorded_utc="2026-01-01T00:00:00Z",
    )  # fmt: skip
    return RecordedWorld("recorded", surface)


@cache
def contract_worlds() -> dict[str, ModelledWorld | RecordedWorld]:
    """By name."""
    found = (two_cores(), refusing(), nothing_to_choose(), recorded())
    return {world.name: world for world in found}
