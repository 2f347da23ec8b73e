"""Own the systemd unit that runs llama-server."""

from __future__ import annotations

from collections.abc import Sequence

from tunesmith.errors import UsageError
from tunesmith.export import quoting
from tunesmith.export.job import Exported, Job, Options, comments, one_line
from tunesmith.export.server_args import server_command, server_losses
from tunesmith.wording import tr

NAME = "systemd"
TITLE = tr("systemd unit")
SEVERAL = False


def export(jobs: Sequence[Job], options: Options) -> Exported:
    """A service unit."""
    (job,) = jobs
    if options.executable[:1] in tuple("@-:+!|"):
        raise UsageError(
            tr("systemd would not take {program} for a program's name.", program=repr(options.executable)),
            todo=tr("Give its whole path with --executable."),
        )
    words, arguments = server_command(job, options)
    lost = server_losses(job, arguments)
    lines = [
        *comments(jobs, lost),
        "[Unit]",
        f"Description={description(job)}",
        "After=network.target",
        "",
        "[Service]",
        f"ExecStart={' '.join(quoting.systemd(word) for word in words)}",
        "Restart=on-failure",
        *(["LimitMEMLOCK=infinity"] if "mlock" in job.settings.load_mode else []),
        "",
        "[Install]",
        "WantedBy=default.target",
        "",
    ]
    return Exported(
        f"{job.name}.service", "\n".join(lines), lost,
        (tr("Put it into /etc/systemd/system, or ~/.config/systemd/user for yourself alone."),),
    )  # fmt: skip


def description(job: Job) -> str:
    """The unit in words; ``%`` would be a specifier, and a backslash at the end would go on."""
    return one_line(f"llama-server: {job.profile.name}").replace("\\", "/").replace("%", "%%")
