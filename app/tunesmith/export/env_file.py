"""Own the file of environment variables that llama-server reads its settings from."""

from __future__ import annotations

from collections.abc import Sequence

from tunesmith.export import quoting
from tunesmith.export.job import Exported, Job, Loss, Options, comments, is_plain, value_text
from tunesmith.export.server_args import server_arguments, server_losses, target_build
from tunesmith.wording import tr

NAME = "env"
TITLE = tr("environment file")
SEVERAL = False


def export(jobs: Sequence[Job], options: Options) -> Exported:
    """Assignments as a POSIX shell and systemd's EnvironmentFile= read them."""
    (job,) = jobs
    arguments = server_arguments(job.settings, target_build(options))
    assignments = [("LLAMA_ARG_MODEL", job.model_path)]
    lost = {loss.setting: loss for loss in server_losses(job, arguments)}
    for argument in arguments.arguments:
        assignment = argument.assignment
        if assignment is not None:
            assignments.append(assignment)
        elif not is_plain(job.settings, argument.setting):
            words = [
                word
                for each in arguments.arguments
                if each.setting == argument.setting
                for word in each.words
            ]
            reason = tr("there is no variable for it; add {words}", words=" ".join(words))
            value = value_text(job.settings, argument.setting)
            lost[argument.setting] = Loss(job.name, argument.setting, value, reason)
    assignments += [("LLAMA_ARG_HOST", options.host), ("LLAMA_ARG_PORT", str(options.port))]
    losses = tuple(lost.values())
    lines = [*comments(jobs, losses), *(f"{name}={quoting.posix(value)}" for name, value in assignments), ""]
    notes: tuple[str, ...] = ()
    if quoting.posix(job.model_path) != job.model_path:
        notes = (tr("docker run --env-file takes the quotes of the model's path for part of it."),)
    return Exported(f"{job.name}.env", "\n".join(lines), losses, notes)
