"""Own the INI file of presets that llama-server's router reads (``--models-preset``)."""

from __future__ import annotations

from collections.abc import Sequence

from tunesmith.export.job import Exported, Job, Options, comments, refuse_characters
from tunesmith.export.server_args import server_arguments, server_losses, target_build
from tunesmith.wording import tr

NAME = "preset-ini"
TITLE = tr("llama-server presets (INI)")
SEVERAL = True


def export(jobs: Sequence[Job], options: Options) -> Exported:
    """A section for each profile. The format quotes nothing, so what would end a value is refused."""
    lines = ["version = 1"]
    lost = []
    for job in jobs:
        refuse_characters(
            job.model_path, r"[;#\r\n]|^[ \t]|[ \t]$", TITLE,
            tr("; and #, ends of line, and blanks at either end"),
        )  # fmt: skip
        arguments = server_arguments(job.settings, target_build(options))
        here = server_losses(job, arguments)
        lost += here
        lines += ["", *comments([job], here), f"[{job.name}]", f"model = {job.model_path}"]
        for argument in arguments.arguments:
            value = "true" if argument.value is None else argument.value
            lines.append(f"{argument.flag.removeprefix('--')} = {value}")
    return Exported(
        "models.ini", "\n".join([*lines, ""]), tuple(lost),
        (tr("Start it with llama-server --models-preset FILE."),),
    )  # fmt: skip
