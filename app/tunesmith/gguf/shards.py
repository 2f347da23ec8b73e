"""Own the files of a model that is split into shards."""

from __future__ import annotations

import re
from pathlib import Path

from tunesmith.errors import ModelMalformed, ModelNotFound
from tunesmith.gguf import faults
from tunesmith.gguf.parse import MAX_TENSORS, ParsedFile, parse_file
from tunesmith.wording import tr, trn

_SHARD_NAME = re.compile(r"(?P<prefix>.+)-(?P<number>[0-9]{5})-of-(?P<count>[0-9]{5})\.gguf", re.DOTALL)
_MAX_SHARDS = (1 << 16) - 1
"""split.count is an unsigned 16-bit number."""
_NAMED = 3
"""Missing files named in an error."""


def parse_model(path: Path) -> tuple[ParsedFile, ...]:
    """Parse all files of the model that ``path`` is a shard of, in order; one for an unsplit model.

    Source of the naming and of the checks: llama_split_path and llama_model_loader of llama.cpp.

    Raises:
        ModelNotFound: there is no file at the path, or a shard is missing.
        ModelUnreadable: a file cannot be read.
        ModelMalformed: a file is not well formed, or the shards do not belong together.
    """
    given = parse_file(path)
    count = _number(given, "split.count", default=1)
    if count <= 1:
        return (given,)
    paths = _paths(given, count)
    missing = [shard for shard in paths if _is_missing(shard)]
    if missing:
        raise _missing(path, missing, count)
    files: list[ParsedFile] = []
    for index, shard in enumerate(paths):
        file = given if shard == path else parse_file(shard)
        _check_place(file, index, count)
        files.append(file)
        if sum(len(file.tensors) for file in files) > MAX_TENSORS:
            raise faults.malformed(
                tr(
                    "{path} and the shards before it hold more than {limit} tensors.",
                    path=shard,
                    limit=MAX_TENSORS,
                )
            )
    _check_tensors(files)
    return tuple(files)


def _number(file: ParsedFile, key: str, *, default: int | None = None) -> int:
    """A whole number of the split, from 0 to _MAX_SHARDS (or 2**31 for tensors)."""
    value = file.keys.get(key, default)
    limit = (1 << 31) - 1 if key == "split.tensors.count" else _MAX_SHARDS
    if not isinstance(value, int) or not 0 <= value <= limit:
        raise faults.malformed(tr("{path} is a shard without a sensible {key}.", path=file.path, key=key))
    return value


def _paths(given: ParsedFile, count: int) -> list[Path]:
    """The paths of all shards, by the name of one."""
    number = _number(given, "split.no") + 1
    match = _SHARD_NAME.fullmatch(given.path.name)
    if match is None or (int(match["number"]), int(match["count"])) != (number, count):
        raise faults.malformed(
            tr(
                "{path} is shard {number} of {total}, but its name does not say so.",
                path=given.path,
                number=number,
                total=count,
            ),
            todo=tr(
                "Give it back a name that ends in -{number}-of-{total}.gguf, as llama.cpp expects.",
                number=f"{number:05d}",
                total=f"{count:05d}",
            ),
        )
    prefix = match["prefix"]
    return [given.path.with_name(f"{prefix}-{n:05d}-of-{count:05d}.gguf") for n in range(1, count + 1)]


def _is_missing(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:  # parsing will tell
        return False
    return False


def _missing(path: Path, missing: list[Path], count: int) -> ModelNotFound:
    names = ", ".join(shard.name for shard in missing[:_NAMED])
    more = len(missing) - _NAMED
    if more > 0:
        told = tr(
            "{path} is one of {total} shards, of which {names} and {more} more are missing.",
            path=path, total=count, names=names, more=more,
        )  # fmt: skip
    else:
        told = trn(
            "{path} is one of {total} shards, of which {names} is missing.",
            "{path} is one of {total} shards, of which {names} are missing.",
            len(missing), path=path, total=count, names=names,
        )  # fmt: skip
    return ModelNotFound(
        told,
        unharmed=faults.UNHARMED,
        todo=tr("Put all shards into {folder}.", folder=path.parent.absolute()),
    )


def _check_place(file: ParsedFile, index: int, count: int) -> None:
    number, of = _number(file, "split.no"), _number(file, "split.count")
    if (number, of) != (index, count):
        raise faults.malformed(
            tr(
                "{path} says that it is shard {number} of {of} where {index} of {total} is expected.",
                path=file.path,
                number=number + 1,
                of=of,
                index=index + 1,
                total=count,
            ),
            todo=tr("It belongs to another model or was renamed: fetch it again."),
        )


def _check_tensors(files: list[ParsedFile]) -> None:
    """The shards must hold as many tensors as the first one says, none of them twice."""
    first = files[0]
    expected = _number(first, "split.tensors.count")
    names = [tensor.name for file in files for tensor in file.tensors]
    if len(names) != expected:
        raise _mixed(
            tr(
                "{path} says that the model has {expected} tensors, but its shards have {found}.",
                path=first.path,
                expected=expected,
                found=len(names),
            )
        )
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise _mixed(
                tr("{path} and its shards have the tensor {name} twice.", path=first.path, name=repr(name))
            )
        seen.add(name)


def _mixed(what: str) -> ModelMalformed:
    return faults.malformed(
        what, todo=tr("The shards are probably of different downloads: fetch all of them again.")
    )
