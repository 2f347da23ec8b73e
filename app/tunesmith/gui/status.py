"""Own the status bar's read-outs: the machine, its free memory, how quiet it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QTimer

from tunesmith.errors import TunesmithError
from tunesmith.gui.background import Tasks
from tunesmith.gui.window import MainWindow

if TYPE_CHECKING:
    from tunesmith.services.vitals import Vitals, VitalsReader

EVERY_MS = 3000
BUSY_EVERY_MS = 15_000
"""While a run is under way: a look takes 6 ms, and the run reads the load by itself."""
_FIRST_MS = 250
_TELLING = 2
"""The first look cannot tell the load, so the second comes soon."""


class StatusWatch(QObject):
    """Looks now and then in the background, rarely during a run, and not at all while nobody sees it."""

    def __init__(self, window: MainWindow) -> None:
        """Look on behalf of a window; the window keeps it alive."""
        super().__init__(window)
        self._window = window
        self._tasks = Tasks(self)
        self._reader: VitalsReader | None = None
        self._looking = self._busy = False
        self.looks = 0
        """How often it has looked."""
        self._timer = QTimer(self)
        self._timer.setInterval(_FIRST_MS)
        self._timer.timeout.connect(self.look)
        window.installEventFilter(self)
        window.context.bus.busy_changed.connect(self._follow_run)
        self._follow()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        """Start and stop with the window."""
        if event.type() in (QEvent.Type.Show, QEvent.Type.Hide, QEvent.Type.WindowStateChange):
            self._follow()
        elif event.type() == QEvent.Type.Close:
            self._timer.stop()
        return super().eventFilter(watched, event)

    @property
    def active(self) -> bool:
        """Whether it looks now and then."""
        return self._timer.isActive()

    @property
    def every_ms(self) -> int:
        """From one look to the next, once the load can be told."""
        return BUSY_EVERY_MS if self._busy else EVERY_MS

    def _follow_run(self, busy: bool) -> None:  # noqa: FBT001 (a slot)
        self._busy = busy
        if self.looks >= _TELLING:
            self._timer.setInterval(self.every_ms)

    def _follow(self) -> None:
        seen = self._window.isVisible() and not self._window.isMinimized()
        if seen and not self._timer.isActive():
            self._timer.start()
        elif not seen:
            self._timer.stop()

    def look(self) -> None:
        """Look once, unless a look is under way."""
        if self._looking or not self._window.isVisible() or self._window.isMinimized():
            return
        self._looking = True
        self._tasks.run(self._read, self._show, self._failed)

    def _read(self) -> Vitals:
        if self._reader is None:
            from tunesmith.services.vitals import VitalsReader

            self._reader = VitalsReader()
        return self._reader.read()

    def _show(self, vitals: Vitals) -> None:
        from tunesmith.presentation.machine_facts import class_text
        from tunesmith.presentation.vitals_text import memory_text, quiet_text

        self._looking = False
        self.looks += 1
        if self.looks == _TELLING:
            self._timer.setInterval(self.every_ms)
        window = self._window
        window.machine_label.tell(class_text(vitals.machine))
        window.memory_label.tell(memory_text(vitals.available_bytes))
        if vitals.foreign_cores is not None:
            window.quiet_label.tell(quiet_text(vitals.foreign_cores))

    def _failed(self, _error: TunesmithError) -> None:
        self._looking = False
        self._timer.setInterval(self.every_ms)
