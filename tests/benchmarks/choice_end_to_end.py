"""Own a choice of a quantization from its source to the end, and its statement measured again.

``python -m tests.benchmarks.choice_end_to_end F16.gguf --out FILE.json`` runs ``tunesmith tune F16.gguf
--quantization …`` once, with a store and a cache of its own, for the preset chat. Then the pick, with its
tuned settings, and the source at llama.cpp's defaults answer in rounds by ``tunesmith measure``, in turn,
each in a fresh process. ``--resume`` measures further rounds, ``--report FILE.json`` prints what there was.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from tests.benchmarks.sides.neutral import ours
from tests.benchmarks.sides.record import WORKLOAD, Reading
from tunesmith.domain.base import Value
from tunesmith.domain.measurement import Quantity
from tunesmith.domain.settings import Settings
from tunesmith.domain.statistics import quantity
from tunesmith.machine.probe import probe_machine
from tunesmith.tuning.space import baseline_settings

RESPONSE = Reading(name="response", kind="response", tokens=0, depth=WORKLOAD.depth, repetitions=2)


class Candidate(Value):
    """A file, as the choice tells of it."""

    label: str
    state: str
    why: str
    size_bytes: int | None
    mean_kld: float | None
    speedup: Quantity | None


class Answer(Value):
    """One process that answered: response times, ms."""

    round: int
    who: Literal["pick", "source"]
    values: tuple[float, ...]


class EndToEnd(Value):
    """A whole run."""

    schema_name: Literal["choice-end-to-end/1"] = "choice-end-to-end/1"
    started: str
    machine: str
    source: str
    command: str
    seconds: float
    picked: str
    sentence: str
    speedup: Quantity | None
    file: str
    """In the folder of the run."""
    settings: Settings
    baseline: Settings
    candidates: tuple[Candidate, ...]
    answers: tuple[Answer, ...] = ()

    def again(self) -> Quantity | None:
        """How many times as fast the pick answered, round by round; None before any round."""
        by: dict[str, dict[int, float]] = {"pick": {}, "source": {}}
        for answer in self.answers:
            by[answer.who][answer.round] = sum(answer.values) / len(answer.values)
        both = sorted(by["pick"].keys() & by["source"].keys())
        found = [by["source"][number] / by["pick"][number] for number in both]
        return quantity(found, interval="mean") if found else None


def read_choice(document: dict[str, Any], **known: Any) -> EndToEnd:
    """What is kept of a choice's document.

    Raises:
        SystemExit: nothing was picked and tuned.
    """
    pick = next(one for one in document["contenders"] if one["label"] == document["picked"])
    if document["tune"] is None:
        msg = f"nothing was tuned: {document['sentence']}"
        raise SystemExit(msg)
    settings = Settings.model_validate_json(json.dumps(document["tune"]["tuned"]["settings"]))
    baseline: Settings = known["baseline"]
    return EndToEnd(
        seconds=document["seconds"], picked=document["picked"], sentence=document["sentence"],
        speedup=_quantity(document["speedup"]), file=Path(pick["path"]).name,
        settings=settings.replace(n_ctx=baseline.n_ctx, n_seq_max=baseline.n_seq_max),
        candidates=tuple(
            Candidate(
                label=one["label"], state=one["state"], why=one["why"], size_bytes=one["size_bytes"],
                mean_kld=one["quality"]["mean_kld"]["value"] if one["quality"] else None,
                speedup=_quantity(one["speedup"]),
            )
            for one in document["contenders"]
        ),
        **known,
    )  # fmt: skip


def _quantity(found: dict[str, Any] | None) -> Quantity | None:
    return None if found is None else Quantity.model_validate_json(json.dumps(found))


def render(record: EndToEnd) -> str:
    """What was chosen, and whether its statement held, in Markdown."""
    lines = [
        f"{record.source}, {record.started}, {record.machine}: `{record.command}`",
        f"took {record.seconds:.0f} s and says: {record.sentence}.",
        "",
        "| file | size, MB | mean KLD | speed / source, not tuned | became |",
        "|---|---|---|---|---|",
    ]  # fmt: skip
    for one in record.candidates:
        size = "–" if one.size_bytes is None else f"{one.size_bytes / 1e6:.1f}"
        kld = "–" if one.mean_kld is None else f"{one.mean_kld:.4f}"
        became = f"{one.state}: {one.why}" if one.why else one.state
        lines.append(f"| {one.label} | {size} | {kld} | {_told(one.speedup)} | {became} |")
    again = record.again()
    if again is not None:
        lines += ["", f"Measured again in {len(again.samples)} rounds: {_told(again)} times as fast."]
        if record.speedup is not None:
            lines[-1] += f" {verdict(record.speedup, again)}"
    return "\n".join(lines)


def verdict(stated: Quantity, again: Quantity) -> str:
    """Whether a statement held: its interval and that of measuring again have values in common."""
    if None in (stated.low, stated.high, again.low, again.high):
        return "Too few rounds to tell whether the statement held."
    assert stated.low is not None
    assert stated.high is not None
    assert again.low is not None
    assert again.high is not None
    if stated.holds(again.median):
        return "The statement held: its interval holds this median."
    if again.low <= stated.high and stated.low <= again.high:
        return "The intervals overlap, but that of the statement does not hold this median."
    return "The statement did not hold: the intervals have nothing in common."


def _told(found: Quantity | None) -> str:
    if found is None:
        return "–"
    if found.low is None or found.high is None:
        return f"{found.median:.2f}"
    return f"{found.median:.2f} ({found.low:.2f}–{found.high:.2f})"


def main() -> int:
    """Choose, measure again, report."""
    options = _options()
    if options.report:
        print(render(EndToEnd.model_validate_json(options.report.read_text("utf-8"))))
        return 0
    folder: Path = options.keep.absolute()
    os.environ["TUNESMITH_CACHE_DIR"] = str(folder / "cache")
    if options.resume:
        record = EndToEnd.model_validate_json(options.out.read_text("utf-8"))
    else:
        record = _choose(options, folder)
    done = len({answer.round for answer in record.answers})
    source, made = options.source.absolute(), folder / "made" / record.file
    models = {"pick": made if made.exists() else source, "source": source}
    settings = {"pick": record.settings, "source": record.baseline}
    for number in range(done + 1, options.rounds + 1):
        order: tuple[Literal["pick", "source"], ...] = ("pick", "source")
        for who in order if number % 2 else order[::-1]:
            values = ours(models[who], settings[who], record.baseline, RESPONSE, folder)
            answer = Answer(round=number, who=who, values=tuple(values))
            record = record.model_copy(update={"answers": (*record.answers, answer)})
        options.out.write_text(record.model_dump_json(indent=1) + "\n", "utf-8")
        print(f"round {number}", file=sys.stderr, flush=True)
    print(render(record))
    return 0


def _choose(options: argparse.Namespace, folder: Path) -> EndToEnd:
    folder.mkdir(parents=True)
    machine = probe_machine()
    asked = [
        "--quantization", options.types, "--chunks", str(options.chunks), "--budget", options.budget,
    ]  # fmt: skip
    command = [
        sys.executable, "-m", "tunesmith", "tune", str(options.source.absolute()), *asked,
        "--output", str(folder / "made"), "--store", str(folder / "store.sqlite3"), "--json", "--quiet",
    ]  # fmt: skip
    begun = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    print(f"exit code {done.returncode} after {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    (folder / "choice.json").write_text(done.stdout, "utf-8")
    record = read_choice(
        json.loads(done.stdout), started=f"{datetime.now(tz=UTC):%Y-%m-%d %H:%M} UTC",
        machine=f"{machine.cpu.model}, {machine.cpu.logical_cpus} CPUs", source=options.source.name,
        command=" ".join(("tunesmith tune", options.source.name, *asked)),
        baseline=baseline_settings(machine, WORKLOAD),
    )  # fmt: skip
    options.out.write_text(record.model_dump_json(indent=1) + "\n", "utf-8")
    return record


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("source", type=Path, nargs="?")
    parser.add_argument("--types", default="Q8_0,Q6_K,Q4_K_M,Q4_0")
    parser.add_argument("--chunks", type=int, default=16)
    parser.add_argument("--budget", default="60")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", type=Path, default=Path("choice-end-to-end"), help="where files lie")
    parser.add_argument("--out", type=Path, default=Path("choice-end-to-end.json"), help="the record")
    parser.add_argument("--resume", action="store_true", help="only measure further rounds")
    parser.add_argument("--report", type=Path, help="only report on this earlier record")
    options = parser.parse_args()
    if options.report is None and options.source is None:
        parser.error("a source is needed")
    return options


if __name__ == "__main__":
    sys.exit(main())
