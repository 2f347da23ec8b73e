"""Own the compose file: a service for each profile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunesmith.export.containers import FOLDER, PORT, Contained, contained
from tunesmith.export.job import Exported, Job, Loss, Options, comments, dns_name, unique
from tunesmith.export.server_args import server_losses
from tunesmith.export.yaml_text import yaml_text

NAME = "compose"
TITLE = "Docker Compose"
SEVERAL = True


def export(jobs: Sequence[Job], options: Options) -> Exported:
    """Services on ports that follow each other; the models' folders are mounted read-only."""
    services: dict[str, Any] = {}
    lost: list[Loss] = []
    names = unique(dns_name(job.name) for job in jobs)
    for place, (job, name) in enumerate(zip(jobs, names, strict=True)):
        inside = contained(job, options, TITLE)
        arguments = inside.arguments
        lost += server_losses(job, arguments)
        services[name] = _service(inside, options, options.port + place)
    head = comments(jobs, lost)
    return Exported("compose.yaml", "\n".join([*head, yaml_text({"services": services})]), tuple(lost))


def _service(inside: Contained, options: Options, port: int) -> dict[str, Any]:
    service: dict[str, Any] = {
        "image": _literal(inside.image),
        "command": [_literal(word) for word in inside.words],
        "ports": [_literal(f"{options.host}:{port}:{PORT}")],
        "volumes": [
            {
                "type": "bind", "source": _literal(inside.host_folder), "target": FOLDER, "read_only": True,
            }
        ],
        "restart": "unless-stopped",
    }  # fmt: skip
    match inside.accelerator:
        case "cuda":
            gpu = {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
            service["deploy"] = {"resources": {"reservations": {"devices": [gpu]}}}
        case "rocm":
            service["devices"] = ["/dev/kfd:/dev/kfd", "/dev/dri:/dev/dri"]
        case "vulkan" | "intel":
            service["devices"] = ["/dev/dri:/dev/dri"]
        case _:
            pass
    if inside.locks_memory:
        service["cap_add"] = ["IPC_LOCK"]
        service["ulimits"] = {"memlock": -1}
    return service


def _literal(text: str) -> str:
    """Compose replaces variables in every value; two dollars are one."""
    return text.replace("$", "$$")
