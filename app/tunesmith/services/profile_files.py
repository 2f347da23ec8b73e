"""Own a tuned profile as a JSON file, and copies of profiles."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import ConfigDict, Field, ValidationError

from tunesmith.domain.base import Value
from tunesmith.domain.finite import all_finite
from tunesmith.domain.profile import TunedProfile
from tunesmith.errors import UsageError
from tunesmith.services.files import write_whole
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.store import Store

MAX_BYTES = 4 * 2**20
"""No profile is longer; a larger file is something else."""

_MAX_NAME = 200
_MAX_ID = 100
_UNHARMED = tr("The file was left as it is, and no profile was changed.")


class ProfileFile(Value):
    """The document, as ``tunesmith profiles show ID --json`` prints it."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True, validate_by_alias=True)

    schema_name: Literal["tunesmith.profile/1"] = Field(default="tunesmith.profile/1", alias="schema")
    deleted: bool = False
    profile: TunedProfile


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import."""

    profile: TunedProfile
    known: bool
    """The very same profile was there already."""
    renumbered: bool
    """Another profile had its id, so it was given a new one."""


def write_profile(profile: TunedProfile, path: Path) -> None:
    """Write a profile as a JSON document; the file is there as a whole or not at all.

    Raises:
        StoreError: the file cannot be written.
    """
    text = ProfileFile(profile=profile).model_dump_json(indent=2) + "\n"
    write_whole(path, text.encode(), unharmed=tr("The profile is unharmed."))


def read_profile(path: Path) -> TunedProfile:
    """Read a profile's JSON document.

    Raises:
        UsageError: it cannot be read, is too large, or is no profile that this version knows.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise UsageError(
            tr("The file {path} cannot be read: {reason}.", path=path, reason=_reason(error)),
            unharmed=tr("No profile was changed."),
            todo=tr("Check the name and whether you may read it."),
            details=str(error),
        ) from error
    if len(raw) > MAX_BYTES:
        raise _bad(tr("The file {path} is larger than {limit} MiB.", path=path, limit=MAX_BYTES // 2**20))
    try:
        profile = ProfileFile.model_validate_json(raw).profile
    except ValidationError as error:
        raise _bad(_first_fault(path, error), str(error)) from error
    fault = _nonsense(profile)
    if fault:
        raise _bad(tr("The file {path} {fault}.", path=path, fault=fault))
    return profile


def import_profile(path: Path, store: Store) -> Imported:
    """Read a profile's document and keep it; another profile of the same id is never replaced.

    Raises:
        UsageError: the file is no profile.
        StoreError: or one of its kin.
    """
    profile = read_profile(path)
    renumbered = False
    if profile.id in {row.id for row in store.profiles()}:
        if store.profile(profile.id) == profile:
            return Imported(profile, known=True, renumbered=False)
        profile = profile.model_copy(update={"id": _new_id(store)})
        renumbered = True
    store.save_profile(profile)
    return Imported(profile, known=False, renumbered=renumbered)


def duplicate_profile(store: Store, profile_id: str) -> TunedProfile:
    """Keep a copy of a profile under an id and a name of its own.

    Raises:
        NotFoundError: there is no such profile.
        StoreError: or one of its kin.
    """
    profile = store.profile(profile_id)
    name = tr("copy of {name}", name=profile.name)[:_MAX_NAME]
    copy = profile.model_copy(update={"id": _new_id(store), "name": name})
    store.save_profile(copy)
    return copy


def file_name(profile: TunedProfile) -> str:
    """What a profile's file is called at first: its name, without what file systems dislike."""
    kept = "".join(c if c.isalnum() or c in " -_.()" else "-" for c in profile.name)
    return f"{' '.join(kept.split())[:80].strip(' .-') or profile.id}.json"


def _new_id(store: Store) -> str:
    taken = {row.id for row in store.profiles()}
    while (made := secrets.token_hex(4)) in taken:
        pass
    return made


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).rstrip(".")


def _first_fault(path: Path, error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return tr("The file {path} is no JSON document.", path=path)
    place = ".".join(str(part) for part in first["loc"])[:120]
    words = first["msg"][:1].lower() + first["msg"][1:200]
    reason = f"{place}: {words}" if place else words
    return tr("The file {path} is no tuned profile: {reason}.", path=path, reason=reason)


def _nonsense(profile: TunedProfile) -> str:
    """What is wrong with a profile whose types are right, as the sentence goes on after its file's name.

    Empty if nothing is.
    """
    if not profile.name.strip() or len(profile.name) > _MAX_NAME:
        return tr("has no name of 1 to {limit} characters", limit=_MAX_NAME)
    known = all(c.isascii() and (c.isalnum() or c in "-_.") for c in profile.id)
    if not known or not 0 < len(profile.id) <= _MAX_ID:
        return tr("has an id that is none of ours")
    try:
        datetime.fromisoformat(profile.created_utc)
    except ValueError:
        return tr("does not say when it was made")
    if not all_finite(profile.model_dump()):
        return tr("holds a number that is none, or is out of all proportion")
    return ""


def _bad(what: str, details: str = "") -> UsageError:
    return UsageError(
        what,
        unharmed=_UNHARMED,
        todo=tr("Export the profile again where it was made, or choose another file."),
        details=details[:4000],
    )
