"""Own profiles that look like real ones, for pages to show."""

from __future__ import annotations

from pathlib import Path

from tests.store.values import MACHINE_CLASS, SETTINGS, identity, profile
from tunesmith.domain.measurement import Measurement, Quantity
from tunesmith.domain.profile import Change, Outcome, TunedProfile
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Objective, ObjectiveName, Workload
from tunesmith.store import Store

LAPTOP = MACHINE_CLASS.model_copy(
    update={"fingerprint": "77aa00bb11cc22dd", "label": "Intel Core Ultra 7 155H · 16 cores · 32 GiB"}
)
CHAT = Workload(prompt=512, generate=128, depth=1024)
LONG = Workload(prompt=8192, generate=256)


def spread(median: float, share: float = 0.03) -> Quantity:
    """A quantity with an interval of a share to either side."""
    return Quantity(
        median=median,
        low=median * (1 - share),
        high=median * (1 + share),
        confidence=0.95,
        samples=tuple(median * (1 + share * step / 6) for step in range(-6, 7)),
        noisy=False,
    )


def measured(
    settings: Settings, workload: Workload, decode: float, prefill: float, mib: float
) -> Measurement:
    """What a model of some speed measures."""
    return Measurement(
        settings=settings,
        workload=workload,
        prefill_tokens_per_s=spread(prefill),
        decode_tokens_per_s=spread(decode),
        ttft_ms=spread(1000 * workload.prompt / prefill),
        itl_ms=spread(1000 / decode),
        itl_p95_ms=spread(1100 / decode),
        response_ms=spread(1000 * workload.prompt / prefill + 1000 * workload.generate / decode),
        peak_memory_bytes=spread(mib * 2**20, 0.004),
        steady_memory_bytes=None,
        device_memory_bytes={},
        foreign_cores=None,
        noisy_samples=0,
        rejected_samples=1,
    )


def sample(
    number: int,
    name: str,
    *,
    model: str = "SmolLM2 135M",
    gain: float = 1.42,
    objective: ObjectiveName = "response",
    workload: Workload = CHAT,
    outcome: Outcome = "improved",
    laptop: bool = False,
    **settings: object,
) -> TunedProfile:
    """A profile that tells a story."""
    tuned = SETTINGS.replace(**settings) if settings else SETTINGS
    effects = [gain ** (1 / max(1, len(settings)))] * len(settings)
    changes = tuple(
        Change(setting=key, before=str(getattr(SETTINGS, key)), after=str(value), effect=spread(effect, 0.01))
        for (key, value), effect in zip(settings.items(), effects, strict=True)
    )
    machine = LAPTOP if laptop else MACHINE_CLASS
    base = profile(f"p-{number:04d}", name=name, created_utc=f"2026-11-{23 - number:02d}T17:45:01+00:00",
                   model=identity(f"{number % 3:02d}" * 32, model), machine=machine)  # fmt: skip
    return base.model_copy(
        update={
            "outcome": outcome,
            "workload": workload,
            "objective": Objective(name=objective),
            "settings": tuned,
            "speedup": spread(gain, 0.02),
            "baseline": measured(SETTINGS, workload, 42.0, 310.0, 412),
            "tuned": measured(tuned, workload, 42.0 * gain, 310.0 * gain**0.5, 398 + 12 * number),
            "changes": changes,
        }
    )


def samples() -> list[TunedProfile]:
    """Six profiles of three models on two machine classes."""
    return [
        sample(1, "SmolLM2 135M Q4_K_M · chat", threads=6, n_ubatch=256, flash_attn="on").model_copy(
            update={"notes": "Quiet enough for the meeting room."}
        ),
        sample(2, "Gemma 3 270M Q4_K_M · long-document", model="Gemma 3 270M", gain=1.18, objective="prefill",
               workload=LONG, threads_batch=16),
        sample(3, "Qwen 2.5 1.5B Instruct Q4_K_M · code-assistant", model="Qwen 2.5 1.5B Instruct", gain=1.0,
               outcome="defaults_are_best"),
        sample(4, "SmolLM2 135M Q4_K_M · batch", gain=2.31, objective="throughput", threads=12, n_batch=1024),
        sample(5, "Gemma 3 270M on the laptop", model="Gemma 3 270M", gain=1.07, laptop=True, threads=6),
        sample(6, "Qwen at night", model="Qwen 2.5 1.5B Instruct", gain=1.31, objective="decode", laptop=True,
               threads=10, type_k="q8_0"),
    ]  # fmt: skip


def filled(path: Path) -> Path:
    """A store of the samples at a path."""
    with Store.open(path) as store:
        for each in samples():
            store.save_profile(each)
    return path
