"""Own a screen for a test: an X server, a window manager, and hands on keyboard and mouse."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.reader import until
from tunesmith.gui.requirements import _DEBIAN, missing_libraries

PROGRAMS = {"Xvfb": "xvfb", "openbox": "openbox", "xdotool": "xdotool", "dbus-daemon": "dbus-daemon"}
WIDTH, HEIGHT = 1280, 900
_STEPS = 12


def obstacle() -> str:
    """Why there can be no screen here, which in CI is a fault; empty if there can be one."""
    if not sys.platform.startswith("linux"):
        return "an X server of one's own is a matter of Linux"
    packages = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    wanted = [*packages, *(_DEBIAN[name] for name in missing_libraries({"DISPLAY": ":0"}))]
    if not wanted:
        return ""
    assert not os.environ.get("CI"), f"packaging/bootstrap.py did not install {', '.join(wanted)}"
    return f"needs the packages {', '.join(wanted)}; bootstrap.py test --install-system-packages gets them"


class Screen:
    """An X server on a free display, a window manager, and what a user's hands do."""

    def __init__(self, folder: Path) -> None:
        """Start both; ``folder`` is the home of the window manager."""
        out, into = os.pipe()
        self._server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(into), "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-nolisten", "tcp",
             "-noreset"],  # else it starts anew, and ends its clients, when the only one so far leaves
            pass_fds=(into,), stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(into)
        with os.fdopen(out) as said:
            number = said.readline().strip()
        assert number, "the X server did not start"
        hidden = ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "XDG_CURRENT_DESKTOP", "SESSION_MANAGER")
        kept = {name: value for name, value in os.environ.items() if name not in hidden}
        self.environment: dict[str, str] = kept | {"DISPLAY": f":{number}", "HOME": str(folder)}
        self._manager = subprocess.Popen(
            ["openbox", "--sm-disable"], env=self.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        managed = until(lambda: self.do("get_num_desktops") not in ("", "0"), 20)
        assert managed, f"the window manager is not there, it ended with {self._manager.poll()}"

    def close(self) -> None:
        """End both."""
        for process in (self._manager, self._server):
            process.terminate()
            process.wait(10)

    def do(self, *arguments: object) -> str:
        """Call xdotool and return what it prints."""
        done = subprocess.run(
            ["xdotool", *map(str, arguments)], env=self.environment, capture_output=True, text=True,
            check=False, timeout=30,
        )  # fmt: skip
        return done.stdout.strip()

    def keys(self, *names: str) -> None:
        """Press keys, one after another, as ``ctrl+1`` or ``Tab``."""
        self.do("key", "--clearmodifiers", "--delay", 30, *names)

    def type(self, text: str) -> None:
        """Type a text."""
        self.do("type", "--clearmodifiers", "--delay", 10, text)

    def window(self, title: str, *, seconds: float = 30.0) -> int:
        """Wait for a window by its title, a regular expression, and bring it to the front.

        Raises:
            AssertionError: it does not come.
        """
        found = until(lambda: self.do("search", "--onlyvisible", "--name", title), seconds)
        assert found, f"no window has the title {title}"
        number = int(found.split()[0])
        self.activate(number)
        return number

    def activate(self, window: int) -> None:
        """Bring a window to the front until the keyboard is really its own.

        The window manager may still be busy giving the keyboard on from a window that has just gone, and
        then takes it away again.

        Raises:
            AssertionError: the keyboard stays elsewhere.
        """

        def has_it() -> bool:
            self.do("windowactivate", "--sync", window)
            time.sleep(0.1)
            return self.do("getwindowfocus", "-f") == str(window)

        assert until(has_it, 20), f"the keyboard stays with {self.do('getwindowfocus', '-f')}, not {window}"

    def wait_until_gone(self, title: str) -> None:
        """Wait until no window has a title, a regular expression."""
        assert until(lambda: not self.do("search", "--onlyvisible", "--name", title), 20), title

    def place(self, window: int, x: int, y: int, width: int, height: int) -> None:
        """Move and size a window."""
        self.do("windowsize", window, width, height)
        self.do("windowmove", window, x, y)

    def drag(self, begin: tuple[int, int], end: tuple[int, int]) -> None:
        """Press the mouse in one place, move in steps and let go in another."""
        self.do("mousemove", *begin)
        time.sleep(0.2)
        self.do("mousedown", 1)
        for step in range(1, _STEPS + 1):
            share = step / _STEPS
            here = (round(a + (b - a) * share) for a, b in zip(begin, end, strict=True))
            self.do("mousemove", *here)
            time.sleep(0.05)
        time.sleep(0.3)
        self.do("mouseup", 1)

    def start(
        self, command: list[str], environment: Mapping[str, str], errors: Path
    ) -> subprocess.Popen[str]:
        """Start a program on this screen; what it complains of goes to a file."""
        with errors.open("w", encoding="utf-8") as file:
            return subprocess.Popen(
                command, env=self.environment | dict(environment), stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=file, text=True,
            )  # fmt: skip
