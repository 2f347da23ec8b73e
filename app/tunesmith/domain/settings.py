"""Own the settings of a run of a model, by llama.cpp's own names."""

from __future__ import annotations

import enum
import hashlib
import math
import re
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, model_validator

from tunesmith.domain.base import Value
from tunesmith.domain.endpoint import MAX_SERVERS, parse_endpoint
from tunesmith.errors import UsageError

FlashAttention = Literal["auto", "on", "off"]
LoadMode = Literal["auto", "none", "mmap", "mlock", "mmap+mlock", "dio"]
SplitMode = Literal["none", "layer", "row", "tensor"]
CacheType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"]

CACHE_TYPES_BY_PRECISION: tuple[CacheType, ...] = (
    "f32", "bf16", "f16", "q8_0", "q5_1", "q5_0", "iq4_nl", "q4_1", "q4_0",
)  # fmt: skip
"""Most precise first."""

MAX_DEVICES = 16
"""llama_max_devices() of llama.cpp."""
MAX_NAME = 64
"""Characters of a device's name: far more than any backend uses."""

MAX_THREADS = 512
"""GGML_MAX_N_THREADS of ggml.h."""


MAX_OVERRIDES = 256
"""Of tensors' places; llama.cpp itself takes 4096."""
MAX_PATTERN = 200
"""Characters of a pattern of tensors' names."""
MAX_REPEATS = 4
"""Of ``*``, ``+`` and ``{`` in a pattern."""


_LATER = frozenset(
    {
        "rpc", "devices", "split_mode", "main_gpu", "tensor_split", "n_cpu_moe", "n_cpu_ffn",
        "override_tensor", "offload_kqv", "no_host",
    }
)  # fmt: skip
"""Settings that came after names had been given: they count only where they are set."""


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
    rpc: tuple[str, ...] = ()
    """RPC servers whose devices are used, ``host:port``; only those that the user named are connected to."""
    devices: tuple[str, ...] = ()
    """Devices that layers may be put on, in order; empty is all of them, ``none`` is the CPU alone."""
    split_mode: SplitMode = "layer"
    """How several devices divide the model."""
    main_gpu: int = Field(default=0, ge=0, lt=MAX_DEVICES)
    """With split_mode none the one device that is used, counted from 0."""
    tensor_split: tuple[float, ...] = ()
    """Shares of the offloaded part, device by device; empty divides by free memory."""
    n_cpu_moe: int = Field(default=0, ge=0, le=100_000)
    """Of so many first layers the experts' weights stay in main memory."""
    n_cpu_ffn: int = Field(default=0, ge=0, le=100_000)
    """Of so many first layers the dense feed-forward weights stay in main memory."""
    override_tensor: tuple[str, ...] = ()
    """Where tensors lie, ``pattern=device``; the first pattern found in a tensor's name holds."""
    offload_kqv: bool = True
    """Keep the cache of offloaded layers on their devices."""
    no_host: bool = False
    """Bypass a device's pinned main memory, so that what stays there can be repacked for the CPU."""

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
        self._check_devices()
        return self

    def _check_devices(self) -> None:
        if len(self.rpc) > MAX_SERVERS or len(set(self.rpc)) < len(self.rpc):
            msg = f"rpc names at most {MAX_SERVERS} servers, once each"
            raise ValueError(msg)
        for endpoint in self.rpc:
            try:
                written = parse_endpoint(endpoint)
            except UsageError as error:
                raise ValueError(error.what) from None
            if written != endpoint:
                msg = f"rpc has {endpoint} where {written} is meant"
                raise ValueError(msg)
        if not are_device_names(self.devices):
            msg = f"devices names at most {MAX_DEVICES} devices once each, or none"
            raise ValueError(msg)
        shares = self.tensor_split
        good = all(math.isfinite(share) and share >= 0 for share in shares) and (
            not shares or sum(shares) > 0
        )
        if not good or len(shares) > MAX_DEVICES:
            msg = f"tensor_split has at most {MAX_DEVICES} shares of 0 or more, not all 0"
            raise ValueError(msg)
        self._check_overrides()

    def _check_overrides(self) -> None:
        if len(self.override_tensor) > MAX_OVERRIDES:
            msg = f"override_tensor has at most {MAX_OVERRIDES} patterns"
            raise ValueError(msg)
        for override in self.override_tensor:
            _check_override(override)

    @property
    def digest(self) -> str:
        """12 hex digits that name these settings; those of earlier versions keep the names they had."""
        unset = {name for name in _LATER if getattr(self, name) == type(self).model_fields[name].default}
        return hashlib.sha256(self.model_dump_json(exclude=unset).encode()).hexdigest()[:12]

    def replace(self, **changes: Any) -> Settings:
        """A validated copy with some settings changed.

        Raises:
            pydantic.ValidationError: the result would make no sense.
        """
        return Settings.model_validate({**self.model_dump(), **changes})

    def key(self, cost: ChangeCost) -> tuple[object, ...]:
        """The values of all settings whose change costs ``cost``; equal keys share what they need."""
        return tuple(getattr(self, spec.name) for spec in SETTING_SPECS if spec.cost is cost)


def _check_override(override: str) -> None:
    """Refuse what is no ``pattern=device``, and patterns that could be searched for without end.

    A profile is somebody else's text, and a search may take a time that grows exponentially where what is
    repeated is a group. llama.cpp's users repeat single characters.

    Raises:
        ValueError: says what is wrong.
    """
    pattern, _, device = override.rpartition("=")
    if not 0 < len(pattern) <= MAX_PATTERN or not 0 < len(device) <= MAX_NAME or "," in override:
        msg = f"override_tensor has {override} where pattern=device is meant, without a comma"
        raise ValueError(msg)
    if not override.isprintable():
        msg = "override_tensor has what cannot be printed"
        raise ValueError(msg)
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        msg = f"override_tensor has {pattern}, which is no regular expression: {error}"
        raise ValueError(msg) from None
    bare = re.sub(r"\\.|\[\^?\]?[^]]*\]", "x", pattern)
    if re.search(r"\)[*+{]", bare) or len(re.findall(r"[*+{]", bare)) > MAX_REPEATS:
        msg = f"override_tensor has {pattern}, which repeats a group or repeats more than {MAX_REPEATS} times"
        raise ValueError(msg)


def are_device_names(names: tuple[str, ...]) -> bool:
    """Whether these can be names of devices, each once; ``none`` stands alone. There may be none at all."""
    alone = "none" not in names or len(names) == 1
    each_once = len(set(names)) == len(names) <= MAX_DEVICES
    return alone and each_once and all(name.isprintable() and 0 < len(name) <= MAX_NAME for name in names)


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
    SettingSpec(
        "offload_kqv", "--kv-offload", ChangeCost.CONTEXT, ("kvo",),
        "Keep the cache of offloaded layers on their devices.",
    ),
    SettingSpec("n_seq_max", "--parallel", ChangeCost.CONTEXT, ("np",), "Sequences that run in parallel."),
    SettingSpec(
        "n_gpu_layers", "--n-gpu-layers", ChangeCost.MODEL, ("ngl", "gpu_layers"),
        "Layers computed on a GPU; -1 means all.",
    ),
    SettingSpec(
        "rpc", "--rpc", ChangeCost.MODEL, ("rpc_servers",),
        "RPC servers on other machines whose devices are used.",
    ),
    SettingSpec(
        "devices", "--device", ChangeCost.MODEL, ("dev",),
        "The devices that layers may be put on; all if none is named.",
    ),
    SettingSpec(
        "split_mode", "--split-mode", ChangeCost.MODEL, ("sm",),
        "How several devices divide the model among them.",
    ),
    SettingSpec(
        "main_gpu", "--main-gpu", ChangeCost.MODEL, ("mg",),
        "The one device that is used where the model is not divided.",
    ),
    SettingSpec(
        "tensor_split", "--tensor-split", ChangeCost.MODEL, ("ts",),
        "The share of the model that each device takes; by free memory if left out.",
    ),
    SettingSpec(
        "n_cpu_moe", "--n-cpu-moe", ChangeCost.MODEL, ("ncmoe",),
        "Layers, from the first, whose experts stay in main memory.",
    ),
    SettingSpec(
        "n_cpu_ffn", "--n-cpu-ffn", ChangeCost.MODEL, ("ncffn",),
        "Layers, from the first, whose dense feed-forward weights stay in main memory.",
    ),
    SettingSpec(
        "override_tensor", "--override-tensor", ChangeCost.MODEL, ("ot",),
        "Where tensors lie whose names fit a pattern, such as ffn_down=CPU.",
    ),
    SettingSpec(
        "no_host", "--no-host", ChangeCost.MODEL, (),
        "Do not use a device's pinned memory for what stays in main memory, so that it can be repacked.",
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
