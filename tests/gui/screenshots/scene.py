"""Own what a scene is, and the list of them: the window in a state, with made-up data."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtWidgets import QApplication, QScrollArea

from tunesmith.gui.window import MainWindow

Ready = Callable[[], bool]
Bring = Callable[[MainWindow], Ready]
Furnish = Callable[[Path], object]


@dataclass(frozen=True)
class Scene:
    """How the window comes into a state."""

    name: str
    furnish: Furnish
    """Fills a user's empty folder before the window is made."""
    bring: Bring
    """Brings the window into the state; gives back what tells when it is there."""
    kept: bool
    """Whether its pictures are committed, and compared with in tests."""


SCENES: dict[str, Scene] = {}


def _nothing(_home: Path) -> None:
    """An empty folder."""


def scene(name: str, *, furnish: Furnish = _nothing, kept: bool = False) -> Callable[[Bring], Bring]:
    """Register a scene."""

    def register(bring: Bring) -> Bring:
        SCENES[name] = Scene(name, furnish, bring, kept)
        return bring

    return register


def at_once() -> bool:
    """For a scene that is there as soon as it was asked for."""
    return True


def wait(ready: Ready, seconds: float = 60.0) -> None:
    """Let the window live until it is ready.

    Raises:
        TimeoutError: it never is.
    """
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError("The scene did not come to be.")
        settle(0.02)


def settle(seconds: float = 0.5) -> None:
    """Let timers and tasks do their work."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)


def keep_at_end(area: QScrollArea) -> None:
    """Scroll to the end, and stay there whatever the size."""
    bar = area.verticalScrollBar()

    def to_end() -> None:
        bar.setValue(bar.maximum())

    bar.rangeChanged.connect(to_end)
    to_end()
