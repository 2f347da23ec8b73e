"""Own pictures of the profiles, compare and chat pages: python -m THIS FOLDER [STATE]."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication

from tests.gui.sample_profiles import filled, samples
from tunesmith.domain.events import PromptRead, TextEnded, TextGenerated
from tunesmith.gui.app import page_factories
from tunesmith.gui.context import AppContext
from tunesmith.gui.pages.chat import ChatPage
from tunesmith.gui.pages.compare import ComparePage
from tunesmith.gui.pages.profiles import ProfilesPage
from tunesmith.gui.theme import ThemeManager
from tunesmith.gui.window import MainWindow
from tunesmith.services.chat import Answer, Chat, Update
from tunesmith.services.chat_sides import Side
from tunesmith.store import Store
from tunesmith.worker.protocol import Sampling

SIZES = ((1280, 800), (900, 600))


def settle(seconds: float = 0.5) -> None:
    """Let tasks and timers do their work."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)


def profiles_page(window: MainWindow) -> ProfilesPage:
    """The profiles page, in front."""
    window.show_page("profiles")
    settle()
    page = window.page("profiles")
    assert isinstance(page, ProfilesPage)
    return page


def full(window: MainWindow) -> None:
    """A list with one profile in full."""
    profiles_page(window)


def several(window: MainWindow) -> None:
    """Three profiles chosen."""
    page = profiles_page(window)
    page.table.choose(lambda line: line.id in {"p-0001", "p-0004", "p-0006"})
    settle(0.2)


def deleted(window: MainWindow) -> None:
    """A profile deleted, to be brought back."""
    page = profiles_page(window)
    page.acts.delete.trigger()
    settle()


def best(window: MainWindow) -> None:
    """The defaults were best."""
    page = profiles_page(window)
    page.table.choose(lambda line: line.id == "p-0003")
    settle()


def none_found(window: MainWindow) -> None:
    """A search that finds nothing."""
    page = profiles_page(window)
    page.search.setText("mistral")
    settle()


def failed(window: MainWindow) -> None:
    """A file that is no profile was dropped."""
    page = profiles_page(window)
    page.deeds.import_files([__file__])
    settle()


def compared(count: int, *, all_lines: bool = False) -> Callable[[MainWindow], None]:
    """Some profiles side by side."""

    def prepare(window: MainWindow) -> None:
        window.show_page("compare")
        settle()
        page = window.page("compare")
        assert isinstance(page, ComparePage)
        page.choose(["p-0001", "p-0004", "p-0006", "p-0002"][:count])
        page.only_differences.setChecked(not all_lines)
        settle()

    return prepare


class _Answer(Answer):
    """An answer that has come as far as the picture wants it."""

    def __init__(self, updates: list[Update]) -> None:
        self.updates, self.error = updates, None

    def drain(self) -> tuple[list[Update], bool]:
        updates, self.updates = self.updates, []
        return updates, False

    def stop(self) -> None:
        pass


class _Chat(Chat):
    """Says always the same."""

    def ask(self, text: str, *, sampling: Sampling, max_tokens: int = 1024) -> Answer:
        story = (
            "The sea does not keep time. It rises when the moon leans close, and falls when she looks away, "
            "and the harbour below the lighthouse has learned to live with both.\n\n"
            "Ada kept the light. Every evening she climbed the ninety-one steps with a can of oil"
        )
        updates = [
            Update(0, PromptRead(tokens=42, reused=0, elapsed_ns=412_000_000, templated=True)),
            Update(0, TextGenerated(text=story, tokens=71, elapsed_ns=1_690_000_000)),
        ]
        if len(self.sides) > 1:
            updates += [
                Update(0, TextEnded(reason="end", tokens=71, elapsed_ns=1_690_000_000)),
                Update(1, PromptRead(tokens=42, reused=0, elapsed_ns=301_000_000, templated=True)),
                Update(1, TextGenerated(text=story[:160], tokens=36, elapsed_ns=603_000_000)),
            ]
        return _Answer(updates)


def chat(*, beside: bool) -> Callable[[MainWindow], None]:
    """An answer under way."""

    def prepare(window: MainWindow) -> None:
        window.show_page("chat")
        page = window.page("chat")
        assert isinstance(page, ChatPage)
        first = samples()[0]
        settings = (Side("llama.cpp's defaults", first.baseline.settings), Side(first.name, first.settings))
        page._make_chat = _Chat

        def find(_path: str, _profile: object) -> tuple[Side, ...]:
            return settings

        page._find_sides = find
        page.beside.setChecked(beside)
        page.open("/models/SmolLM2-135M-Instruct.Q4_1.gguf", first)
        settle()
        page.input.setPlainText("Tell me a story about the sea.")
        page.send()
        settle()

    return prepare


def chat_empty(window: MainWindow) -> None:
    """No model yet."""
    window.show_page("chat")
    settle(0.1)


STATES: dict[str, Callable[[MainWindow], None]] = {
    "profiles-full": full, "profiles-several": several, "profiles-deleted": deleted, "profiles-best": best,
    "profiles-none-found": none_found, "profiles-failed": failed, "profiles-empty": full,
    "compare-two": compared(2), "compare-four": compared(4), "compare-all": compared(3, all_lines=True),
    "compare-empty": compared(2), "chat-one": chat(beside=False), "chat-beside": chat(beside=True),
    "chat-empty": chat_empty,
}  # fmt: skip


def take(folder: Path, wanted: list[str]) -> None:
    """Take every picture in every size and theme."""
    application = QApplication.instance() or QApplication([])
    assert isinstance(application, QApplication)
    folder.mkdir(parents=True, exist_ok=True)
    for state, prepare in STATES.items():
        if wanted and not any(state.startswith(word) for word in wanted):
            continue
        for mode in ("light", "dark"):
            for width, height in SIZES:
                with tempfile.TemporaryDirectory() as scratch:
                    path = Path(scratch) / "store.sqlite3"
                    os.environ["TUNESMITH_CONFIG_DIR"] = scratch
                    store = path if state.endswith("-empty") else filled(path)
                    context = AppContext(
                        ThemeManager(application, mode), open_store=partial(Store.open, store)
                    )
                    settings = QSettings(str(Path(scratch) / "w.ini"), QSettings.Format.IniFormat)
                    window = MainWindow(context, page_factories(), settings)
                    window.resize(width, height)
                    window.show()
                    prepare(window)
                    window.grab().save(str(folder / f"{state}-{mode}-{width}.png"))
                    window.close()
                    window.deleteLater()
                    settle(0.1)


if __name__ == "__main__":
    take(Path(sys.argv[1]), sys.argv[2:])
