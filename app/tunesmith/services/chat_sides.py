"""Own the settings one can talk with a model under: the defaults, and those of its own profiles."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tunesmith import gguf
from tunesmith.domain.model import ModelHeader
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload
from tunesmith.errors import ModelFileError
from tunesmith.gguf.hash_cache import FileStamp
from tunesmith.machine.probe import probe_machine
from tunesmith.services.fit import kv_bytes
from tunesmith.tuning.space import baseline_settings
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.store import Store

CONTEXT_TOKENS = 4096
"""Room for a conversation; less where the model was trained for less, more where a profile has more."""
_CONTEXT_STEP = 256
"""llama.cpp rounds contexts up to multiples of this."""
_OVERHEAD = 1.05


@dataclass(frozen=True, slots=True)
class Side:
    """One set of settings to talk under."""

    label: str
    settings: Settings


def chat_sides(model_path: str, profile: TunedProfile | None) -> tuple[Side, ...]:
    """The defaults, and the profile's settings if there is one, both with room for the same conversation.

    Raises:
        ModelFileError: the model is missing, unreadable or malformed.
    """
    header = gguf.read_header(Path(model_path))
    machine = probe_machine(devices=(), build=None)
    wanted = profile.settings.n_ctx if profile is not None else CONTEXT_TOKENS
    room = conversation_room(
        header, wanted, machine.memory.available_bytes, contexts=1 if profile is None else 2
    )
    default = baseline_settings(machine, Workload(prompt=1, generate=1)).replace(n_ctx=room)
    sides = [Side(tr("llama.cpp's defaults"), default)]
    if profile is not None:
        sides.append(Side(profile.name, profile.settings.replace(n_ctx=room, n_seq_max=1)))
    return tuple(sides)


def conversation_room(header: ModelHeader, wanted: int, free_bytes: int, *, contexts: int = 1) -> int:
    """Context for a conversation, tokens: what is wanted, as far as model and memory allow.

    Memory alone never takes it below CONTEXT_TOKENS; what does not fit then is for llama.cpp to say.

    Args:
        wanted: of a profile; CONTEXT_TOKENS counts if that is more.
        free_bytes: what weights and caches can take.
        contexts: how many there are at once, each with a cache of its own.
    """
    room = max(wanted, CONTEXT_TOKENS)
    token_bytes = kv_bytes(header, 1)
    if token_bytes:
        spare = max(0.0, free_bytes / _OVERHEAD - header.weights_bytes)
        fits = int(spare / (contexts * token_bytes)) // _CONTEXT_STEP * _CONTEXT_STEP
        room = min(room, max(fits, CONTEXT_TOKENS))
    return min(room, header.context_length or room)


def profiles_of(store: Store, model_path: str, hashes: gguf.HashCache) -> tuple[TunedProfile, ...]:
    """The profiles that were made of this very model, newest first; none where it cannot be read.

    Its content is not hashed for that: where its hash is not known already, a profile's model is this
    one if it had the same path and size.

    Raises:
        StoreError: or one of its kin.
    """
    try:
        header = gguf.read_header(Path(model_path))
        known = hashes.get(tuple(_stamp(Path(shard.path)) for shard in header.shards))
    except (ModelFileError, OSError):
        return ()
    rows = store.profiles(model=known)
    if known is None:
        place = Path(header.path).absolute(), header.file_bytes
        models = {row.model_sha256: row.id for row in reversed(rows)}
        same = {sha256 for sha256, ref in models.items() if _place(store.profile(ref)) == place}
        rows = [row for row in rows if row.model_sha256 in same]
    return tuple(store.profile(row.id) for row in rows)


def _place(profile: TunedProfile) -> tuple[Path, int]:
    header = profile.model.header
    return Path(header.path).absolute(), header.file_bytes


def _stamp(path: Path) -> FileStamp:
    """As the cache of hashes knows a file."""
    status = os.stat(path)  # noqa: PTH116 (as identify does it)
    return FileStamp(
        path=str(path.absolute()),
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        inode=status.st_ino,
    )
