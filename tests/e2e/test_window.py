"""Claims about the window as a user meets it: a real X server, a real drag, keys, and a real model."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import drag_source, x11
from tests.e2e.reader import Node, ScreenReader, until
from tests.gui.sample_profiles import sample
from tests.support.cli import CommandLine
from tunesmith.presentation.tune_setup_text import QUESTIONS
from tunesmith.services.profile_files import write_profile

_REASON = x11.obstacle()
pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(bool(_REASON), reason=_REASON or "-"),
    pytest.mark.timeout(600),
]
_TUNE_SECONDS = 420
_MOST_TABS = 60


@pytest.fixture
def reader() -> Iterator[ScreenReader]:
    made = ScreenReader()
    yield made
    made.close()


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[x11.Screen]:
    home = tmp_path / "home"
    home.mkdir()
    made = x11.Screen(home)
    yield made
    made.close()


class User:
    """Somebody before the screen, who knows things by their names."""

    def __init__(self, screen: x11.Screen, reader: ScreenReader, tunesmith: CommandLine) -> None:
        self.screen, self.reader, self.tunesmith = screen, reader, tunesmith
        self.window = 0
        self.errors = tunesmith.folder / "window.err"
        self._process: subprocess.Popen[str] | None = None

    def open(self) -> None:
        """Start the program and put its window in its place."""
        own = {name: value for name, value in self.tunesmith.environment.items() if "TUNESMITH" in name}
        own |= self.reader.environment | {"TUNESMITH_LANGUAGE": "en"}
        command = [sys.executable, "-m", "tunesmith"]
        self._process = self.screen.start(command, own, self.errors)
        self.window = self.screen.window("^Tunesmith$")
        self.screen.place(self.window, 0, 0, x11.WIDTH, 800)

    def quit(self) -> None:
        """Leave as one does; the program ends well and complains of nothing."""
        assert self._process is not None
        self.front()
        self.screen.keys("ctrl+q")
        assert self._process.wait(20) == 0
        assert self.errors.read_text(encoding="utf-8") == ""

    def kill(self) -> None:
        """For a test that failed."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)

    def front(self) -> None:
        self.screen.activate(self.window)

    def drag_in(self, path: Path, *, shows: str) -> None:
        """Drag a file out of another program's window, drop it in the middle of ours, wait for words."""
        left, top = 20, x11.HEIGHT - drag_source.SIZE[1] - 10
        command = [sys.executable, drag_source.__file__, str(path), str(left), str(top)]
        errors = self.tunesmith.folder / "drag.err"
        title = f"^{drag_source.TITLE}$"
        with self.screen.start(command, {}, errors) as source:
            self.screen.window(title)
            self.screen.drag((left + 30, top + 20), (x11.WIDTH // 2, 400))
            try:
                self.reader.wait_for(shows)
            finally:
                source.kill()
        self.screen.wait_until_gone(title)
        self.front()

    def go_to(self, name: str, *, role: str = "") -> Node:
        """Press Tab until something has the keyboard."""
        seen: list[str] = []
        for _ in range(_MOST_TABS):
            node = self.reader.focused()
            if node is not None and node.name.startswith(name) and role in ("", node.role):
                return node
            seen.append(node.name if node is not None else "nothing")
            self.screen.keys("Tab")
        pytest.fail(f"Tab does not lead to {name!r}, but to {seen}")

    def press(self, name: str, *, role: str = "") -> None:
        self.go_to(name, role=role)
        self.screen.keys("space")

    def put(self, name: str, text: str) -> None:
        """Type into a field in place of what it holds."""
        self.go_to(name)
        self.screen.keys("ctrl+a")
        self.screen.type(text)

    def says(self, pattern: str) -> str:
        """What is shown and matches a pattern; empty if nothing does."""
        return next((one.name for one in self.reader.shown() if re.search(pattern, one.name)), "")


@pytest.fixture
def user(screen: x11.Screen, reader: ScreenReader, tunesmith: CommandLine) -> Iterator[User]:
    made = User(screen, reader, tunesmith)
    yield made
    made.kill()


def _profiles(tunesmith: CommandLine) -> list[dict[str, str]]:
    found: list[dict[str, str]] = tunesmith("profiles", "list", "--json").document["profiles"]
    return found


def _end_of_the_run(store: Path) -> tuple[str, str]:
    """State and sentence of the one run, once it is over; not asked of the window, which would disturb it."""

    def look() -> tuple[str, str] | None:
        with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection:
            (run,) = connection.execute("select state, sentence from run").fetchall() or [("", "")]
        connection.close()
        return run if run[0] not in ("", "running") else None

    found = until(look, _TUNE_SECONDS, every=1)
    assert found, "the tune does not end"
    return found[0], found[1]


def _set_up_a_small_tune(user: User) -> None:
    """The least that is a tune: few tokens, the shortest time, one question."""
    user.press("Change workload")
    for name, number in (("Prompt", "64"), ("Answer", "16"), ("Context before", "0")):
        user.put(name, number)
    user.press("Quick budget")
    for question in QUESTIONS[1:]:
        user.press(question.title, role="check box")
    plan = user.says("runs the workload")
    assert "(64 tokens in, 16 out)" in plan, user.reader.names()
    assert "about 1 min 30 s" in plan


def _save_as(user: User, path: Path) -> None:
    """Export what is chosen, by keys and the dialog that comes."""
    title = "^Export$"
    for _ in range(6):  # nothing is exported before the chosen profile was read
        user.screen.keys("ctrl+e")
        if until(lambda: user.screen.do("search", "--onlyvisible", "--name", title), 5):
            break
    user.screen.window(title)
    user.screen.keys("Return")  # the profile itself is offered first, and saving it is the default
    user.screen.window("^Export profile$")
    user.screen.keys("ctrl+a")
    user.screen.type(str(path))
    user.screen.keys("Return")
    assert until(path.exists, 20), user.reader.names()


def test_a_model_is_dropped_tuned_exported_and_still_there_after_a_restart(
    user: User, tunesmith: CommandLine, smollm2_path: Path, tmp_path: Path
) -> None:
    user.open()
    user.reader.wait_for("No models yet")
    user.drag_in(smollm2_path, shows="Smollm2")
    user.screen.keys("Return")
    user.reader.wait_for("Model file")
    assert user.reader.text(user.go_to("Model file")) == str(smollm2_path)
    _set_up_a_small_tune(user)
    user.press("Tune", role="push button")
    user.reader.wait_for("Pause", role="push button")
    state, sentence = _end_of_the_run(tmp_path / "store.sqlite3")
    if state == "finished":
        user.reader.wait_for("Saved as ")
        user.press("Show profile")
    else:  # a machine too busy to tell is an answer too: it is said in place, and nothing is saved
        assert "noisy" in sentence
        user.reader.wait_for("Tune", role="push button")
        assert user.says("too noisy")
        assert _profiles(tunesmith) == []
        profile = tmp_path / "dropped.json"
        write_profile(sample(1, "Tuned elsewhere", threads=6), profile)
        user.drag_in(profile, shows="Tuned elsewhere")
    (kept,) = _profiles(tunesmith)
    user.reader.wait_for(kept["name"], role="cell")
    exported = tmp_path / "exported.json"
    _save_as(user, exported)
    user.quit()

    user.open()
    user.reader.wait_for(kept["name"], role="cell")
    user.quit()
    assert _profiles(tunesmith) == [kept]
    other = CommandLine(tmp_path / "other")
    other.folder.mkdir()
    done = other("profiles", "import", exported)
    assert done.code == 0, done.err
    assert [(row["id"], row["name"]) for row in _profiles(other)] == [(kept["id"], kept["name"])]
