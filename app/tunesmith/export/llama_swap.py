"""Own llama-swap's ``config.yaml``: a model for each profile."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from typing import Any

from tunesmith.export import quoting
from tunesmith.export.job import Exported, Job, Options, comments, one_line, refuse_characters
from tunesmith.export.server_args import server_arguments, server_losses, target_build
from tunesmith.export.yaml_text import yaml_text
from tunesmith.wording import tr

NAME = "llama-swap"
TITLE = "llama-swap"
SEVERAL = True


def export(jobs: Sequence[Job], options: Options) -> Exported:
    """Models by their names. ``${…}`` is a macro there wherever it stands, and nothing quotes it."""
    models: dict[str, Any] = {}
    lost = []
    for job in jobs:
        for text in (job.model_path, options.executable):
            refuse_characters(text, r"[\x00-\x1f\x7f]|\$\{", TITLE, tr("${ and control characters"))
        arguments = server_arguments(job.settings, target_build(options))
        lost += server_losses(job, arguments)
        quote = quoting.posix if options.shell == "posix" else _windows
        lines = [
            f"{quote(options.executable)} --host 127.0.0.1 --port ${{PORT}}",
            f"--model {quote(job.model_path)}",
            *(" ".join(quote(word) for word in argument.words) for argument in arguments.arguments),
        ]
        models[job.name] = {
            "name": _no_macro(job.profile.name),
            "cmd": "\n".join([*lines, ""]),
            "metadata": {
                "tunesmith_profile": job.profile.id,
                "model_sha256": job.profile.model.sha256,
                "tuned_on": _no_macro(job.profile.machine.label),
            },
        }
    head = [_no_macro(line) for line in comments(jobs, lost)]
    return Exported("config.yaml", "\n".join([*head, yaml_text({"models": models})]), tuple(lost))


def _no_macro(text: str) -> str:
    return one_line(text).replace("${", "$ {")


_windows: Callable[[str], str] = lambda word: subprocess.list2cmdline([word])  # noqa: E731
