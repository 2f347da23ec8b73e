"""Own the list of tuners that are compared side by side."""

from __future__ import annotations

from tests.benchmarks.rivals.base import Found, Place, Rival, Unreadable
from tests.benchmarks.rivals.llama_optimus import LlamaOptimus
from tests.benchmarks.rivals.parameter_scout import ParameterScout
from tests.benchmarks.rivals.tunesmith import Tunesmith

__all__ = ["Found", "Place", "Rival", "Unreadable", "all_rivals"]


def all_rivals() -> tuple[Rival, ...]:
    """Ours first, at its default budget and at two shorter ones."""
    return Tunesmith(), Tunesmith("quick"), Tunesmith("60"), LlamaOptimus(), ParameterScout()
