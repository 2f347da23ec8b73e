"""Own the file of environment variables that llama-server reads its settings from."""

from __future__ import annotations

from collections.abc import Sequence

from tunesmith.export import quoting
from tunesmith.export.job import Exported, Job, Options, comments, losses
from tunesmith.export.server_args import server_arguments, target_build, unsaid
from tunesmith.wording import tr

NAME = "env"
TITLE = tr("environment file")
SEVERAL = False


def export(jobs: Sequence[Job], options: Options) -> Exported:
    """Assignments as a POSIX shell and systemd's EnvironmentFile= read them."""
    (job,) = jobs
    arguments = server_arguments(job.settings, target_build(options))
    assignments = [("LLAMA_ARG_MODEL", job.model_path)]
    carried = unsaid(job.settings, arguments)
    reasons = dict(arguments.missing)
    left = []
    for argument in arguments.arguments:
        assignment = argument.assignment
        if assignment is None:
            words = " ".join(argument.words)
            reasons[argument.setting] = tr("there is no variable for it; add {words}", words=words)
            left.append(argument)
        else:
            assignments.append(assignment)
            carried.add(argument.setting)
    assignments += [("LLAMA_ARG_HOST", options.host), ("LLAMA_ARG_PORT", str(options.port))]
    lost = losses(job, carried - {argument.setting for argument in left if not _same(job, argument.setting)},
                  reasons)  # fmt: skip
    lines = [*comments(jobs, lost), *(f"{name}={quoting.posix(value)}" for name, value in assignments), ""]
    notes = ()
    if quoting.posix(job.model_path) != job.model_path:
        notes = (tr("docker run --env-file takes the quotes of the model's path for part of it."),)
    return Exported(f"{job.name}.env", "\n".join(lines), lost, notes)


def _same(job: Job, name: str) -> bool:
    """Whether what no variable says is so anyway: llama-server prefills with the threads it decodes with."""
    return name == "threads_batch" and job.settings.threads_batch == job.settings.threads
