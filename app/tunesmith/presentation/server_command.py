"""Own the llama-server command that runs a model under given settings."""

from __future__ import annotations

import shlex

from tunesmith.domain.settings import Settings
from tunesmith.domain.speculation import Plan


def server_arguments(settings: Settings, model_path: str) -> list[str]:
    """Program and arguments; every setting is written out but those that say what is the default anyway.

    Flags as in the llama.cpp that Tunesmith is built with (common/arg.cpp). ``--threads -1`` is never
    written: it would mean all logical CPUs.
    """
    s = settings
    layers = "all" if s.n_gpu_layers < 0 else str(s.n_gpu_layers)
    arguments = [
        "llama-server",
        *("--model", model_path),
        *("--threads", str(s.threads)),
        *("--threads-batch", str(s.threads_batch)),
        *("--n-gpu-layers", layers),
        *("--ctx-size", str(s.n_ctx)),
        *("--parallel", str(s.n_seq_max)),
        *("--batch-size", str(s.n_batch)),
        *("--ubatch-size", str(s.n_ubatch)),
        *("--flash-attn", s.flash_attn),
        *("--cache-type-k", s.type_k),
        *("--cache-type-v", s.type_v),
        *("--load-mode", s.load_mode),
    ]
    if s.rpc:
        arguments += ["--rpc", ",".join(s.rpc)]
    if s.devices:
        arguments += ["--device", ",".join(s.devices)]
    if s.split_mode != "layer":
        arguments += ["--split-mode", s.split_mode]
    if s.main_gpu:
        arguments += ["--main-gpu", str(s.main_gpu)]
    if s.tensor_split:
        arguments += ["--tensor-split", ",".join(f"{share:g}" for share in s.tensor_split)]
    if s.n_cpu_moe:
        arguments += ["--n-cpu-moe", str(s.n_cpu_moe)]
    if s.n_cpu_ffn:
        arguments += ["--n-cpu-ffn", str(s.n_cpu_ffn)]
    if s.override_tensor:
        arguments += ["--override-tensor", ",".join(s.override_tensor)]
    if not s.offload_kqv:
        arguments.append("--no-kv-offload")
    if s.no_host:
        arguments.append("--no-host")
    if s.cpu_affinity is not None:
        arguments += ["--cpu-mask", f"0x{sum(1 << cpu for cpu in s.cpu_affinity):x}"]
    if not s.use_extra_bufts:
        arguments.append("--no-repack")
    if not s.op_offload:
        arguments.append("--no-op-offload")
    if s.swa_full:
        arguments.append("--swa-full")
    return arguments


def drafting_arguments(plan: Plan, draft_path: str | None, draft: Settings | None) -> list[str]:
    """What llama-server is told besides, so that it drafts as planned; nothing for plain decoding.

    Flags as in common/arg.cpp of the llama.cpp that Tunesmith is built with, in which ``--draft-max`` and
    ``--draft-min`` are removed. What is left out is as the model's own: the draft model's threads; or is 0:
    ``--spec-draft-n-min``.
    """
    if plan.drafter == "lookup":
        return [
            *("--spec-type", "ngram-simple"),
            *("--spec-ngram-simple-size-n", str(plan.ngram)),
            *("--spec-ngram-simple-size-m", str(plan.length)),
        ]
    if plan.drafter == "plain" or draft_path is None or draft is None:
        return []
    layers = "all" if draft.n_gpu_layers < 0 else str(draft.n_gpu_layers)
    return [
        *("--spec-type", "draft-simple"),
        *("--spec-draft-model", draft_path),
        *("--spec-draft-n-max", str(plan.length)),
        *("--spec-draft-ngl", layers),
    ]


def server_command(settings: Settings, model_path: str) -> str:
    """The command on one line, quoted for a POSIX shell."""
    return shlex.join(server_arguments(settings, model_path))
