"""Own the count of false alarms of ``verify``: many verifications of one profile, on a real model.

    python -m tests.benchmarks.verify_alarms MODEL --out FOLDER [--seconds 300] [--runs 50]

makes a profile first, if FOLDER has none (flash attention off against llama.cpp's defaults, in turn), and
adds verifications until the time is over; run it again to go on. In every tenth run the profile claims 1.3
times its speed, in another tenth a process beside it burns a core. On an idle machine the others must hold.
On one whose speed changes, *drifted* is a false alarm where its cause is not the machine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.support.real_profile import claiming, real_profile
from tunesmith.domain.measurement import Quantity
from tunesmith.domain.workload import Workload
from tunesmith.services.profile_files import read_profile, write_profile
from tunesmith.services.verify import VerifyRequest, start_verify

WORKLOAD = Workload(prompt=64, generate=32)
CHANGES = {"flash_attn": "off"}
STARTS = 12
BURN = "while True: pass"


def main() -> None:
    """Run a block, then print what all blocks together found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--runs", type=int, default=50, help="plain verifications in all")
    parser.add_argument("--budget", type=float, default=60.0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    profile_path = options.out / "profile.json"
    if not profile_path.exists():
        write_profile(
            real_profile(options.model, starts=STARTS, workload=WORKLOAD, threads=None, changes=CHANGES),
            profile_path,
        )
    kept = options.out / "verifications.jsonl"
    took = 0.0
    while time.monotonic() - begun + took < options.seconds:
        rows = read(kept)
        if sum(row["kind"] == "plain" for row in rows) >= options.runs:
            break
        kind = {4: "claims 1.3", 9: "burning core"}.get(len(rows) % 10, "plain")
        one = time.monotonic()
        row = verify(options.model, profile_path, kind, options.budget)
        took = max(took, time.monotonic() - one)
        with kept.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    summary(read(kept))


def verify(model: Path, profile_path: Path, kind: str, budget: float) -> dict[str, Any]:
    """One verification, in short."""
    profile = read_profile(profile_path)
    if kind == "claims 1.3":
        profile = claiming(profile, 1.3)
    burner = subprocess.Popen([sys.executable, "-c", BURN]) if kind == "burning core" else None
    try:
        request = VerifyRequest(profile=profile, model_path=str(model), budget_seconds=budget)
        found = start_verify(request).result()
    finally:
        if burner is not None:
            burner.kill()
            burner.wait()
    response = found.measured.response_ms if found.measured else None
    return {
        "kind": kind, "answer": found.answer, "cause": found.cause, "starts": found.starts,
        "disturbed": found.disturbed, "foreign_cores": found.foreign_cores, "seconds": found.seconds,
        "finished_utc": found.finished_utc,
        "ratio": interval(found.speed_ratio), "baseline": interval(found.baseline_ratio),
        "speedup": interval(found.speedup_ratio),
        "response_ms": list(response.samples) if response else [],
    }  # fmt: skip


def interval(ratio: Quantity | None) -> list[float | None] | None:
    """A ratio and its interval."""
    return None if ratio is None else [ratio.median, ratio.low, ratio.high]


def read(path: Path) -> list[dict[str, Any]]:
    """What all blocks so far found."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def summary(rows: list[dict[str, Any]]) -> None:
    """Print the counts by kind, and the spread of the plain ratios."""
    for kind in ("plain", "claims 1.3", "burning core"):
        found = [row for row in rows if row["kind"] == kind]
        answers = Counter(
            f"{row['answer']} ({row['cause']})" if row["cause"] else row["answer"] for row in found
        )
        told = ", ".join(f"{count} {answer}" for answer, count in sorted(answers.items()))
        print(f"{kind:>12}: {len(found)} runs: {told or 'none yet'}")
    for what in ("ratio", "baseline", "speedup"):
        found = sorted(row[what][0] for row in rows if row["kind"] == "plain" and row[what])
        if found:
            middle = found[len(found) // 2]
            print(
                f"{what} measured over stated, plain: {found[0]:.3f} to {found[-1]:.3f}, median {middle:.3f}"
            )


if __name__ == "__main__":
    main()
