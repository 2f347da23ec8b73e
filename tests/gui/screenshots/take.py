"""Own the taking of pictures: the same on every machine, as far as made-up data can make it so."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from PySide6.QtCore import QThreadPool
from PySide6.QtGui import QFontInfo, QImage
from PySide6.QtWidgets import QApplication, QLabel, QListWidget

from tests.gui import sample_choices
from tests.gui.screenshots import (
    chat,
    energy,
    fleet,
    machine,
    models,
    profiles,
    quantization,
    roofline,
    soak,
    tradeoff,
    tune,
)
from tests.gui.screenshots.scene import SCENES, Scene, settle, wait
from tests.gui.simulated_run import model
from tunesmith import gguf
from tunesmith.domain.model import ModelHeader
from tunesmith.gui.app import make_window
from tunesmith.gui.window import MainWindow
from tunesmith.presentation.vitals_text import memory_text, quiet_text
from tunesmith.services import context
from tunesmith.settings import Preferences, Theme, save_preferences

FONT = "DejaVu Sans"
THEMES: tuple[Theme, ...] = ("light", "dark")
SIZES = ((1280, 800), (900, 600))
MODULES = (chat, energy, fleet, machine, models, profiles, quantization, roofline, soak, tradeoff, tune)
"""Whose scenes are in SCENES once this module is imported."""
_ADA = "/home/ada"


def file_name(scene: str, theme: str, size: tuple[int, int]) -> str:
    """Of a picture."""
    return f"{scene}-{theme}-{size[0]}x{size[1]}.png"


def has_font(application: QApplication) -> bool:
    """Whether texts are set in the font that the committed pictures are set in."""
    return QFontInfo(application.font()).family() == FONT


def take(application: QApplication, scene: Scene) -> Iterator[tuple[str, QImage]]:
    """A scene's pictures with their files' names: in both themes, each in both sizes."""
    application.setCursorFlashTime(0)
    with tempfile.TemporaryDirectory() as folder, _ada(Path(folder)) as home:
        scene.furnish(home)
        window = make_window(application)
        window.resize(*SIZES[0])
        window.show()
        _fill_status_bar(window)
        wait(scene.bring(window))
        for theme in THEMES:
            window.context.theme.set_mode(theme)
            for size in SIZES:
                window.resize(*size)
                settle(0.2)
                _tidy(window, home)
                settle(0.1)
                yield file_name(scene.name, theme, size), window.grab().toImage()
        window.close()
        QThreadPool.globalInstance().waitForDone(10_000)
        window.deleteLater()
        settle(0.05)


@contextmanager
def _ada(home: Path) -> Iterator[Path]:
    """Somebody's folder and machine; what is not said here is asked of nobody."""
    places = {
        "XDG_CACHE_HOME": home / ".cache", "XDG_DATA_HOME": home / ".local" / "share",
        "HOME": home, "USERPROFILE": home, "TUNESMITH_CONFIG_DIR": home / "config",
        "TUNESMITH_CACHE_DIR": home / "cache", "TUNESMITH_STORE": home / "store.sqlite3",
    }  # fmt: skip
    save_preferences(home / "config", Preferences(theme="system"))
    read = context.read_model

    def read_model(path: str) -> ModelHeader:
        if path == sample_choices.SOURCE:
            return sample_choices.header()
        return model(path).header if path == tune.MODEL else read(path)

    shape = gguf.read_shape

    patches: dict[str, Callable[..., Any]] = {
        "tunesmith.services.context.read_model": read_model,
        "tunesmith.gguf.read_shape": lambda path: tune.shape() if path == Path(tune.MODEL) else shape(path),
        "tunesmith.services.context.survey_machine": lambda _controls=None: machine.SURROUNDINGS,
        "tunesmith.machine.probe.probe_machine": lambda **known: machine.MACHINE.model_copy(update=known),
        "tunesmith.services.doctor.examine": lambda _store: machine.CHECKS,
        "tunesmith.services.vitals.free_memory_bytes": lambda: machine.FREE_BYTES,
    }
    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, {name: str(path) for name, path in places.items()}))
        for name, instead in patches.items():
            stack.enter_context(mock.patch(name, instead))
        yield home


def _fill_status_bar(window: MainWindow) -> None:
    """What the status bar's watch would say; none looks, since what it sees changes."""
    window.machine_label.tell(machine.SURROUNDINGS.machine_class.label)
    window.memory_label.tell(memory_text(machine.FREE_BYTES))
    window.quiet_label.tell(quiet_text(0.1))


def _tidy(window: MainWindow, home: Path) -> None:
    """Take out of the picture what differs each time: the folder's name, where the keys go, passing words."""
    window.statusBar().clearMessage()
    for label in window.findChildren(QLabel):
        if str(home) in label.text():
            label.setText(label.text().replace(str(home), _ADA))
    for view in window.findChildren(QListWidget):
        for item in (view.item(row) for row in range(view.count())):
            item.setText(item.text().replace(str(home), _ADA))
    focused = QApplication.focusWidget()
    if focused is not None:
        focused.clearFocus()


def all_scenes(names: list[str]) -> list[Scene]:
    """The scenes of some names; those that are kept if no name is given.

    Raises:
        KeyError: there is no scene of a name.
    """
    return [SCENES[name] for name in names] or [one for one in SCENES.values() if one.kept]
