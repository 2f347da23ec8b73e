"""Own the budget: what the search may take, what is kept for confirming, and how far the run is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tunesmith.domain.event_base import Part
from tunesmith.domain.events import Event, Progress
from tunesmith.domain.measurement import Sample
from tunesmith.domain.workload import Budget, Workload
from tunesmith.tuning.meter import Meter
from tunesmith.tuning.space import Question

CONFIRM_SHARE = 0.4
"""Part of the budget kept for confirming where confirming well needs as much."""
CONFIRM_SHARE_MOST = 0.7
"""Part of the budget kept where a confirmation of any worth needs more than that."""
LEAST_PAIRS = 3
"""So few can still show a large gain. While there is nothing to confirm, no more is kept."""
LEAST_SHARE_MOST = 0.5
"""Most of the budget that is kept for these."""
MIN_PAIRS, MAX_PAIRS = 4, 12
"""Of samples in a confirmation; baseline and winner take turns in going first."""
FEWEST_STARTS = 4
"""So many pairs of fresh processes show what differs from one start to the next."""
LEAST_ROUNDS = 3
"""No race is decided before."""
TYPICAL_ROUNDS = 12
"""After so many rounds a race is decided or settled, typically."""


class Forecast:
    """Divides the budget and estimates, from what samples cost so far, what is still to come."""

    def __init__(
        self,
        budget: Budget,
        *,
        meter: Meter,
        emit: Callable[[Event], None],
        least_seconds: float = 0.0,
        kept_share: float | None = None,
    ) -> None:
        """Nothing is known yet.

        Args:
            budget: what is divided.
            meter: knows what was spent.
            emit: is told how it goes.
            least_seconds: what a sample takes at least, however small.
            kept_share: part of the budget that the search leaves, whatever it finds; None goes by what
                confirming takes.
        """
        self._least_seconds = least_seconds
        self._budget = budget
        self._kept_share = kept_share
        self._meter = meter
        self._emit = emit
        self._whole = Workload(prompt=1, generate=1)
        self._slowest_ns: dict[Part, tuple[float, bool]] = {}
        self._load_seconds = 0.0
        self._sample_seconds = 1.0
        self._search_began = 0.0
        self._search_samples = 0
        self._fraction = 0.0
        self._to_confirm = False

    # ------------------------------------------------------------- what things cost

    def learn(self, pilot: Sample, whole: Workload) -> None:
        """Take in what the pilot, the first sample of all, says of costs."""
        self._whole = whole
        self.observe_anchor(pilot)
        pilot_seconds = (pilot.prefill_ns or 0) / 1e9 + sum(pilot.step_ns) / 1e9
        self._load_seconds = max(0.0, pilot.cost_ns / 1e9 - pilot_seconds)
        self._search_began = self._meter.spent_seconds

    def learn_better(self, pilot: Sample) -> None:
        """Take in the speeds of a larger pilot in place of the first one's."""
        self._slowest_ns.clear()
        self.observe_anchor(pilot)

    def observe_anchor(self, sample: Sample) -> None:
        """Take in the speeds of the baseline, or of what holds in its place; the slowest are planned with.

        At depth it is slower than the pilot was. What others disturbed counts only while there is
        nothing else.
        """
        readings: dict[Part, float | None] = {
            "prefill": sample.prefill_ns_per_token,
            "decode": sample.step_ns_mean,
        }
        for part, value in readings.items():
            known, disturbed = self._slowest_ns.get(part, (0.0, True))
            if value is not None and (disturbed or not sample.noisy):
                slowest = value if disturbed and not sample.noisy else max(known, value)
                self._slowest_ns[part] = (slowest, sample.noisy)

    @property
    def _prefill_ns(self) -> float:
        return self._slowest_ns.get("prefill", (0.0, True))[0]

    @property
    def _step_ns(self) -> float:
        return self._slowest_ns.get("decode", (0.0, True))[0]

    def expect_samples_of(self, workload: Workload) -> None:
        """State what a sample of the search is meant to be, until some have been taken."""
        self._sample_seconds = self.timed_seconds(workload)

    def count_search_sample(self) -> None:
        """One more sample of the search was taken; what a sample costs is their mean."""
        self._search_samples += 1
        if self._search_samples >= 6:
            self._sample_seconds = (self._meter.spent_seconds - self._search_began) / self._search_samples

    def timed_seconds(self, workload: Workload) -> float:
        """What one timed repetition of a workload is likely to take, its depth not counted."""
        prefill = self._prefill_ns * workload.prompt * workload.parallel
        return max(self._least_seconds, (prefill + self._step_ns * workload.generate) / 1e9)

    @property
    def _start_seconds(self) -> float:
        """What a fresh process is likely to take until it can measure: load, depth, warm-up."""
        per_token = self._prefill_ns or self._step_ns
        warm_up = self._prefill_ns * self._whole.prompt * self._whole.parallel
        return self._load_seconds + (per_token * self._whole.depth + warm_up) / 1e9

    # ------------------------------------------------------------- the budget

    def confirm_seconds(self, pairs: int, starts: int) -> float:
        """What confirming with so many pairs, in so many pairs of fresh processes, is likely to take."""
        return 2 * pairs * self.timed_seconds(self._whole) + 2 * starts * self._start_seconds

    def expect_confirmation(self) -> None:
        """Keep time for confirming well from now on: something was found that is worth it."""
        self._to_confirm = True

    @property
    def search_seconds(self) -> float:
        """When, in seconds spent, the search is meant to be over: it leaves what confirming well takes."""
        if self._kept_share is not None:
            return self._budget.seconds * (1 - self._kept_share)
        wanted = min(CONFIRM_SHARE * self._budget.seconds, self.confirm_seconds(MAX_PAIRS, MAX_PAIRS))
        needed = self.confirm_seconds(MIN_PAIRS, MIN_PAIRS)
        if needed > CONFIRM_SHARE_MOST * self._budget.seconds:  # then all pairs will share their processes
            needed = min(CONFIRM_SHARE_MOST * self._budget.seconds, self.confirm_seconds(MIN_PAIRS, 1))
        return self._budget.seconds - max(wanted, needed)

    @property
    def search_left(self) -> float:
        """What the search may still take by plan, seconds."""
        return max(0.0, self.search_seconds - self._meter.spent_seconds)

    @property
    def search_left_at_most(self) -> float:
        """What the search may still take at all, seconds.

        While nothing has been found there is nothing to confirm, so it may go on until only a
        confirmation of the fewest pairs would still fit.
        """
        if self._to_confirm or self._kept_share is not None:
            return self.search_left
        kept = min(LEAST_SHARE_MOST * self._budget.seconds, self.confirm_seconds(LEAST_PAIRS, 1))
        return max(self.search_left, self.left - kept)

    @property
    def left(self) -> float:
        """What is left of the whole budget, seconds."""
        return max(0.0, self._budget.seconds - self._meter.spent_seconds)

    def confirm_plan(self, arms: int = 2) -> tuple[int, int]:
        """How many pairs of samples to confirm with in what is left, and in how many pairs of processes.

        With more arms than two each pair has a sample of every one of them.

        Each pair has processes of its own, so that what differs from one start to the next is seen.
        Where starting costs too much for that, all pairs share one pair of processes.
        """
        for pairs in range(MAX_PAIRS, MIN_PAIRS - 1, -1):
            if self.confirm_seconds(pairs, pairs) * arms / 2 <= self.left:
                return pairs, pairs
        for pairs in range(MAX_PAIRS, MIN_PAIRS, -1):
            if self.confirm_seconds(pairs, 1) * arms / 2 <= self.left:
                return pairs, 1
        return MIN_PAIRS, 1

    def affords(self, candidates: int, workload: Workload, *, loads: int = 0) -> bool:
        """Whether there is time for the fewest rounds that can decide between so many candidates.

        Args:
            candidates: what holds among them.
            workload: what a sample measures.
            loads: of the model, in each round.
        """
        each = (candidates + 1) * self.timed_seconds(workload) + loads * self._load_seconds
        return self.search_left_at_most >= LEAST_ROUNDS * each

    def look_seconds(self, workload: Workload, samples: int, *, load: bool) -> float:
        """What it is likely to take to measure a workload so often, in a new context or after a load."""
        depth = (self._prefill_ns or self._step_ns) * workload.depth / 1e9
        return self._load_seconds * load + depth + samples * self.timed_seconds(workload)

    # ------------------------------------------------------------- how far it is

    def searching(self, step: str, racing: int, rounds: int, ahead: Sequence[Question]) -> None:
        """Tell how far the search is.

        Args:
            step: what is being done.
            racing: candidates in the race under way.
            rounds: its rounds so far.
            ahead: the questions that come after it.
        """
        samples = (racing + 1) * max(1, TYPICAL_ROUNDS - rounds)
        samples += sum((len(question.options) + 2) * TYPICAL_ROUNDS for question in ahead if question.options)
        search = min(self.search_left, samples * self._sample_seconds)
        after = min(self.confirm_seconds(MAX_PAIRS, MAX_PAIRS), CONFIRM_SHARE * self._budget.seconds)
        if self._kept_share is not None:
            after = self._kept_share * self._budget.seconds
        self._tell(step, search + after)

    def confirming(self, step: str, samples_left: int, starts_left: int) -> None:
        """Tell how far the confirmation is: what samples and fresh processes are still to come."""
        samples = samples_left * self.timed_seconds(self._whole)
        self._tell(step, samples + starts_left * self._start_seconds)

    def comparing(self, step: str, seconds_left: float) -> None:
        """Tell how far a comparison at steady state is."""
        self._tell(step, seconds_left)

    @property
    def load_seconds(self) -> float:
        """What loading the model took."""
        return self._load_seconds

    def _tell(self, step: str, seconds_left: float) -> None:
        spent = self._meter.spent_seconds
        self._fraction = max(self._fraction, min(0.99, spent / max(1e-9, spent + seconds_left)))
        self._emit(Progress(step=step, fraction=self._fraction, eta_seconds=seconds_left))
