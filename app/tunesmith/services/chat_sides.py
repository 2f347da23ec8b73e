"""Own the settings one can talk with a model under: the defaults, and those of its own profiles."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tunesmith import gguf
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.settings import Settings
from tunesmith.domain.shape import ModelShape
from tunesmith.domain.workload import Workload
from tunesmith.errors import ModelFileError
from tunesmith.gguf.hash_cache import FileStamp
from tunesmith.machine.probe import probe_machine
from tunesmith.services.fit import usual_projection
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
    header, shape = gguf.read_header_and_shape(Path(model_path))
    machine = probe_machine(devices=(), build=None)
    wanted = profile.settings.n_ctx if profile is not None else CONTEXT_TOKENS
    room = conversation_room(
        shape, wanted, machine.memory.available_bytes, trained=header.context_length,
        contexts=1 if profile is None else 2,
    )  # fmt: skip
    default = baseline_settings(machine, Workload(prompt=1, generate=1)).replace(n_ctx=room)
    sides = [Side(tr("llama.cpp's defaults"), default)]
    if profile is not None:
        sides.append(Side(profile.name, profile.settings.replace(n_ctx=room, n_seq_max=1)))
    return tuple(sides)


def conversation_room(
    shape: ModelShape, wanted: int, free_bytes: int, *, trained: int | None, contexts: int = 1
) -> int:
    """Context for a conversation, tokens: what is wanted, as far as model and memory allow.

    Memory alone never takes it below CONTEXT_TOKENS; what does not fit then is for llama.cpp to say.

    Args:
        wanted: of a profile; CONTEXT_TOKENS counts if that is more.
        free_bytes: what weights and caches can take.
        trained: the context that the model was trained for, tokens.
        contexts: how many there are at once, each with a cache of its own.
    """
    room = max(wanted, CONTEXT_TOKENS)
    room = min(room, trained or room)
    low, high = CONTEXT_TOKENS // _CONTEXT_STEP, room // _CONTEXT_STEP
    if high <= low or _fits(shape, room, free_bytes, contexts):
        return room
    while low + 1 < high:  # the least always counts as fitting, the most was found not to
        middle = (low + high) // 2
        if _fits(shape, middle * _CONTEXT_STEP, free_bytes, contexts):
            low = middle
        else:
            high = middle
    return low * _CONTEXT_STEP


def _fits(shape: ModelShape, tokens: int, free_bytes: int, contexts: int) -> bool:
    needed = usual_projection(shape, tokens).host
    each = needed.expected_bytes - needed.weights_bytes
    return (needed.weights_bytes + contexts * each) * _OVERHEAD <= free_bytes


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
