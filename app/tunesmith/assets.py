"""Own where the files that ship with Tunesmith lie: resources/, profiles/ and the pages of docs/."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

from tunesmith.errors import NotFoundError, UsageError

_PACKAGE = Path(__file__).resolve().parent


def _root(package: Path = _PACKAGE) -> Path:
    """The folder that holds them: inside an installed package, else the checkout."""
    bundled = package / "_bundled"
    return bundled if bundled.is_dir() else package.parents[1]


def resource(name: str) -> Path:
    """The path of a file or folder under resources/.

    Args:
        name: relative, with forward slashes, such as ``icons/tunesmith.svg``.

    Raises:
        UsageError: the name leads out of the folder.
        NotFoundError: nothing of that name ships with Tunesmith.
    """
    return _inside(_root() / "resources", name)


def profiles_dir() -> Path:
    """The folder of presets, schemas and worked examples.

    Raises:
        NotFoundError: this installation lacks it.
    """
    return _inside(_root(), "profiles")


def guide_page(name: str) -> Path:
    """The path of a page of the guide.

    Args:
        name: relative to docs/, with forward slashes, such as ``settings.md``.

    Raises:
        UsageError: the name leads out of the folder.
        NotFoundError: nothing of that name ships with Tunesmith.
    """
    return _inside(_root() / "docs", name)


def _inside(folder: Path, name: str) -> Path:
    windows = PureWindowsPath(name)  # knows both kinds of slash, and drives
    if not name or windows.anchor or PurePosixPath(name).is_absolute() or ".." in windows.parts:
        raise UsageError(f"{name!r} is no name of a file that ships with Tunesmith.")
    path = folder / name
    if not path.exists():
        raise NotFoundError(
            f"The file {name!r} is missing from this installation of Tunesmith.",
            todo="Install Tunesmith again.",
            details=str(path),
        )
    return path
