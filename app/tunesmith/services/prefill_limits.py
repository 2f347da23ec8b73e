"""Own the physical limit of prefill: what this machine's CPUs can multiply, and its memory feed."""

from __future__ import annotations

import dataclasses
import logging
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tunesmith import gguf
from tunesmith.domain.bandwidth import useful_thread_counts
from tunesmith.domain.machine import Machine
from tunesmith.domain.measurement import Measurement, Quantity
from tunesmith.domain.settings import Settings
from tunesmith.domain.throughput import MatrixThroughput, PrefillLimit, PrefillWork
from tunesmith.domain.workload import Workload
from tunesmith.errors import StoreError, WorkerError
from tunesmith.services.context import Surroundings
from tunesmith.services.session import Controls
from tunesmith.wording import tr
from tunesmith.worker.handle import WorkerHandle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tunesmith.store import Store

_LOG = logging.getLogger(__name__)


def with_throughput(
    found: Surroundings, store: Store, path: str, workload: Workload, controls: Controls | None = None,
    *, measure: bool = True,
) -> Surroundings:  # fmt: skip
    """The surroundings with the throughput of a model's types of weights: from the store, else measured now.

    Nothing is measured where another device than the CPU computes, since no limit follows from it there.

    Args:
        found: the machine, whose throughput is not known yet.
        store: where it is looked for; saving the machine keeps it.
        path: the model.
        workload: what it does; without a prompt nothing is measured.
        controls: cancels the measurement.
        measure: whether to measure what the store does not hold.

    Raises:
        ModelFileError: the model's header cannot be read.
        StoreError: the store cannot be read.
        Interrupted: the user stopped it.
    """
    known = {one.type: one for one in store.matrix_throughput(found.machine_class.fingerprint)}
    if measure and workload.prompt and _other_device(found.machine) is None:
        work = gguf.prefill_work(gguf.read_shape(Path(path)), workload)
        missing = [name for name in work.types if name not in known]
        known |= {one.type: one for one in _measure(found.machine, missing, controls)}
    machine = found.machine.model_copy(update={"matrix_throughput": tuple(known.values())})
    return dataclasses.replace(found, machine=machine)


def measure_again(
    found: Surroundings, store: Store, controls: Controls | None = None
) -> tuple[MatrixThroughput, ...]:
    """The throughput of all types that the store holds, measured now.

    Raises:
        StoreError: the store cannot be read.
        Interrupted: the user stopped it.
    """
    known = store.matrix_throughput(found.machine_class.fingerprint)
    return tuple(_measure(found.machine, [one.type for one in known], controls))


def _measure(machine: Machine, types: Sequence[str], controls: Controls | None) -> Iterator[MatrixThroughput]:
    """In a worker of its own, so that a crash ends nothing else; a type that fails is left out."""
    if not types:
        return
    interrupted = (lambda: controls.cancelled) if controls is not None else (lambda: False)
    counts = useful_thread_counts(cores=machine.cpu.usable_cores, cpus=machine.cpu.usable_cpus)
    stamp = datetime.now(tz=UTC).isoformat(timespec="seconds")
    try:
        with WorkerHandle(interrupted=interrupted) as worker:
            for name in types:
                number = gguf.TENSOR_TYPES_BY_NAME[name].id
                found = worker.multiply(weights_type=name, type_id=number, threads=counts)
                yield found.model_copy(update={"measured_utc": stamp})
    except WorkerError as error:
        _LOG.warning("matrix throughput could not be measured: %s", error)


def _other_device(machine: Machine) -> str | None:
    """The first device beside the CPU: llama.cpp may let it multiply large batches whatever its layers."""
    return next((one.name for one in machine.devices if one.type not in ("cpu", "meta")), None)


class PrefillLimits:
    """The limits of one model on one machine: operations a second / operations of a token, or less.

    The throughput is the highest that llama.cpp's own kernels reached, type by type of weights, on
    matrices that suit them, and the operations are the fewest that a token takes
    (:func:`tunesmith.gguf.prefill_work`). Each batch reads the weights at least once besides. So the limit is
    an upper bound on all counts.
    """

    def __init__(self, path: str, machine: Machine) -> None:
        """Read what the limits are made of.

        Raises:
            ModelFileError: the model's header cannot be read.
        """
        self._shape = gguf.read_shape(Path(path))
        self._machine = machine

    def of(self, workload: Workload, settings: Settings) -> PrefillLimit:
        """Tokens/s over all sequences that prefill of a workload under some settings cannot surpass."""
        return prefill_limit_of(gguf.prefill_work(self._shape, workload), workload, settings, self._machine)

    def loosest(self, workload: Workload, settings: Settings) -> PrefillLimit:
        """The limit that no stretch of the prompt surpasses, whatever a candidate's batches are."""
        whole = settings.model_copy(update={"n_ubatch": max(1, workload.prompt * workload.parallel)})
        work = gguf.fewest_prefill_work(self._shape, workload)
        return prefill_limit_of(work, workload, whole, self._machine)


def prefill_limit_of(
    work: PrefillWork, workload: Workload, settings: Settings, machine: Machine
) -> PrefillLimit:
    """The limit where a token takes so much."""
    if not workload.prompt:
        return _none(tr("no prompt is read"))
    device = _other_device(machine)
    if device is not None:
        return _none(tr("{device} may compute, whose matrix throughput is not measured", device=device))
    if not work.types:
        return _none(tr("this model's layers are not known well enough"))
    usable = [one for one in machine.matrix_throughput if not one.noisy]
    seconds = work.seconds_per_token(usable)
    if seconds is None:
        disturbed = work.seconds_per_token(machine.matrix_throughput) is not None
        if disturbed:
            return _none(tr("other programs used the machine while matrix throughput was measured"))
        return _none(tr("matrix throughput was not measured"))
    reading = _reading_seconds(work, workload, settings, machine)
    return PrefillLimit(
        tokens_per_s=1 / max(seconds, reading), operations_per_token=work.operations_per_token,
        operations_per_s=work.operations_per_token / seconds, by_memory=reading > seconds,
    )  # fmt: skip


def _reading_seconds(work: PrefillWork, workload: Workload, settings: Settings, machine: Machine) -> float:
    """What reading the weights for each batch takes at least of a token's time; 0 where it is not known."""
    bandwidth = machine.memory_bandwidth
    figure = bandwidth.at_most(work.weight_bytes) if bandwidth and not bandwidth.noisy else None
    if figure is None:
        return 0.0
    tokens = workload.prompt * workload.parallel
    return math.ceil(tokens / settings.n_ubatch) * work.weight_bytes / figure / tokens


def _none(reason: str) -> PrefillLimit:
    return PrefillLimit(tokens_per_s=None, operations_per_token=None, operations_per_s=None, reason=reason)


def surpassed(limit_tokens_per_s: float | None, speeds: Quantity | None) -> bool:
    """Whether a sample was faster than a limit allows."""
    if limit_tokens_per_s is None or speeds is None:
        return False
    return max(speeds.samples, default=0.0) > limit_tokens_per_s


def confirmed_prefill_limit(limit: PrefillLimit, measured: Measurement) -> PrefillLimit:
    """The limit, unless a sample was faster: then it is none, and the reason says so."""
    if not surpassed(limit.tokens_per_s, measured.prefill_tokens_per_s):
        return limit
    return _none(tr("a sample was faster than the throughput measured allows, so that was too low"))


def forget_throughput_if_beaten(
    store: Store, found: Surroundings, limit: PrefillLimit, confirmed: PrefillLimit
) -> None:
    """Have the throughput measured anew in the next run where a sample contradicted it."""
    if limit.tokens_per_s is not None and confirmed.tokens_per_s is None:
        try:
            store.forget_matrix_throughput(found.machine_class.fingerprint)
        except StoreError as error:
            _LOG.warning("a matrix throughput that is too low stays in the store: %s", error)
