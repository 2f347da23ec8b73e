"""Own what a run needs to know before it starts: the model, the machine, the build."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tunesmith import gguf
from tunesmith.domain.machine import Machine, MachineClass, machine_class
from tunesmith.domain.model import ModelHeader, ModelIdentity
from tunesmith.machine.probe import probe_machine
from tunesmith.services.session import Controls
from tunesmith.settings import folders
from tunesmith.worker.handle import WorkerHandle


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The machine as probed, with what llama.cpp told a short-lived worker."""

    machine: Machine
    machine_class: MachineClass


def survey_machine(controls: Controls | None = None) -> Surroundings:
    """Probe the machine and ask a worker for llama.cpp's devices and build.

    Raises:
        WorkerError: the binding cannot be loaded.
    """
    interrupted = (lambda: controls.cancelled) if controls is not None else (lambda: False)
    with WorkerHandle(interrupted=interrupted) as worker:
        ready = worker.ready
    machine = probe_machine(devices=ready.devices, build=ready.build)
    return Surroundings(machine=machine, machine_class=machine_class(machine))


def read_model(path: str) -> ModelHeader:
    """Read a model's header.

    Raises:
        ModelFileError: it is missing, unreadable or malformed.
    """
    return gguf.read_header(Path(path))


def identify_model(path: str, controls: Controls | None = None) -> ModelIdentity:
    """Read a model's header and hash its content; the hash is cached by path, size and time.

    Raises:
        ModelFileError: it is missing, unreadable or malformed.
        Interrupted: the user stopped it.
    """
    cache = gguf.HashCache(folders().cache)
    should_stop = (lambda: controls.cancelled) if controls is not None else None
    return gguf.identify(Path(path), cache, should_stop=should_stop)


def live_workers(header: ModelHeader, machine: Machine) -> int:
    """How many workers may hold the model at once: two if memory bears it, else one."""
    return 2 if header.weights_bytes * 5 < machine.memory.available_bytes * 2 else 1
