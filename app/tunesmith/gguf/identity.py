"""Own the identity of a model: the SHA-256 of its content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from tunesmith.domain.model import ModelIdentity
from tunesmith.errors import Interrupted
from tunesmith.gguf import faults
from tunesmith.gguf.hash_cache import FileStamp, HashCache
from tunesmith.gguf.header import read_header
from tunesmith.gguf.reader import open_model_file
from tunesmith.wording import tr

HASH_CHUNK_BYTES = 1 << 22

Progress = Callable[[int, int], None]
"""Told of the bytes done and the bytes in all."""
ShouldStop = Callable[[], bool]


def identify(
    path: Path,
    cache: HashCache | None = None,
    *,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> ModelIdentity:
    """The header of a model and its content's hash, which the cache may know already.

    Raises:
        ModelFileError: as ``read_header`` and ``content_hash``.
        Interrupted: ``should_stop`` said so.
    """
    header = read_header(path)
    paths = [Path(shard.path) for shard in header.shards]
    stamps = tuple(_stamp(shard) for shard in paths)
    digest = cache.get(stamps) if cache is not None else None
    if digest is None:
        digest = content_hash(paths, progress=progress, should_stop=should_stop)
        if cache is not None and stamps == tuple(_stamp(shard) for shard in paths):
            cache.put(stamps, digest)
    return ModelIdentity(sha256=digest, header=header)


def content_hash(
    paths: Sequence[Path],
    *,
    progress: Progress | None = None,
    should_stop: ShouldStop | None = None,
) -> str:
    """SHA-256 of the files' bytes one after another, 64 hex digits; a chunk of 4 MiB at a time.

    Args:
        paths: the shards in order.
        progress: called after each chunk with the bytes done and the bytes in all.
        should_stop: asked before each chunk.

    Raises:
        ModelNotFound: a file is missing.
        ModelUnreadable: a file cannot be read, or was changed meanwhile.
        Interrupted: ``should_stop`` said so.
    """
    total = sum(_stamp(path).size_bytes for path in paths)
    digest = hashlib.sha256()
    chunk = memoryview(bytearray(min(HASH_CHUNK_BYTES, max(total, 1))))
    done = 0
    for path in paths:
        with open_model_file(path) as file:
            before = _stamp_of(path, file.fileno())
            start = done
            while True:
                if should_stop is not None and should_stop():
                    raise Interrupted(
                        tr("Reading {path} was stopped.", path=path),
                        unharmed=faults.UNHARMED,
                        todo=tr("Start again when you like."),
                    )
                try:
                    count = file.readinto(chunk)
                except OSError as error:
                    raise faults.from_os_error(path, error) from error
                if not count:
                    break
                digest.update(chunk[:count])
                done += count
                if progress is not None:
                    progress(min(done, total), total)
            if _stamp_of(path, file.fileno()) != before or done - start != before.size_bytes:
                raise faults.unreadable(
                    tr("{path} was changed while it was being read.", path=path),
                    todo=tr("Wait until it is complete, then try again."),
                )
    return digest.hexdigest()


def _stamp(path: Path) -> FileStamp:
    with open_model_file(path) as file:
        return _stamp_of(path, file.fileno())


def _stamp_of(path: Path, descriptor: int) -> FileStamp:
    try:
        status = os.fstat(descriptor)
        absolute = path.absolute()
    except OSError as error:
        raise faults.from_os_error(path, error) from error
    return FileStamp(
        path=str(absolute),
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        inode=status.st_ino,
    )
