"""Own pictures of the pages, to look at: ``python -m tests.gui.screenshots OUT [SCENE …]``.

A scene is a page in a state. Add one with ``@scene``: it is given a user's empty folder before the window is
made, and gives back what brings the window into the state and tells when it is there.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from PySide6.QtCore import QThreadPool
from PySide6.QtWidgets import QApplication

from tests.gui.sample_models import fill_home
from tunesmith.gui.app import make_window
from tunesmith.gui.pages.machine import MachinePage
from tunesmith.gui.pages.models import ModelsPage
from tunesmith.gui.status import StatusWatch
from tunesmith.gui.window import MainWindow
from tunesmith.services.library import demo_model
from tunesmith.services.watched import watch
from tunesmith.settings import Preferences, Theme, save_preferences

SIZES = ((1280, 800), (900, 600))
Ready = Callable[[], bool]
Bring = Callable[[MainWindow], Ready]
SCENES: dict[str, Callable[[Path], Bring]] = {}


def scene(name: str) -> Callable[[Callable[[Path], Bring]], Callable[[Path], Bring]]:
    """Register a scene."""

    def register(made: Callable[[Path], Bring]) -> Callable[[Path], Bring]:
        SCENES[name] = made
        return made

    return register


def models_page(window: MainWindow) -> ModelsPage:
    """The models page, shown."""
    window.show_page("models")
    page = window.page("models")
    assert isinstance(page, ModelsPage)
    return page


def _choose(page: ModelsPage, name: str) -> bool:
    row = next((row for row in page.table.library.rows if row.cells[0].startswith(name)), None)
    return row is not None and page.table.select(row.entry.path)


@scene("models")
def _models(home: Path) -> Bring:
    fill_home(home, demo_model())

    def bring(window: MainWindow) -> Ready:
        page = models_page(window)

        def ready() -> bool:
            return page.library.looked and page.library.available_bytes is not None and _choose(page, "Smol")

        return ready

    return bring


@scene("models-grouped")
def _grouped(home: Path) -> Bring:
    fill_home(home, demo_model())

    def bring(window: MainWindow) -> Ready:
        page = models_page(window)
        page.group.setChecked(True)
        return lambda: page.library.looked and _choose(page, "Meta")

    return bring


@scene("models-broken")
def _broken(home: Path) -> Bring:
    fill_home(home, demo_model())

    def bring(window: MainWindow) -> Ready:
        page = models_page(window)
        return lambda: page.library.looked and _choose(page, "phi")

    return bring


@scene("models-empty")
def _empty(home: Path) -> Bring:
    def bring(window: MainWindow) -> Ready:
        page = models_page(window)
        return lambda: page.library.looked and page.states.currentWidget() is page.empty

    return bring


@scene("models-nothing")
def _nothing(home: Path) -> Bring:
    fill_home(home, None)

    def bring(window: MainWindow) -> Ready:
        page = models_page(window)
        page.filter.setText("nothing of the kind")
        return lambda: page.library.looked and page.nothing.isVisible()

    return bring


@scene("machine")
def _machine(home: Path) -> Bring:
    def bring(window: MainWindow) -> Ready:
        window.show_page("machine")
        page = window.page("machine")
        assert isinstance(page, MachinePage)
        return lambda: page.again.isEnabled()

    return bring


@scene("settings")
def _settings(home: Path) -> Bring:
    fill_home(home, None)
    watch(home / "config", folders=["/data/models", str(home / "a folder")])

    def bring(window: MainWindow) -> Ready:
        window.show_page("settings")
        return lambda: True

    return bring


def take(out: Path, wanted: list[str]) -> None:
    """Take every picture that is wanted, in both themes and sizes."""
    application = QApplication.instance() or QApplication(["tunesmith"])
    assert isinstance(application, QApplication)
    out.mkdir(parents=True, exist_ok=True)
    for name, made in SCENES.items():
        if wanted and name not in wanted:
            continue
        for theme in ("light", "dark"):
            with tempfile.TemporaryDirectory() as folder:
                _one(application, out, name, made, theme, Path(folder))


def _one(
    application: QApplication, out: Path, name: str, made: Callable[[Path], Bring], theme: Theme, home: Path
) -> None:
    os.environ |= {
        "HOME": str(home), "USERPROFILE": str(home), "TUNESMITH_CONFIG_DIR": str(home / "config"),
        "TUNESMITH_CACHE_DIR": str(home / "cache"), "TUNESMITH_STORE": str(home / "store.sqlite3"),
    }  # fmt: skip
    save_preferences(home / "config", Preferences(theme=theme))
    bring = made(home)
    window = make_window(application)
    window.resize(*SIZES[0])
    window.show()
    status = StatusWatch(window)
    ready = bring(window)
    wait(lambda: ready() and status.looks > 1)
    for width, height in SIZES:
        window.resize(width, height)
        settle(0.3)
        window.grab().save(str(out / f"{name}-{theme}-{width}x{height}.png"))
    window.close()
    QThreadPool.globalInstance().waitForDone(10_000)
    window.deleteLater()
    settle(0.05)


def wait(ready: Ready, seconds: float = 60.0) -> None:
    """Let the window live until it is ready.

    Raises:
        TimeoutError: it never is.
    """
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError("The scene did not come to be.")
        settle(0.05)


def settle(seconds: float) -> None:
    """Let timers and tasks do their work."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)


if __name__ == "__main__":
    take(Path(sys.argv[1]), sys.argv[2:])
