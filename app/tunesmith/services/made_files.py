"""Own the files that a run makes for itself: removed in the end, unless they are to be kept."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass, field
from pathlib import Path

from tunesmith.errors import StoreError
from tunesmith.wording import tr

_LOG = logging.getLogger(__name__)


@dataclass
class MadeFiles:
    """What this run has made: removed in the end, unless it is to be kept and only if it is still ours."""

    folder: Path
    lasting: bool = False
    """What is not removed by name stays, also when this is closed."""
    made_folder: bool = False
    _files: dict[Path, tuple[int, int, int, int]] = field(default_factory=dict)

    def open(self) -> None:
        """Make the folder, if there is none.

        Raises:
            StoreError: it cannot be made.
        """
        if self.folder.is_dir():
            return
        try:
            self.folder.mkdir(parents=True)
        except OSError as error:
            raise StoreError(
                tr("The folder {folder} cannot be made: {reason}.",
                   folder=self.folder, reason=error.strerror or error),
                unharmed=tr("Nothing was changed."), todo=tr("Name another one with --output."),
            ) from error  # fmt: skip
        self.made_folder = True

    def add(self, path: Path) -> None:
        """Take note of a file that was made."""
        self._files[path] = _facts(path)

    def keep(self, path: Path) -> None:
        """Leave a file for good."""
        self._files.pop(path, None)

    def holds(self, path: Path) -> bool:
        """Whether a file is one that was made, is still there, and was not changed meanwhile."""
        facts = self._files.get(path)
        try:
            return facts is not None and _facts(path) == facts
        except OSError:
            return False

    def remove(self, path: Path) -> bool:
        """Remove a file that was made, unless it was changed or replaced meanwhile; True if it is gone."""
        facts = self._files.pop(path, None)
        if facts is None:
            return False
        try:
            if _facts(path) == facts:
                path.unlink()
                return True
            _LOG.warning("%s was changed by others and is left as it is", path)
        except FileNotFoundError:
            return True
        except OSError as error:
            _LOG.warning("%s could not be removed: %s", path, error)
        return False

    def close(self) -> None:
        """Remove what is not to stay, and the folder if it was made for this and is empty."""
        for path in [] if self.lasting else list(self._files):
            self.remove(path)
        if self.made_folder:
            with contextlib.suppress(OSError):
                self.folder.rmdir()


def _facts(path: Path) -> tuple[int, int, int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
