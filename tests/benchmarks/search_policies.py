"""Own the comparison of search policies: regret against cost, and how often our statement was true.

Run: ``python -m tests.benchmarks.search_policies --outcomes FILE.jsonl --out FILE.md``. Worlds are recorded
surfaces (``tests/benchmarks/surfaces``) and modelled machines, policies ours (200 replays) and others (40);
see ``docs/benchmarks/search.md``. No model is loaded, no clock is read: the same seeds give the same table.
What ``FILE.jsonl`` holds already is not replayed again, so that an interrupted run goes on, and a world or a
policy can be added; after a change of the code, begin with an empty one.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from tests.benchmarks.policies import Policy, all_policies
from tests.benchmarks.worlds import World, all_worlds, world_named
from tunesmith.domain.statistics import percentile

PROCESSES = 2
CHUNK = 10
OUR_REPLAYS, PEER_REPLAYS, SLOW_REPLAYS = 200, 40, 4
"""Of ours, of the others, and of one that takes seconds of real time to think."""
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
    blind: bool = False
    """Whether it says that the machine was too noisy to tell."""


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
        blind=choice.blind,
    )


def replays(world: str, policy: str, seeds: Sequence[int]) -> list[Outcome]:
    """Several replays, by names, since worlds and policies stay in their process."""
    return [replay(world_named(world), policy_named(policy), seed) for seed in seeds]


@dataclass(frozen=True, slots=True)
class Counts:
    """How often each kind of policy is replayed."""

    ours: int = OUR_REPLAYS
    peers: int = PEER_REPLAYS
    slow: int = SLOW_REPLAYS

    def of(self, policy: Policy) -> int:
        """How often this one is."""
        if policy.name.startswith("ours"):
            return self.ours
        return min(self.peers, self.slow) if policy.slow else self.peers


class Outcomes:
    """What was replayed before, in a file, one line a replay."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[tuple[str, str, int], Outcome] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                key = (row.pop("world"), row.pop("policy"), row.pop("seed"))
                self._known[key] = Outcome(**row)

    def known(self, world: str, policy: str, seed: int) -> Outcome | None:
        """The outcome, if it is there."""
        return self._known.get((world, policy, seed))

    def keep(self, world: str, policy: str, seeds: Sequence[int], outcomes: Sequence[Outcome]) -> None:
        """Take outcomes in."""
        rows = []
        for seed, outcome in zip(seeds, outcomes, strict=True):
            self._known[world, policy, seed] = outcome
            rows.append(json.dumps({"world": world, "policy": policy, "seed": seed, **asdict(outcome)}))
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write("".join(f"{row}\n" for row in rows))


def run(
    worlds: Sequence[World], policies: Sequence[Policy], *, counts: Counts, outcomes: Outcomes
) -> Iterator[tuple[World, Policy, list[Outcome]]]:
    """Outcomes by world and policy, as they come; those of what is not installed are left out."""
    with ProcessPoolExecutor(PROCESSES) as pool:
        waiting = []
        for world in worlds:
            for policy in policies:
                if policy.unavailable and outcomes.known(world.name, policy.name, 0) is None:
                    continue
                seeds = [
                    seed for seed in range(counts.of(policy))
                    if not policy.unavailable and outcomes.known(world.name, policy.name, seed) is None
                ]  # fmt: skip
                size = 1 if policy.slow else CHUNK
                chunks = [seeds[at : at + size] for at in range(0, len(seeds), size)]
                begun = [(chunk, pool.submit(replays, world.name, policy.name, chunk)) for chunk in chunks]
                waiting.append((world, policy, begun))
        for world, policy, begun in waiting:
            for chunk, future in begun:
                outcomes.keep(world.name, policy.name, chunk, future.result())
            found = (outcomes.known(world.name, policy.name, seed) for seed in range(counts.of(policy)))
            yield world, policy, [outcome for outcome in found if outcome is not None]


HEADINGS = (
    "policy", "replays", "regret, median", "regret, 95th percentile", "regret up to 2%", "seconds, median",
    "samples", "of the grid's cost", "by part", "candidates", "states a bound", "median bound", "bound true",
    "states 2%", "2% true",
)  # fmt: skip


def _row(world: World, policy: Policy, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    regrets = [outcome.regret for outcome in outcomes]
    seconds = median(outcome.seconds for outcome in outcomes)
    off, blind = (sum(getattr(one, name) for one in outcomes) for name in ("left", "blind"))
    return (
        policy.name
        + (f" ({off} outside the grid)" if off else "")
        + (f" ({blind} could not tell)" if blind else ""),
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
    worlds: Sequence[World], policies: Sequence[Policy], *, counts: Counts, outcomes: Outcomes
) -> Iterator[str]:
    """The report in Markdown, piece by piece."""
    yield f"# Search policies, {counts.ours} replays of ours, {counts.peers} of the others\n"
    for policy in policies:
        if policy.unavailable:
            yield f"\n{policy.name} did not run: {policy.unavailable}.\n"
        elif policy.slow:
            yield f"\n{policy.name}: {counts.of(policy)} replays only, since it takes long to think.\n"
    before = None
    rows = []
    for world, policy, found in run(worlds, policies, counts=counts, outcomes=outcomes):
        if world is not before:
            yield _heading(world)
            before = world
        yield f"| {' | '.join(_row(world, policy, found))} |\n"
        rows.append((world, policy, found))
    yield f"\n## In short\n{summary(rows)}"


OURS_HEADINGS = (
    "world", "regret, median", "95th percentile", "seconds", "of the grid's cost", "by part", "median bound",
    "bound true", "states 2%", "2% true", "could not tell",
)  # fmt: skip


def summary(found: Sequence[tuple[World, Policy, list[Outcome]]]) -> str:
    """Two tables: ours by world, one for each budget, and the others' regret and cost by world."""
    pieces = []
    own = [row for row in found if row[1].name.startswith("ours")]
    for name in dict.fromkeys(policy.name for _, policy, _ in own):
        pieces.append(f"\n{name}:\n\n| {' | '.join(OURS_HEADINGS)} |\n|{'---|' * len(OURS_HEADINGS)}\n")
        for world, policy, outcomes in own:
            if policy.name == name:
                row = _row(world, policy, outcomes)
                blind = sum(outcome.blind for outcome in outcomes) / len(outcomes)
                cells = (f"`{world.name}`", row[2], row[3], row[5], row[7], row[8], *row[11:], f"{blind:.0%}")
                pieces.append(f"| {' | '.join(cells)} |\n")
    others = [row for row in found if not row[1].name.startswith("ours")]
    names = list(dict.fromkeys(policy.name for _, policy, _ in others))
    pieces.append(f"\n| world | {' | '.join(names)} |\n|---|{'---|' * len(names)}\n")
    for world in dict.fromkeys(world for world, _, _ in others):
        known = {}
        for where, policy, outcomes in others:
            if where is world:
                regret = median(outcome.regret for outcome in outcomes)
                cost = median(outcome.seconds for outcome in outcomes) / world.exhaustive_seconds
                known[policy.name] = f"{regret:.1%}, {cost:.1%}"
        pieces.append(f"| `{world.name}` | {' | '.join(known.get(name, '–') for name in names)} |\n")
    return "".join(pieces)


def _chosen(text: str, names: Sequence[str]) -> list[str]:
    """Names that contain one of the words between semicolons; all for ``all``."""
    if text == "all":
        return list(names)
    return [name for name in names if any(word.strip() in name for word in text.split(";"))]


def main() -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replays", type=int, default=OUR_REPLAYS, help="of ours")
    parser.add_argument("--peer-replays", type=int, default=PEER_REPLAYS, help="of each other policy")
    parser.add_argument("--slow-replays", type=int, default=SLOW_REPLAYS, help="of those that think for long")
    parser.add_argument("--outcomes", type=Path, help="file to which every replay is added")
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
    counts = Counts(ours=options.replays, peers=options.peer_replays, slow=options.slow_replays)
    for piece in report(worlds, policies, counts=counts, outcomes=Outcomes(options.outcomes)):
        print(piece, end="", flush=True)
        pieces.append(piece)
    if options.out is not None:
        options.out.write_text("".join(pieces), encoding="utf-8")
    print(f"\n{perf_counter() - began:.0f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
