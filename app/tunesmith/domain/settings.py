"""Own the settings of a run of a model, by llama.cpp's own names."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, model_validator

from tunesmith.domain.base import Value

FlashAttention = Literal["auto", "on", "off"]
LoadMode = Literal["auto", "none", "mmap", "mlock", "mmap+mlock", "dio"]
CacheType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"]

CACHE_TYPES_BY_PRECISION: tuple[CacheType, ...] = (
    "f32", "bf16", "f16", "q8_0", "q5_1", "q5_0", "iq4_nl", "q4_1", "q4_0",
)  # fmt: skip
"""Most precise first."""

MAX_THREADS = 512
"""GGML_MAX_N_THREADS of ggml.h."""


class ChangeCost(enum.IntEnum):
    """What must be made anew when a setting changes, cheapest first."""

    LIVE = 0
    """Changed on a live context, microseconds."""
    CONTEXT = 1
    """Needs a new context on the same loaded model, milliseconds."""
    MODEL = 2
    """Needs the model loaded again."""


class Settings(Value):
    """Everything that is set for one run of a model.

    The defaults are those of llama.cpp's command-line tools; ``threads`` and ``n_ctx`` have none,
    since llama.cpp derives them from the machine and the caller.
    """

    threads: int = Field(ge=1, le=MAX_THREADS)
    """Threads that decode."""
    threads_batch: int = Field(ge=1, le=MAX_THREADS)
    """Threads that prefill."""
    n_ctx: int = Field(ge=1, le=2**31 - 1)
    """Context over all sequences, tokens."""
    n_gpu_layers: int = Field(default=-1, ge=-1, le=100_000)
    """Layers offloaded to a device; -1 offloads all of them where there is a device."""
    n_batch: int = Field(default=2048, ge=1, le=2**20)
    """Most tokens submitted to one llama_decode call."""
    n_ubatch: int = Field(default=512, ge=1, le=2**20)
    """Most tokens computed at once."""
    flash_attn: FlashAttention = "auto"
    type_k: CacheType = "f16"
    type_v: CacheType = "f16"
    load_mode: LoadMode = "auto"
    use_extra_bufts: bool = True
    """Repack weights into a layout that the CPU multiplies faster."""
    op_offload: bool = True
    """Let a device compute large operations on weights that stay in main memory."""
    swa_full: bool = False
    """Keep the whole context for sliding-window layers."""
    n_seq_max: int = Field(default=1, ge=1, le=256)
    """Sequences that can run in parallel."""
    cpu_affinity: tuple[int, ...] | None = None
    """Logical CPUs the threads may run on; None leaves it to the system."""

    @model_validator(mode="after")
    def _check(self) -> Settings:
        if self.n_ubatch > self.n_batch:
            msg = f"n_ubatch ({self.n_ubatch}) is larger than n_batch ({self.n_batch})"
            raise ValueError(msg)
        if self.flash_attn == "off" and self.type_v not in ("f32", "f16", "bf16"):
            msg = f"type_v {self.type_v} needs flash attention"
            raise ValueError(msg)
        if self.cpu_affinity is not None and (
            not self.cpu_affinity or list(self.cpu_affinity) != sorted(set(self.cpu_affinity))
        ):
            msg = "cpu_affinity lists CPU numbers once each, in ascending order"
            raise ValueError(msg)
        return self

    @property
    def digest(self) -> str:
        """12 hex digits that name these settings."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]

    def replace(self, **changes: Any) -> Settings:
        """A validated copy with some settings changed.

        Raises:
            pydantic.ValidationError: the result would make no sense.
        """
        return Settings.model_validate({**self.model_dump(), **changes})

    def key(self, cost: ChangeCost) -> tuple[object, ...]:
        """The values of all settings whose change costs ``cost``; equal keys share what they need."""
        return tuple(getattr(self, spec.name) for spec in SETTING_SPECS if spec.cost is cost)


@dataclass(frozen=True, slots=True)
class SettingSpec:
    """What is known of one setting: the one table that flags, forms and exports are made from."""

    name: str
    flag: str
    """llama.cpp's own command-line flag where there is one."""
    cost: ChangeCost
    aliases: tuple[str, ...]
    explanation: str


SETTING_SPECS: tuple[SettingSpec, ...] = (
    SettingSpec(
        "threads", "--threads", ChangeCost.LIVE, ("t", "n_threads"), "CPU threads used to generate tokens."
    ),
    SettingSpec(
        "threads_batch", "--threads-batch", ChangeCost.LIVE, ("tb", "n_threads_batch"),
        "CPU threads used to process the prompt.",
    ),
    SettingSpec(
        "cpu_affinity", "--cpu-range", ChangeCost.LIVE, ("affinity", "cpu_range", "cpu_mask"),
        "The logical CPUs that the threads may run on.",
    ),
    SettingSpec("n_ctx", "--ctx-size", ChangeCost.CONTEXT, ("ctx", "ctx_size"), "Context size in tokens."),
    SettingSpec(
        "n_batch", "--batch-size", ChangeCost.CONTEXT, ("batch", "batch_size"),
        "Most tokens handed over in one call while the prompt is processed.",
    ),
    SettingSpec(
        "n_ubatch", "--ubatch-size", ChangeCost.CONTEXT, ("ubatch", "ubatch_size"),
        "Most tokens computed at once while the prompt is processed; more needs more memory.",
    ),
    SettingSpec(
        "flash_attn", "--flash-attn", ChangeCost.CONTEXT, ("fa", "flash_attention"),
        "A way to compute attention that needs less memory; faster or slower depending on the machine.",
    ),
    SettingSpec(
        "type_k", "--cache-type-k", ChangeCost.CONTEXT, ("ctk", "cache_type_k"),
        "How precisely the keys of past tokens are kept.",
    ),
    SettingSpec(
        "type_v", "--cache-type-v", ChangeCost.CONTEXT, ("ctv", "cache_type_v"),
        "How precisely the values of past tokens are kept.",
    ),
    SettingSpec(
        "op_offload", "--op-offload", ChangeCost.CONTEXT, (),
        "Let a GPU compute large operations on weights that stay in main memory.",
    ),
    SettingSpec(
        "swa_full", "--swa-full", ChangeCost.CONTEXT, (), "Keep the whole context for sliding-window layers."
    ),
    SettingSpec("n_seq_max", "--parallel", ChangeCost.CONTEXT, ("np",), "Sequences that run in parallel."),
    SettingSpec(
        "n_gpu_layers", "--n-gpu-layers", ChangeCost.MODEL, ("ngl", "gpu_layers"),
        "Layers computed on a GPU; -1 means all.",
    ),
    SettingSpec(
        "load_mode", "--load-mode", ChangeCost.MODEL, ("lm",),
        "How the file comes into memory: mapped, read, or locked.",
    ),
    SettingSpec(
        "use_extra_bufts", "--repack", ChangeCost.MODEL, ("repack", "repacking"),
        "Rearrange weights for the CPU's widest instructions when loading.",
    ),
)  # fmt: skip

_BY_ANY_NAME = {
    alias.replace("-", "_"): spec
    for spec in SETTING_SPECS
    for alias in (spec.name, spec.flag.lstrip("-"), *spec.aliases)
}


def setting_spec(name: str) -> SettingSpec:
    """Find a setting by its name, its llama.cpp flag or a usual short form.

    Raises:
        KeyError: there is no such setting.
    """
    return _BY_ANY_NAME[name.strip().lstrip("-").lower().replace("-", "_")]
