"""Own the window in all its states with made-up data, and what can be read in it: texts, cut-off ones."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pyqtgraph as pg  # type: ignore[import-untyped]
from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    Qt,
    QThreadPool,
)
from PySide6.QtGui import QAction, QPainter
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QDoubleSpinBox,
    QGroupBox,
    QLabel,
    QLineEdit,
    QSpinBox,
    QTabBar,
    QWidget,
)

from tests.gui import sample_choices, sample_fleet
from tests.gui.sample_profiles import samples
from tests.gui.screenshots import chat, fleet, machine, models, profiles, quantization, soak, tune
from tests.gui.screenshots.scene import SCENES, Ready, Scene, at_once, settle, wait
from tests.gui.simulated_run import model
from tests.tuning.machines import LAPTOP
from tunesmith import gguf
from tunesmith.domain.machine import machine_class
from tunesmith.domain.model import ModelHeader
from tunesmith.domain.shape import ModelShape
from tunesmith.gui.app import make_window
from tunesmith.gui.language import speak_qt
from tunesmith.gui.pages.tune import TunePage
from tunesmith.gui.status import StatusWatch
from tunesmith.gui.window import MainWindow
from tunesmith.machine.probe import probe_machine
from tunesmith.services import context

MODULES = (chat, fleet, machine, models, profiles, quantization, soak, tune)
"""Whose scenes are in SCENES once this module is imported."""
MADE_UP = (
    "Meta Llama 3.1 8B Instruct", "Qwen2.5 7B Instruct", "Qwen2.5 32B Instruct", "Qwen2 VL 7B Instruct",
    "Mistral Nemo Instruct 2407", "Gemma 2 2b It", "SmolLM2 135M Instruct", "phi-4-Q4_K_M", "page", "gemma2",
    "qwen2", "llama", "clip", "apache-2.0", "SmolLM2 135M Instruct Q4_1 · chat", "llama.cpp's defaults",
    "RPC0", "package-0", "dram",
)  # fmt: skip
"""What the made-up models and profiles are called, and say of themselves."""
_MAX_ROWS = 100
Look = Callable[[MainWindow], Iterable[str]]
"""What is to be said of the window in a state."""


def known_data() -> tuple[str, ...]:
    """Regular expressions of the made-up data and of this machine's own names."""
    here = probe_machine()
    words = {text for one in samples() for text in (one.name, one.notes, one.model.header.name or "")}
    words |= {text for one in samples() for text in _strings(one.build.model_dump())}
    words |= {*sample_fleet.known_words(), *machine.SERVERS}
    words |= {*MADE_UP, *_strings(here.model_dump()), *_strings(machine.MACHINE.model_dump())}
    classes = [one.machine for one in samples()] + [
        machine_class(one) for one in (here, LAPTOP, machine.MACHINE)
    ]
    words |= {part for one in classes for part in (*one.label.split(" · "), one.fingerprint)}
    ordered = sorted((word for word in words if len(word) > 1), key=len, reverse=True)
    whole = (rf"(?<![\w/.]){re.escape(word)}(?![\w/]|\.\w)" for word in ordered)
    return (
        *whole,
        r"[Nn]one of \d+ candidates was proven better",
        r"^The machine was too noisy .*",
        r"/a folder\b",
    )


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for one in value:
            yield from _strings(one)


# ------------------------------------------------------------- states


def _every_choice(window: MainWindow) -> Ready:
    """The form has shown each preset and objective, and has all limits set."""
    window.show_page("tune")
    page = window.page("tune")
    assert isinstance(page, TunePage)
    form = page.setup
    for choice in (form.preset, form.objective):
        for index in range(choice.count()):
            choice.setCurrentIndex(index)
    for limit, value in ((form.memory, 2), (form.ttft, 500), (form.itl, 50)):
        limit.setValue(value)
    return at_once


def visit(size: tuple[int, int], look: Look) -> Iterator[tuple[str, str]]:
    """What there is to say of every state, with the state's name.

    Args:
        size: of the window.
        look: called when the window is in a state.
    """
    application = QApplication.instance() or QApplication(["tunesmith"])
    assert isinstance(application, QApplication)
    speak_qt(application)
    choices = Scene("tune-choices", lambda _home: None, _every_choice, kept=False)
    for scene in (*SCENES.values(), choices):
        with tempfile.TemporaryDirectory(prefix="home") as folder, _living_in(Path(folder)):
            scene.furnish(Path(folder))
            window = make_window(application)
            window.resize(*size)
            window.show()
            status = StatusWatch(window)
            ready = scene.bring(window)
            wait(lambda ready=ready, status=status: ready() and status.looks > 1)  # type: ignore[misc]
            settle(0.2)
            yield from ((scene.name, said) for said in look(window))
            window.close()
            QThreadPool.globalInstance().waitForDone(10_000)
            window.context.theme.deleteLater()
            window.deleteLater()
            QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
            settle(0.05)


@contextmanager
def _living_in(home: Path) -> Iterator[None]:
    """A user's folder; the made-up model that is tuned has a header although it has no file."""
    read = context.read_model
    places = {
        "HOME": home, "USERPROFILE": home, "TUNESMITH_CONFIG_DIR": home / "config",
        "TUNESMITH_CACHE_DIR": home / "cache", "TUNESMITH_STORE": home / "store.sqlite3",
    }  # fmt: skip

    def read_model(path: str) -> ModelHeader:
        if path == sample_choices.SOURCE:
            return sample_choices.header()
        return model(path).header if path == tune.MODEL else read(path)

    shape = gguf.read_shape

    def read_shape(path: Path) -> ModelShape:
        return tune.shape() if path == Path(tune.MODEL) else shape(path)

    def survey_machine(_controls: object = None) -> context.Surroundings:
        return machine.SURROUNDINGS

    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, {name: str(path) for name, path in places.items()}))
        stack.enter_context(mock.patch("tunesmith.services.context.read_model", read_model))
        stack.enter_context(mock.patch("tunesmith.services.context.survey_machine", survey_machine))
        stack.enter_context(mock.patch("tunesmith.gguf.read_shape", read_shape))
        yield


# ------------------------------------------------------------- texts


class Painted:
    """The texts that widgets draw by hand, from now on."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        draw = QPainter.drawText

        def draw_text(painter: QPainter, *values: Any) -> Any:
            self._texts += [value for value in values if isinstance(value, str)]
            return draw(painter, *values)

        QPainter.drawText = draw_text  # type: ignore[method-assign, assignment]

    def taken(self) -> list[str]:
        """What was drawn since the last time."""
        found, self._texts = self._texts, []
        return found


def read(window: QWidget) -> Iterator[str]:
    """Every text that a window's widgets show, tell or would show; hidden ones too."""
    plots = window.findChildren(pg.PlotWidget)
    without_menu = [plot for plot in plots if not plot.getPlotItem().menuEnabled()]
    switched_off = {menu for plot in without_menu for menu in (plot.getPlotItem().ctrlMenu, plot.scene())}
    for widget in [window, *window.findChildren(QWidget)]:
        if not switched_off.intersection(_line_of(widget)):
            yield from filter(None, _of_widget(widget))
    for action in window.findChildren(QAction):
        if switched_off.intersection(_line_of(action)):
            continue
        texts = (action.text(), action.toolTip(), action.statusTip())
        yield from (text.replace("&", "") for text in texts if text)


def clipped(window: MainWindow) -> list[str]:
    """What does not fit: pages that are too wide, buttons and lines of text that are cut off."""
    found = list(_clipped(window))
    if found:
        settle(0.5)  # something may have changed just now
        found = [said for said in _clipped(window) if said in found]
    return found


def _clipped(window: MainWindow) -> Iterator[str]:
    page = window.stack.currentWidget()
    if page is not None and page.minimumSizeHint().width() > page.width():
        yield f"the page needs {page.minimumSizeHint().width()} px and has {page.width()}"
    for widget in window.findChildren(QWidget):
        line = isinstance(widget, QAbstractButton) or (isinstance(widget, QLabel) and not widget.wordWrap())
        if not line or not widget.isVisible() or widget.visibleRegion().isEmpty():
            continue
        needs = widget.sizeHint().width()
        has = min(widget.width(), widget.visibleRegion().boundingRect().width())
        text = str(widget.property("text"))
        if needs > has and len(text) > 1 and text != widget.toolTip():
            yield f"{type(widget).__name__} {text!r} needs {needs} px and has {has}"


def _line_of(one: QObject | None) -> Iterator[QObject]:
    while one is not None:
        yield one
        one = one.parent()


def _of_widget(widget: QWidget) -> Iterable[str]:
    yield widget.toolTip()
    yield widget.accessibleName()
    yield widget.accessibleDescription()
    yield widget.windowTitle()
    match widget:
        case QLabel() | QAbstractButton():
            yield widget.text().replace("&", "")
        case QComboBox():
            for number in range(widget.count()):
                yield widget.itemText(number)
                yield str(widget.itemData(number, Qt.ItemDataRole.ToolTipRole) or "")
        case QSpinBox() | QDoubleSpinBox():
            yield widget.suffix()
            yield widget.prefix()
            yield widget.specialValueText()
        case QLineEdit():
            yield widget.placeholderText()
        case QGroupBox():
            yield widget.title()
        case QTabBar():
            yield from (widget.tabText(number) for number in range(widget.count()))
        case QAbstractItemView():
            yield from _of_view(widget)
        case _:
            yield str(widget.property("placeholderText") or "")


def _of_view(view: QAbstractItemView) -> Iterator[str]:
    model = view.model()
    roles = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole)
    for column in range(_columns(model, QModelIndex())):
        for role in roles:
            yield str(model.headerData(column, Qt.Orientation.Horizontal, role) or "")

    def below(parent: QModelIndex) -> Iterator[str]:
        for row in range(min(model.rowCount(parent), _MAX_ROWS)):
            for column in range(_columns(model, parent)):
                index = model.index(row, column, parent)
                yield from (str(model.data(index, role) or "") for role in roles)
                if column == 0:
                    yield from below(index)

    yield from below(QModelIndex())


def _columns(model: QAbstractItemModel, parent: QModelIndex) -> int:
    return 1 if isinstance(model, QAbstractListModel) else model.columnCount(parent)
