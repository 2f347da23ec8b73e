"""Own the comparison of search policies: regret against cost, and how often our statement was true.

Run: ``python -m tests.benchmarks.search_policies --replays 200 --worlds all --out FILE.md``. Worlds are
recorded surfaces (``tests/benchmarks/surfaces``) and modelled machines, policies ours and others; see
``docs/benchmarks/search.md``. No model is loaded and no clock is read: the same seeds give the same table.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from tests.benchmarks.policies import Policy, all_policies
from tests.benchmarks.worlds import World, all_worlds, world_named
from tunesmith.domain.statistics import percentile

PROCESSES = 2
CHUNK = 10
SLOW_REPLAYS = 10
"""Replays of a policy that takes seconds of real time to think."""
EPSILON = 0.02
"""What is meant to be stated: within 2% of the best considered."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one replay went."""

    regret: float
    """1 - speed of the chosen settings / speed of the best of the grid."""
    seconds: float
    samples: int
    bound: float | None
    """What was stated, as a ratio less 1, of two candidates or more; None if nothing was."""
    true: bool
    """Whether what was stated is so."""
    candidates: int
    """How many were considered, as far as the policy says."""
    left: bool
    """Whether the choice is no setting of the grid."""


def policy_named(name: str) -> Policy:
    """The policy of that name.

    Raises:
        KeyError: there is none.
    """
    return {policy.name: policy for policy in all_policies()}[name]


def replay(world: World, policy: Policy, seed: int, budget_seconds: float = math.inf) -> Outcome:
    """Let a policy search a world once."""
    choice = policy.search(world, world.meter(seed), seed, budget_seconds)
    share = world.speed_share(choice.settings)
    best = max((world.speed_share(one) for one in choice.considered), default=share)
    behind = math.log(best / share) if share > 0 else math.inf
    bound = choice.bound
    if bound is not None and (math.isinf(bound) or len(choice.considered) < 2):
        bound = None
    return Outcome(
        regret=1 - share,
        seconds=choice.seconds,
        samples=choice.samples,
        bound=None if bound is None else math.expm1(min(bound, 700.0)),
        true=bound is not None and behind <= bound + 1e-9,
        candidates=len(choice.considered),
        left=not world.holds(choice.settings),
    )


def replays(world: str, policy: str, seeds: Sequence[int]) -> list[Outcome]:
    """Several replays, by names, since worlds and policies stay in their process."""
    return [replay(world_named(world), policy_named(policy), seed) for seed in seeds]


def run(
    worlds: Sequence[World], policies: Sequence[Policy], *, count: int, slow_count: int
) -> Iterator[tuple[World, Policy, list[Outcome]]]:
    """Outcomes by world and policy, as they come; those of what is not installed are left out."""
    with ProcessPoolExecutor(PROCESSES) as pool:
        waiting = []
        for world in worlds:
            for policy in policies:
                if policy.unavailable:
                    continue
                seeds = range(min(count, slow_count) if policy.slow else count)
                size = 1 if policy.slow else CHUNK
                chunks = [seeds[at : at + size] for at in range(0, len(seeds), size)]
                found = [pool.submit(replays, world.name, policy.name, list(chunk)) for chunk in chunks]
                waiting.append((world, policy, found))
        for world, policy, found in waiting:
            yield world, policy, [outcome for future in found for outcome in future.result()]


HEADINGS = (
    "policy", "replays", "regret, median", "regret, 95th percentile", "regret up to 2%", "seconds, median",
    "samples", "of the grid's cost", "by part", "candidates", "states a bound", "median bound", "bound true",
    "states 2%", "2% true",
)  # fmt: skip


def _row(world: World, policy: Policy, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    regrets = [outcome.regret for outcome in outcomes]
    seconds = median(outcome.seconds for outcome in outcomes)
    off = sum(outcome.left for outcome in outcomes)
    return (
        policy.name + (f" ({off} outside the grid)" if off else ""),
        str(len(outcomes)),
        f"{median(regrets):.1%}",
        f"{percentile(regrets, 0.95):.1%}",
        f"{sum(regret <= EPSILON for regret in regrets) / len(regrets):.0%}",
        f"{seconds:,.0f}",
        f"{median(outcome.samples for outcome in outcomes):.0f}",
        f"{seconds / world.exhaustive_seconds:.2%}",
        f"{seconds / world.by_part_seconds:.1%}",
        *_statements(outcomes),
    )


def _statements(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """How much was stated, and how often it was true; dashes for a policy that states nothing."""
    if not any(outcome.candidates for outcome in outcomes):
        return ("–",) * 6
    stated = [outcome for outcome in outcomes if outcome.bound is not None]
    close = [outcome for outcome in stated if outcome.bound is not None and outcome.bound <= EPSILON + 1e-9]
    bounds = [outcome.bound for outcome in stated if outcome.bound is not None]
    return (
        f"{median(outcome.candidates for outcome in outcomes):.0f}",
        f"{len(stated) / len(outcomes):.0%}",
        f"{median(bounds):.1%}" if bounds else "–",
        _true(stated),
        f"{len(close) / len(outcomes):.0%}",
        _true(close),
    )


def _true(stated: Sequence[Outcome]) -> str:
    return f"{sum(outcome.true for outcome in stated) / len(stated):.1%}" if stated else "–"


def _heading(world: World) -> str:
    dimensions = ", ".join(f"{one.name} ({len(one.values)})" for one in world.dimensions)
    return (
        f"\n## {world.name}\n\n{world.source}\n\n"
        f"{len(world.settings())} settings: {dimensions or 'nothing to choose'}. Exhaustive, "
        f"{world.request.workload.label}: {world.exhaustive_seconds:,.0f} s; by part "
        f"{world.by_part_seconds:,.0f} s. "
        f"The defaults' regret: {1 - world.speed_share(world.baseline):.1%}.\n\n"
        f"| {' | '.join(HEADINGS)} |\n|{'---|' * len(HEADINGS)}\n"
    )


def report(
    worlds: Sequence[World], policies: Sequence[Policy], *, count: int, slow_count: int
) -> Iterator[str]:
    """The report in Markdown, piece by piece."""
    yield f"# Search policies, {count} replays\n"
    for policy in policies:
        if policy.unavailable:
            yield f"\n{policy.name} did not run: {policy.unavailable}.\n"
        elif policy.slow:
            yield f"\n{policy.name}: {min(count, slow_count)} replays only, since it takes long to think.\n"
    before = None
    for world, policy, outcomes in run(worlds, policies, count=count, slow_count=slow_count):
        if world is not before:
            yield _heading(world)
            before = world
        yield f"| {' | '.join(_row(world, policy, outcomes))} |\n"


def _chosen(text: str, names: Sequence[str]) -> list[str]:
    """Names that contain one of the words between semicolons; all for ``all``."""
    if text == "all":
        return list(names)
    return [name for name in names if any(word.strip() in name for word in text.split(";"))]


def main() -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replays", type=int, default=200)
    parser.add_argument("--slow-replays", type=int, default=SLOW_REPLAYS)
    parser.add_argument("--worlds", default="all", help="parts of names, divided by semicolons")
    parser.add_argument("--policies", default="all", help="parts of names, divided by semicolons")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()

    worlds = [world_named(name) for name in _chosen(options.worlds, [w.name for w in all_worlds()])]
    policies = [policy_named(name) for name in _chosen(options.policies, [p.name for p in all_policies()])]
    if not worlds or not policies:
        parser.error("no world or no policy of that name")
    began = perf_counter()
    pieces = []
    for piece in report(worlds, policies, count=options.replays, slow_count=options.slow_replays):
        print(piece, end="", flush=True)
        pieces.append(piece)
    if options.out is not None:
        options.out.write_text("".join(pieces), encoding="utf-8")
    print(f"\n{perf_counter() - began:.0f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
