"""Own KoboldCpp's ``.kcpps`` file: written, and read back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tunesmith.export.containers import accelerator_of
from tunesmith.export.costs import unnoted
from tunesmith.export.found import Found, refuse, setting
from tunesmith.export.job import Exported, Job, Options, losses
from tunesmith.wording import tr

NAME = "koboldcpp"
TITLE = tr("KoboldCpp settings (.kcpps)")
SEVERAL = False

_ALL_LAYERS = 999
_CACHE = {"f16": 0, "q8_0": 1, "q4_0": 2}
"""quantkv, for K and V alike."""


def export(jobs: Sequence[Job], options: Options) -> Exported:
    """The settings file; JSON has no comments, so what is lost stands in the result alone.

    The batch size is written under its name of today and that of older versions.
    """
    (job,) = jobs
    s = job.settings
    values: dict[str, Any] = {
        "model_param": job.model_path,
        "host": options.host,
        "port_param": options.port,
        "threads": s.threads,
        "blasthreads": s.threads_batch,
        "gpulayers": _ALL_LAYERS if s.n_gpu_layers < 0 else s.n_gpu_layers,
        "contextsize": s.n_ctx,
        "batchsize": s.n_batch,
        "blasbatchsize": s.n_batch,
    }
    carried = {"threads", "threads_batch", "n_gpu_layers", "n_ctx", "n_batch"}
    reasons: dict[str, str] = {}
    if s.flash_attn != "auto":
        values["flashattention"] = s.flash_attn == "on"
        carried.add("flash_attn")
    if s.type_k == s.type_v and s.type_k in _CACHE:
        values["quantkv"] = _CACHE[s.type_k]
        carried |= {"type_k", "type_v"}
    else:
        both = tr("K and V are of one type there, f16, q8_0 or q4_0")
        reasons |= {"type_k": both, "type_v": both}
    if s.load_mode not in ("auto", "dio"):
        values |= {"usemmap": "mmap" in s.load_mode, "usemlock": "mlock" in s.load_mode}
        carried.add("load_mode")
    if s.n_cpu_moe:
        values["moecpu"] = s.n_cpu_moe
        carried.add("n_cpu_moe")
    if s.override_tensor:
        values["overridetensors"] = ",".join(s.override_tensor)
        carried.add("override_tensor")
    if s.main_gpu:
        values["maingpu"] = s.main_gpu
        carried.add("main_gpu")
    if s.tensor_split:
        values["tensor_split"] = list(s.tensor_split)
        carried.add("tensor_split")
    if s.n_ubatch == min(512, s.n_batch):
        carried.add("n_ubatch")
    match accelerator_of(job):
        case "cuda":
            values["usecuda"] = ["normal"]
        case "vulkan":
            values["usevulkan"] = [0]
        case "cpu":
            values["usecpu"] = True
        case _:
            pass
    text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    return Exported(f"{job.name}.kcpps", text, losses(job, carried, reasons), unnoted(job.profile))


def read(text: str) -> list[Found]:
    """The settings of a ``.kcpps`` file.

    Raises:
        UsageError: it is none.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or not values.keys() & {"model_param", "model", "contextsize"}:
        raise refuse(TITLE, tr("it names neither a model nor a context size"))
    model = values.get("model_param") or values.get("model")
    if isinstance(model, list):
        model = model[0] if model else None
    found = Found(name="", model=model if isinstance(model, str) else None)
    plain = {
        "threads": "threads", "blasthreads": "threads_batch", "contextsize": "n_ctx",
        "maingpu": "main_gpu", "moecpu": "n_cpu_moe", "batchsize": "n_batch", "blasbatchsize": "n_batch",
    }  # fmt: skip
    for key, value in values.items():
        if key in plain:
            if isinstance(value, int) and value > 0:  # 0 and -1 leave it to KoboldCpp
                setting(found, plain[key], value)
        elif key == "gpulayers" and isinstance(value, int):
            if value >= 0:
                setting(found, "n_gpu_layers", -1 if value >= _ALL_LAYERS else value)
        elif key == "flashattention":
            setting(found, "flash_attn", "on" if value else "off")
        elif key == "quantkv":
            kind = next((name for name, number in _CACHE.items() if number == value), None)
            if kind is not None:
                setting(found, "type_k", kind)
                setting(found, "type_v", kind)
        elif key == "overridetensors" and value:
            setting(found, "override_tensor", value)
        elif key == "tensor_split" and isinstance(value, list) and value:
            setting(found, "tensor_split", value)
        elif key not in ("usemmap", "usemlock", "model_param", "model"):
            found.ignored.append(key)
    if "usemmap" in values or "usemlock" in values:
        modes = {(True, True): "mmap+mlock", (True, False): "mmap", (False, True): "mlock"}
        key_pair = (bool(values.get("usemmap")), bool(values.get("usemlock")))
        setting(found, "load_mode", modes.get(key_pair, "none"))
    return [found]
