"""Own how a list of profiles reads on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from tunesmith.presentation.tables import grid

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tunesmith.store import ProfileRow

EMPTY = "No profiles yet. Make one: tunesmith --headless MODEL.gguf"


def profiles_report(rows: Sequence[ProfileRow]) -> list[RenderableType]:
    """What ``profiles list`` prints for people."""
    if not rows:
        return [Text(EMPTY)]
    cells = []
    for row in rows:
        speed = f"{row.speedup_median:.2f}×" if row.outcome != "defaults_are_best" else "defaults"
        cells.append((row.id, row.name, row.objective, speed, row.machine_label, row.created_utc[:10]))
    return [grid(("ID", "Name", "Objective", "Against defaults", "Machine class", "Made"), cells, right=(3,))]
