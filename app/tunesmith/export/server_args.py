"""Own settings as llama-server's arguments, as environment variables, and read back from both.

Flags and variables are those of common/arg.cpp in the llama.cpp that Tunesmith is built with. ``--threads
-1`` is never written: it would mean all logical CPUs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tunesmith.domain.settings import Settings
from tunesmith.errors import UsageError
from tunesmith.export.job import Job, Loss, Options, losses
from tunesmith.wording import tr

OLDEST_BUILD = 5600
"""Before it there are more differences than these."""
FLASH_ATTN_TAKES_A_VALUE = 6325
"""llama.cpp's pull request 15434."""
LOAD_MODE = 10107
"""llama.cpp's pull request 20834; --mmap and --mlock are gone since b10875 (pull request 28334)."""
_ALL_LAYERS = "999"
"""More than any model has; ``all`` is a word of later builds."""
_SINCE = {"n_cpu_moe": 6325, "no_host": 6900, "n_cpu_ffn": 10435}
"""Builds that are sure to have an argument; some before them may have it too."""
_BEFORE_LOAD_MODE: dict[str, tuple[str, ...]] = {
    "auto": (),
    "mmap": (),
    "none": ("--no-mmap",),
    "mlock": ("--no-mmap", "--mlock"),
    "mmap+mlock": ("--mlock",),
}


@dataclass(frozen=True, slots=True)
class Argument:
    """What one setting is to llama-server."""

    setting: str
    flag: str
    value: str | None = None
    """None for a switch."""
    variable: str | None = None
    """Of the environment; None where there is none."""
    variable_value: str | None = None
    """Of a switch."""

    @property
    def words(self) -> list[str]:
        """As arguments."""
        return [self.flag] if self.value is None else [self.flag, self.value]

    @property
    def assignment(self) -> tuple[str, str] | None:
        """As name and value in the environment."""
        value = self.variable_value if self.value is None else self.value
        return None if self.variable is None or value is None else (self.variable, value)


@dataclass(frozen=True, slots=True)
class Arguments:
    """All of a profile's settings for some build of llama-server."""

    arguments: tuple[Argument, ...]
    missing: dict[str, str]
    """Why a setting is not among them."""

    @property
    def words(self) -> list[str]:
        """Flags and values."""
        return [word for argument in self.arguments for word in argument.words]

    @property
    def carried(self) -> set[str]:
        """Settings that are said."""
        return {argument.setting for argument in self.arguments}


def target_build(options: Options) -> int | None:
    """The target's llama.cpp build, such as 6000 for ``b6000``; None for the newest known.

    Raises:
        UsageError: it is none, or too old.
    """
    text = options.target_version
    if text is None:
        return None
    match = re.fullmatch(r"b?([0-9]{1,9})", text.strip().lower())
    if match is None:
        raise UsageError(
            tr("{version} is no build of llama.cpp.", version=repr(text)),
            todo=tr("Write it as --target-version b6000; `llama-server --version` names it."),
        )
    build = int(match[1])
    if build < OLDEST_BUILD:
        raise UsageError(
            tr("llama.cpp b{build} is older than what can be exported for.", build=build),
            todo=tr("Take b{oldest} or a later one.", oldest=OLDEST_BUILD),
        )
    return build


def server_command(job: Job, options: Options) -> tuple[list[str], Arguments]:
    """The whole command that starts a server on a job's model, as words, and the settings that it says."""
    arguments = server_arguments(job.settings, target_build(options))
    words = [
        options.executable, "--model", job.model_path, *arguments.words,
        "--host", options.host, "--port", str(options.port),
    ]  # fmt: skip
    return words, arguments


def server_arguments(settings: Settings, build: int | None = None) -> Arguments:
    """Every setting but those that say what is the default anyway.

    Args:
        settings: what is to be set.
        build: of llama.cpp; None for the one that Tunesmith is built with.
    """
    s = settings
    late = build is None or build >= LOAD_MODE
    missing: dict[str, str] = {}
    made = [
        Argument("threads", "--threads", str(s.threads), "LLAMA_ARG_THREADS"),
        Argument("threads_batch", "--threads-batch", str(s.threads_batch)),
        Argument("n_gpu_layers", "--n-gpu-layers", _layers(s, late=late), "LLAMA_ARG_N_GPU_LAYERS"),
        Argument("n_ctx", "--ctx-size", str(s.n_ctx), "LLAMA_ARG_CTX_SIZE"),
        Argument("n_seq_max", "--parallel", str(s.n_seq_max), "LLAMA_ARG_N_PARALLEL"),
        Argument("n_batch", "--batch-size", str(s.n_batch), "LLAMA_ARG_BATCH"),
        Argument("n_ubatch", "--ubatch-size", str(s.n_ubatch), "LLAMA_ARG_UBATCH"),
        *_flash_attention(s, build, missing),
        Argument("type_k", "--cache-type-k", s.type_k, "LLAMA_ARG_CACHE_TYPE_K"),
        Argument("type_v", "--cache-type-v", s.type_v, "LLAMA_ARG_CACHE_TYPE_V"),
        *_load_mode(s, missing, late=late),
    ]
    if s.rpc:
        made.append(Argument("rpc", "--rpc", ",".join(s.rpc), "LLAMA_ARG_RPC"))
    if s.devices:
        made.append(Argument("devices", "--device", ",".join(s.devices), "LLAMA_ARG_DEVICE"))
    if s.split_mode != "layer":
        made.append(Argument("split_mode", "--split-mode", s.split_mode, "LLAMA_ARG_SPLIT_MODE"))
    if s.main_gpu:
        made.append(Argument("main_gpu", "--main-gpu", str(s.main_gpu), "LLAMA_ARG_MAIN_GPU"))
    if s.tensor_split:
        shares = ",".join(f"{share:g}" for share in s.tensor_split)
        made.append(Argument("tensor_split", "--tensor-split", shares, "LLAMA_ARG_TENSOR_SPLIT"))
    made += _places(s, build, missing)
    if s.cpu_affinity is not None:
        mask = f"0x{sum(1 << cpu for cpu in s.cpu_affinity):x}"
        made += [  # llama-server hands the mask on to prefill only where --threads-batch is not given
            Argument("cpu_affinity", "--cpu-mask", mask), Argument("cpu_affinity", "--cpu-mask-batch", mask),
        ]  # fmt: skip
    if not s.use_extra_bufts:
        if build is not None and build < FLASH_ATTN_TAKES_A_VALUE:
            missing["use_extra_bufts"] = tr("this build of llama.cpp has no argument for it")
        else:
            made.append(Argument("use_extra_bufts", "--no-repack", None, "LLAMA_ARG_REPACK", "0"))
    if not s.op_offload:
        made.append(Argument("op_offload", "--no-op-offload"))
    if s.swa_full:
        made.append(Argument("swa_full", "--swa-full", None, "LLAMA_ARG_SWA_FULL", "1"))
    return Arguments(tuple(made), missing)


def _places(settings: Settings, build: int | None, missing: dict[str, str]) -> list[Argument]:
    """What of a model stays in main memory."""
    s = settings
    made = []
    if s.n_cpu_moe:
        made.append(Argument("n_cpu_moe", "--n-cpu-moe", str(s.n_cpu_moe), "LLAMA_ARG_N_CPU_MOE"))
    if s.n_cpu_ffn:
        made.append(Argument("n_cpu_ffn", "--n-cpu-ffn", str(s.n_cpu_ffn), "LLAMA_ARG_N_CPU_FFN"))
    if s.override_tensor:
        patterns = ",".join(s.override_tensor)
        made.append(Argument("override_tensor", "--override-tensor", patterns, "LLAMA_ARG_OVERRIDE_TENSOR"))
    if not s.offload_kqv:
        made.append(Argument("offload_kqv", "--no-kv-offload", None, "LLAMA_ARG_KV_OFFLOAD", "0"))
    if s.no_host:
        made.append(Argument("no_host", "--no-host", None, "LLAMA_ARG_NO_HOST", "1"))
    if build is None:
        return made
    for argument in made:
        if build < _SINCE.get(argument.setting, 0):
            missing[argument.setting] = tr("this build of llama.cpp has no argument for it")
    return [argument for argument in made if argument.setting not in missing]


def _layers(settings: Settings, *, late: bool) -> str:
    if settings.n_gpu_layers >= 0:
        return str(settings.n_gpu_layers)
    return "all" if late else _ALL_LAYERS


def _flash_attention(settings: Settings, build: int | None, missing: dict[str, str]) -> list[Argument]:
    value = settings.flash_attn
    if build is None or build >= FLASH_ATTN_TAKES_A_VALUE:
        return [Argument("flash_attn", "--flash-attn", value, "LLAMA_ARG_FLASH_ATTN")]
    if value == "on":
        return [Argument("flash_attn", "--flash-attn", None, "LLAMA_ARG_FLASH_ATTN", "1")]
    if value == "auto":
        missing["flash_attn"] = tr("this build of llama.cpp knows only on and off, and it is off there")
    return []


def _load_mode(settings: Settings, missing: dict[str, str], *, late: bool) -> list[Argument]:
    if late:
        return [Argument("load_mode", "--load-mode", settings.load_mode, "LLAMA_ARG_LOAD_MODE")]
    flags = _BEFORE_LOAD_MODE.get(settings.load_mode)
    if flags is None:
        missing["load_mode"] = tr("this build of llama.cpp has no argument for it")
        return []
    variables = {"--no-mmap": ("LLAMA_ARG_MMAP", "0"), "--mlock": ("LLAMA_ARG_MLOCK", "1")}
    return [Argument("load_mode", flag, None, *variables[flag]) for flag in flags]


def server_losses(job: Job, arguments: Arguments) -> tuple[Loss, ...]:
    """What is neither among the arguments nor so by itself in the build that they are for."""
    by_itself = set()
    if job.settings.load_mode in ("auto", "mmap"):
        by_itself.add("load_mode")
    if job.settings.flash_attn == "off":
        by_itself.add("flash_attn")
    carried = (arguments.carried | by_itself) - set(arguments.missing)
    return losses(job, carried, arguments.missing, replaced=arguments.missing)
