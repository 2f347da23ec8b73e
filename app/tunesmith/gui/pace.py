"""Own how often a run is drawn: five times a second, but once a second while something is being timed.

On a machine whose cores are all decoding, what the window takes the model loses: every thread of a decode
step waits for the one that the window held up.
"""

from __future__ import annotations

DRAIN_MS = 200
"""Five times a second is enough for an eye."""
HELD_TICKS = 5
"""While a sample is being timed, one of so many: once a second still shows that the run lives."""


class Pace:
    """Counts ticks of DRAIN_MS and says at which of them to draw; what waits is drawn later, not dropped."""

    def __init__(self) -> None:
        self._since = HELD_TICKS
        self._waiting = False

    def tick(self, *, new: bool, timing: bool) -> bool:
        """Whether to draw now.

        Args:
            new: there is something new since the last tick.
            timing: a sample is being timed, as far as is known.
        """
        self._since += 1
        self._waiting = self._waiting or new
        if not self._waiting or (timing and self._since < HELD_TICKS):
            return False
        self._since, self._waiting = 0, False
        return True
