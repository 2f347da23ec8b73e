"""Own the RPC servers as the window knows them: the list, and what each answered when it was tested."""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from tunesmith.errors import Interrupted, TunesmithError
from tunesmith.gui.background import Tasks

if TYPE_CHECKING:
    from tunesmith.services.servers import Answer, Ask
    from tunesmith.services.session import Controls


class Servers(QObject):
    """Shared by the pages. A server is asked only when :meth:`test` is called, one at a time."""

    changed = Signal()
    """The list, or what is known of a server in it."""
    failed = Signal(object)
    """A TunesmithError: the list is not kept, or a test could not be made at all."""

    def __init__(self, config: Path, ask: Ask | None = None) -> None:
        """Nothing is read or asked yet.

        Args:
            config: the folder that the list is kept in.
            ask: what asks a server, off the UI thread; the service if None.
        """
        super().__init__()
        self.ask = ask
        self._config = config
        self._tasks = Tasks(self)
        self._keeping = threading.Lock()
        self._listed: tuple[str, ...] | None = None
        self._broken: TunesmithError | None = None
        self._answers: dict[str, Answer] = {}
        self._waiting: deque[str] = deque()
        self._asked: str | None = None
        self._controls: Controls | None = None

    # ------------------------------------------------------------- what is known

    @property
    def listed(self) -> tuple[str, ...]:
        """The list; read when it is first asked for."""
        if self._listed is None:
            from tunesmith.services.servers import load_servers

            self._listed = ()
            try:
                self._listed = load_servers(self._config)
            except TunesmithError as error:
                self._broken = error
        return self._listed

    @property
    def broken(self) -> TunesmithError | None:
        """Why the list could not be read; it is left as it is then."""
        return self._broken if self.listed == () else None

    def answer(self, endpoint: str) -> Answer | None:
        """What a server answered; None if it was not tested since the window was opened."""
        return self._answers.get(endpoint)

    def under_test(self, endpoint: str) -> bool:
        """Whether a server is being asked, or is next."""
        return endpoint == self._asked or endpoint in self._waiting

    # ------------------------------------------------------------- the list

    def add(self, text: str) -> None:
        """Write a server down; nothing connects to it.

        Raises:
            UsageError: it is no address, is there already, or the list cannot be read.
        """
        from tunesmith.services.servers import with_server

        self._replace(with_server(self.listed, text))

    def remove(self, endpoint: str) -> int:
        """Take a server from the list, and return its place there."""
        place = self.listed.index(endpoint)
        self._answers.pop(endpoint, None)
        if endpoint in self._waiting:
            self._waiting.remove(endpoint)
        self._replace(tuple(one for one in self.listed if one != endpoint))
        return place

    def restore(self, endpoint: str, place: int) -> None:
        """Put a server back to where it was."""
        if endpoint not in self.listed:
            self._replace((*self.listed[:place], endpoint, *self.listed[place:]))

    def _replace(self, servers: tuple[str, ...]) -> None:
        if self.broken is not None:
            raise self.broken
        self._listed = servers
        self._tasks.run(self._keep, self._kept, self.failed.emit)
        self.changed.emit()

    def _keep(self) -> None:
        from tunesmith.services.servers import keep_servers

        with self._keeping:  # two changes may follow each other quickly: the last one holds
            keep_servers(self._config, self._listed or ())

    def _kept(self, _nothing: object) -> None:
        """The list is on the disk."""

    # ------------------------------------------------------------- asking

    def test(self, endpoint: str) -> None:
        """Ask a server whether it answers, after those that were to be asked before it."""
        if not self.under_test(endpoint):
            self._waiting.append(endpoint)
            self._ask_next()
            self.changed.emit()

    def _ask_next(self) -> None:
        if self._asked is not None or not self._waiting:
            return
        from tunesmith.services.session import Controls

        endpoint, controls = self._waiting.popleft(), Controls()
        self._asked, self._controls = endpoint, controls
        self._tasks.run(lambda: self._ask(endpoint, controls), self._answered, self._not_asked)

    def _ask(self, endpoint: str, controls: Controls) -> Answer:
        from tunesmith.services.servers import ask_server

        return (self.ask or ask_server)(endpoint, controls)

    def _answered(self, answer: Answer) -> None:
        if answer.endpoint in self.listed:
            self._answers[answer.endpoint] = answer
        self._go_on()

    def _not_asked(self, error: TunesmithError) -> None:
        self._waiting.clear()  # it would be the same with the others
        if not isinstance(error, Interrupted):
            self.failed.emit(error)
        self._go_on()

    def _go_on(self) -> None:
        self._asked = self._controls = None
        self._ask_next()
        self.changed.emit()

    def stop(self) -> None:
        """Ask no server any more: a run needs them, or the window closes."""
        self._waiting.clear()
        if self._controls is not None:
            self._controls.cancel()
