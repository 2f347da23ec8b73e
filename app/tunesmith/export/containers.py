"""Own what exports for containers have in common: the image, and where the model is seen from inside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Literal

from tunesmith.errors import UsageError
from tunesmith.export.job import Job, Options, refuse_characters
from tunesmith.export.server_args import Arguments, server_arguments, target_build
from tunesmith.wording import tr

IMAGE = "ghcr.io/ggml-org/llama.cpp"
PORT = 8080
"""Inside."""
FOLDER = "/models"
"""Where the model's folder is mounted."""

Accelerator = Literal["cpu", "cuda", "rocm", "vulkan", "intel", "musa"]
_BY_BACKEND: tuple[tuple[str, Accelerator], ...] = (
    ("cuda", "cuda"), ("rocm", "rocm"), ("hip", "rocm"), ("musa", "musa"), ("sycl", "intel"),
    ("vulkan", "vulkan"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Contained:
    """One server in a container."""

    image: str
    accelerator: Accelerator
    host_folder: str
    arguments: Arguments
    words: tuple[str, ...]
    """What the image's entry point, llama-server, is told."""
    locks_memory: bool


def contained(job: Job, options: Options, target: str) -> Contained:
    """How a profile's server runs in a container.

    Raises:
        UsageError: the model's path holds control characters, or is relative.
    """
    refuse_characters(job.model_path, r"[\x00-\x1f\x7f]", target, tr("control characters"))
    posix = PurePosixPath(job.model_path)
    path = posix if posix.is_absolute() else PureWindowsPath(job.model_path)
    if not path.is_absolute():
        raise UsageError(
            tr("{target} needs the whole path of the model, not {path}.", target=target, path=job.model_path),
            todo=tr("Give one with --model."),
        )
    arguments = server_arguments(job.settings, target_build(options))
    accelerator = accelerator_of(job)
    suffix = "" if accelerator == "cpu" else f"-{accelerator}"
    return Contained(
        image=options.image or f"{IMAGE}:server{suffix}",
        accelerator=accelerator,
        host_folder=str(path.parent),
        arguments=arguments,
        words=(
            *("--model", f"{FOLDER}/{path.name}"), *arguments.words,
            *("--host", "0.0.0.0", "--port", str(PORT)),  # noqa: S104 (inside the container)
        ),
        locks_memory="mlock" in job.settings.load_mode,
    )  # fmt: skip


def accelerator_of(job: Job) -> Accelerator:
    """What the profile was tuned on, as the images of llama.cpp name it."""
    if job.settings.n_gpu_layers == 0 or job.settings.devices == ("none",):
        return "cpu"
    backends = " ".join(job.profile.build.backends).lower()
    return next((name for word, name in _BY_BACKEND if word in backends), "cpu")
