"""Own how documents spell a changed setting."""

from __future__ import annotations

from pydantic import Field

from tunesmith.domain.measurement import Quantity
from tunesmith.domain.profile import Change
from tunesmith.presentation.document import Document


class ChangeFacts(Document):
    """One setting that differs from the defaults."""

    setting: str
    before: str = Field(alias="from")
    after: str = Field(alias="to")
    effect: Quantity | None
    """Ratio in what was made best, as measured when it was decided; null if it was not raced alone."""


def change_facts(changes: tuple[Change, ...]) -> tuple[ChangeFacts, ...]:
    """The changes, as documents spell them."""
    return tuple(
        ChangeFacts(setting=c.setting, before=c.before, after=c.after, effect=c.effect) for c in changes
    )
