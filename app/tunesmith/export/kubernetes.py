"""Own the Kubernetes manifest: a Deployment and a Service for each profile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunesmith.export.containers import FOLDER, PORT, Contained, contained
from tunesmith.export.costs import cost_metadata
from tunesmith.export.job import Exported, Job, Loss, Options, comments, dns_name, one_line, unique
from tunesmith.export.server_args import server_losses
from tunesmith.export.yaml_text import yaml_text
from tunesmith.wording import tr

NAME = "kubernetes"
TITLE = "Kubernetes"
SEVERAL = True


def export(jobs: Sequence[Job], options: Options) -> Exported:
    """Two documents for each profile; the model lies in a folder of the node, mounted read-only."""
    documents = []
    lost: list[Loss] = []
    names = unique(f"llama-{dns_name(job.name)}" for job in jobs)
    for job, name in zip(jobs, names, strict=True):
        inside = contained(job, options, TITLE)
        arguments = inside.arguments
        lost += server_losses(job, arguments)
        documents += [_deployment(job, inside, name), _service(name, options)]
    head = "\n".join(comments(jobs, lost))
    body = "---\n".join(yaml_text(document) for document in documents)
    return Exported(
        "llama-server.yaml", f"{head}\n{body}", tuple(lost),
        (tr("The model's folder must be there on the node; for more than one node use a volume of yours."),),
    )  # fmt: skip


def _deployment(job: Job, inside: Contained, name: str) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": "llama-server", "app.kubernetes.io/instance": name}
    container: dict[str, Any] = {
        "name": "llama-server",
        "image": inside.image,
        "args": [word.replace("$", "$$") for word in inside.words],
        "ports": [{"name": "http", "containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}},
        "volumeMounts": [{"name": "models", "mountPath": FOLDER, "readOnly": True}],
    }
    if inside.accelerator == "cuda":
        container["resources"] = {"limits": {"nvidia.com/gpu": 1}}
    if inside.locks_memory:
        container["securityContext"] = {"capabilities": {"add": ["IPC_LOCK"]}}
    pod = {
        "containers": [container],
        "volumes": [{"name": "models", "hostPath": {"path": inside.host_folder, "type": "Directory"}}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "labels": labels,
            "annotations": {
                "tunesmith/profile": one_line(f"{job.profile.id} {job.profile.name}"),
                "tunesmith/model-sha256": job.profile.model.sha256,
                **{f"tunesmith/{name}": value for name, value in cost_metadata(job.profile).items()},
            },
        },
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def _service(name: str, options: Options) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": "llama-server", "app.kubernetes.io/instance": name}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "selector": labels,
            "ports": [{"name": "http", "port": options.port, "targetPort": "http"}],
        },
    }
