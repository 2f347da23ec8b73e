"""Own what a verification found: whether a profile still holds on a machine, and what that rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import ConfigDict, Field

from tunesmith.domain.base import Value
from tunesmith.domain.measurement import Measurement, Quantity, Sample
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Objective, Workload

Answer = Literal["holds", "drifted", "cannot_tell"]
Cause = Literal["speed", "machine", "memory", "constraint", "model", "load", "budget", "spread", "evidence"]
"""``machine``: not the settings but the machine is slower, its baseline with them."""

MARGIN = 0.05
"""How much slower than stated counts as the same."""


class Difference(Value):
    """Something that is not here as it was where the profile was made."""

    what: str
    """Such as ``memory_gib``, a fact of the machine class, or ``build``."""
    profile: str
    here: str


class VerifiedProfile(Value):
    """Which profile, in short, and what it holds for."""

    id: str
    name: str
    created_utc: str
    objective: Objective
    workload: Workload
    settings: Settings
    model_sha256: str
    model_name: str
    machine_fingerprint: str
    machine_label: str
    build: str


class Verification(Value):
    """``tunesmith verify``: whether a profile holds on a machine, and what that rests on."""

    model_config = ConfigDict(
        extra="ignore", serialize_by_alias=True, validate_by_name=True, validate_by_alias=True
    )  # a later version may say more

    schema_name: Literal["tunesmith.verify/1"] = Field(default="tunesmith.verify/1", alias="schema")
    tunesmith_version: str
    answer: Answer
    cause: Cause | None
    """What the answer rests on if it is not ``holds``."""
    sentence: str
    speed_ratio: Quantity | None
    """What was measured over what is stated, by the profile's objective: below 1 is slower. The interval is
    of the ratio of means and has both uncertainties in it; null where too little was measured."""
    prefill_ratio: Quantity | None
    decode_ratio: Quantity | None
    baseline_ratio: Quantity | None = None
    """The same of the profile's baseline, measured in turn with it; null where it was not, as in earlier
    versions: a short time, a profile that is its own baseline, a baseline that does not run here."""
    speedup_ratio: Quantity | None = None
    """Speedup over that baseline, measured over stated: below 1 the settings give less than they did."""
    memory_ratio: Quantity | None
    """Peak memory measured over stated: above 1 is more."""
    margin: float = Field(gt=0, lt=1)
    """How much slower than stated counts as the same; 0.05 is 5%."""
    starts: int = Field(ge=0)
    """Fresh processes that the profile was measured in; its baseline has its own."""
    disturbed: int = Field(ge=0)
    """How many of them others disturbed; their samples count for nothing."""
    foreign_cores: float | None
    """CPU used by others while it was measured, in cores, the median."""
    profile: VerifiedProfile
    model_matches: bool
    build_matches: bool
    class_matches: bool
    differences: tuple[Difference, ...]
    machine_fingerprint: str
    machine_label: str
    build: str
    measured: Measurement | None
    budget_seconds: float
    seconds: float
    finished_utc: str
    """ISO 8601 with offset."""


def speeds(measured: Measurement, objective: Objective) -> tuple[float, ...]:
    """Speed of each sample by an objective: requests per second, or tokens per second of one part.

    A verification reads no sensors: where energy or cost was the objective, it compares requests per second.
    """
    match objective.name:
        case "decode":
            return measured.decode_tokens_per_s.samples if measured.decode_tokens_per_s else ()
        case "prefill":
            return measured.prefill_tokens_per_s.samples if measured.prefill_tokens_per_s else ()
        case _:
            return tuple(1e3 / ms for ms in measured.response_ms.samples) if measured.response_ms else ()


def differences(
    profile: TunedProfile, facts: dict[str, str | int | list[str]], build: str
) -> list[Difference]:
    """What is not here as it was where the profile was made, the build last."""
    names = [name for name in dict.fromkeys((*profile.machine.facts, *facts)) if name != "build"]
    pairs = [(name, profile.machine.facts.get(name), facts.get(name)) for name in names]
    pairs.append(("build", profile.build.label, build))
    return [
        Difference(what=name, profile=_text(before), here=_text(after))
        for name, before, after in pairs
        if before != after
    ]


def _text(fact: str | int | list[str] | None) -> str:
    if fact is None:
        return ""
    return " ".join(fact) if isinstance(fact, list) else str(fact)


def undisturbed(samples: Sequence[Sample]) -> list[Sample]:
    """The samples that others left alone."""
    return [sample for sample in samples if not sample.noisy]
