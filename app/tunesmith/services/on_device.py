"""Own the pick of a device: which profile of a bundle this machine and model are to use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tunesmith.domain.class_match import MAX_DISTANCE, Choice, choose_profile
from tunesmith.domain.model import ModelIdentity
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.workload import ObjectiveName, Workload
from tunesmith.errors import NotFoundError, VerificationError
from tunesmith.services.bundles import Opened, use_bundle
from tunesmith.services.context import Surroundings, identify_model, survey_machine
from tunesmith.services.presets import DEFAULT_PRESET, load_preset
from tunesmith.wording import tr


@dataclass(frozen=True, slots=True)
class PickRequest:
    """What is wanted of a bundle."""

    bundle_path: Path
    model_path: str
    workload: Workload | None = None
    """None takes the only one there is, else that of the preset chat."""
    objective: ObjectiveName | None = None
    """None takes the only one there is, else response."""
    max_distance: float = MAX_DISTANCE
    allow_unsigned: bool = False


@dataclass(frozen=True, slots=True)
class Picked:
    """What this device found for itself."""

    opened: Opened
    model: ModelIdentity
    surroundings: Surroundings
    choice: Choice

    @property
    def build_matches(self) -> bool:
        """Whether the profile was made with the llama.cpp that is here."""
        profile, build = self.choice.profile, self.surroundings.machine.build
        return profile is not None and build is not None and profile.build.label == build.label

    @property
    def unfit(self) -> TunedProfile | None:
        """A profile for what is wanted, of another machine; it says what to tune for."""
        return self.choice.rejected[0].profile if self.choice.rejected else None


def pick(
    request: PickRequest, config: Path, now: datetime, *, surroundings: Surroundings | None = None
) -> Picked:
    """Check the bundle and the model, and choose; ``surroundings`` are for tests.

    Raises:
        UsageError: the bundle cannot be read.
        VerificationError: the bundle cannot be trusted, or is for another model.
        ModelFileError: the model is missing or no model.
    """
    opened = use_bundle(request.bundle_path, config, now, allow_unsigned=request.allow_unsigned)
    model = identify_model(request.model_path)
    bundle = opened.bundle
    if model.sha256 != bundle.model_sha256:
        raise VerificationError(
            tr(
                "The bundle is for another model, {name}: SHA-256 {there}, not {here}.",
                name=bundle.model_name,
                there=f"{bundle.model_sha256[:16]}…", here=f"{model.sha256[:16]}…",
            ),
            unharmed=tr("Nothing was written."),
            todo=tr("Get the model that the bundle is for, or the bundle of this one."),
        )  # fmt: skip
    wanted = _wanted(opened.bundle.tuned(), request)
    found = surroundings or survey_machine()
    choice = choose_profile(wanted, found.machine, found.machine_class, max_distance=request.max_distance)
    return Picked(opened, model, found, choice)


def _wanted(profiles: Sequence[TunedProfile], request: PickRequest) -> list[TunedProfile]:
    """The profiles for what the user does with the model."""
    chosen = list(profiles)
    workload = request.workload
    if workload is None and len({profile.workload for profile in chosen}) > 1:
        workload = load_preset(DEFAULT_PRESET).workload
    if workload is not None:
        chosen = [profile for profile in chosen if profile.workload == workload]
    objective = request.objective
    if objective is None and len({profile.objective.name for profile in chosen}) > 1:
        objective = "response"
    if objective is not None:
        chosen = [profile for profile in chosen if profile.objective.name == objective]
    return chosen


def no_profile(picked: Picked) -> NotFoundError:
    """That no profile is for what is wanted, or that none fits this machine, and why not one by one."""
    if picked.unfit is None:
        there = sorted(
            {f"{each.workload.label} ({each.objective.name})" for each in picked.opened.bundle.tuned()}
        )
        return NotFoundError(
            tr("The bundle has no profile for this workload and objective."),
            unharmed=tr("Nothing was written."),
            todo=tr("Tune here with --otherwise tune, or ask for what it has: {workloads}.",
                    workloads="; ".join(there)),
        )  # fmt: skip
    why = "; ".join(
        f"{each.profile.machine.label}: {each.why}" for each in picked.choice.rejected[:5]
    )  # fmt: skip
    return NotFoundError(
        tr("The bundle has no profile for this machine, {label}.",
           label=picked.surroundings.machine_class.label),
        unharmed=tr("Nothing was written."),
        todo=tr("Tune here with --otherwise tune, or allow more with --max-distance."),
        details=why,
    )  # fmt: skip
