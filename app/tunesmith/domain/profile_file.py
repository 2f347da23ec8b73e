"""Own the document in which a tuned profile travels, ``tunesmith.profile/2``, and what older ones mean."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from tunesmith.domain.base import Value
from tunesmith.domain.canonical import canonical_bytes
from tunesmith.domain.cost import PricedCost
from tunesmith.domain.energy import Energy
from tunesmith.domain.finite import all_finite
from tunesmith.domain.machine import Build, MachineClass
from tunesmith.domain.measurement import Measurement, Quantity
from tunesmith.domain.model import ModelHeader, ModelIdentity
from tunesmith.domain.profile import (
    Change,
    FitComparison,
    Guarantee,
    MeasuredQuality,
    Outcome,
    Safety,
    TunedProfile,
)
from tunesmith.domain.settings import Settings
from tunesmith.domain.soak import KeptSoak
from tunesmith.domain.steady import SteadyFindings
from tunesmith.domain.workload import Constraints, Objective, Workload
from tunesmith.errors import UsageError
from tunesmith.wording import tr

VERSION = 2
SCHEMA = f"tunesmith.profile/{VERSION}"
MAX_BYTES = 4 * 2**20
"""No profile is longer; a larger file is something else."""
MAX_NAME = 200

_MAX_ID = 100
_MAX_URL = 2000
_SCHEMA_NAME = re.compile(r"tunesmith\.profile/([0-9]{1,9})")


class Part(Value):
    """A part of the document."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True, validate_by_alias=True)


class FileModel(Part):
    """Which model: its content, what its header states, where to get it."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    """Of the file's bytes; of the shards' bytes one after another when there are several."""
    source_url: str | None = Field(default=None, max_length=_MAX_URL)
    """Where the file can be had, if whoever exported the profile said so."""
    header: ModelHeader
    """With names of files only: the folders of the machine that tuned are nobody's business."""


class Evidence(Part):
    """What was measured; every quantity holds its raw samples and its interval."""

    outcome: Outcome
    speedup: Quantity
    """Ratio against the baseline by the objective; above 1 is better."""
    baseline: Measurement
    tuned: Measurement
    changes: tuple[Change, ...]
    guarantee: Guarantee | None = None
    quality: MeasuredQuality | None = None
    """What the quantization costs; null where it was not measured in the same run."""
    safety: Safety | None = None
    """How long a prompt was really run, and what stayed free; null in earlier profiles."""
    fit: FitComparison | None = None
    """Against what llama.cpp's own --fit would set; null where no device is there."""
    baseline_energy: Energy | None = None
    """Joules for each token of the baseline; null where nothing was watched, and in earlier profiles."""
    tuned_energy: Energy | None = None
    steady: SteadyFindings | None = None
    """What the finalists held at steady state; null where sustained speed was not the objective."""
    soak: KeptSoak | None = None
    """Burst and sustained speed of the tuned settings; null until they were soaked to the end."""
    baseline_label: str | None = None
    """Whose configuration the baseline is; null for llama.cpp's own defaults."""
    projected_memory_bytes: int | None = Field(default=None, ge=0)
    """What was reckoned before anything was loaded, against ``tuned.peak_memory_bytes`` measured."""


class Validity(Part):
    """What the profile holds for; it is stated again, so that a reader need not know where to look."""

    model_sha256: str
    machine_fingerprint: str
    llama_cpp_build: str
    """As ``Build.label`` writes it."""


class Provenance(Part):
    """Where the profile comes from."""

    tunesmith_version: str
    run_id: str
    created_utc: str
    """ISO 8601 with offset."""


class ProfileFile(Part):
    """A tuned profile for other machines: model, machine class, settings and the evidence."""

    schema_name: Literal["tunesmith.profile/2"] = Field(default="tunesmith.profile/2", alias="schema")
    id: str
    name: str
    notes: str = ""
    model: FileModel
    machine: MachineClass
    build: Build
    workload: Workload
    objective: Objective
    constraints: Constraints
    settings: Settings
    evidence: Evidence
    cost: PricedCost | None = None
    """What tokens cost, at the prices of whoever exported it; null where nobody named any."""
    validity: Validity
    provenance: Provenance

    def text(self) -> str:
        """The document as it is written to a file: the same file, read and written, has the same bytes."""
        return self.model_dump_json(indent=2) + "\n"

    def canonical(self) -> bytes:
        """What is signed."""
        return canonical_bytes(json.loads(self.model_dump_json()))


class _Version1(Part):
    """What ``tunesmith profiles show ID --json`` prints."""

    schema_name: Literal["tunesmith.profile/1"] = Field(alias="schema")
    deleted: bool = False
    profile: TunedProfile


def profile_file(profile: TunedProfile, *, source_url: str | None = None) -> ProfileFile:
    """The document of a profile.

    Args:
        profile: what is to travel.
        source_url: where its model can be had; the profile's own unless given.
    """
    return ProfileFile(
        id=profile.id,
        name=profile.name,
        notes=profile.notes,
        model=FileModel(
            sha256=profile.model.sha256,
            source_url=source_url or profile.source_url,
            header=_without_folders(profile.model.header),
        ),
        machine=profile.machine,
        build=profile.build,
        workload=profile.workload,
        objective=profile.objective,
        constraints=profile.constraints,
        settings=profile.settings,
        evidence=Evidence(
            **{name: getattr(profile, name) for name in Evidence.model_fields},
        ),
        cost=profile.cost,
        validity=_validity(profile.model.sha256, profile.machine, profile.build),
        provenance=Provenance(
            tunesmith_version=profile.tunesmith_version,
            run_id=profile.run_id,
            created_utc=profile.created_utc,
        ),
    )


def profile_of(file: ProfileFile) -> TunedProfile:
    """The profile that a document holds; the model's path is a file name only."""
    return TunedProfile(
        id=file.id,
        name=file.name,
        notes=file.notes,
        model=ModelIdentity(sha256=file.model.sha256, header=file.model.header),
        source_url=file.model.source_url,
        machine=file.machine,
        build=file.build,
        workload=file.workload,
        objective=file.objective,
        constraints=file.constraints,
        settings=file.settings,
        cost=file.cost,
        **{name: getattr(file.evidence, name) for name in Evidence.model_fields},
        **file.provenance.model_dump(),
    )


def parse_profile_file(raw: bytes | str, source: str) -> ProfileFile:
    """Read a profile's document of this or an earlier version.

    Args:
        raw: the document.
        source: what it is called in an error, such as the file's path.

    Raises:
        UsageError: it is too large, no JSON, of a later version, or no profile that makes sense.
    """
    if len(raw) > MAX_BYTES:
        raise _bad(tr("The file {path} is larger than {limit} MiB.", path=source, limit=MAX_BYTES // 2**20))
    _refuse_later(raw, source)
    try:
        if _version(raw) == 1:
            file = profile_file(_Version1.model_validate_json(raw).profile)
        else:
            file = ProfileFile.model_validate_json(raw)
    except ValidationError as error:
        raise _bad(_first_fault(source, error), str(error)) from error
    fault = _nonsense(file)
    if fault:
        raise _bad(tr("The file {path} {fault}.", path=source, fault=fault))
    return file


def profile_schema() -> str:
    """The JSON Schema of the document, as text."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **ProfileFile.model_json_schema(mode="serialization"),
        "title": "Tunesmith tuned profile",
    }
    schema["required"] = [name for name in schema["properties"] if name != "notes"]
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _validity(sha256: str, machine: MachineClass, build: Build) -> Validity:
    return Validity(model_sha256=sha256, machine_fingerprint=machine.fingerprint, llama_cpp_build=build.label)


def base_name(path: str) -> str:
    """The last part of a path of either kind of system."""
    windows = "\\" in path and "/" not in path
    return (PureWindowsPath(path) if windows else PurePosixPath(path)).name or path


def _without_folders(header: ModelHeader) -> ModelHeader:
    shards = tuple(shard.model_copy(update={"path": base_name(shard.path)}) for shard in header.shards)
    return header.model_copy(update={"path": base_name(header.path), "shards": shards})


def _version(raw: bytes | str) -> int | None:
    """The version that a document says it has; None where it is none of ours."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    name = document.get("schema") if isinstance(document, dict) else None
    match = _SCHEMA_NAME.fullmatch(name) if isinstance(name, str) else None
    return int(match[1]) if match else None


def _refuse_later(raw: bytes | str, source: str) -> None:
    version = _version(raw)
    if version is not None and version > VERSION:
        raise UsageError(
            tr(
                "The file {path} is of version {version} of the profile format; "
                "this Tunesmith reads up to version {known}.",
                path=source, version=version, known=VERSION,
            ),
            unharmed=_unharmed(),
            todo=tr("Update Tunesmith, or export the profile with this version of it."),
        )  # fmt: skip


def _first_fault(source: str, error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return tr("The file {path} is no JSON document.", path=source)
    place = ".".join(str(part) for part in first["loc"])[:120]
    words = first["msg"][:1].lower() + first["msg"][1:200]
    reason = f"{place}: {words}" if place else words
    return tr("The file {path} is no tuned profile: {reason}.", path=source, reason=reason)


def _nonsense(file: ProfileFile) -> str:
    """What is wrong with a document whose types are right, as the sentence goes on after its file's name.

    Empty if nothing is.
    """
    if not file.name.strip() or len(file.name) > MAX_NAME:
        return tr("has no name of 1 to {limit} characters", limit=MAX_NAME)
    known = all(c.isascii() and (c.isalnum() or c in "-_.") for c in file.id)
    if not known or not 0 < len(file.id) <= _MAX_ID:
        return tr("has an id that is none of ours")
    try:
        datetime.fromisoformat(file.provenance.created_utc)
    except ValueError:
        return tr("does not say when it was made")
    values: Any = file.model_dump()
    if not all_finite(values):
        return tr("holds a number that is none, or is out of all proportion")
    try:
        file.canonical()
    except ValueError:
        return tr("holds a number that is none, or is out of all proportion")
    if file.validity != _validity(file.model.sha256, file.machine, file.build):
        return tr("says that it holds for another model, machine class or build than its own")
    return ""


def _unharmed() -> str:
    return tr("The file was left as it is, and no profile was changed.")


def _bad(what: str, details: str = "") -> UsageError:
    return UsageError(
        what,
        unharmed=_unharmed(),
        todo=tr("Export the profile again where it was made, or choose another file."),
        details=details[:4000],
    )
