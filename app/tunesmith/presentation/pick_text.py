"""Own how a device's pick reads, on a terminal and as a JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field
from rich.text import Text

from tunesmith.domain.class_match import Reason
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import ObjectiveName, Workload
from tunesmith.presentation.document import Document
from tunesmith.presentation.fact_documents import MachineFacts
from tunesmith.presentation.measure_text import settings_line
from tunesmith.presentation.numbers import DASH
from tunesmith.presentation.tables import facts
from tunesmith.wording import tr

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tunesmith.domain.profile import TunedProfile
    from tunesmith.services.on_device import Picked

_LONGEST_FACT = 60


class RejectedFacts(Document):
    """A profile that is none for this machine."""

    profile_id: str
    machine_label: str
    why: str


class PickDocument(Document):
    """``tunesmith --headless --bundle``."""

    schema_name: Literal["tunesmith.pick/1"] = Field(default="tunesmith.pick/1", alias="schema")
    fit: Literal["exact", "compatible", "tuned"]
    """``tuned``: none fitted, and the profile was made here."""
    distance: float | None
    """0 for the very class; null where the profile was made here."""
    reasons: tuple[Reason, ...]
    """What the distance is made of."""
    rejected: tuple[RejectedFacts, ...]
    profile_id: str
    profile_name: str
    settings: Settings
    workload: Workload
    objective: ObjectiveName
    bundle: str
    serial: int
    signed_by: str | None
    """What the key is called here; null for a bundle that nobody signed."""
    model_sha256: str
    build: str
    build_matches: bool
    machine: MachineFacts
    output: str | None
    """Where the export was written."""
    losses: tuple[str, ...]
    """Settings that the export's format could not carry."""


def pick_document(
    picked: Picked, profile: TunedProfile, *, output: str | None = None, losses: tuple[str, ...] = ()
) -> PickDocument:
    """What the pick prints with --json.

    Args:
        picked: what was found.
        profile: what is used: the pick, or a profile made here where there was none.
        output: where it was exported to.
        losses: what that could not carry.
    """
    choice, here = picked.choice, picked.surroundings.machine_class
    match = choice.match
    build = picked.surroundings.machine.build
    return PickDocument(
        fit="tuned" if match is None else match.fit,
        distance=None if match is None else match.distance,
        reasons=() if match is None else match.reasons,
        rejected=tuple(
            RejectedFacts(profile_id=each.profile.id, machine_label=each.profile.machine.label, why=each.why)
            for each in choice.rejected
        ),
        profile_id=profile.id, profile_name=profile.name, settings=profile.settings,
        workload=profile.workload, objective=profile.objective.name,
        bundle=picked.opened.bundle.name, serial=picked.opened.bundle.serial,
        signed_by=picked.opened.key.name if picked.opened.key else None,
        model_sha256=picked.model.sha256, build=build.label if build else "",
        build_matches=match is None or picked.build_matches,
        machine=MachineFacts(fingerprint=here.fingerprint, label=here.label),
        output=output, losses=losses,
    )  # fmt: skip


def pick_report(document: PickDocument) -> list[RenderableType]:
    """What the pick prints for people."""
    match document.fit:
        case "exact":
            sentence = tr("The bundle has a profile for this very machine class.")
        case "compatible":
            sentence = tr(
                "The bundle has none for this very machine class; the nearest that fits is {distance} away.",
                distance=f"{document.distance or 0:.1f}",
            )
        case _:
            sentence = tr("The bundle has none that fits; this one was made here.")
    rows = [
        (tr("Profile"), f"{document.profile_id} · {document.profile_name}"),
        (tr("Bundle"), tr("{name}, serial {serial}", name=document.bundle, serial=document.serial)),
        (tr("Signed"), document.signed_by or tr("by nobody")),
        (tr("Machine class"), f"{document.machine.label} ({document.machine.fingerprint})"),
        (tr("Build"), document.build if document.build_matches else tr("{build}, not the profile's",
                                                                      build=document.build)),
        (tr("Settings"), settings_line(document.settings)),
    ]  # fmt: skip
    rows += [
        (
            tr("Differs"),
            f"{each.fact}: {_short(each.profile)} → {_short(each.here)} ({each.distance:.1f})",
        )
        for each in document.reasons
    ]
    if document.output:
        rows.append((tr("Written"), document.output))
    return [Text(sentence), facts(rows)]


def _short(fact: str) -> str:
    return fact if 0 < len(fact) <= _LONGEST_FACT else (f"{fact[:_LONGEST_FACT]}…" if fact else DASH)
