"""Own the physical limit: what this machine's memory allows of decoding a model."""

from __future__ import annotations

import dataclasses
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tunesmith import gguf
from tunesmith.domain.bandwidth import (
    DecodeLimit,
    DeviceBandwidth,
    MemoryBandwidth,
    useful_thread_counts,
)
from tunesmith.domain.machine import Device, Machine
from tunesmith.domain.measurement import Measurement
from tunesmith.domain.model import ModelHeader
from tunesmith.domain.settings import CacheType, Settings
from tunesmith.domain.throughput import PrefillLimit
from tunesmith.domain.workload import Workload
from tunesmith.errors import StoreError, WorkerError
from tunesmith.services.context import Surroundings
from tunesmith.services.prefill_limits import (
    PrefillLimits,
    confirmed_prefill_limit,
    forget_throughput_if_beaten,
    measure_again,
    surpassed,
    with_throughput,
)
from tunesmith.services.session import Controls
from tunesmith.wording import tr
from tunesmith.worker.handle import WorkerHandle

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tunesmith.store import Store

_LOG = logging.getLogger(__name__)


def with_bandwidth(
    found: Surroundings, store: Store, controls: Controls | None = None, *, measure: bool = True
) -> Surroundings:
    """The surroundings with the memory's bandwidth: what the store holds of the class, else measured now.

    Args:
        found: the machine, whose bandwidth is not known yet.
        store: where it is looked for; saving the machine keeps it.
        controls: cancels the measurement.
        measure: whether to measure where the store holds nothing.

    Raises:
        StoreError: the store cannot be read.
        Interrupted: the user stopped it.
    """
    bandwidth = store.memory_bandwidth(found.machine_class.fingerprint)
    if bandwidth is None and measure:
        try:
            bandwidth = _measure_bandwidth(found.machine, controls)
        except WorkerError as error:
            _LOG.warning("memory bandwidth could not be measured: %s", error)
    if bandwidth is not None and measure:
        bandwidth = with_devices(bandwidth, found.machine, controls)
    if bandwidth is None:
        return found
    machine = found.machine.model_copy(update={"memory_bandwidth": bandwidth})
    return dataclasses.replace(found, machine=machine)


def remeasured(found: Surroundings, store: Store, controls: Controls | None = None) -> Surroundings:
    """The surroundings with all that limits are made of measured now, in place of what the store holds.

    That is the memory's bandwidth, and the throughput of the types of weights that were measured before.
    What others disturbed is shown and told as such, and the store keeps what it had.

    Raises:
        WorkerError: it could not be measured.
        StoreError: it cannot be kept.
        Interrupted: the user stopped it.
    """
    bandwidth = with_devices(_measure_bandwidth(found.machine, controls), found.machine, controls)
    throughput = measure_again(found, store, controls)
    steady = tuple(one for one in throughput if not one.noisy)
    kept = None if bandwidth.noisy else bandwidth
    machine = found.machine.model_copy(update={"memory_bandwidth": kept, "matrix_throughput": steady})
    store.save_machine(machine, found.machine_class)  # what is None there stays as it was
    machine = machine.model_copy(update={"memory_bandwidth": bandwidth, "matrix_throughput": throughput})
    return dataclasses.replace(found, machine=machine)


def _measure_bandwidth(machine: Machine, controls: Controls | None) -> MemoryBandwidth:
    """In a worker of its own, so that a lack of memory ends nothing else."""
    interrupted = (lambda: controls.cancelled) if controls is not None else (lambda: False)
    counts = useful_thread_counts(cores=machine.cpu.usable_cores, cpus=machine.cpu.usable_cpus)
    with WorkerHandle(interrupted=interrupted) as worker:
        found = worker.read_memory(threads=counts, free_bytes=machine.memory.available_bytes)
    return found.model_copy(update={"measured_utc": datetime.now(tz=UTC).isoformat(timespec="seconds")})


def with_devices(
    bandwidth: MemoryBandwidth, machine: Machine, controls: Controls | None = None
) -> MemoryBandwidth:
    """The bandwidth with that of each device of this machine that is not known yet, measured now.

    Each in a worker of its own: a device that fails, or ends its process, keeps the reason in place of
    figures. Devices of RPC servers are left out, since the network would be measured with them.

    Raises:
        Interrupted: the user stopped it.
    """
    interrupted = (lambda: controls.cancelled) if controls is not None else (lambda: False)
    known = {one.device for one in bandwidth.devices}
    found = list(bandwidth.devices)
    for device in reading_devices(machine):
        if device.name in known or device.backend == "RPC":
            continue
        try:
            with WorkerHandle(interrupted=interrupted) as worker:
                found.append(worker.read_device(device.name))
        except WorkerError as error:
            _LOG.warning("the memory bandwidth of %s could not be measured: %s", device.name, error)
            found.append(DeviceBandwidth(device=device.name, size_bytes=0, bytes_per_s=(), why=error.what))
    return bandwidth.model_copy(update={"devices": tuple(found)})


def reading_devices(machine: Machine) -> list[Device]:
    """Devices that layers may lie on beside the CPU."""
    return [device for device in machine.devices if device.type not in ("cpu", "accel", "meta")]


class DecodeLimits:
    """The limits of one model on one machine: measured memory bandwidth / bytes read per step.

    Each step makes one token for each of the workload's sequences. The bandwidth is the highest that was
    measured on buffers at least about as large as what a step reads, the bytes are the fewest that it reads
    (:func:`tunesmith.gguf.decode_bytes`), so the limit is an upper bound on both counts.
    """

    def __init__(self, header: ModelHeader, machine: Machine) -> None:
        """Read what the limits are made of.

        Raises:
            ModelFileError: the model's tensors cannot be read.
        """
        self._header = header
        self._tensors = gguf.read_tensors(Path(header.path))
        self._machine = machine

    def of(self, workload: Workload, settings: Settings) -> DecodeLimit:
        """Tokens/s over all sequences that decoding a workload under some settings cannot surpass."""
        step_bytes = gguf.decode_bytes(self._header, self._tensors, workload, settings)
        return limit_of(step_bytes, workload, settings, self._machine)

    def loosest(
        self, workload: Workload, settings: Settings, cache_types: Iterable[CacheType]
    ) -> DecodeLimit:
        """The limit of whichever candidate memory holds back least, at the beginning of what it decodes."""
        start = workload.model_copy(update={"prompt": 0, "generate": min(1, workload.generate)})
        pairs = {(settings.type_k, settings.type_v), *((cache, cache) for cache in cache_types)}
        candidates = (settings.model_copy(update={"type_k": k, "type_v": v}) for k, v in pairs)
        fewest = min(
            gguf.decode_bytes(self._header, self._tensors, start, candidate) for candidate in candidates
        )
        return limit_of(fewest, start, settings, self._machine)


def limit_of(step_bytes: int, workload: Workload, settings: Settings, machine: Machine) -> DecodeLimit:
    """The limit where a decoding step reads so many bytes."""
    if not workload.generate:
        return _none(tr("nothing is decoded"))
    devices = reading_devices(machine) if settings.n_gpu_layers != 0 else []
    bandwidth = machine.memory_bandwidth
    known = {one.device: one for one in bandwidth.devices if one.best} if bandwidth is not None else {}
    for device in devices:
        if device.name not in known:
            return _none(tr("{device} computes, whose memory bandwidth is not measured", device=device.name))
    if bandwidth is None:
        return _none(tr("memory bandwidth was not measured"))
    if bandwidth.noisy:
        return _none(tr("other programs used the machine while memory bandwidth was measured"))
    figures = [bandwidth.at_most(step_bytes), *(known[one.name].at_most(step_bytes) for one in devices)]
    figure = _fastest(figures, together=settings.split_mode in ("row", "tensor"))
    if figure is None:
        return _none(tr("a token reads so little that caches may hold it"))
    return DecodeLimit(
        tokens_per_s=workload.parallel * figure / step_bytes,
        bandwidth_bytes_per_s=figure,
        step_bytes=step_bytes,
    )


def _fastest(figures: Sequence[float | None], *, together: bool) -> float | None:
    """What no division of the layers among these memories surpasses; None where one is not known.

    Layers are computed one after another, each where it lies, so that the fastest memory is a bound; where
    several devices compute one layer, it is all of them together.
    """
    known = [figure for figure in figures if figure is not None]
    if len(known) < len(figures):
        return None
    return sum(known) if together else max(known)


def _none(reason: str) -> DecodeLimit:
    return DecodeLimit(tokens_per_s=None, bandwidth_bytes_per_s=None, step_bytes=None, reason=reason)


def confirmed_limit(limit: DecodeLimit, measured: Measurement) -> DecodeLimit:
    """The limit, unless a sample was faster: then it is none, and the reason says so."""
    if not surpassed(limit.tokens_per_s, measured.decode_tokens_per_s):
        return limit
    return _none(tr("a sample was faster than the bandwidth measured allows, so that was too low"))


def forget_if_beaten(store: Store, found: Surroundings, limit: DecodeLimit, confirmed: DecodeLimit) -> None:
    """Have the bandwidth measured anew in the next run where a sample contradicted it."""
    if limit.tokens_per_s is not None and confirmed.tokens_per_s is None:
        try:
            store.forget_memory_bandwidth(found.machine_class.fingerprint)
        except StoreError as error:
            _LOG.warning("a memory bandwidth that is too low stays in the store: %s", error)


@dataclasses.dataclass(frozen=True, slots=True)
class Confirmed:
    """What physics allows of a measurement, as far as its samples bear it out."""

    decode: DecodeLimit
    prefill: PrefillLimit


class Limits:
    """Both limits of one model on one machine."""

    def __init__(self, header: ModelHeader, machine: Machine) -> None:
        """Read what the limits are made of.

        Raises:
            ModelFileError: the model's tensors cannot be read.
        """
        self.decode = DecodeLimits(header, machine)
        self.prefill = PrefillLimits(header.path, machine)

    def confirmed(self, store: Store, found: Surroundings, measured: Measurement) -> Confirmed:
        """The limits of what was measured; one that a sample surpasses is none, and its base forgotten."""
        of = measured.workload, measured.settings
        decode, prefill = self.decode.of(*of), self.prefill.of(*of)
        kept = Confirmed(confirmed_limit(decode, measured), confirmed_prefill_limit(prefill, measured))
        forget_if_beaten(store, found, decode, kept.decode)
        forget_throughput_if_beaten(store, found, prefill, kept.prefill)
        return kept


def with_ceilings(
    found: Surroundings, store: Store, path: str, workload: Workload, controls: Controls | None = None,
    *, measure: bool = True,
) -> Surroundings:  # fmt: skip
    """The surroundings with all that limits of a model are made of: from the store, else measured now.

    Raises:
        As :func:`with_bandwidth` and :func:`with_throughput`.
    """
    found = with_bandwidth(found, store, controls, measure=measure)
    return with_throughput(found, store, path, workload, controls, measure=measure)
