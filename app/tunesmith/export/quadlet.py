"""Own the quadlet: a container of Podman's that systemd runs."""

from __future__ import annotations

from collections.abc import Sequence

from tunesmith.export import quoting
from tunesmith.export.containers import FOLDER, PORT, contained
from tunesmith.export.job import Exported, Job, Options, comments
from tunesmith.export.server_args import server_losses
from tunesmith.export.systemd import description
from tunesmith.wording import tr

NAME = "quadlet"
TITLE = "Podman Quadlet"
SEVERAL = False


def export(jobs: Sequence[Job], options: Options) -> Exported:
    """A ``.container`` file; Mount= and Exec= are split into words as ExecStart= is."""
    (job,) = jobs
    inside = contained(job, options, TITLE)
    arguments = inside.arguments
    lost = server_losses(job, arguments)
    mount = quoting.comma_separated(
        ["type=bind", f"source={inside.host_folder}", f"destination={FOLDER}", "ro=true"]
    )
    devices = {
        "cuda": ["AddDevice=nvidia.com/gpu=all"],
        "rocm": ["AddDevice=/dev/kfd", "AddDevice=/dev/dri"],
        "vulkan": ["AddDevice=/dev/dri"],
        "intel": ["AddDevice=/dev/dri"],
    }.get(inside.accelerator, [])
    locking = ["AddCapability=IPC_LOCK", "Ulimit=memlock=-1"] if inside.locks_memory else []
    lines = [
        *comments(jobs, lost),
        "[Unit]",
        f"Description={description(job)}",
        "",
        "[Container]",
        f"Image={inside.image.replace('%', '%%')}",
        f"PublishPort={options.host}:{options.port}:{PORT}",
        f"Mount={quoting.systemd(mount)}",
        *devices,
        *locking,
        f"Exec={' '.join(quoting.systemd(word) for word in inside.words)}",
        "",
        "[Service]",
        "Restart=on-failure",
        "",
        "[Install]",
        "WantedBy=default.target",
        "",
    ]
    return Exported(
        f"{job.name}.container", "\n".join(lines), lost,
        (tr("Put it into ~/.config/containers/systemd and run systemctl --user daemon-reload."),),
    )  # fmt: skip
