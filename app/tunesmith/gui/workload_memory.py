"""Own the bars of what memory a model takes under the workload of a tune's form, before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QVBoxLayout, QWidget

from tunesmith.errors import Interrupted, ModelFileError, TunesmithError
from tunesmith.gui.background import Tasks
from tunesmith.gui.context import AppContext
from tunesmith.gui.page import label
from tunesmith.gui.theme import GRID, Colours
from tunesmith.gui.widgets.memory_bars import MemoryBars
from tunesmith.presentation.numbers import DASH
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.machine import Machine
    from tunesmith.domain.request import TuneRequest
    from tunesmith.services.memory import Projector
    from tunesmith.services.servers import Answer
    from tunesmith.services.session import Controls

_PATIENCE_MS = 300
"""How long the path must rest before the file is looked at."""


@dataclass(frozen=True)
class _Found:
    path: str
    servers: tuple[str, ...]
    projector: Projector
    machine: Machine
    """With the devices of the servers that are used."""
    surveyed: Machine | None
    """This machine alone, if it was asked for just now."""


class WorkloadMemory(QWidget):
    """What llama.cpp's defaults take at most of each device; or a dash and why that is not known."""

    def __init__(self, context: AppContext) -> None:
        super().__init__()
        self._context = context
        self._tasks = Tasks(self)
        self._path, self._problem = "", ""
        self._request: TuneRequest | None = None
        self._servers: tuple[str, ...] = ()
        self._found: _Found | None = None
        self._looking: Controls | None = None
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_PATIENCE_MS)
        self._later.timeout.connect(self.look)
        self.caption = label(
            tr("Memory that llama.cpp's defaults take at most for this workload, of what is free:"),
            "small", wrap=True,
        )  # fmt: skip
        self.bars = MemoryBars(context.theme.colours)
        self.dash = label("", "small", wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        for widget in (self.caption, self.bars, self.dash):
            column.addWidget(widget)
        context.theme.changed.connect(self._recolour)
        context.servers.changed.connect(self._servers_changed)
        context.bus.busy_changed.connect(self._set_busy)
        self.hide()

    # ------------------------------------------------------------- what it is for

    def follow(self, path: str, request: TuneRequest | None, servers: tuple[str, ...], problem: str) -> None:
        """Show the memory of what a form says now; the model's header is read once its path rests.

        Args:
            path: the model's file; nothing is shown for an empty one.
            request: what would be started, or None.
            servers: RPC servers that would be used.
            problem: why there is no request.
        """
        other = path != self._path or servers != self._servers
        self._path, self._request, self._servers, self._problem = path, request, servers, problem
        if not other:
            self._project()
            return
        self._found = None
        self.setVisible(bool(path))
        self._say(tr("being read"))
        self._later.start()

    def look(self) -> None:
        """Read the model and what is free now, in the background; not while something is measured."""
        if not self._path or self._context.busy:
            return
        answers = [self._context.servers.answer(endpoint) for endpoint in self._servers]
        reached = tuple(one for one in answers if one is not None and one.reached is not None)
        if len(reached) < len(self._servers):
            self._found = None
            self._say(tr("a server that is ticked was not tested yet, or gave no answer"))
            return
        from tunesmith.services.session import Controls

        self.hold()
        path, known = self._expanded, self._context.machine
        controls = self._looking = Controls()
        self._tasks.run(lambda: _read(path, known, reached, controls), self._take, self._give_up)

    @property
    def _expanded(self) -> str:
        return str(Path(self._path).expanduser())

    def hold(self) -> None:
        """Ask nothing any more, since something is to be measured."""
        self._later.stop()
        if self._looking is not None:
            self._looking.cancel()

    def _set_busy(self, on: bool) -> None:  # noqa: FBT001 (a slot)
        if on:
            self.hold()
        elif self._path and self._found is None:
            self._later.start()

    def _servers_changed(self) -> None:
        if self._servers and self._found is None:
            self._later.start()

    # ------------------------------------------------------------- showing

    def _take(self, found: _Found) -> None:
        if (found.path, found.servers) != (self._expanded, self._servers):
            return
        self._found = found
        if found.surveyed is not None:
            self._context.machine = found.surveyed
        self._project()

    def _give_up(self, error: TunesmithError) -> None:
        if self._found is None and not isinstance(error, Interrupted):
            unreadable = isinstance(error, ModelFileError)
            self._say(tr("the file cannot be read") if unreadable else error.what)

    def _project(self) -> None:
        """Reckon and draw; milliseconds."""
        found = self._found
        if found is None:
            return
        if self._request is None:
            self._say(self._problem)
            return
        from tunesmith.domain.machine import machine_class
        from tunesmith.presentation.memory_facts import bars
        from tunesmith.services.context import Surroundings
        from tunesmith.services.tune_start import starting_points

        around = Surroundings(found.machine, machine_class(found.machine))
        try:
            settings, _start = starting_points(self._request, around)
        except TunesmithError as error:
            self._say(error.what)
            return
        projection = found.projector.of(settings)
        self.dash.setText(tr("This architecture's cache is of a kind that is not known: it may take more."))
        self.dash.setVisible(not projection.understood)
        self.bars.show()
        self.bars.show_bars(bars(projection, found.projector.too_small(projection)))

    def _say(self, reason: str) -> None:
        self.bars.show_bars(())
        self.bars.hide()
        self.dash.setText(f"{DASH} ({reason.rstrip('.')})")
        self.dash.show()

    def _recolour(self, colours: Colours) -> None:
        self.bars.recolour(colours)


def _read(path: str, known: Machine | None, servers: tuple[Answer, ...], controls: Controls) -> _Found:
    """The model's shape, and the machine with what is free of it now."""
    from tunesmith.machine.probe import probe_machine
    from tunesmith.services import context, tune_start  # noqa: F401 (its import takes long, so it is done here)
    from tunesmith.services.memory import Projector
    from tunesmith.services.servers import devices_of

    context.read_model(path)
    surveyed = None
    if known is None:
        surveyed = here = context.survey_machine(controls).machine
    else:
        here = probe_machine(devices=known.devices, build=known.build)
    machine = here.model_copy(update={"devices": (*devices_of(servers), *here.devices)})
    return _Found(path, tuple(one.endpoint for one in servers), Projector(path, machine), machine, surveyed)
