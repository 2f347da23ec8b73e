"""Own ourselves as others would run us: the command line, a store of its own, nothing known beforehand."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

from tests.benchmarks.rivals.base import Found, Place, Unreadable
from tunesmith.domain.settings import Settings


@dataclass(frozen=True, slots=True)
class Tunesmith:
    """One budget of ours. The document comes last: after the confirmation in a fresh process."""

    budget: str | None = None
    """None leaves the default; a number is seconds."""
    package: str = "tunesmith"
    objective: str = "response time of the preset chat: 256 prompt tokens and 128 generated at a depth of 512"

    @property
    def name(self) -> str:
        """With the budget, if it is not the default."""
        if self.budget is None:
            return "Tunesmith"
        return f"Tunesmith, {self.budget}{' s' if self.budget.isdecimal() else ''}"

    def command(self, place: Place) -> list[str]:
        """The defaults; a rehearsal stops after 10 s."""
        shown = [
            sys.executable, "-m", "tunesmith", "tune", str(place.model), "--json",
            "--store", str(place.folder / "store.sqlite3"),
        ]  # fmt: skip
        budget = "10" if place.rehearsal else self.budget
        return [*shown, "--budget", budget] if budget else shown

    def is_result(self, line: str) -> bool:
        """Where the document begins; it is written at once."""
        return line.startswith("{")

    def read(self, output: str, baseline: Settings) -> Found:
        """The tuned settings of the document, without the context's size, which the workload decides."""
        try:
            document = json.loads(output)
            settings = Settings.model_validate_json(json.dumps(document["tuned"]["settings"]))
        except (ValueError, KeyError) as error:
            raise Unreadable("it printed no document") from error
        gain = document["speedup"]
        claim = f"{document['outcome']}, {gain['median']:.3f} times the defaults"
        if gain["low"] is not None:
            claim += f" ({gain['low']:.3f}–{gain['high']:.3f})"
        claim += f", {document['trials']} samples"
        return Found(settings.replace(n_ctx=baseline.n_ctx, n_seq_max=baseline.n_seq_max), claim)
