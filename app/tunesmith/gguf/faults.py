"""Own the wording of what can be wrong with a model file."""

from __future__ import annotations

from pathlib import Path

from tunesmith.errors import ModelFileError, ModelMalformed, ModelNotFound, ModelUnreadable

UNHARMED = "The file was only read, nothing was changed."
FETCH_AGAIN = "The download is probably incomplete: fetch the file again."
DAMAGED = "The file is probably damaged: fetch it again, or convert the model anew."


def malformed(path: Path, what: str, *, todo: str = DAMAGED) -> ModelMalformed:
    """An error that says ``what`` is wrong with the content of the file at ``path``."""
    return ModelMalformed(f"{path} {what}.", unharmed=UNHARMED, todo=todo)


def unreadable(path: Path, what: str, *, todo: str) -> ModelUnreadable:
    """An error that says ``what`` keeps the file at ``path`` from being read."""
    return ModelUnreadable(f"{path} {what}.", unharmed=UNHARMED, todo=todo)


def not_found(path: Path) -> ModelNotFound:
    """An error that says there is no file at ``path``."""
    return ModelNotFound(
        f"There is no file {path}.",
        unharmed="Nothing was changed.",
        todo="Check the path, or choose another model file.",
    )


def from_os_error(path: Path, error: OSError) -> ModelFileError:
    """What the system's refusal to open or read ``path`` means to the user."""
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return not_found(path)
        case PermissionError():
            return unreadable(
                path, "may not be read by this user", todo="Give yourself permission to read the file."
            )
        case IsADirectoryError():
            return directory(path)
        case _:
            reason = error.strerror or type(error).__name__
            return unreadable(
                path,
                f"could not be read: {reason}",
                todo="Check the disk or the network share that holds it, then try again.",
            )


def directory(path: Path) -> ModelUnreadable:
    """An error that says ``path`` is a folder."""
    return unreadable(path, "is a folder, not a model file", todo="Choose a .gguf file inside it.")
