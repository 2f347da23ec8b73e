"""Own the live workers of a run: at most two at once, each with a model loaded."""

from __future__ import annotations

import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tunesmith.domain.events import DevicesRead, PowerRead
from tunesmith.domain.measurement import Sample
from tunesmith.domain.settings import ChangeCost, Settings
from tunesmith.domain.worker_events import WorkerEvent
from tunesmith.domain.workload import Workload
from tunesmith.errors import ModelNotFound, ModelRefused, WorkerError, WorkerOutOfMemory
from tunesmith.machine.device_watch import DeviceWatch
from tunesmith.services.power_gauge import PowerGauge
from tunesmith.wording import tr
from tunesmith.worker.handle import WorkerHandle
from tunesmith.worker.patience import Patience
from tunesmith.worker.protocol import NoisePolicy

_LOG = logging.getLogger(__name__)

TELL_SECONDS = 1.0
"""What devices and sensors of power say is told, and stored, no more often."""

_MOST_REPEATS = 500
"""Of one sample, for the gauge alone."""


class Rig:
    """Hands samples out; starts, reuses and ends workers as the settings ask for it.

    Settings that need another load of the model, and jobs of another group, get another worker. Two may
    live at once, so that candidates that differ in how the model is loaded are measured side by side
    without loading it again and again; only one where memory would not hold two.
    """

    def __init__(
        self,
        model_path: str,
        *,
        live: int = 2,
        noise: NoisePolicy | None = None,
        command: Sequence[str] | None = None,
        patience: Patience | None = None,
        on_event: Callable[[WorkerEvent | DevicesRead | PowerRead], None] = lambda _event: None,
        interrupted: Callable[[], bool] = lambda: False,
        rpc: Sequence[str] = (),
        watch: Callable[[], DeviceWatch] = DeviceWatch,
        gauge: PowerGauge | None = None,
        steady_seconds: float = 0.0,
    ) -> None:
        """Nothing is started yet.

        Args:
            watch: begins to watch graphics devices, as soon as there is a worker.
            gauge: tells the energy of each sample; closed with the rig.
            steady_seconds: a shorter sample is repeated for so long, for the gauge alone.
            rpc: the RPC servers that the user named; each serves one worker at a time, so only one lives.
        """
        self._model_path = model_path
        self._live = 1 if rpc else live
        self._rpc = tuple(rpc)
        self._noise = noise or NoisePolicy()
        self._command = command
        self._patience = patience or Patience()
        self._on_event = on_event
        self._interrupted = interrupted
        self._workers: OrderedDict[tuple[object, ...], WorkerHandle] = OrderedDict()
        self._checked = False
        self._begin_watch = watch
        self._watch: DeviceWatch | None = None
        self.gauge = gauge
        self._steady_seconds = steady_seconds if gauge is not None and gauge.reads else 0.0
        self._told = self._told_power = 0.0

    def sample(self, settings: Settings, workload: Workload, *, group: str = "search") -> Sample:
        """Take one sample.

        Raises:
            WorkerError: it could not be taken; the worker is gone. Others are not, unless memory lacked.
            ModelNotFound: the file is gone.
            ModelRefused: llama.cpp will not have the model or the settings; the worker lives on.
            Interrupted: the user stopped the run.
        """
        key = (group, *settings.key(ChangeCost.MODEL))
        worker = self._worker(key)
        try:
            (sample,) = self._measure(worker, settings, workload)
            self._checked = True
            repeats = self._repeats(sample)
            more = self._measure(worker, settings, workload, repeats) if repeats else ()
        except (WorkerError, ModelRefused) as error:
            self._react(key, error)
            raise
        sample = self._with_devices(sample)
        if self.gauge is None:
            return sample
        return self.gauge.of(sample, until_ns=_ended_ns(more[-1]) if more else None)

    def _measure(
        self, worker: WorkerHandle, settings: Settings, workload: Workload, repetitions: int = 1
    ) -> list[Sample]:
        return worker.measure(
            model_path=self._model_path,
            settings=settings,
            workload=workload,
            check_tensors=not self._checked,
            noise=self._noise,
            repetitions=repetitions,
        )

    def _repeats(self, sample: Sample) -> int:
        """How often a sample is repeated so that the sensors tell its power."""
        took = (_ended_ns(sample) - sample.started_mono_ns) / 1e9
        if took >= self._steady_seconds:
            return 0
        return min(_MOST_REPEATS, math.ceil((self._steady_seconds - took) / max(took, 1e-3)))

    def _with_devices(self, sample: Sample) -> Sample:
        """A sample and what devices did meanwhile; noisy where others computed on them."""
        if self._watch is None:
            return sample
        devices = self._watch.between(sample.started_mono_ns, _ended_ns(sample))
        if not devices:
            return sample
        conditions = sample.conditions.model_copy(update={"devices": devices})
        noisy = sample.noisy or self._noise.disturbed(conditions)
        return sample.model_copy(update={"conditions": conditions, "noisy": noisy})

    def _pass_on(self, event: WorkerEvent) -> None:
        """Pass an event on, and after it what devices and sensors of power said, once a second."""
        self._on_event(event)
        now = time.monotonic()
        if self._watch is not None and now - self._told >= TELL_SECONDS:
            readings = self._watch.take()
            if readings:
                self._told = now
                self._on_event(DevicesRead(readings=readings, mono_ns=max(r.mono_ns for r in readings)))
        if self.gauge is not None and now - self._told_power >= TELL_SECONDS:
            self._told_power = now
            latest = self.gauge.latest()
            if latest is not None:
                self._on_event(latest)

    def _react(self, key: tuple[object, ...], error: WorkerError | ModelRefused) -> None:
        """Let go of what an error has spoilt.

        Raises:
            ModelNotFound: the file is gone, which explains the error and all to come.
        """
        if isinstance(error, WorkerOutOfMemory):
            _LOG.info("memory ran out; from now on one worker lives at a time")
            self._live = 1
            self._drop_all()
        elif isinstance(error, WorkerError):
            self._drop(key)
        if not Path(self._model_path).exists():
            raise ModelNotFound(
                tr("The model file {path} is no longer there.", path=self._model_path),
                unharmed=tr("What was measured is kept."),
                todo=tr("Put it back and tune again, or choose another model."),
                details=error.what,
            ) from error

    def _worker(self, key: tuple[object, ...]) -> WorkerHandle:
        if key in self._workers and self._workers[key].alive:
            self._workers.move_to_end(key)
            return self._workers[key]
        self._drop(key)
        while len(self._workers) >= self._live:
            self._drop(next(iter(self._workers)))
        if self._watch is None:
            self._watch = self._begin_watch()
        worker = WorkerHandle(
            command=self._command,
            patience=self._patience,
            on_event=self._pass_on,
            interrupted=self._interrupted,
            rpc=self._rpc,
        )
        _LOG.debug("worker %d serves %s", worker.pid, key)
        self._workers[key] = worker
        return worker

    def _drop(self, key: tuple[object, ...]) -> None:
        worker = self._workers.pop(key, None)
        if worker is not None:
            worker.close()

    def close(self) -> None:
        """End every worker, and the watches over devices and power."""
        self._drop_all()
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if self.gauge is not None:
            self.gauge.close()

    def _drop_all(self) -> None:
        for key in list(self._workers):
            self._drop(key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _ended_ns(sample: Sample) -> int:
    return sample.started_mono_ns + (sample.prefill_ns or 0) + sum(sample.step_ns)
