"""Own LM Studio's defaults of one model: written, and read back. Its shape is known from others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tunesmith.domain.profile_file import base_name
from tunesmith.export.costs import unnoted
from tunesmith.export.found import Found, refuse, setting
from tunesmith.export.job import Exported, Job, Options, losses
from tunesmith.wording import tr

NAME = "lm-studio"
TITLE = tr("LM Studio defaults of a model")
SEVERAL = False

_LOAD = "llm.load."
_LLAMA = "llm.load.llama."


def export(jobs: Sequence[Job], options: Options) -> Exported:  # noqa: ARG001 (as every target has it)
    """The file of defaults; JSON has no comments, so what is lost stands in the result alone."""
    (job,) = jobs
    s = job.settings
    fields: dict[str, Any] = {
        _LOAD + "contextLength": s.n_ctx,
        _LLAMA + "acceleration.offloadRatio": _offload_ratio(job),
        _LLAMA + "cpuThreadPoolSize": s.threads,
        _LLAMA + "evalBatchSize": s.n_batch,
        _LLAMA + "physicalBatchSize": s.n_ubatch,
        _LLAMA + "kCacheQuantizationType": _cache(s.type_k),
        _LLAMA + "vCacheQuantizationType": _cache(s.type_v),
    }
    carried = {"n_ctx", "n_gpu_layers", "threads", "n_batch", "n_ubatch", "type_k", "type_v"}
    layers = job.profile.model.header.layers
    if s.n_cpu_moe and layers:
        fields[_LOAD + "numCpuExpertLayersRatio"] = min(1.0, round(s.n_cpu_moe / layers, 4))
        carried.add("n_cpu_moe")
    if not s.offload_kqv:
        fields[_LOAD + "offloadKVCacheToGpu"] = False
        carried.add("offload_kqv")
    if s.flash_attn != "auto":
        fields[_LLAMA + "flashAttention"] = s.flash_attn == "on"
        carried.add("flash_attn")
    if s.load_mode not in ("auto", "dio"):
        fields[_LLAMA + "tryMmap"] = "mmap" in s.load_mode
        fields[_LLAMA + "keepModelInMemory"] = "mlock" in s.load_mode
        carried.add("load_mode")
    body = {
        "preset": "",
        "operation": {"fields": []},
        "load": {"fields": [{"key": key, "value": value} for key, value in fields.items()]},
    }
    name = base_name(job.model_path)
    return Exported(
        f"{name}.json",
        json.dumps(body, indent=2, ensure_ascii=False) + "\n",
        losses(job, carried, {}),
        (
            tr(
                "Put it into user-concrete-model-default-config/PUBLISHER/MODEL of LM Studio's folder, "
                "where the model lies in models/PUBLISHER/MODEL."
            ),
            tr("LM Studio does not describe this format; it is known from others."),
            *unnoted(job.profile),
        ),
    )


def _offload_ratio(job: Job) -> str | float:
    layers, total = job.settings.n_gpu_layers, job.profile.model.header.layers
    if layers == 0:
        return "off"
    if layers < 0 or total is None or layers >= total:
        return "max"
    return round(layers / total, 4)


def _cache(name: str) -> dict[str, Any]:
    return {"checked": name != "f16", "value": name}


def read(text: str) -> list[Found]:
    """The settings of a file of defaults.

    Raises:
        UsageError: it is none.
    """
    try:
        body = json.loads(text)
        fields = body["load"]["fields"]
        pairs = [(str(each["key"]), each["value"]) for each in fields]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise refuse(TITLE, tr("it has no list of fields in load.fields")) from None
    found = Found(name="")
    loading: dict[str, Any] = {}
    for key, value in pairs:
        match key.removeprefix(_LOAD).removeprefix("llama."):
            case "contextLength":
                setting(found, "n_ctx", value)
            case "cpuThreadPoolSize":
                setting(found, "threads", value)
            case "evalBatchSize":
                setting(found, "n_batch", value)
            case "physicalBatchSize":
                setting(found, "n_ubatch", value)
            case "offloadKVCacheToGpu":
                setting(found, "offload_kqv", value)
            case "flashAttention":
                setting(found, "flash_attn", "on" if value else "off")
            case "acceleration.offloadRatio" if value in ("max", "off"):
                setting(found, "n_gpu_layers", -1 if value == "max" else 0)
            case "kCacheQuantizationType" | "vCacheQuantizationType" as name if isinstance(value, dict):
                if value.get("checked"):
                    setting(found, f"type_{name[0]}", value.get("value"))
            case "tryMmap" | "keepModelInMemory" as name:
                loading[name] = bool(value)
            case _:
                found.ignored.append(key)
    if loading:
        mapped, locked = loading.get("tryMmap", True), loading.get("keepModelInMemory", False)
        modes = {(True, True): "mmap+mlock", (True, False): "mmap", (False, True): "mlock"}
        setting(found, "load_mode", modes.get((mapped, locked), "none"))
    return [found]
