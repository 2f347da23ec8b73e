"""Own what is asked of another tuner: how it is run, and what settings it ends with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tunesmith.domain.settings import Settings


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tuner runs."""

    model: Path
    python: Path
    """Of the virtual environment that the rivals are installed in; never this one."""
    llama_bench: Path
    folder: Path
    """Empty, for whatever it writes."""
    rehearsal: bool = False
    """Run it in its shortest form, to see that all fits together; its result then means nothing."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a tuner ended with."""

    settings: Settings
    claim: str
    """What it says of its result, in its own figures."""
    notes: tuple[str, ...] = ()
    """What the translation into settings left out or had to decide."""


class Unreadable(Exception):
    """A tuner's output names no settings."""


class Rival(Protocol):
    """A tuner, run as a process of its own."""

    @property
    def name(self) -> str:
        """As its authors write it."""
        ...

    @property
    def package(self) -> str:
        """Its name on PyPI, to ask its version of."""
        ...

    @property
    def objective(self) -> str:
        """What it makes best when it is left to its defaults, in words."""
        ...

    def command(self, place: Place) -> list[str]:
        """The command line; what has to be there before is made in the place's folder."""
        ...

    def is_result(self, line: str) -> bool:
        """Whether this line of its standard output tells its result: then the clock is read."""
        ...

    def read(self, output: str, baseline: Settings) -> Found:
        """What its standard output ends with, as changes of llama.cpp's defaults.

        Raises:
            Unreadable: it names no settings.
        """
        ...


def changed(baseline: Settings, **changes: object) -> Settings:
    """The defaults with some changes, as llama.cpp takes them: a larger n_ubatch is cut to n_batch."""
    n_batch, n_ubatch = changes.get("n_batch", baseline.n_batch), changes.get("n_ubatch", baseline.n_ubatch)
    assert isinstance(n_batch, int)
    assert isinstance(n_ubatch, int)
    return baseline.replace(**{**changes, "n_ubatch": min(n_batch, n_ubatch)})
