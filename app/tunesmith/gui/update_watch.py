"""Own the quiet notice of a newer version: only where the user wants it, once a day, never during a run."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from PySide6.QtCore import QObject, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices

from tunesmith.errors import TunesmithError
from tunesmith.gui.window import MainWindow
from tunesmith.services import updates
from tunesmith.services.updates import Releases
from tunesmith.settings import load_preferences
from tunesmith.wording import tr

_LOG = logging.getLogger(__name__)
SOON_MS = 5000
"""After the window has opened, the notice was turned on, or a run is over."""
AGAIN_MS = 3_600_000
"""A window may stay open for days; only a look after a day asks anybody."""


class UpdateWatch(QObject):
    """Looks now and then while the notice is turned on; asks in a thread that no one waits for."""

    _found = Signal(object)
    """The newest version that is known, or None."""

    def __init__(
        self,
        window: MainWindow,
        releases: Releases,
        *,
        ask: Callable[[Releases], str | None] = updates.ask,
        now: Callable[[], datetime] = lambda: datetime.now(tz=UTC),
    ) -> None:
        """Look on behalf of a window; the window keeps it alive.

        Args:
            releases: whom to ask, and where the notice leads.
            ask: returns the newest version.
            now: this moment.
        """
        super().__init__(window)
        self._window = window
        self._releases = releases
        self._ask = ask
        self._now = now
        self._looking = False
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.look)
        self._found.connect(self._show)
        bus = window.context.bus
        bus.update_notice_changed.connect(self._turn)
        bus.busy_changed.connect(self._follow_run)
        window.update_button.clicked.connect(self._open)
        try:
            self._turn(load_preferences(window.context.folders.config).update_notice)
        except TunesmithError:  # told already, by the window
            self._turn(False)  # noqa: FBT003 (a slot)

    @property
    def active(self) -> bool:
        """Whether the notice is turned on."""
        return self._timer.isActive()

    def _turn(self, on: bool) -> None:  # noqa: FBT001 (a slot)
        if on:
            self._timer.start(SOON_MS)
        else:
            self._timer.stop()
            self._window.update_button.hide()

    def _follow_run(self, busy: bool) -> None:  # noqa: FBT001 (a slot)
        if self.active and not busy:
            self._timer.start(SOON_MS)

    def look(self) -> None:
        """Look once, unless a look or a run is under way."""
        self._timer.setInterval(AGAIN_MS)
        if self._looking or self._window.context.busy:
            return
        self._looking = True
        threading.Thread(target=self._in_thread, name="updates", daemon=True).start()

    def _in_thread(self) -> None:
        newest = None
        try:
            cache = self._window.context.folders.cache
            newest = updates.look(cache, self._now(), lambda: self._ask(self._releases)).newest
        except TunesmithError as error:
            _LOG.info("%s", error)
        except Exception:  # noqa: BLE001 (news must disturb nobody)
            _LOG.exception("looking for a newer version failed")
        try:
            self._found.emit(newest)
        except RuntimeError:  # the window was closed meanwhile
            _LOG.debug("nobody waits for a newer version any more")

    def _show(self, newest: str | None) -> None:
        self._looking = False
        if not self.active:
            return
        button, newer = self._window.update_button, updates.is_newer(newest)
        if newer:
            text = tr("Tunesmith {version} is out", version=newest)
            button.setText(text)
            button.setAccessibleName(text)
            button.setToolTip(tr("Opens {address} in the browser", address=self._releases.page))
        button.setVisible(newer)

    def _open(self) -> None:
        QDesktopServices.openUrl(QUrl(self._releases.page))
