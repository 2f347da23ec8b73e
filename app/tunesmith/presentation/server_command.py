"""Own the llama-server command that runs a model under given settings."""

from __future__ import annotations

import shlex

from tunesmith.domain.settings import Settings
from tunesmith.domain.speculation import Plan
from tunesmith.export import server_args


def server_arguments(settings: Settings, model_path: str) -> list[str]:
    """Program and arguments; every setting is written out but those that say what is the default anyway."""
    return ["llama-server", "--model", model_path, *server_args.server_arguments(settings).words]


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
