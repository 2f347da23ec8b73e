"""Own the command that runs llama-server in a Docker container."""

from __future__ import annotations

from collections.abc import Sequence

from tunesmith.export import quoting
from tunesmith.export.containers import FOLDER, PORT, Accelerator, contained
from tunesmith.export.job import Exported, Job, Options, comments
from tunesmith.export.llama_server import script
from tunesmith.export.server_args import server_losses

NAME = "docker-run"
TITLE = "docker run"
SEVERAL = False

_DEVICES: dict[Accelerator, tuple[str, ...]] = {
    "cuda": ("--gpus", "all"),
    "rocm": ("--device", "/dev/kfd", "--device", "/dev/dri"),
    "vulkan": ("--device", "/dev/dri"),
    "intel": ("--device", "/dev/dri"),
    "musa": (),
    "cpu": (),
}


def export(jobs: Sequence[Job], options: Options) -> Exported:
    """A script that runs the container in the foreground; the model's folder is mounted read-only."""
    (job,) = jobs
    inside = contained(job, options, TITLE)
    lost = server_losses(job, inside.arguments)
    mount = quoting.comma_separated(
        ["type=bind", f"source={inside.host_folder}", f"target={FOLDER}", "readonly"]
    )
    words = [
        "docker", "run", "--rm",
        *("--publish", f"{options.host}:{options.port}:{PORT}"),
        *("--mount", mount),
        *_DEVICES[inside.accelerator],
        *(("--cap-add", "IPC_LOCK", "--ulimit", "memlock=-1") if inside.locks_memory else ()),
        inside.image,
        *inside.words,
    ]  # fmt: skip
    return Exported(
        job.name + {"posix": ".sh", "powershell": ".ps1", "cmd": ".cmd"}[options.shell],
        script(words, comments(jobs, lost), options.shell, options_from=3),
        lost,
    )
