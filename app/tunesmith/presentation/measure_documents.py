"""Own the JSON document of a measurement, and what it says beside a profile."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from tunesmith import __version__
from tunesmith.domain.bandwidth import DecodeLimit
from tunesmith.domain.energy import Energy
from tunesmith.domain.machine import Build, MachineClass
from tunesmith.domain.measurement import Measurement, Quantity
from tunesmith.domain.model import ModelIdentity
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.settings import Settings
from tunesmith.domain.throughput import PrefillLimit
from tunesmith.domain.workload import Workload
from tunesmith.presentation.document import Document as _Document
from tunesmith.presentation.fact_documents import (
    BuildFacts,
    MachineFacts,
    ModelFacts,
    build_facts,
    model_facts,
)
from tunesmith.services.measure import MeasureResult


class MeasuredFacts(_Document):
    """A workload measured under some settings; a part that was not run is null."""

    prefill_tokens_per_s: Quantity | None
    decode_tokens_per_s: Quantity | None
    ttft_ms: Quantity | None
    itl_ms: Quantity | None
    itl_p95_ms: Quantity | None
    response_ms: Quantity | None
    peak_memory_bytes: Quantity | None
    steady_memory_bytes: Quantity | None
    device_memory_bytes: dict[str, int]
    device_free_bytes: dict[str, int]
    """The least that was free of each device after a sample."""
    decode_limit_tokens_per_s: float | None
    """What memory bandwidth allows of decoding; never measured itself, and null where it is not known."""
    decode_limit_reason: str | None
    """Why no limit is known; null where one is."""
    decode_step_bytes: int | None
    """What a decoding step reads at least."""
    memory_bandwidth_bytes_per_s: float | None
    """The highest read bandwidth measured at the size that a step reads."""
    prefill_limit_tokens_per_s: float | None = None
    """What matrix throughput allows of prefill, or memory bandwidth if that is less; null where not known."""
    prefill_limit_reason: str | None = None
    """Why no limit of prefill is known; null where one is."""
    prefill_operations_per_token: float | None = None
    """Multiplications and additions that a token of the prompt takes at least."""
    matrix_operations_per_s: float | None = None
    """The highest throughput measured, over the types of weights that take part."""
    energy: Energy | None = None
    """Joules for each token; null where it was not asked for, and figures that nothing tells have reasons."""
    foreign_cores: Quantity | None
    noisy_samples: int
    rejected_samples: int
    settings: Settings
    workload: Workload
    model: ModelFacts
    machine: MachineFacts
    build: BuildFacts


class AgainstProfile(_Document):
    """A measurement beside what a profile states; null where either is missing."""

    profile_id: str
    decode_within: bool | None
    """Whether the measured median lies in the profile's interval."""
    prefill_within: bool | None
    stated_decode_tokens_per_s: Quantity | None
    stated_prefill_tokens_per_s: Quantity | None


class MeasureDocument(MeasuredFacts):
    """``tunesmith measure``."""

    schema_name: Literal["tunesmith.measure/1"] = Field(default="tunesmith.measure/1", alias="schema")
    tunesmith_version: str
    run_id: str
    seconds: float
    against_profile: AgainstProfile | None


def measured_values(
    measurement: Measurement, limit: DecodeLimit, model: ModelIdentity, machine: MachineClass, build: Build,
    energy: Energy | None = None, prefill_limit: PrefillLimit | None = None,
) -> dict[str, Any]:  # fmt: skip
    """What :class:`MeasuredFacts` holds, of a measurement and of what it is about."""
    values = {name: getattr(measurement, name) for name in Measurement.model_fields}
    return {
        **values,
        "decode_limit_tokens_per_s": limit.tokens_per_s,
        "decode_limit_reason": limit.reason or None,
        "decode_step_bytes": limit.step_bytes,
        "memory_bandwidth_bytes_per_s": limit.bandwidth_bytes_per_s,
        **_prefill_values(prefill_limit),
        "model": model_facts(model),
        "machine": MachineFacts(fingerprint=machine.fingerprint, label=machine.label),
        "build": build_facts(build),
        "energy": energy,
    }


def _prefill_values(limit: PrefillLimit | None) -> dict[str, Any]:
    if limit is None:
        return {}
    return {
        "prefill_limit_tokens_per_s": limit.tokens_per_s,
        "prefill_limit_reason": limit.reason or None,
        "prefill_operations_per_token": limit.operations_per_token,
        "matrix_operations_per_s": limit.operations_per_s,
    }


def _within(measured: Quantity | None, stated: Quantity | None) -> bool | None:
    return None if measured is None or stated is None else stated.holds(measured.median)


def against_profile(measured: Measurement, profile: TunedProfile) -> AgainstProfile:
    """A measurement beside what the profile states."""
    stated = profile.tuned
    return AgainstProfile(
        profile_id=profile.id,
        decode_within=_within(measured.decode_tokens_per_s, stated.decode_tokens_per_s),
        prefill_within=_within(measured.prefill_tokens_per_s, stated.prefill_tokens_per_s),
        stated_decode_tokens_per_s=stated.decode_tokens_per_s,
        stated_prefill_tokens_per_s=stated.prefill_tokens_per_s,
    )


def measure_document(result: MeasureResult, profile: TunedProfile | None) -> MeasureDocument:
    """What ``measure`` prints."""
    found = result.surroundings
    build = found.machine.build
    assert build is not None  # noqa: S101 (a measurement had a worker)
    return MeasureDocument(
        **measured_values(
            result.measurement,
            result.limit,
            result.model,
            found.machine_class,
            build,
            result.energy,
            result.prefill_limit,
        ),
        tunesmith_version=__version__,
        run_id=result.run_id,
        seconds=round(result.seconds, 3),
        against_profile=None if profile is None else against_profile(result.measurement, profile),
    )
