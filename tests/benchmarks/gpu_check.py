"""Own the check of Tunesmith on a real graphics device: steps by worth, none lost by another's failure.

Run: ``python -m tests.benchmarks.gpu_check --models FOLDER --out FOLDER [--seconds N]``. The folder holds one
or two GGUF files; text is compared on the smallest, the rest is measured on both. Each step is a process of
its own with a time limit, and ``gpu_check.json`` and ``gpu_check.md`` are written anew after each.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PROMPT_TOKENS, TOKENS = 64, 64
DECODE_SECONDS = 12.0
SHOWN = 1500
"""Characters of a failed step's output that are kept."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to find out."""

    name: str
    command: tuple[str, ...]
    seconds: float
    """After so long it is ended."""


def steps(models: Sequence[Path], out: Path, fit_params: str | None) -> list[Step]:
    """What is done, the most telling first."""
    store = str(out / "store.db")
    small, large = models[0], models[-1]
    several = len(models) > 1

    def tunesmith(name: str, seconds: float, *arguments: str) -> Step:
        command = (sys.executable, "-m", "tunesmith", *arguments, "--json", "--store", store)
        return Step(name, command, seconds)

    def own(name: str, seconds: float, step: str, model: Path) -> Step:
        command = (sys.executable, "-m", "tests.benchmarks.gpu_check", "--step", step, "--model", str(model))
        return Step(name, command, seconds)

    def tune(model: Path, seconds: float) -> Step:
        return tunesmith(f"tune {model.stem}", seconds, "tune", str(model), "--budget", "quick", "--quiet")

    found = [
        tunesmith("devices", 60, "devices"),
        own(f"text {small.stem}", 90, "text", small),
        own(f"readings {large.stem}", 90, "readings", large),
        tune(large, 240),
        tunesmith("machine", 60, "machine"),
        tunesmith("doctor", 60, "doctor"),
        own(f"out of memory {large.stem}", 90, "oom", large),
        own(f"layers {large.stem}", 180, "layers", large),
    ]
    if several:
        found.append(tune(small, 200))
        found.append(own(f"layers {small.stem}", 90, "layers", small))
    if fit_params:
        found += [Step(f"fit {m.stem}", (fit_params, "-m", str(m), "-c", "8192"), 60) for m in models]
    return found


def run(step: Step, seconds: float) -> dict[str, Any]:
    """Run a step to its end or its time limit."""
    begun = time.monotonic()
    paths = [str(ROOT), str(ROOT / "app"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        step.command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
        start_new_session=True,
    )  # fmt: skip
    late = False
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        late = True
        process.terminate()
        try:
            out, err = process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
    text = out.decode("utf-8", "replace")
    result: dict[str, Any] = {
        "name": step.name, "command": list(step.command), "seconds": round(time.monotonic() - begun, 2),
        "returncode": process.returncode, "ended_by_its_time_limit": late,
    }  # fmt: skip
    try:
        result["document"] = json.loads(text)
    except ValueError:
        result["stdout"] = text[-SHOWN:]
    if process.returncode or late:
        result["stderr"] = err.decode("utf-8", "replace")[-SHOWN:]
    return result


def main() -> int:
    """Run all steps that there is time for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, help="folder with one or two GGUF files")
    parser.add_argument("--out", type=Path, help="folder for the results")
    parser.add_argument("--seconds", type=float, default=780.0, help="for everything together; 780")
    parser.add_argument("--fit-params", default=shutil.which("llama-fit-params"), help="that program")
    parser.add_argument("--step", choices=sorted(OWN_STEPS), help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        json.dump(OWN_STEPS[options.step](options.model), sys.stdout)
        return 0
    models = sorted(options.models.glob("*.gguf"), key=lambda path: path.stat().st_size)
    if not models:
        parser.error(f"there is no GGUF file in {options.models}")
    models = [models[0]] if len(models) == 1 else [models[0], models[-1]]
    options.out.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + options.seconds
    results: list[dict[str, Any]] = []
    for step in steps(models, options.out, options.fit_params):
        left = deadline - time.monotonic()
        if left < 5:
            results.append({"name": step.name, "skipped": "there was no time left"})
        else:
            print(f"{step.name} …", flush=True)
            results.append(run(step, min(step.seconds, left)))
            print(f"  {_short(results[-1])}", flush=True)
        write(results, options.out)
    return 0


# ---------------------------------------------------------------- the steps of our own


def _settings(**changes: Any) -> Any:
    from tunesmith.domain.settings import Settings

    threads = min(8, os.cpu_count() or 1)
    base = Settings(threads=threads, threads_batch=threads, n_ctx=1024)
    return base.replace(**changes)


def _layers(model: Path) -> int:
    from tunesmith import gguf

    return gguf.read_header(model).layers or 1


def text_step(model: Path) -> dict[str, Any]:
    """Greedy text on the CPU alone and with none, one, half and all layers on the device."""
    import numpy as np

    from tunesmith.engine import library
    from tunesmith.engine.context import Batch, InferenceContext
    from tunesmith.engine.library import AbortFlag, L, LogBuffer
    from tunesmith.engine.model import LoadedModel

    log, abort = LogBuffer(), AbortFlag()
    library.start(log)
    rng = np.random.default_rng(1)

    def batch(tokens: Sequence[int], start: int) -> Batch:
        count = len(tokens)
        outputs = np.zeros(count, dtype=np.int8)
        outputs[-1] = 1
        positions = np.arange(start, start + count, dtype=np.int32)
        return Batch(np.array(tokens, dtype=np.int32), positions, np.zeros(count, dtype=np.int32), outputs)

    def speak(settings: Any, forced: Sequence[int] = ()) -> tuple[list[int], Any]:
        """Tokens, and the logits before each; with ``forced`` these tokens are followed instead."""
        loaded = LoadedModel(str(model), settings, log=log, abort=abort)
        context = InferenceContext(loaded, settings, log=log, abort=abort)
        context.set_threads(settings.threads, settings.threads_batch)
        vocabulary = loaded.vocabulary_size
        prompt = rng_prompt(vocabulary)
        context.decode(batch(prompt, 0))
        tokens, rows = [], []
        for place in range(TOKENS):
            row = np.ctypeslib.as_array(L.llama_get_logits_ith(context.handle, -1), (vocabulary,)).copy()
            rows.append(row)
            tokens.append(int(row.argmax()))
            following = forced[place] if forced else tokens[-1]
            context.decode(batch([following], len(prompt) + place))
        context.close()
        loaded.close()
        return tokens, np.array(rows)

    fixed: list[int] = []

    def rng_prompt(vocabulary: int) -> list[int]:
        if not fixed:
            fixed.extend(int(token) for token in rng.integers(0, vocabulary, PROMPT_TOKENS))
        return fixed

    layers = _layers(model)
    said, reference = speak(_settings(devices=("none",)))
    results = []
    for count in (0, 1, layers // 2, -1):
        tokens, _ = speak(_settings(n_gpu_layers=count))
        same, rows = speak(_settings(n_gpu_layers=count), said)
        first = next((place for place in range(TOKENS) if tokens[place] != said[place]), None)
        gap = None
        if first is not None:  # the text is the same up to here, so the rows can be compared
            best = np.sort(reference[first])[-2:]
            gap = float(best[1] - best[0])
        results.append(
            {
                "n_gpu_layers": count, "text_equal": tokens == said, "first_difference": first,
                "cpu_lead_of_its_token_there": gap,
                "tokens_alike_on_the_same_text": sum(a == b for a, b in zip(same, said, strict=True)),
                "largest_logit_difference": float(np.abs(rows - reference).max()),
                "mean_logit_difference": float(np.abs(rows - reference).mean()),
                "finite": bool(np.isfinite(rows).all()),
            }
        )  # fmt: skip
    spread = float(reference.std())
    return {"model": model.name, "tokens": TOKENS, "layers": layers, "logits_standard_deviation": spread,
            "against_cpu": results}  # fmt: skip


def readings_step(model: Path) -> dict[str, Any]:
    """All readings while all layers decode on the device, raw, and what a sample was given of them."""
    from tunesmith.domain.workload import Workload
    from tunesmith.machine.device_watch import DeviceWatch
    from tunesmith.services.rig import Rig

    told: list[Any] = []
    workload = Workload(prompt=512, generate=128)
    with DeviceWatch() as watch, Rig(str(model), on_event=told.append) as rig:
        time.sleep(2)
        samples: list[Any] = []
        begun = time.monotonic()
        while time.monotonic() - begun < DECODE_SECONDS or len(samples) < 2:
            samples.append(rig.sample(_settings(), workload))
        time.sleep(2)
        raw = [reading.model_dump() for reading in watch.readings()]
    return {
        "model": model.name,
        "readings": raw,
        "devices_read_events": sum(event.type == "devices_read" for event in told),
        "samples": [sample.model_dump(exclude={"step_ns"}) for sample in samples],
        "decode_tokens_per_s": [sample.decode_tokens_per_s for sample in samples],
        "prefill_tokens_per_s": [sample.prefill_tokens_per_s for sample in samples],
        "step_ns_of_the_last": samples[-1].step_ns,
    }


def layers_step(model: Path) -> dict[str, Any]:
    """Tokens/s with none, half, all but one and all layers on the device."""
    from tunesmith.domain.workload import Workload
    from tunesmith.errors import TunesmithError
    from tunesmith.services.rig import Rig

    layers, found = _layers(model), []
    with Rig(str(model), live=1) as rig:
        for count in (-1, layers, layers - 1, layers // 2, 0):
            workload = Workload(prompt=256, generate=32 if count == -1 or count >= layers - 1 else 8)
            entry: dict[str, Any] = {"n_gpu_layers": count}
            try:
                samples = [rig.sample(_settings(n_gpu_layers=count), workload) for _ in range(3)]
            except TunesmithError as error:
                entry["failed"] = f"{error.name}: {error.what}"
            else:
                entry["prefill_tokens_per_s"] = [sample.prefill_tokens_per_s for sample in samples]
                entry["decode_tokens_per_s"] = [sample.decode_tokens_per_s for sample in samples]
                entry["device_used_bytes"] = samples[-1].memory.device_used_bytes
                entry["noisy"] = [sample.noisy for sample in samples]
            found.append(entry)
    return {"model": model.name, "layers": layers, "measured": found}


def oom_step(model: Path) -> dict[str, Any]:
    """A context no device holds, and whether the next sample is taken as if nothing had been."""
    from tunesmith import gguf
    from tunesmith.domain.workload import Workload
    from tunesmith.errors import TunesmithError
    from tunesmith.services.context import survey_machine
    from tunesmith.services.fit import usual_projection
    from tunesmith.services.rig import Rig

    machine = survey_machine().machine
    most = max((d.total_bytes for d in machine.devices if d.type in ("gpu", "igpu")), default=2**34)
    cache = usual_projection(gguf.read_shape(model), 1024).host.kv_bytes
    per_token = max(1, (cache or 2**20) // 1024)
    absurd = min(2**27, 3 * most // per_token)
    workload = Workload(prompt=64, generate=8)
    result: dict[str, Any] = {"model": model.name, "n_ctx": absurd, "cache_bytes": absurd * per_token}
    with Rig(str(model), live=1) as rig:
        before = rig.sample(_settings(), workload)
        begun = time.monotonic()
        try:
            rig.sample(_settings(n_ctx=absurd), workload)
            result["cause"] = None
        except TunesmithError as error:
            result |= {"cause": error.name, "what": error.what, "todo": error.todo, "details": error.details}
        result["failed_after_s"] = round(time.monotonic() - begun, 2)
        after = rig.sample(_settings(), workload)
        result["decode_tokens_per_s_before_and_after"] = [
            before.decode_tokens_per_s, after.decode_tokens_per_s
        ]  # fmt: skip
    return result


OWN_STEPS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "text": text_step, "readings": readings_step, "layers": layers_step, "oom": oom_step,
}  # fmt: skip


# ---------------------------------------------------------------- what is written


def write(results: Sequence[dict[str, Any]], out: Path) -> None:
    """Both files, whole."""
    for name, text in (
        ("gpu_check.json", json.dumps(results, indent=1)),
        ("gpu_check.md", page(results)),
    ):
        rough = out / f"{name}.part"
        rough.write_text(text, encoding="utf-8")
        rough.replace(out / name)


def _short(result: dict[str, Any]) -> str:
    if "skipped" in result:
        return str(result["skipped"])
    late = ", ended by its time limit" if result["ended_by_its_time_limit"] else ""
    return f"exit code {result['returncode']} after {result['seconds']} s{late}"


def page(results: Sequence[dict[str, Any]]) -> str:
    """The results for people, as Markdown."""
    lines = ["# Check on a graphics device", ""]
    for result in results:
        lines += [f"## {result['name'][:1].upper()}{result['name'][1:]}", "", f"{_short(result)}.", ""]
        if result.get("stderr"):
            lines += ["```", result["stderr"].strip(), "```", ""]
        document = result.get("document")
        try:
            lines += _PAGES.get(result["name"].split()[0], _nothing)(document) if document else []
        except (KeyError, TypeError, IndexError) as error:
            lines += [f"(not summarised: {type(error).__name__}: {error})", ""]
        if result.get("stdout"):
            lines += ["```", result["stdout"].strip(), "```", ""]
    return "\n".join(lines)


def _nothing(_document: Any) -> list[str]:
    return []


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(str(cell) for cell in line)} |" for line in lines] + [""]


def _numbers(values: Sequence[float | None]) -> str:
    return ", ".join("–" if value is None else f"{value:.1f}" for value in values)


def _devices_page(document: Any) -> list[str]:
    rows = [
        (d["name"], d["description"], d["type"], f"{d['free_bytes'] / 2**30:.1f}",
         f"{d['total_bytes'] / 2**30:.1f}", d.get("device_id") or "–")
        for d in document["devices"]
    ]  # fmt: skip
    head = ("Device", "Description", "Type", "Free GiB", "Total GiB", "At")
    return [*_table(head, rows), *_readings_table(document["readings"])]


def _readings_table(readings: Sequence[Any]) -> list[str]:
    names = ("utilization", "temperature_celsius", "power_watts", "clock_mhz", "memory_used_bytes",
             "own_memory_bytes", "foreign_processes", "foreign_utilization", "throttled")  # fmt: skip
    rows = [[reading[name] for name in names] for reading in readings]
    missing = {name: why for reading in readings for name, why in reading["missing"].items()}
    return [*_table(names, rows), *(f"- {name}: {why}" for name, why in missing.items()), ""]


def _text_page(document: Any) -> list[str]:
    rows = [
        (one["n_gpu_layers"], one["text_equal"], one["first_difference"],
         one["tokens_alike_on_the_same_text"], f"{one['largest_logit_difference']:.4f}",
         one["cpu_lead_of_its_token_there"])
        for one in document["against_cpu"]
    ]  # fmt: skip
    head = ("GPU layers", "Text equal", "First difference", f"Tokens alike of {document['tokens']}",
            "Largest logit difference", "CPU's lead there")  # fmt: skip
    return _table(head, rows)


def _readings_page(document: Any) -> list[str]:
    speeds = f"Decode {_numbers(document['decode_tokens_per_s'])} tokens/s."
    return [speeds, "", *_readings_table(document["readings"])]


def _layers_page(document: Any) -> list[str]:
    rows = [
        (one["n_gpu_layers"], one.get("failed") or _numbers(one["prefill_tokens_per_s"]),
         _numbers(one.get("decode_tokens_per_s", ())), one.get("device_used_bytes", ""))
        for one in document["measured"]
    ]  # fmt: skip
    return _table(("GPU layers", "Prefill tokens/s", "Decode tokens/s", "Device memory"), rows)


def _oom_page(document: Any) -> list[str]:
    before, after = document["decode_tokens_per_s_before_and_after"]
    told = f"{document['cause']}: {document.get('what', '')}"
    return [
        f"A context of {document['n_ctx']} tokens: {told}",
        "",
        f"Decode before and after: {_numbers([before, after])} tokens/s.",
        "",
    ]


def _tune_page(document: Any) -> list[str]:
    speedup = document["speedup"]
    gain = f"{speedup['median']:.3f} ({speedup['low']}–{speedup['high']})"
    spent = f"{document['trials']} samples in {document['seconds']:.0f} s"
    lines = [f"{document['outcome']}: {gain}, {spent}.", ""]
    rows = [(c["setting"], c["from"], c["to"], c["effect"]) for c in document["changes"]]
    for name in ("baseline", "tuned"):
        parts = ("prefill_tokens_per_s", "decode_tokens_per_s")
        found = [f"{part} {document[name][part]['median']:.1f}" for part in parts if document[name][part]]
        lines += [f"{name}: {', '.join(found)}", ""]
    for room in (document.get("safety") or {}).get("devices", ()):
        free, margin = (room[name] / 2**20 for name in ("least_free_bytes", "margin_bytes"))
        lines += [f"{room['name']}: at least {free:.0f} MiB stayed free, {margin:.0f} are kept.", ""]
    if fit := document.get("fit"):
        against = fit["speedup"] and f"{fit['speedup']['median']:.3f} times as fast as that"
        placed = {name: fit["settings"][name] for name in ("n_gpu_layers", "tensor_split", "override_tensor")}
        lines += [f"--fit would set {placed} (same as {fit['same_as']}): {against}.", ""]
    return [*lines, *_table(("Setting", "From", "To", "Effect"), rows)]


def _doctor_page(document: Any) -> list[str]:
    rows = [(c["name"], c["status"], c["what"], c["todo"] or "") for c in document["checks"]]
    return _table(("Check", "Status", "What", "To do"), rows)


_PAGES: dict[str, Callable[[Any], list[str]]] = {
    "devices": _devices_page, "text": _text_page, "readings": _readings_page, "layers": _layers_page,
    "out": _oom_page, "tune": _tune_page, "doctor": _doctor_page,
}  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
