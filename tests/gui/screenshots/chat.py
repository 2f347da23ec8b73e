"""Own the scenes of the chat page: an answer that has come so far, and always the same."""

from __future__ import annotations

from tests.gui.sample_profiles import samples
from tests.gui.screenshots.profiles import with_profiles
from tests.gui.screenshots.scene import Bring, Ready, at_once, scene, settle
from tests.gui.screenshots.tune import MODEL
from tunesmith.domain.worker_events import PromptRead, TextEnded, TextGenerated
from tunesmith.gui.pages.chat import ChatPage
from tunesmith.gui.window import MainWindow
from tunesmith.services.chat import Answer, Chat, Update
from tunesmith.services.chat_sides import Side
from tunesmith.worker.protocol import Sampling


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


def _chat(*, beside: bool) -> Bring:
    def bring(window: MainWindow) -> Ready:
        window.show_page("chat")
        page = window.page("chat")
        assert isinstance(page, ChatPage)
        first = samples()[0]
        sides = (Side("llama.cpp's defaults", first.baseline.settings), Side(first.name, first.settings))

        def find(_path: str, _profile: object) -> tuple[Side, ...]:
            return sides

        page._make_chat, page._find_sides = _Chat, find
        page.beside.setChecked(beside)
        page.open(MODEL, first)
        settle()
        page.input.setPlainText("Tell me a story about the sea.")
        page.send()
        settle()
        return at_once

    return bring


scene("chat", furnish=with_profiles, kept=True)(_chat(beside=True))
scene("chat-one", furnish=with_profiles)(_chat(beside=False))


@scene("chat-empty")
def _empty(window: MainWindow) -> Ready:
    window.show_page("chat")
    return at_once
