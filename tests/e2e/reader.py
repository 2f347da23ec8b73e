"""Own reading a window as a screen reader does: names, roles and states over AT-SPI, on a bus of its own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.e2e.dbus import Connection, DBusError

_ACCESSIBLE = "org.a11y.atspi.Accessible"
_ROOT = "/org/a11y/atspi/accessible/root"
_NULL = "/org/a11y/atspi/null"
_BITS = {"checked": 4, "enabled": 8, "focused": 12, "selected": 23, "sensitive": 24, "showing": 25}
_MANY = 64
"""A list longer than this is a table's cells; only its first ones are read."""


@dataclass(frozen=True)
class Node:
    """One thing on the screen."""

    path: str
    name: str
    role: str
    states: frozenset[str]


class ScreenReader:
    """A bus with nothing on it but the program under test, and this reader in the registry's place."""

    def __init__(self) -> None:
        """Start the bus; ``environment`` makes a program tell it what it shows."""
        self._daemon = subprocess.Popen(
            ["dbus-daemon", "--session", "--nofork", "--print-address=1"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self._daemon.stdout is not None
        self.address = self._daemon.stdout.readline().strip()
        self._program = ""
        self._bus = Connection(self.address, self._answer)
        name = "org.a11y.atspi.Registry"
        bus = "org.freedesktop.DBus"
        self._bus.call(bus, "/org/freedesktop/DBus", f"{bus}.RequestName", "su", name, 0)

    @property
    def environment(self) -> dict[str, str]:
        """What the program must be started with."""
        return {"AT_SPI_BUS_ADDRESS": self.address, "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1"}

    def close(self) -> None:
        """End the bus."""
        self._bus.close()
        self._daemon.terminate()
        self._daemon.wait(10)
        assert self._daemon.stdout is not None
        self._daemon.stdout.close()

    def _answer(self, sender: str, member: str) -> tuple[str, tuple[Any, ...]] | None:
        if member == "Embed":
            self._program = sender
            return "(so)", ((sender, _NULL),)
        if member == "GetRegisteredEvents":
            return "a(ss)", ([],)
        return "", ()

    # ------------------------------------------------------------- looking

    def shown(self) -> list[Node]:
        """Everything that can be seen now, from the top left on; empty until the program is there."""
        if not self._program:
            return []
        try:
            return list(self._below(_ROOT))
        except DBusError:  # something went away meanwhile
            return []

    def find(self, name: str, *, role: str = "") -> Node | None:
        """The first thing shown whose name begins with some words."""
        return next(
            (one for one in self.shown() if one.name.startswith(name) and role in ("", one.role)), None
        )

    def focused(self) -> Node | None:
        """What has the keyboard; the innermost."""
        return next((one for one in reversed(self.shown()) if "focused" in one.states), None)

    def wait_for(self, name: str, *, role: str = "", seconds: float = 30.0) -> Node:
        """Wait until something with a name is shown.

        Raises:
            AssertionError: it is not; the message lists what is.
        """
        found: Node | None = until(lambda: self.find(name, role=role), seconds)
        assert found is not None, f"{name!r} is not shown, but {self.names()}"
        return found

    def names(self) -> list[str]:
        """What is shown, as words."""
        return [f"{one.role} {one.name!r}" for one in self.shown() if one.name]

    def text(self, node: Node) -> str:
        """The text in a field."""
        (found,) = self._bus.call(self._program, node.path, "org.a11y.atspi.Text.GetText", "ii", 0, -1)
        return str(found)

    def _below(self, path: str) -> Iterator[Node]:
        (children,) = self._bus.call(self._program, path, f"{_ACCESSIBLE}.GetChildren")
        for _bus, child in children[:_MANY]:
            node = self._node(child)
            if node is not None and ("showing" in node.states or path == _ROOT):
                yield node
                yield from self._below(child)

    def _node(self, path: str) -> Node | None:
        if path.endswith("/null"):
            return None
        call = self._bus.call
        (words,) = call(self._program, path, f"{_ACCESSIBLE}.GetState")
        (role,) = call(self._program, path, f"{_ACCESSIBLE}.GetRoleName")
        (name,) = call(self._program, path, "org.freedesktop.DBus.Properties.Get", "ss", _ACCESSIBLE, "Name")
        bits = words[0] | words[1] << 32
        return Node(path, name, role, frozenset(key for key, bit in _BITS.items() if bits >> bit & 1))


def until(look: Callable[[], Any], seconds: float, *, every: float = 0.1) -> Any:
    """What ``look`` says once it says something, or the last it said."""
    end = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < end:
        time.sleep(every)
    return found
