"""Own the rounds of a verification: the profile, and its baseline in turn where there is time for both."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Literal

from tunesmith.domain.endpoint import refuse_unnamed
from tunesmith.domain.machine import Machine
from tunesmith.domain.measurement import Sample
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.verification import speeds
from tunesmith.errors import Interrupted, TunesmithError, UsageError
from tunesmith.services.context import check_devices

_LOG = logging.getLogger(__name__)

FIRST_LOOK = 8
"""Rounds after which a profile may be found to hold."""

Role = Literal["profile", "baseline"]


def has_baseline(profile: TunedProfile, named: Sequence[str], machine: Machine) -> bool:
    """Whether a profile has another baseline than itself, with evidence, that can be tried here.

    Args:
        profile: what is verified.
        named: RPC servers that the user named; none else is connected to.
        machine: this one, with the devices that there are.
    """
    settings = profile.baseline.settings
    if settings == profile.settings or len(profile.speedup.samples) < 2:
        return False
    if profile.objective.name == "sustained":  # a short verification sees what the machine bursts
        return False
    if not profile.objective.of_speed or not speeds(profile.baseline, profile.objective):
        return False
    try:
        refuse_unnamed(settings.rpc, named)
        check_devices(settings, machine)
    except UsageError:
        return False
    return True


class Rounds:
    """Samples of a profile, each with one of its baseline where that is measured too."""

    def __init__(self) -> None:
        """Nothing is measured yet; only the profile will be, unless :attr:`alone` is set false."""
        self.alone = True
        self.samples: list[Sample] = []
        """The profile's."""
        self._baseline: list[Sample] = []

    def take(self, sample: Callable[[Role, int], Sample], bears: Callable[[int], bool]) -> None:
        """Take one more round. Which of the two comes first alternates.

        Whether there is time for the baseline is decided in the first round, by the clock and not by what was
        measured.

        Args:
            sample: takes one, by whose it is and the number of the round.
            bears: whether so many rounds like those so far fit into the time.

        Raises:
            Interrupted: the user stopped it, or the time is over.
            TunesmithError: the profile could not be measured.
        """
        number = len(self.samples)
        if not self.alone and number % 2 == 1:
            self._take_baseline(sample, number)
            self.samples.append(sample("profile", number))
            return
        self.samples.append(sample("profile", number))
        if number == 0 and not bears(2 * FIRST_LOOK):
            self.alone = True
        if not self.alone:
            self._take_baseline(sample, number)
            if number == 0 and not bears(FIRST_LOOK):
                self._leave_baseline()

    def pairs(self) -> list[tuple[Sample, Sample]]:
        """The baseline's and the profile's of each round in which others disturbed neither."""
        both = zip(self._baseline, self.samples, strict=False)
        return [pair for pair in both if not any(sample.noisy for sample in pair)]

    def _take_baseline(self, sample: Callable[[Role, int], Sample], number: int) -> None:
        try:
            self._baseline.append(sample("baseline", number))
        except Interrupted:
            raise
        except TunesmithError as error:  # such as a baseline that does not fit here: the profile may
            _LOG.info("the baseline is not measured any more: %s", error)
            self._leave_baseline()

    def _leave_baseline(self) -> None:
        self.alone = True
        self._baseline = []
