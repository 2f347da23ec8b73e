"""Own the JSON documents that commands print: a contract, versioned in each document's ``schema``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field

from tunesmith import __version__
from tunesmith.domain.choice import Contender, ContenderState
from tunesmith.domain.device_reading import DeviceReading
from tunesmith.domain.machine import Device, Machine, MachineClass
from tunesmith.domain.measurement import Quantity
from tunesmith.domain.model import ModelHeader
from tunesmith.domain.profile import FitComparison, Guarantee, Outcome, Safety, TunedProfile
from tunesmith.domain.quality import Quality, QualityLimits, Verdict
from tunesmith.domain.steady import SteadyFindings
from tunesmith.domain.verification import Verification
from tunesmith.domain.worker_events import ServerReached
from tunesmith.domain.workload import Constraints, Objective, Workload
from tunesmith.presentation.bundle_text import BundleDocument, KeysDocument
from tunesmith.presentation.change_facts import ChangeFacts, change_facts
from tunesmith.presentation.choose_text import ChoiceOutcome, ChosenText, MadeFile, made_files
from tunesmith.presentation.cost_text import CostDocument
from tunesmith.presentation.document import Document as _Document
from tunesmith.presentation.explain import ExplainDocument
from tunesmith.presentation.export_text import ExportDocument
from tunesmith.presentation.fact_documents import (
    BuildFacts,
    MemoryFacts,
    ModelFacts,
    model_facts,
)
from tunesmith.presentation.fleet_text import FleetDocument
from tunesmith.presentation.measure_documents import MeasuredFacts, MeasureDocument, measured_values
from tunesmith.presentation.pick_text import PickDocument
from tunesmith.presentation.quality_text import QualityDocument
from tunesmith.presentation.quantize_text import QuantizeDocument
from tunesmith.presentation.soak_text import SoakDocument
from tunesmith.presentation.speculate_text import SpeculateDocument
from tunesmith.presentation.survey_text import SurveySummaryDocument
from tunesmith.presentation.tradeoff import CandidateFacts, candidate_facts
from tunesmith.services.choose_result import ChooseResult
from tunesmith.services.doctor import Check
from tunesmith.services.tune_result import TuneResult
from tunesmith.store import ProfileRow


class TuneDocument(_Document):
    """``tunesmith tune`` and ``tunesmith --headless``."""

    schema_name: Literal["tunesmith.tune/1"] = Field(default="tunesmith.tune/1", alias="schema")
    tunesmith_version: str
    profile_id: str | None
    run_id: str
    outcome: Outcome
    sentence: str
    speedup: Quantity
    """Ratio to the baseline in what was made best: speed, tokens per joule, tokens for the same money."""
    baseline: MeasuredFacts
    tuned: MeasuredFacts
    changes: tuple[ChangeFacts, ...]
    guarantee: Guarantee
    objective: Objective
    constraints: Constraints
    trials: int
    """Samples taken."""
    seconds: float
    safety: Safety | None = None
    """What was run before the settings were kept, and what it left free of each device."""
    fit: FitComparison | None = None
    """llama.cpp's own --fit as a second baseline; null without a device."""
    candidates: tuple[CandidateFacts, ...] = ()
    """What each was worth by the search's samples: speed, energy and memory of a request."""
    steady: SteadyFindings | None = None
    """What the finalists held at steady state; null where sustained speed was not the objective."""


class ContenderFacts(_Document):
    """A file of the model, and what is known of it; null where it was not measured."""

    label: str
    quantization: str
    is_source: bool
    path: str | None
    size_bytes: int | None
    bits_per_weight: float | None
    made: bool
    kept: bool
    """Whether the file is still there."""
    state: ContenderState
    why: str
    pareto: bool
    quality: Quality | None
    quality_verdict: Verdict | None
    kld_low: float | None
    kld_high: float | None
    """Where the mean KL divergence lies, at 95%, however often it was looked at."""
    speedup: Quantity | None
    """Against the source at the same settings, pair by pair."""
    prefill_tokens_per_s: Quantity | None
    decode_tokens_per_s: Quantity | None
    peak_memory_bytes: Quantity | None
    measured_workload: Workload | None
    """What the speeds were measured on: as much of the workload as the budget bore."""


class ChooseDocument(_Document):
    """``tunesmith tune --quantization``."""

    schema_name: Literal["tunesmith.choose/1"] = Field(default="tunesmith.choose/1", alias="schema")
    tunesmith_version: str
    run_id: str
    """Of the comparison; the pick's tune is a run of its own."""
    profile_id: str | None
    """Of the pick."""
    outcome: ChoiceOutcome
    picked: str
    sentence: str
    speedup: Quantity | None
    """The pick, tuned, against the source at llama.cpp's defaults, in pairs."""
    source: ModelFacts
    limits: QualityLimits
    text: ChosenText
    contenders: tuple[ContenderFacts, ...]
    """The source first."""
    files: tuple[MadeFile, ...]
    """What was made."""
    folder: str
    warnings: tuple[str, ...]
    tune: TuneDocument | None
    """The pick's; null where it could not be tuned."""
    seconds: float


class InspectDocument(_Document):
    """``tunesmith inspect``."""

    schema_name: Literal["tunesmith.inspect/1"] = Field(default="tunesmith.inspect/1", alias="schema")
    header: ModelHeader
    sha256: str | None
    """Only with --hash: reading a large file takes a while."""
    memory: MemoryFacts | None = None
    """Only with --memory or a setting."""


class MachineDocument(_Document):
    """``tunesmith machine``."""

    schema_name: Literal["tunesmith.machine/1"] = Field(default="tunesmith.machine/1", alias="schema")
    machine: Machine
    machine_class: MachineClass
    device_readings: tuple[DeviceReading, ...] = ()
    """What graphics devices tell of themselves now."""


class RpcServerFacts(_Document):
    """An RPC server that was named and answered."""

    endpoint: str
    latency_ms: float
    """The least time that a question and its answer took."""
    devices: tuple[str, ...]
    """Their names."""


class DevicesDocument(_Document):
    """``tunesmith devices``."""

    schema_name: Literal["tunesmith.devices/1"] = Field(default="tunesmith.devices/1", alias="schema")
    devices: tuple[Device, ...]
    build: BuildFacts
    rpc_servers: tuple[RpcServerFacts, ...] = ()
    readings: tuple[DeviceReading, ...] = ()
    """What graphics devices tell of themselves now, whether llama.cpp can use them or not."""


class DoctorDocument(_Document):
    """``tunesmith doctor``."""

    schema_name: Literal["tunesmith.doctor/1"] = Field(default="tunesmith.doctor/1", alias="schema")
    tunesmith_version: str
    healthy: bool
    checks: tuple[Check, ...]


class ProfilesDocument(_Document):
    """``tunesmith profiles list``."""

    schema_name: Literal["tunesmith.profiles/1"] = Field(default="tunesmith.profiles/1", alias="schema")
    profiles: tuple[ProfileRow, ...]


class ProfileDocument(_Document):
    """``tunesmith profiles show`` and what changes one profile."""

    schema_name: Literal["tunesmith.profile/1"] = Field(default="tunesmith.profile/1", alias="schema")
    deleted: bool = False
    profile: TunedProfile


class ErrorDocument(_Document):
    """What any command prints with --json when it fails."""

    schema_name: Literal["tunesmith.error/1"] = Field(default="tunesmith.error/1", alias="schema")
    error: str
    exit_code: int
    what: str
    unharmed: str | None
    todo: str | None
    details: str | None


DOCUMENTS: dict[str, type[BaseModel]] = {
    "measure": MeasureDocument,
    "tune": TuneDocument,
    "choose": ChooseDocument,
    "inspect": InspectDocument,
    "machine": MachineDocument,
    "devices": DevicesDocument,
    "doctor": DoctorDocument,
    "profiles": ProfilesDocument,
    "profile": ProfileDocument,
    "explain": ExplainDocument,
    "survey-summary": SurveySummaryDocument,
    "quality": QualityDocument,
    "quantize": QuantizeDocument,
    "speculate": SpeculateDocument,
    "verify": Verification,
    "bundle-facts": BundleDocument,
    "keys": KeysDocument,
    "pick": PickDocument,
    "fleet": FleetDocument,
    "soak": SoakDocument,
    "cost": CostDocument,
    "export": ExportDocument,
    "error": ErrorDocument,
}
"""By the name in the published schema's file name, ``profiles/schema/<name>.schema.json``."""


def json_schema(name: str) -> dict[str, Any]:
    """The published JSON Schema of one document.

    Raises:
        KeyError: there is no such document.
    """
    schema = DOCUMENTS[name].model_json_schema(by_alias=True, mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": f"tunesmith.{name}/1",
    }


def server_facts(servers: Sequence[ServerReached]) -> tuple[RpcServerFacts, ...]:
    """The RPC servers, in short."""
    return tuple(
        RpcServerFacts(
            endpoint=server.endpoint,
            latency_ms=round(server.latency_ns / 1e6, 4),
            devices=tuple(device.name for device in server.devices),
        )
        for server in servers
    )


def tune_document(result: TuneResult) -> TuneDocument:
    """What ``tune`` prints."""
    found = result.surroundings
    build = found.machine.build
    assert build is not None  # noqa: S101 (a tune had a worker)
    return TuneDocument(
        tunesmith_version=__version__,
        profile_id=result.profile.id if result.profile else None,
        run_id=result.run_id,
        outcome=result.outcome,
        sentence=result.sentence,
        speedup=result.speedup,
        baseline=MeasuredFacts(
            **measured_values(
                result.baseline,
                result.baseline_limit,
                result.model,
                found.machine_class,
                build,
                result.baseline_energy,
                result.baseline_prefill_limit,
            )
        ),
        tuned=MeasuredFacts(
            **measured_values(
                result.tuned,
                result.tuned_limit,
                result.model,
                found.machine_class,
                build,
                result.tuned_energy,
                result.tuned_prefill_limit,
            )
        ),
        changes=change_facts(result.changes),
        guarantee=result.guarantee,
        objective=result.request.objective,
        constraints=result.request.constraints,
        trials=result.trials,
        seconds=round(result.seconds, 3),
        safety=result.safety,
        fit=result.fit,
        candidates=candidate_facts(result.tradeoff),
        steady=result.steady,
    )


def choose_document(result: ChooseResult) -> ChooseDocument:
    """What ``tune --quantization`` prints."""
    tune = None if result.tune is None else tune_document(result.tune)
    request = result.request
    return ChooseDocument(
        tunesmith_version=__version__,
        run_id=result.run_id,
        profile_id=None if tune is None else tune.profile_id,
        outcome=result.outcome,
        picked=result.picked,
        sentence=result.sentence,
        speedup=result.speedup,
        source=model_facts(result.source),
        limits=request.limits,
        text=ChosenText(
            name=result.text.name, sha256=result.text.sha256, shipped=request.text_path is None,
            chunks_asked=request.chunks, chunk_tokens=request.n_ctx,
        ),
        contenders=tuple(_contender_facts(one) for one in result.contenders),
        files=made_files(result),
        folder=str(result.folder),
        warnings=result.warnings,
        tune=tune,
        seconds=round(result.seconds, 3),
    )  # fmt: skip


def _contender_facts(one: Contender) -> ContenderFacts:
    alike = {name: getattr(one, name) for name in ContenderFacts.model_fields if hasattr(one, name)}
    measured = one.measured
    return ContenderFacts(
        **alike,
        quality_verdict=one.verdict,
        prefill_tokens_per_s=None if measured is None else measured.prefill_tokens_per_s,
        decode_tokens_per_s=None if measured is None else measured.decode_tokens_per_s,
        peak_memory_bytes=None if measured is None else measured.peak_memory_bytes,
        measured_workload=None if measured is None else measured.workload,
    )
