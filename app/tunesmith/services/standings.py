"""Own where the files of a choice stand, and that every change is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tunesmith.domain.choice import Contender
from tunesmith.domain.events import ContenderStanding, Event


class Standings:
    """The files that are chosen from, by label; the source is the first."""

    def __init__(self, contenders: Iterable[Contender], emit: Callable[[Event], None]) -> None:
        self._contenders = {contender.label: contender for contender in contenders}
        self._emit = emit

    def __getitem__(self, label: str) -> Contender:
        """A file as it stands now."""
        return self._contenders[label]

    @property
    def all(self) -> tuple[Contender, ...]:
        """All of them, the source first."""
        return tuple(self._contenders.values())

    @property
    def source(self) -> Contender:
        """What the others are compared with."""
        return self.all[0]

    @property
    def others(self) -> tuple[Contender, ...]:
        """All but the source."""
        return self.all[1:]

    def tell(self, label: str, **changes: object) -> None:
        """Take in what has become known of a file; told on if it is news."""
        now = self._contenders[label]
        changed = Contender.model_validate(
            {**{name: getattr(now, name) for name in type(now).model_fields}, **changes}
        )
        if changed != now:
            self._contenders[label] = changed
            self._emit(ContenderStanding(contender=changed))

    def tell_all(self) -> None:
        """Tell of every file as it stands."""
        for contender in self.all:
            self._emit(ContenderStanding(contender=contender))
