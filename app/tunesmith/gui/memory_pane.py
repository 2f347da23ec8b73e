"""Own the part of the models' details that shows what memory a model would take, live."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from tunesmith.gui.background import Tasks
from tunesmith.gui.context import AppContext
from tunesmith.gui.page import label
from tunesmith.gui.theme import GRID, Colours
from tunesmith.gui.widgets.memory_bars import MemoryBars
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.machine import Machine
    from tunesmith.services.library import LibraryEntry
    from tunesmith.services.memory import Projector

_USUAL_CONTEXT = 4096
_LEAST_CONTEXT, _MOST_CONTEXT = 512, 2**20


class MemoryPane(QWidget):
    """Stacked bars of a model's memory, and the context and layers that they are for."""

    def __init__(self, context: AppContext) -> None:
        super().__init__()
        self._context = context
        self._tasks = Tasks(self)
        self._path = ""
        self._projector: Projector | None = None
        self._machine: Machine | None = None
        self._contexts: list[int] = [_USUAL_CONTEXT]
        self.bars = MemoryBars(context.theme.colours)
        context.theme.changed.connect(self._recolour)
        self.tokens, self.tokens_text = _slider(tr("Context")), label("", "secondary")
        self.layers, self.layers_text = _slider(tr("Layers on a device")), label("", "secondary")
        for slider in (self.tokens, self.layers):
            slider.valueChanged.connect(self._project)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addWidget(self.bars)
        for slider, text in ((self.tokens, self.tokens_text), (self.layers, self.layers_text)):
            column.addLayout(_beside(slider, text))
        self.hide()

    def show_entry(self, entry: LibraryEntry | None) -> None:
        """Show a model's memory; nothing for what is no model."""
        path = entry.path if entry is not None and entry.kind == "model" else ""
        if path == self._path and self._machine is self._context.machine:
            return
        self._path, self._projector = path, None
        self.hide()
        if path:
            self._tasks.run(lambda: _read(path, self._context.machine), self._show, self._give_up)

    def _show(self, found: tuple[str, Projector, Machine, int | None]) -> None:
        path, projector, machine, trained = found
        if path != self._path:
            return
        self._projector = projector
        self._machine = self._context.machine
        most = min(trained or _MOST_CONTEXT, _MOST_CONTEXT)
        self._contexts = [_LEAST_CONTEXT]
        while self._contexts[-1] * 2 <= most:
            self._contexts.append(self._contexts[-1] * 2)
        if most > self._contexts[-1]:
            self._contexts.append(most)
        has_device = any(device.type in ("gpu", "igpu") for device in machine.devices)
        count = len(projector.shape.layers)
        usual = sum(tokens <= _USUAL_CONTEXT for tokens in self._contexts[1:])
        for slider, most_value, value in (
            (self.tokens, len(self._contexts) - 1, usual), (self.layers, count + 1, count + 1),
        ):  # fmt: skip
            slider.blockSignals(True)  # noqa: FBT003 (Qt's signature)
            slider.setMaximum(most_value)
            slider.setValue(value)
            slider.blockSignals(False)  # noqa: FBT003 (Qt's signature)
        for widget in (self.layers, self.layers_text):
            widget.setVisible(has_device)
        self.show()
        self._project()

    def _give_up(self, error: object) -> None:
        del error  # the pane beside it says what is wrong with a model
        self.hide()

    def _project(self) -> None:
        if self._projector is None:
            return
        from tunesmith.presentation.memory_facts import bars
        from tunesmith.services.fit import usual_settings

        tokens = self._contexts[min(self.tokens.value(), len(self._contexts) - 1)]
        layers = self.layers.value()
        settings = usual_settings(tokens).replace(n_gpu_layers=layers)
        projection = self._projector.of(settings)
        self.bars.show_bars(bars(projection, self._projector.too_small(projection)))
        self.tokens_text.setText(tr("{count} tokens", count=tokens))
        self.layers_text.setText(tr("{count} layers on a device", count=layers))

    def _recolour(self, colours: Colours) -> None:
        self.bars.recolour(colours)


def _read(path: str, known: Machine | None) -> tuple[str, Projector, Machine, int | None]:
    from pathlib import Path

    from tunesmith import gguf
    from tunesmith.machine.probe import probe_machine
    from tunesmith.services.memory import Projector

    machine = known or probe_machine(devices=(), build=None)
    return path, Projector(path, machine), machine, gguf.read_header(Path(path)).context_length


def _slider(name: str) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setAccessibleName(name)
    slider.setPageStep(1)
    return slider


def _beside(slider: QSlider, text: QLabel) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(GRID)
    row.addWidget(slider, 1)
    row.addWidget(text)
    return row
