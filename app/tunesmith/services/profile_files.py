"""Own a tuned profile as a JSON file, and copies of profiles."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.profile_file import MAX_BYTES, MAX_NAME, parse_profile_file, profile_file, profile_of
from tunesmith.errors import UsageError
from tunesmith.services.files import write_whole
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.store import Store


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
    text = profile_file(profile).text()
    write_whole(path, text.encode(), unharmed=tr("The profile is unharmed."))


def read_profile(path: Path) -> TunedProfile:
    """Read a profile's JSON document, of this or an earlier version.

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
    return profile_of(parse_profile_file(raw, str(path)))


def import_profile(path: Path, store: Store) -> Imported:
    """Read a profile's document and keep it; another profile of the same id is never replaced.

    Raises:
        UsageError: the file is no profile.
        StoreError: or one of its kin.
    """
    profile = read_profile(path)
    renumbered = False
    if profile.id in {row.id for row in store.profiles()}:
        known = store.profile(profile.id)
        if profile_file(known) == profile_file(profile):  # folders do not travel
            return Imported(known, known=True, renumbered=False)
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
    name = tr("copy of {name}", name=profile.name)[:MAX_NAME]
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
