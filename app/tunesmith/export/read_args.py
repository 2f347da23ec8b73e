"""Own reading llama-server's arguments back into settings, in any spelling that some build of it takes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tunesmith.export.found import Found, refuse, setting

_VALUED: dict[str, tuple[str, ...]] = {
    "threads": ("-t", "--threads"),
    "threads_batch": ("-tb", "--threads-batch"),
    "n_ctx": ("-c", "--ctx-size"),
    "n_batch": ("-b", "--batch-size"),
    "n_ubatch": ("-ub", "--ubatch-size"),
    "type_k": ("-ctk", "--cache-type-k"),
    "type_v": ("-ctv", "--cache-type-v"),
    "n_seq_max": ("-np", "--parallel"),
    "load_mode": ("-lm", "--load-mode"),
    "n_gpu_layers": ("-ngl", "--gpu-layers", "--n-gpu-layers"),
    "split_mode": ("-sm", "--split-mode"),
    "main_gpu": ("-mg", "--main-gpu"),
    "tensor_split": ("-ts", "--tensor-split"),
    "devices": ("-dev", "--device"),
    "rpc": ("--rpc",),
    "n_cpu_moe": ("-ncmoe", "--n-cpu-moe"),
    "n_cpu_ffn": ("-ncffn", "--n-cpu-ffn"),
    "override_tensor": ("-ot", "--override-tensor"),
}
_VARIABLES = {
    "LLAMA_ARG_THREADS": "--threads", "LLAMA_ARG_N_GPU_LAYERS": "--n-gpu-layers",
    "LLAMA_ARG_CTX_SIZE": "--ctx-size", "LLAMA_ARG_N_PARALLEL": "--parallel",
    "LLAMA_ARG_BATCH": "--batch-size", "LLAMA_ARG_UBATCH": "--ubatch-size",
    "LLAMA_ARG_FLASH_ATTN": "--flash-attn", "LLAMA_ARG_CACHE_TYPE_K": "--cache-type-k",
    "LLAMA_ARG_CACHE_TYPE_V": "--cache-type-v", "LLAMA_ARG_LOAD_MODE": "--load-mode",
    "LLAMA_ARG_RPC": "--rpc", "LLAMA_ARG_DEVICE": "--device", "LLAMA_ARG_SPLIT_MODE": "--split-mode",
    "LLAMA_ARG_MAIN_GPU": "--main-gpu", "LLAMA_ARG_TENSOR_SPLIT": "--tensor-split",
    "LLAMA_ARG_SWA_FULL": "--swa-full", "LLAMA_ARG_REPACK": "--repack", "LLAMA_ARG_MMAP": "--mmap",
    "LLAMA_ARG_N_CPU_MOE": "--n-cpu-moe", "LLAMA_ARG_N_CPU_FFN": "--n-cpu-ffn",
    "LLAMA_ARG_OVERRIDE_TENSOR": "--override-tensor", "LLAMA_ARG_KV_OFFLOAD": "--kv-offload",
    "LLAMA_ARG_NO_HOST": "--no-host", "LLAMA_ARG_MLOCK": "--mlock", "LLAMA_ARG_MODEL": "--model",
}  # fmt: skip
_SETTING_OF = {flag: name for name, flags in _VALUED.items() for flag in flags}
_SWITCHES: dict[str, tuple[str, str]] = {
    "--repack": ("use_extra_bufts", "on"),
    "-nr": ("use_extra_bufts", "off"),
    "--no-repack": ("use_extra_bufts", "off"),
    "--op-offload": ("op_offload", "on"),
    "--no-op-offload": ("op_offload", "off"),
    "--swa-full": ("swa_full", "on"),
    "-kvo": ("offload_kqv", "on"),
    "--kv-offload": ("offload_kqv", "on"),
    "-nkvo": ("offload_kqv", "off"),
    "--no-kv-offload": ("offload_kqv", "off"),
    "--no-host": ("no_host", "on"),
}
_LOADING = {"--mmap": ("mmap", True), "--no-mmap": ("mmap", False), "--mlock": ("mlock", True)}
_BATCH_MASKS = ("--cpu-mask-batch", "-Cb", "--cpu-range-batch", "-Crb")
_MODEL = ("-m", "--model")
_FLASH = ("-fa", "--flash-attn")
_TRUE = ("true", "1", "on", "enabled", "yes")
_SHORT = {flag for flag in (*_SETTING_OF, *_SWITCHES, *_MODEL, *_FLASH) if not flag.startswith("--")} | {
    "-C", "-Cr", "-Cb", "-Crb",
}  # fmt: skip
_MAX_CPUS = 4096


def from_words(found: Found, words: Sequence[str]) -> None:
    """Take the settings among a program's arguments; the program itself is not among them.

    Raises:
        UsageError: a value makes no sense.
    """
    loading: dict[str, bool] = {}
    place = 0
    while place < len(words):
        flag, sign, joined = words[place].partition("=")
        if not (flag.startswith("--") and sign):
            flag, joined = words[place], ""
        place += 1
        follows = words[place] if place < len(words) else None
        wants = (
            flag in _SETTING_OF
            or flag in _MODEL
            or flag in ("--cpu-mask", "-C", "--cpu-range", "-Cr", *_BATCH_MASKS)
        )
        optional = flag in _FLASH and follows in ("on", "off", "auto", *_TRUE, "0", "false")
        value: str | None = joined or None
        if value is None and follows is not None and (wants or optional):
            value = follows
            place += 1
        if wants and value is None:
            raise refuse("llama-server", f"{flag} …?")
        _take(found, flag, value, loading)
    _loaded(found, loading)


def from_keys(found: Found, values: Mapping[str, str]) -> None:
    """Take settings by the arguments' names without dashes, or by their variables, as an INI has them.

    Raises:
        UsageError: a value makes no sense.
    """
    loading: dict[str, bool] = {}
    for key, value in values.items():
        flag = _VARIABLES.get(key) or (f"-{key}" if f"-{key}" in _SHORT else f"--{key}")
        if flag in _SWITCHES:
            name, meant = _SWITCHES[flag]
            truth = value.lower() in _TRUE
            setting(found, name, meant if truth else {"on": "off", "off": "on"}[meant])
        elif flag in _LOADING:
            what, meant_true = _LOADING[flag]
            loading[what] = meant_true is (value.lower() in _TRUE)
        else:
            _take(found, flag, value, loading)
    _loaded(found, loading)


def _take(found: Found, flag: str, value: str | None, loading: dict[str, bool]) -> None:
    if flag in _MODEL:
        found.model = value
    elif flag in _FLASH:
        said = (value or "on").lower()
        said = "on" if said in _TRUE else "off" if said in ("0", "false", "disabled", "no") else said
        setting(found, "flash_attn", said)
    elif flag in _SWITCHES:
        setting(found, *_SWITCHES[flag])
    elif flag in _LOADING:
        what, meant = _LOADING[flag]
        loading[what] = meant
    elif flag in ("--cpu-mask", "-C") and value:
        found.settings["cpu_affinity"] = _from_mask(value)
    elif flag in ("--cpu-range", "-Cr") and value:
        found.settings["cpu_affinity"] = _from_range(value)
    elif flag in _BATCH_MASKS:
        pass  # a mask for prefill alone is none of our settings; with --cpu-mask it says the same again
    elif flag in _SETTING_OF and value is not None:
        _valued(found, _SETTING_OF[flag], value)
    elif flag.startswith("-"):
        found.ignored.append(flag)


def _valued(found: Found, name: str, value: str) -> None:
    if name in ("threads", "threads_batch", "n_seq_max", "n_ctx") and value in ("-1", "0"):
        found.ignored.append(f"{name} = {value}")  # left to the program: no value of ours
    elif name == "n_gpu_layers" and value in ("all", "auto", "-1", "-2"):
        setting(found, name, -1)
    else:
        setting(found, name, value)


def _loaded(found: Found, loading: Mapping[str, bool]) -> None:
    if loading and "load_mode" not in found.settings:
        mapped, locked = loading.get("mmap", True), loading.get("mlock", False)
        modes = {(True, True): "mmap+mlock", (True, False): "mmap", (False, True): "mlock"}
        setting(found, "load_mode", modes.get((mapped, locked), "none"))


def _from_mask(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"(0[xX])?[0-9a-fA-F]{1,1024}", text) or not int(text, 16):
        raise refuse("llama-server", f"--cpu-mask {text[:40]!r}")
    mask = int(text, 16)
    return tuple(cpu for cpu in range(mask.bit_length()) if mask >> cpu & 1)


def _from_range(text: str) -> tuple[int, ...]:
    match = re.fullmatch(r"([0-9]{1,4})-([0-9]{1,4})", text)
    if match is None or not int(match[1]) <= int(match[2]) < _MAX_CPUS:
        raise refuse("llama-server", f"--cpu-range {text[:40]!r}")
    return tuple(range(int(match[1]), int(match[2]) + 1))
