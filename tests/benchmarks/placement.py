"""Own the question whether a tune finds the best placement of a grid that is measured whole.

Run: ``python -m tests.benchmarks.placement split|experts --out FILE.json [--model FILE] [--seconds N]``.
``split`` divides a model over two RPC servers of this machine, one with two threads; ``experts`` places a
made-up mixture on a server whose memory does not hold it. Every cell of the grid is measured in rounds,
then a tune looks for its best one.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.models import smollm2
from tests.support.model_shapes import Size, qwen3moe
from tests.support.rpc_server import RpcServer, rpc_server
from tunesmith.domain.request import SearchRules, TuneRequest
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import BUDGETS, Constraints, Objective, Workload
from tunesmith.errors import TunesmithError
from tunesmith.services.rig import Rig
from tunesmith.services.tune import start_tune
from tunesmith.store import Store
from tunesmith.worker.protocol import NoisePolicy

WORKLOAD = Workload(prompt=64, generate=16)
MIXTURE = Size(layers=8, width=256, hidden=512, heads=8, kv_heads=2, head=32, experts=32, experts_used=4)
"""Some 25 MiB of experts in each layer."""
SMALL_MIB = 120
"""What the server holds of it: less than five layers."""
EVEN_BETTER = 0.02
"""Within this of the best cell a choice counts as the best."""


def cells(kind: str, base: Settings) -> list[Settings]:
    """The grid: what a tune may come to, each once."""
    if kind == "split":
        shares = ((), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (3.0, 1.0), (1.0, 3.0))
        return [base.replace(n_gpu_layers=0), *(base.replace(tensor_split=one) for one in shares)]
    layers = MIXTURE.layers
    by_layers = [base.replace(n_gpu_layers=count) for count in (0, 1, 2, 3, 4, 6, -1)]
    return by_layers + [base.replace(n_cpu_moe=count) for count in range(1, layers + 1)]


def measure(model: Path, grid: Sequence[Settings], rounds: int, rpc: tuple[str, ...]) -> list[dict[str, Any]]:
    """Response times of every cell, in seconds, round by round; why where a cell cannot be measured."""
    found: list[dict[str, Any]] = [{"settings": one.model_dump(), "seconds": [], "why": ""} for one in grid]
    with Rig(str(model), noise=NoisePolicy(max_retries=0), rpc=rpc) as rig:
        for _ in range(rounds):
            for entry, settings in zip(found, grid, strict=True):
                if entry["why"]:
                    continue
                try:
                    sample = rig.sample(settings, WORKLOAD)
                except TunesmithError as error:
                    entry["why"] = f"{error.name}: {error.what}"
                    continue
                entry["seconds"].append(((sample.prefill_ns or 0) + sum(sample.step_ns)) / 1e9)
            print(".", end="", flush=True, file=sys.stderr)
    return found


def tuned(
    model: Path, kind: str, seconds: float, servers: Sequence[RpcServer], store: Path
) -> dict[str, Any]:
    """What a live tune comes to."""
    vary = ("n_gpu_layers", "tensor_split") if kind == "split" else ("n_gpu_layers", "n_cpu_moe")
    request = TuneRequest(
        model_path=str(model), workload=WORKLOAD, objective=Objective(), constraints=Constraints(),
        budget=BUDGETS["quick"].model_copy(update={"seconds": seconds}), rules=SearchRules(vary=vary),
        preset=None, seed=1, rpc=tuple(server.endpoint for server in servers), warm_start=False,
    )  # fmt: skip
    with Store.open(store) as opened:
        session = start_tune(request, opened)
        failed = [event.message for event in session.events() if event.type == "trial_failed"]
        result = session.result()
    return {
        "outcome": result.outcome, "sentence": result.sentence, "seconds": result.seconds,
        "baseline": result.baseline.settings.model_dump(), "chosen": result.tuned.settings.model_dump(),
        "speedup": result.speedup.model_dump(), "failed_trials": failed,
    }  # fmt: skip


def _same(cell: dict[str, Any], chosen: dict[str, Any]) -> bool:
    names = ("n_gpu_layers", "tensor_split", "n_cpu_moe")
    return all(tuple_or(cell["settings"][name]) == tuple_or(chosen[name]) for name in names)


def tuple_or(value: Any) -> Any:
    """A list as a tuple."""
    return tuple(value) if isinstance(value, list) else value


def run(kind: str, model: Path, *, rounds: int, seconds: float, folder: Path) -> dict[str, Any]:
    """Measure the grid, tune, and say how far from the best the choice is."""
    with ExitStack() as stack:
        memory = SMALL_MIB if kind == "experts" else 0
        servers = [stack.enter_context(rpc_server(threads=1, memory_mib=memory))]
        if kind == "split":
            servers.append(stack.enter_context(rpc_server(threads=2)))
        rpc = tuple(server.endpoint for server in servers)
        base = Settings(threads=2, threads_batch=2, n_ctx=WORKLOAD.n_ctx, rpc=rpc)
        grid = measure(model, cells(kind, base), rounds, rpc)
        for entry in grid:
            entry["settings"] = {name: value for name, value in entry["settings"].items() if name != "rpc"}
        chosen = tuned(model, kind, seconds, servers, folder / "store.db")
    there = [entry for entry in grid if entry["seconds"]]
    best = min(there, key=lambda entry: median(entry["seconds"]))
    picked = next((entry for entry in there if _same(entry, chosen["chosen"])), None)
    behind = None if picked is None else median(picked["seconds"]) / median(best["seconds"]) - 1
    return {
        "kind": kind, "model": model.name, "workload": WORKLOAD.model_dump(), "rounds": rounds, "grid": grid,
        "best": best["settings"], "tune": chosen, "choice_behind_the_best": behind,
        "choice_is_the_best": behind is not None and behind <= EVEN_BETTER,
        "spread_of_the_best": max(best["seconds"]) / min(best["seconds"]) - 1,
    }  # fmt: skip


def main() -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("split", "experts"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=None)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=90.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = options.model or smollm2()
        if options.kind == "experts" and options.model is None:
            model = qwen3moe(MIXTURE).write(Path(folder, "mixture.gguf"))
        result = run(options.kind, model, rounds=options.rounds, seconds=options.seconds, folder=Path(folder))
    options.out.write_text(json.dumps(result, indent=1), encoding="utf-8")
    for entry in result["grid"]:
        told = entry["why"] or f"{median(entry['seconds']):.4f} s"
        settings = entry["settings"]
        print(settings["n_gpu_layers"], settings["tensor_split"], settings["n_cpu_moe"], told)
    print(result["tune"]["sentence"])
    print("choice behind the best:", result["choice_behind_the_best"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
