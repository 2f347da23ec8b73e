"""Own exporting stored profiles and profile files for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tunesmith.export.job import Exported, Options, Target
from tunesmith.export.targets import export_profiles
from tunesmith.services.files import write_whole
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.profile import TunedProfile
    from tunesmith.store import Store


def find_profile(ref: str, store: Store) -> TunedProfile:
    """A profile by its file, if the reference is one, else from the store.

    Raises:
        UsageError: the file is no profile.
        NotFoundError: the store has none, or several.
        StoreError: or one of its kin.
    """
    from tunesmith.services.profile_files import read_profile

    path = Path(ref)
    if path.suffix == ".json" and path.is_file():
        return read_profile(path)
    return store.profile(ref)


def export(
    profiles: Sequence[TunedProfile],
    target: Target,
    options: Options,
    *,
    model_path: str | None = None,
    source_url: str | None = None,
) -> Exported:
    """Write profiles in a format.

    Args:
        profiles: what is to be exported.
        target: the format.
        options: what else it wants to know.
        model_path: where the model lies on the machine that will read the export; as here if None.
        source_url: where the model can be had, to be noted in the profile itself.

    Raises:
        UsageError: they cannot be written in this format.
    """
    if source_url is not None:
        profiles = [profile.model_copy(update={"source_url": source_url}) for profile in profiles]
    return export_profiles(
        [(profile, model_path or _here(profile.model.header.path)) for profile in profiles], target, options
    )


def write_export(exported: Exported, path: Path) -> None:
    """Put an export into a file, as a whole or not at all.

    Raises:
        StoreError: it cannot be written.
    """
    write_whole(path, exported.text.encode(), unharmed=tr("The profile is unharmed."))


def _here(path: str) -> str:
    """The whole path of a file that is there; others are left as they are written."""
    try:
        return str(Path(path).absolute()) if Path(path).is_file() else path
    except (OSError, ValueError):
        return path
