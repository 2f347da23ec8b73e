"""Own the wording of what can be wrong with a model file."""

from __future__ import annotations

from pathlib import Path

from tunesmith.errors import ModelFileError, ModelMalformed, ModelNotFound, ModelUnreadable
from tunesmith.wording import tr

UNHARMED = tr("The file was only read, nothing was changed.")
FETCH_AGAIN = tr("The download is probably incomplete: fetch the file again.")
DAMAGED = tr("The file is probably damaged: fetch it again, or convert the model anew.")


def malformed(what: str, *, todo: str = DAMAGED) -> ModelMalformed:
    """An error that says what is wrong with a file's content, in a sentence that begins with its path."""
    return ModelMalformed(what, unharmed=UNHARMED, todo=todo)


def unreadable(what: str, *, todo: str) -> ModelUnreadable:
    """An error that says what keeps a file from being read, in a sentence that begins with its path."""
    return ModelUnreadable(what, unharmed=UNHARMED, todo=todo)


def not_found(path: Path) -> ModelNotFound:
    """An error that says there is no file at ``path``."""
    return ModelNotFound(
        tr("There is no file {path}.", path=path),
        unharmed=tr("Nothing was changed."),
        todo=tr("Check the path, or choose another model file."),
    )


def from_os_error(path: Path, error: OSError) -> ModelFileError:
    """What the system's refusal to open or read ``path`` means to the user."""
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return not_found(path)
        case PermissionError():
            return unreadable(
                tr("{path} may not be read by this user.", path=path),
                todo=tr("Give yourself permission to read the file."),
            )
        case IsADirectoryError():
            return directory(path)
        case _:
            reason = error.strerror or type(error).__name__
            return unreadable(
                tr("{path} could not be read: {reason}.", path=path, reason=reason),
                todo=tr("Check the disk or the network share that holds it, then try again."),
            )


def directory(path: Path) -> ModelUnreadable:
    """An error that says ``path`` is a folder."""
    return unreadable(
        tr("{path} is a folder, not a model file.", path=path), todo=tr("Choose a .gguf file inside it.")
    )
