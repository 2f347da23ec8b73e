"""Own what a run needs to know before it starts: the model, the machine, the build."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tunesmith import gguf
from tunesmith.domain.device_reading import DeviceReading
from tunesmith.domain.machine import Build, Device, Machine, MachineClass, machine_class
from tunesmith.domain.model import ModelHeader, ModelIdentity
from tunesmith.domain.settings import Settings
from tunesmith.domain.worker_events import ServerReached, WorkerEvent
from tunesmith.errors import ModelRefused, RpcUnreachable, UsageError, WorkerError
from tunesmith.machine.device_reader import read_devices
from tunesmith.machine.device_watch import own_tree
from tunesmith.machine.probe import probe_machine
from tunesmith.services.session import Controls
from tunesmith.settings import folders
from tunesmith.wording import tr
from tunesmith.worker.handle import WorkerHandle
from tunesmith.worker.patience import Patience

REACH_SECONDS = 6.0
"""An RPC server that has not answered by then is busy with somebody else, or none."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The machine as probed, with what llama.cpp told a short-lived worker."""

    machine: Machine
    machine_class: MachineClass
    servers: tuple[ServerReached, ...] = ()
    """The RPC servers that the user named, as they answered."""
    readings: tuple[DeviceReading, ...] = ()
    """What this machine's graphics devices tell of themselves."""


def survey_machine(
    controls: Controls | None = None,
    *,
    rpc: Sequence[str] = (),
    on_reached: Callable[[ServerReached], None] = lambda _event: None,
) -> Surroundings:
    """Probe the machine and ask a worker for llama.cpp's devices and build, and for those of RPC servers.

    A server that does not answer ends the worker, which is a throwaway one for this reason.

    Args:
        controls: what may interrupt it.
        rpc: the servers that the user named; their devices are the machine's for this run.
        on_reached: told of each server that answers.

    Raises:
        WorkerError: the binding cannot be loaded.
        RpcUnreachable: a server does not answer.
        UsageError: this build has no RPC.
        Interrupted: the user stopped it.
    """
    interrupted = (lambda: controls.cancelled) if controls is not None else (lambda: False)
    servers: list[ServerReached] = []

    def take(event: WorkerEvent) -> None:
        if isinstance(event, ServerReached):
            servers.append(event)
            on_reached(event)

    patience = Patience(stall=REACH_SECONDS)
    with WorkerHandle(interrupted=interrupted, on_event=take, patience=patience, rpc=rpc) as worker:
        ready = worker.ready
        for endpoint in rpc:
            _reach(worker, endpoint, ready.build)
    devices: list[Device] = [device for server in servers for device in server.devices]
    machine = probe_machine(devices=(*devices, *ready.devices), build=ready.build)
    return Surroundings(
        machine=machine, machine_class=machine_class(machine), servers=tuple(servers),
        readings=read_devices(own_tree),
    )  # fmt: skip


def _reach(worker: WorkerHandle, endpoint: str, build: Build) -> None:
    if not build.supports_rpc:
        raise UsageError(
            tr("This llama.cpp was built without RPC."),
            unharmed=tr("No connection was made."),
            todo=tr(
                "Build it anew with {flags}; in a clone, python3 packaging/bootstrap.py setup does.",
                flags="CMAKE_ARGS='-DGGML_RPC=ON'",
            ),
        )
    try:
        worker.reach(endpoint)
    except (WorkerError, ModelRefused) as error:
        raise RpcUnreachable(
            tr("No RPC server could be used at {endpoint}: {reason}", endpoint=endpoint, reason=error.what),
            unharmed=tr("Nothing was started, and everything stored is unharmed."),
            todo=tr(
                "Check that the server runs with the same llama.cpp, that the address is right, and that no "
                "other program uses it: a server serves one at a time."
            ),
            details=error.details,
        ) from error


def check_devices(settings: Settings, machine: Machine) -> None:
    """Refuse devices that are not there.

    Raises:
        UsageError: a named one is not, or more shares are given than there are devices.
    """
    usable = [device.name for device in machine.devices if device.type in ("gpu", "igpu")]
    missing = [name for name in settings.devices if name not in usable and name != "none"]
    if missing:
        raise UsageError(
            tr("There is no device {name} that layers could be put on.", name=missing[0]),
            todo=tr("There are: {names}.", names=", ".join(usable) or tr("none, only the CPU")),
        )
    count = len(settings.devices) or len(usable)
    if len(settings.tensor_split) > max(1, count) or settings.main_gpu >= max(1, count):
        raise UsageError(
            tr(
                "There are not so many devices: {names}.", names=", ".join(usable) or tr("none, only the CPU")
            ),
            todo=tr("Give one share for each device; the main GPU is counted from 0."),
        )


def narrowed(machine: Machine, names: Sequence[str]) -> Machine:
    """The machine as if it had no other devices for layers than the named ones; all if none is named."""
    if not names:
        return machine
    kept = tuple(d for d in machine.devices if d.name in names or d.type not in ("gpu", "igpu"))
    return machine.model_copy(update={"devices": kept})


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


def live_workers(header: ModelHeader, machine: Machine, wanted: int = 2) -> int:
    """How many workers may hold the model at once: as many as wanted if memory bears it, that of devices too.

    What stays free of a device is read after each sample; beside a second worker it would say too little.
    """
    devices = [device for device in machine.devices if device.type in ("gpu", "igpu")]
    least = min((device.total_bytes for device in devices), default=None)
    weights = header.weights_bytes
    for live in range(wanted, 1, -1):
        on_devices = least is None or weights * 2 * live <= least
        if on_devices and weights * (2 * live + 1) < machine.memory.available_bytes * 2:
            return live
    return 1
