"""Own a line of a plot: points over time that never become too many."""

from __future__ import annotations

from array import array
from bisect import bisect_left

MOST_POINTS = 2000
"""What a plot can draw several times a second without being noticed."""


class Series:
    """Points in the order of time. Past the limit, of the older half every second one is dropped."""

    def __init__(self, limit: int = MOST_POINTS) -> None:
        self._limit = limit
        self.seconds = array("d")
        self.values = array("d")
        self.added = 0
        """Points ever added; changes when there is something new to draw."""

    def __len__(self) -> int:
        return len(self.seconds)

    def add(self, seconds: float, value: float) -> None:
        """Add a point that is not earlier than the last."""
        self.seconds.append(seconds)
        self.values.append(value)
        self.added += 1
        if len(self.seconds) > self._limit:
            half = len(self.seconds) // 2
            for column in (self.seconds, self.values):
                column[:half] = column[:half:2]

    @property
    def latest(self) -> float | None:
        """The last value; None before the first."""
        return self.values[-1] if self.values else None

    @property
    def highest(self) -> float:
        """The highest value kept; 0 where there is none."""
        return max(self.values, default=0.0)

    def near(self, seconds: float, *, within: float) -> float | None:
        """The value nearest to a time, seconds; None where none is as near as ``within``."""
        place = bisect_left(self.seconds, seconds)
        close = [i for i in (place - 1, place) if 0 <= i < len(self.seconds)]
        best = min(close, key=lambda i: abs(self.seconds[i] - seconds), default=None)
        if best is None or abs(self.seconds[best] - seconds) > within:
            return None
        return self.values[best]


class Ticks:
    """When what is measured changed: few enough to draw; of the older half every second is dropped."""

    def __init__(self, limit: int = 400) -> None:
        self._limit = limit
        self.marks: list[tuple[float, str]] = []
        self.added = 0

    def add(self, seconds: float, text: str) -> None:
        """Mark a time, seconds, unless what it names is what was named last."""
        if self.marks and self.marks[-1][1] == text:
            return
        self.marks.append((seconds, text))
        self.added += 1
        if len(self.marks) > self._limit:
            half = len(self.marks) // 2
            self.marks[:half] = self.marks[:half:2]

    def at(self, seconds: float) -> str:
        """What was measured at a time; empty before the first."""
        place = bisect_left(self.marks, seconds, key=lambda mark: mark[0])
        if place < len(self.marks) and self.marks[place][0] == seconds:
            return self.marks[place][1]
        return self.marks[place - 1][1] if place else ""
