"""Own the question what a tune says when the machine turns noisy halfway: a second process burns a core.

Run: ``python -m tests.benchmarks.noise_halfway [--model FILE] [--seconds 60] [--at 0.5]``, on a machine with
nothing else to do. It tunes as a user would, starts the other process when that share of the budget is over,
ends it with the tune, and then measures the defaults and what was chosen again, side by side and undisturbed.
Exit code 0: what was chosen is no slower, or the tune said that it could not tell; 1: neither.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.models import smollm2
from tunesmith.domain.settings import Settings
from tunesmith.domain.statistics import quantity
from tunesmith.domain.workload import Workload
from tunesmith.errors import NoisyMachineError
from tunesmith.services.rig import Rig

WORKLOAD = Workload(prompt=128, generate=64, depth=1024)
PAIRS = 6
LOWEST = 0.98
"""What was chosen may be at most 2% slower than the defaults: the margin that ties are decided by."""
BURN = "while True: pass"


def tune(model: Path, *, seconds: float, at: float, folder: str) -> tuple[int, dict[str, Any]]:
    """Exit code and document of a tune beside which a core is burnt from a share ``at`` of its time on."""
    spec = f"prompt={WORKLOAD.prompt},generate={WORKLOAD.generate},depth={WORKLOAD.depth}"
    command = [
        sys.executable, "-m", "tunesmith", "tune", str(model), "--workload", spec, "--json", "--quiet",
        "--budget", f"{seconds:g}s", "--store", str(Path(folder) / "store.sqlite3"),
    ]  # fmt: skip
    burning: list[subprocess.Popen[bytes]] = []
    begin = threading.Timer(
        seconds * at, lambda: burning.append(subprocess.Popen([sys.executable, "-c", BURN]))
    )
    begin.start()
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        begin.cancel()
        begin.join()
        for other in burning:
            other.kill()
            other.wait()
    print(f"the other process {'ran' if burning else 'never began'}; exit code {done.returncode}")
    return done.returncode, json.loads(done.stdout) if done.stdout.strip() else {}


def again(model: Path, chosen: Settings, defaults: Settings) -> list[float]:
    """Speed of the response under what was chosen over that under the defaults, pair by pair, ABBA."""
    ratios = []
    with Rig(str(model)) as rig:
        both = [("chosen", chosen), ("defaults", defaults)]
        for number in range(PAIRS + 1):
            taken = {}
            for name, settings in both if number % 2 else both[::-1]:
                sample = rig.sample(settings, WORKLOAD, group="again")
                taken[name] = (sample.prefill_ns or 0) + sum(sample.step_ns)
            if number:  # the first warms up
                ratios.append(taken["defaults"] / taken["chosen"])
    return ratios


def main() -> int:
    """Tune beside noise, measure again without, and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--at", type=float, default=0.5)
    options = parser.parse_args()
    model = options.model or smollm2()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        code, found = tune(model, seconds=options.seconds, at=options.at, folder=folder)
    print(f"tune: {time.monotonic() - begun:.0f} s, {found.get('outcome') or found.get('error')}")
    for line in (found.get("sentence"), found.get("guarantee")):
        if line:
            print(f"it says: {line}")
    if code == NoisyMachineError.exit_code:
        print("it said that it could not tell")
        return 0
    if code or not found.get("tuned"):
        print(json.dumps(found)[:2000])
        return 1
    chosen, defaults = (
        Settings.model_validate_json(json.dumps(found[which]["settings"])) for which in ("tuned", "baseline")
    )
    print(f"changes: {[(one['setting'], one['from'], one['to']) for one in found['changes']]}")
    if chosen == defaults:
        print("the defaults stay: no slower than themselves")
        return 0
    ratio = quantity(again(model, chosen, defaults), interval="mean")
    low, high = ratio.low or math.nan, ratio.high or math.nan
    print(
        f"undisturbed, chosen / defaults: {ratio.median:.3f} ({low:.3f}–{high:.3f}), n {len(ratio.samples)}"
    )
    print("samples: " + " ".join(f"{value:.3f}" for value in ratio.samples))
    return 0 if ratio.median >= LOWEST else 1


if __name__ == "__main__":
    raise SystemExit(main())
