"""Own how the window gives way to what it measures.

A nice value, once raised, cannot be lowered again without privileges, and whatever the window starts later
would inherit it: the next tune's workers would be measured at it. Linux' batch policy can be taken and given
back freely. A thread under it does not push a running worker aside when it wakes; it waits for its turn.
It is taken for the calling thread only, after the run's own thread was started, so that workers, which are
that thread's children, keep the usual policy. A pool's thread that the window made meanwhile has inherited
it, so whoever starts a run from there calls :func:`as_usual` first. Other systems are left alone.
"""

from __future__ import annotations

import contextlib
import os
import sys


class Yielding:
    """Switches the calling thread between the usual policy and the batch policy, where there is one."""

    def __init__(self) -> None:
        self.on = False

    def begin(self) -> None:
        """Give way from now on."""
        if sys.platform == "linux" and not self.on:
            with contextlib.suppress(OSError):
                os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
                self.on = True

    def end(self) -> None:
        """Take part as usual again."""
        if self.on:
            as_usual()
            self.on = False


def as_usual() -> None:
    """Give the calling thread, and what it starts from now on, the usual policy."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
