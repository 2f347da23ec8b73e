"""Claims about the search on two unequal devices: replayed, it comes to the best split of the whole grid."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.tuning.machines import GIB, SERVERS, cores, machine
from tests.tuning.simulation import SimulatedMachine, Speeds, request, tune
from tunesmith.domain.blocks import Blocks
from tunesmith.domain.request import SearchRules
from tunesmith.domain.settings import Settings
from tunesmith.tuning.space import baseline_settings
from tunesmith.tuning.split_options import split_options

LAYERS = 32
BLOCKS = Blocks(count=LAYERS, weights_bytes=4 * GIB)
TWO = machine(cores(8), devices=SERVERS)
SPLIT_ONLY = SearchRules(vary=("tensor_split",))


def truth(first: float, second: float, crossing: float, held: int) -> Callable[[Settings], Speeds]:
    """Milliseconds of a layer on each device, and of crossing from one to the other.

    Of layers beyond ``held`` on one device each takes ten times as long: a driver spills them.
    """

    def cost(layers: float, each: float) -> float:
        return each * (min(layers, held) + 10 * max(0.0, layers - held))

    def speeds(settings: Settings) -> Speeds:
        shares = settings.tensor_split or (1.0, 1.0)
        part = shares[0] / sum(shares)
        took = cost(LAYERS * part, first) + cost(LAYERS * (1 - part), second)
        took += crossing if 0 < part < 1 else 0
        return Speeds(prefill_ns=took * 1e5, step_ns=took * 1e6)

    return speeds


@pytest.mark.parametrize(
    ("first", "second", "held", "best"),
    [
        (0.1, 0.4, 32, (1.0, 0.0)),
        (0.4, 0.1, 32, (0.0, 1.0)),
        (0.1, 0.4, 24, (3.0, 1.0)),
        (0.4, 0.1, 24, (1.0, 3.0)),
    ],
)
@pytest.mark.parametrize("seed", range(5))
def test_the_best_split_of_the_grid_is_found(
    first: float, second: float, held: int, best: tuple[float, float], seed: int
) -> None:
    speeds = truth(first, second, 1.0, held)
    wanted = request(rules=SPLIT_ONLY, seed=seed)
    baseline = baseline_settings(TWO, wanted.workload)
    grid = [baseline, *(option.apply(baseline) for option in split_options(TWO, baseline))]
    by_measure = min(grid, key=lambda settings: speeds(settings).step_ns)
    assert by_measure.tensor_split == best
    found = tune(
        wanted, SimulatedMachine(speeds, seed=seed, noise=0.03), machine=TWO, blocks=BLOCKS, confirm=False
    )
    assert found.search.settings.tensor_split == best
