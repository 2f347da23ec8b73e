"""Own the button that measures anew what this machine allows, and stops it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from tunesmith.errors import Interrupted, TunesmithError
from tunesmith.gui.background import Tasks
from tunesmith.gui.context import AppContext
from tunesmith.gui.page import button
from tunesmith.gui.widgets.titles import retitle
from tunesmith.gui.yielding import as_usual
from tunesmith.services.session import Controls
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.services.context import Surroundings


class Remeasure(QObject):
    """Measures in the background while no run is on; no run starts meanwhile."""

    measured = Signal(object)
    """The Surroundings, with what was measured now."""
    failed = Signal(object)
    """A TunesmithError."""

    def __init__(self, context: AppContext, parent: QObject) -> None:
        super().__init__(parent)
        self._context = context
        self._tasks = Tasks(self)
        self._controls: Controls | None = None
        self._ready = False
        self.button = button(tr("Measure limits"))
        self.button.clicked.connect(self._toggle)
        context.bus.busy_changed.connect(self._show)
        self._show()

    @property
    def going(self) -> bool:
        """Whether it measures now."""
        return self._controls is not None

    def set_ready(self, on: bool) -> None:  # noqa: FBT001 (as Qt's setEnabled)
        """Say whether nothing else looks at the machine just now."""
        self._ready = on
        self._show()

    def stop(self) -> None:
        """End it, if it measures."""
        if self._controls is not None:
            self._controls.cancel()
            self.button.setEnabled(False)

    def _toggle(self) -> None:
        if self.going:
            self.stop()
            return
        if self._context.busy:
            return
        controls = self._controls = Controls()
        context = self._context

        def measure() -> Surroundings:
            from tunesmith.services import context as surroundings
            from tunesmith.services import limits

            as_usual()
            return limits.remeasured(surroundings.survey_machine(), context.store, controls)

        self._context.bus.busy_changed.emit(True)  # noqa: FBT003 (Qt's)
        self._context.bus.message.emit(tr("Measuring memory and matrices; this takes some seconds"))
        self._tasks.run(measure, self._done, self._broke)

    def _done(self, found: Surroundings) -> None:
        self._over()
        self.measured.emit(found)
        bandwidth = found.machine.memory_bandwidth
        noisy = bandwidth is not None and bandwidth.noisy
        self._context.bus.message.emit(
            tr("Other programs disturbed it: what was known is kept")
            if noisy
            else tr("Memory and matrices were measured")
        )

    def _broke(self, error: TunesmithError) -> None:
        self._over()
        if isinstance(error, Interrupted):
            self._context.bus.message.emit(tr("Stopped: what was known is kept"))
        else:
            self.failed.emit(error)

    def _over(self) -> None:
        self._controls = None
        self._context.bus.busy_changed.emit(False)  # noqa: FBT003 (Qt's)
        self._show()

    def _show(self) -> None:
        free = self._ready and not self._context.busy
        retitle(self.button, tr("Stop measuring") if self.going else tr("Measure limits"))
        self.button.setEnabled(self.going or free)
        tip = tr("Measure how fast memory is read and matrices are multiplied, in place of what is known")
        if self._context.busy and not self.going:
            tip = tr("A run is under way: it would be disturbed")
        self.button.setToolTip(tip)
