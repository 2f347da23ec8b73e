"""Own the comparison with other tuners on this machine: their searches and ours, then all winners again.

``python -m tests.benchmarks.side_by_side MODEL --rivals-python VENV/bin/python --out FILE.json``. The rivals
are installed into a virtual environment of their own::

    python -m venv VENV && VENV/bin/pip install llama-optimus==0.1.9 llama-parameter-scout==0.1.0

Each searches once, by itself. Then the winners and llama.cpp's defaults are measured in rounds, by
llama-bench and by ``tunesmith measure``, in random order, each in a fresh process. The record is written
after every step, and ``--resume`` goes on with it. ``--page`` fills the results into a Markdown page,
``--report FILE.json`` does so from an earlier record. Linux and macOS.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from random import Random

from tests.benchmarks.llama_bench import LlamaBench, find_or_build
from tests.benchmarks.rivals import Place, Rival, all_rivals
from tests.benchmarks.sides.neutral import measured
from tests.benchmarks.sides.record import READINGS, WORKLOAD, Comparison
from tests.benchmarks.sides.report import fill, render
from tests.benchmarks.sides.searches import end_with_children, search
from tunesmith.domain.machine import Machine
from tunesmith.gguf import identify
from tunesmith.machine.probe import probe_machine
from tunesmith.tuning.space import baseline_settings

ROUNDS = 8
LIMIT_SECONDS = 2400.0
"""A search that takes longer is ended."""


def main() -> int:
    """Search, measure again, report."""
    options = _options()
    end_with_children()
    if options.report:
        comparison = Comparison.model_validate_json(options.report.read_text("utf-8"))
    else:
        if options.model is None or options.rivals_python is None:
            raise SystemExit("A MODEL and --rivals-python are needed.")
        comparison = compare(options)
    if options.page:
        fill(options.page, comparison)
    print(render(comparison))
    return 0


def compare(options: argparse.Namespace) -> Comparison:
    """The whole run; what is done so far lies in the record at any time."""
    bench = find_or_build()
    machine = probe_machine()
    # Absolute, but not resolved: a virtual environment is known by the path of its Python's link.
    model, python = options.model.absolute(), options.rivals_python.absolute()
    rivals = [
        rival for rival in all_rivals() if options.only is None or rival.name in options.only.split(";")
    ]
    comparison = Comparison(
        started=f"{datetime.now(tz=UTC):%Y-%m-%d %H:%M} UTC",
        machine=_machine(machine),
        versions=_versions(bench),
        model=model.name,
        model_sha256=identify(model).sha256,
        rehearsal=options.rehearse,
        baseline=baseline_settings(machine, WORKLOAD),
        searches=(),
    )
    if options.resume:
        comparison = Comparison.model_validate_json(options.out.read_text("utf-8"))
    if options.readings:
        asked = options.readings.split(";")
        taken = tuple(reading for reading in READINGS if reading.name in asked)
    else:
        taken = READINGS
    if not comparison.samples:
        comparison = comparison.model_copy(update={"readings": taken})
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        for rival in Random(options.seed).sample(rivals, len(rivals)):
            if any(found.contestant == rival.name for found in comparison.searches):
                continue
            place = Place(
                model,
                python,
                bench.path,
                Path(folder, rival.name.replace(", ", "-").replace(" ", "")),
                options.rehearse,
            )
            place.folder.mkdir()
            print(f"{rival.name} searches", file=sys.stderr, flush=True)
            found = search(
                rival, place, version=_version(rival, python), baseline=comparison.baseline,
                limit_seconds=options.limit_seconds,
            )  # fmt: skip
            print(f"{rival.name}: {found.seconds:.0f} s, {found.claim}", file=sys.stderr, flush=True)
            comparison = comparison.model_copy(update={"searches": (*comparison.searches, found)})
            _keep(options.out, comparison)
        order = [rival.name for rival in all_rivals()]
        sorted_searches = sorted(comparison.searches, key=lambda found: order.index(found.contestant))
        comparison = comparison.model_copy(update={"searches": tuple(sorted_searches)})
        for done in measured(
            model, bench, comparison.different, taken, baseline=comparison.baseline,
            rounds=1 if options.rehearse else options.rounds, order=Random(options.seed + comparison.rounds),
            folder=folder, first=comparison.rounds + 1,
        ):  # fmt: skip
            comparison = comparison.model_copy(update={"samples": (*comparison.samples, *done)})
            _keep(options.out, comparison)
            print(f"round {comparison.rounds}", file=sys.stderr, flush=True)
    return comparison


def _keep(out: Path, comparison: Comparison) -> None:
    out.write_text(comparison.model_dump_json(indent=1) + "\n", "utf-8")


def _machine(machine: Machine) -> str:
    parts = [machine.cpu.model, f"{machine.cpu.logical_cpus} CPUs", machine.os_name]
    if machine.virtualization:
        parts.append(machine.virtualization)
    return ", ".join(parts)


def _versions(bench: LlamaBench) -> dict[str, str]:
    return {"llama-cpp-python": version("llama-cpp-python"), "llama-bench": bench.version()}


def _version(rival: Rival, python: Path) -> str:
    """As installed: ours here, theirs in their environment."""
    asked = sys.executable if rival.package == "tunesmith" else str(python)
    program = f"from importlib.metadata import version; print(version({rival.package!r}))"
    return subprocess.run([asked, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--rivals-python", type=Path, help="Python of the rivals' virtual environment")
    parser.add_argument("--out", type=Path, default=Path("side-by-side.json"), help="the record, raw")
    parser.add_argument("--page", type=Path, help="a Markdown page with marks to fill the results in")
    parser.add_argument("--report", type=Path, help="only report on this earlier record")
    parser.add_argument("--keep", type=Path, help="an empty folder that what the searches print stays in")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the record: no search is done again"
    )
    parser.add_argument("--readings", help="names of readings, divided by semicolons; all if left out")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", help="names of tuners, divided by semicolons")
    parser.add_argument("--limit-seconds", type=float, default=LIMIT_SECONDS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rehearse", action="store_true", help="cut all short, to see that it fits together")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
