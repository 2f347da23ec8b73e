"""Own the opening of chats, and the change of their settings, off the UI thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from tunesmith.errors import TunesmithError
from tunesmith.gui.context import AppContext
from tunesmith.gui.widgets.asking import Asker

if TYPE_CHECKING:
    from tunesmith.domain.profile import TunedProfile
    from tunesmith.services.chat import Chat
    from tunesmith.services.chat_sides import Side

    Sides = tuple[Side, ...]
    Found = Sides | TunesmithError

MakeChat = Callable[[str, "Sequence[Side]"], "Chat"]
FindSides = Callable[[str, "TunedProfile | None"], "tuple[Side, ...]"]


def new_chat(path: str, sides: Sequence[Side]) -> Chat:
    """A chat; nothing is loaded yet."""
    from tunesmith.services.chat import Chat

    return Chat(path, sides)


def find_sides(path: str, profile: TunedProfile | None) -> Sides:
    """The defaults, and the profile's settings if there is one."""
    from tunesmith.services.chat_sides import chat_sides

    return chat_sides(path, profile)


class ChatOpening(QObject):
    """One chat at a time; of several that are asked for at once only the last is opened."""

    opened = Signal(object)
    """A chat is there; with its sides."""
    changed = Signal(object)
    """The chat goes on under other settings; with its sides."""
    profiles_found = Signal(object)
    """The profiles of the model that is open, newest first."""
    failed = Signal(object)
    """What was asked for last cannot be had; ``chat`` is None if there is none now."""

    def __init__(self, context: AppContext, asker: Asker, *, make: MakeChat, find: FindSides) -> None:
        super().__init__(asker)
        self._context = context
        self._asker = asker
        self._make = make
        self._find = find
        self._asked = 0
        """Counts what was asked for; only the newest is of use."""
        self.settled = True
        """What was asked for last is there."""
        self.path = ""
        self.chat: Chat | None = None

    def open(self, path: str, profile: TunedProfile | None, *, both: bool) -> None:
        """Begin a conversation with a model, in place of the one there is.

        Args:
            profile: whose settings to talk under; None for the defaults.
            both: the defaults answer as well.
        """
        old, self.chat, self.path = self.chat, None, path

        def call() -> Sides:
            if old is not None:
                old.close()  # takes a moment, and frees the memory first
            return self._sides(path, profile, both=both)

        self._ask(call, self._begin, change=old is not None)
        self.look_for_profiles()

    def change(self, profile: TunedProfile | None, *, both: bool) -> None:
        """Go on with the conversation under other settings."""
        path, chat = self.path, self.chat

        def call() -> Sides:
            sides = self._sides(path, profile, both=both)
            if chat is not None:
                chat.switch(sides)
            return sides

        self._ask(call, self.changed.emit if chat is not None else self._begin, change=False)

    def look_for_profiles(self) -> None:
        """Find the profiles of the model that is open."""
        path, context = self.path, self._context

        def call() -> tuple[TunedProfile, ...]:
            from tunesmith.gguf import HashCache
            from tunesmith.services.chat_sides import profiles_of

            return profiles_of(context.store, path, HashCache(context.folders.cache))

        self._asker.ask(call, partial(self._tell_profiles, path))

    def close(self) -> None:
        """Free the model."""
        if self.chat is not None:
            self.chat.close()
            self.chat = None

    def _sides(self, path: str, profile: TunedProfile | None, *, both: bool) -> Sides:
        sides = self._find(path, profile)
        return sides if both else sides[-1:]

    def _ask(self, call: Callable[[], Sides], then: Callable[[Sides], object], *, change: bool) -> None:
        self._asked += 1
        self.settled = False

        def answer() -> Found:
            try:
                return call()
            except TunesmithError as error:
                return error

        self._asker.ask(answer, partial(self._settle, self._asked, then), change=change)

    def _settle(self, number: int, then: Callable[[Sides], object], found: Found) -> None:
        if number != self._asked:
            return
        self.settled = True
        if isinstance(found, TunesmithError):
            self.failed.emit(found)
        else:
            then(found)

    def _begin(self, sides: Sides) -> None:
        self.chat = self._make(self.path, sides)
        self.opened.emit(sides)

    def _tell_profiles(self, path: str, profiles: tuple[TunedProfile, ...]) -> None:
        if path == self.path:
            self.profiles_found.emit(profiles)
