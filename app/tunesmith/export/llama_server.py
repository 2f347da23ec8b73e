"""Own the llama-server command: a script for a POSIX shell, PowerShell or cmd."""

from __future__ import annotations

from collections.abc import Sequence

from tunesmith.export import quoting
from tunesmith.export.job import Exported, Job, Options, Shell, comments
from tunesmith.export.server_args import server_command, server_losses

NAME = "llama-server"
TITLE = "llama-server"
SEVERAL = False

_FORBIDDEN_IN_REM = str.maketrans(dict.fromkeys('%&|<>^"!', "_"))


def export(jobs: Sequence[Job], options: Options) -> Exported:
    """A script that starts the server; its own arguments are handed on."""
    (job,) = jobs
    words, arguments = server_command(job, options)
    lost = server_losses(job, arguments)
    said = comments(jobs, lost)
    return Exported(
        file_name=job.name + {"posix": ".sh", "powershell": ".ps1", "cmd": ".cmd"}[options.shell],
        text=script(words, said, options.shell),
        losses=lost,
    )


def script(words: Sequence[str], said: Sequence[str], shell: Shell, *, options_from: int = 1) -> str:
    """A command as a file of its own.

    Raises:
        UsageError: a word cannot be written in this shell.
    """
    command = quoting.command(words, shell, options_from=options_from)
    match shell:
        case "posix":
            return "\n".join(["#!/bin/sh", *said, f'exec {command} "$@"', ""])
        case "powershell":
            return "\n".join([*said, f"& {command} @args", ""])
        case "cmd":
            rem = ["rem " + line.removeprefix("# ").translate(_FORBIDDEN_IN_REM) for line in said]
            return "\r\n".join(["@echo off", "chcp 65001 >nul", *rem, f"{command} %*", ""])
