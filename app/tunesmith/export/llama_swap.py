"""Own llama-swap's ``config.yaml``: a model for each profile; written, and read back."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

from tunesmith.export import quoting
from tunesmith.export.costs import cost_metadata
from tunesmith.export.found import Found, refuse
from tunesmith.export.job import Exported, Job, Loss, Options, comments, one_line, refuse_characters
from tunesmith.export.read_args import from_words
from tunesmith.export.server_args import server_arguments, server_losses, target_build
from tunesmith.export.yaml_text import yaml_text
from tunesmith.wording import tr

NAME = "llama-swap"
TITLE = "llama-swap"
SEVERAL = True

_MOST_NESTING = 8
"""Macros within macros."""
_MOST_COMMAND = 64 * 1024
"""Characters of a command with its macros replaced."""


def export(jobs: Sequence[Job], options: Options) -> Exported:
    """Models by their names. ``${…}`` is a macro there wherever it stands, and nothing quotes it."""
    models: dict[str, Any] = {}
    lost: list[Loss] = []
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
                **cost_metadata(job.profile),
            },
        }
    head = [_no_macro(line) for line in comments(jobs, lost)]
    return Exported("config.yaml", "\n".join([*head, yaml_text({"models": models})]), tuple(lost))


def _no_macro(text: str) -> str:
    return one_line(text).replace("${", "$ {")


_windows: Callable[[str], str] = lambda word: subprocess.list2cmdline([word])  # noqa: E731


def read(text: str) -> list[Found]:
    """The models of such a file, their macros replaced.

    Raises:
        UsageError: it is no such file, or a value makes no sense.
    """
    import yaml

    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise refuse(TITLE, one_line(str(error))[:200]) from None
    models = document.get("models") if isinstance(document, dict) else None
    if not isinstance(models, dict) or not models:
        raise refuse(TITLE, tr("it has no models"))
    shared = _macros(document)
    found = []
    for name, model in models.items():
        if not isinstance(model, dict) or not isinstance(model.get("cmd"), str):
            raise refuse(TITLE, tr("the model {name} has no cmd", name=repr(name)[:80]))
        macros = {**shared, **_macros(model), "MODEL_ID": str(name), "PORT": "1"}
        one = Found(name=str(name))
        from_words(one, _words(model["cmd"], macros)[1:])
        found.append(one)
    return found


def _macros(document: dict[str, Any]) -> dict[str, str]:
    macros = document.get("macros")
    if not isinstance(macros, dict):
        return {}
    return {str(key): str(value) for key, value in macros.items() if isinstance(value, str | int | float)}


def _words(cmd: str, macros: dict[str, str]) -> list[str]:
    for _ in range(_MOST_NESTING):
        replaced = re.sub(r"\$\{([A-Za-z0-9_-]+)\}", lambda m: macros.get(m[1], m[0]), cmd)
        if replaced == cmd or len(replaced) > _MOST_COMMAND:
            break
        cmd = replaced
    lines = [line for line in re.split(r"\r\n|\n|\r", cmd) if not line.strip().startswith("#")]
    joined = " ".join(line.rstrip().removesuffix("\\") for line in lines)
    if len(joined) > _MOST_COMMAND:
        raise refuse(TITLE, tr("a command is too long"))
    try:
        return shlex.split(joined)
    except ValueError:
        raise refuse(TITLE, tr("a quote is not closed")) from None
