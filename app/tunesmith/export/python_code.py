"""Own code that loads the model with llama-cpp-python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunesmith.export.job import Exported, Job, Options, comments, losses
from tunesmith.wording import tr

NAME = "python"
TITLE = "llama-cpp-python"
SEVERAL = False

_TYPES = {
    "f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "iq4_nl": 20, "bf16": 30,
}  # fmt: skip
"""ggml_type of ggml.h."""
_SPLIT = {"none": 0, "layer": 1, "row": 2, "tensor": 3}
"""llama_split_mode of llama.h."""
_LOADING = {
    "none": (False, False),
    "mmap": (True, False),
    "mlock": (False, True),
    "mmap+mlock": (True, True),
}


def export(jobs: Sequence[Job], options: Options) -> Exported:  # noqa: ARG001 (as every target has it)
    """A module with the model in ``llm``."""
    (job,) = jobs
    s = job.settings
    arguments: dict[str, Any] = {
        "model_path": job.model_path,
        "n_ctx": s.n_ctx,
        "n_batch": s.n_batch,
        "n_ubatch": s.n_ubatch,
        "n_threads": s.threads,
        "n_threads_batch": s.threads_batch,
        "n_gpu_layers": s.n_gpu_layers,
        "flash_attn": s.flash_attn != "off",
        "type_k": _TYPES[s.type_k],
        "type_v": _TYPES[s.type_v],
        "offload_kqv": s.offload_kqv,
        "op_offload": s.op_offload,
        "swa_full": s.swa_full,
    }
    carried = {
        "n_ctx", "n_batch", "n_ubatch", "threads", "threads_batch", "n_gpu_layers", "flash_attn",
        "type_k", "type_v", "offload_kqv", "op_offload", "swa_full",
    }  # fmt: skip
    if s.load_mode in _LOADING:
        arguments["use_mmap"], arguments["use_mlock"] = _LOADING[s.load_mode]
        carried.add("load_mode")
    if s.split_mode != "layer" or s.main_gpu or s.tensor_split:
        arguments |= {"split_mode": _SPLIT[s.split_mode], "main_gpu": s.main_gpu}
        arguments |= {"tensor_split": list(s.tensor_split)} if s.tensor_split else {}
        carried |= {"split_mode", "main_gpu", "tensor_split"}
    affinity = []
    if s.cpu_affinity is not None:
        affinity = ["if hasattr(os, 'sched_setaffinity'):  # Linux",
                    f"    os.sched_setaffinity(0, {sorted(s.cpu_affinity)!r})", ""]  # fmt: skip
        carried.add("cpu_affinity")
    reasons = {}
    if s.flash_attn == "auto":
        carried.remove("flash_attn")
        reasons["flash_attn"] = tr("llama-cpp-python knows only on and off, and here it is on")
    lost = losses(job, carried, reasons, replaced=reasons)
    lines = [
        *comments(jobs, lost),
        *(["import os", ""] if affinity else []),
        "from llama_cpp import Llama",
        "",
        *affinity,
        "llm = Llama(",
        *(f"    {name}={value!r}," for name, value in arguments.items()),
        ")",
        "",
    ]
    return Exported(f"{job.name}.py", "\n".join(lines), lost)
