"""Own the live workers of a run: at most two at once, each with a model loaded."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tunesmith.domain.events import WorkerEvent
from tunesmith.domain.measurement import Sample
from tunesmith.domain.settings import ChangeCost, Settings
from tunesmith.domain.workload import Workload
from tunesmith.errors import ModelNotFound, ModelRefused, WorkerError, WorkerOutOfMemory
from tunesmith.wording import tr
from tunesmith.worker.handle import WorkerHandle
from tunesmith.worker.patience import Patience
from tunesmith.worker.protocol import NoisePolicy

_LOG = logging.getLogger(__name__)


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
        on_event: Callable[[WorkerEvent], None] = lambda _event: None,
        interrupted: Callable[[], bool] = lambda: False,
        rpc: Sequence[str] = (),
    ) -> None:
        """Nothing is started yet.

        Args:
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
            (sample,) = worker.measure(
                model_path=self._model_path,
                settings=settings,
                workload=workload,
                check_tensors=not self._checked,
                noise=self._noise,
            )
        except (WorkerError, ModelRefused) as error:
            self._react(key, error)
            raise
        self._checked = True
        return sample

    def _react(self, key: tuple[object, ...], error: WorkerError | ModelRefused) -> None:
        """Let go of what an error has spoilt.

        Raises:
            ModelNotFound: the file is gone, which explains the error and all to come.
        """
        if isinstance(error, WorkerOutOfMemory):
            _LOG.info("memory ran out; from now on one worker lives at a time")
            self._live = 1
            self.close()
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
        worker = WorkerHandle(
            command=self._command,
            patience=self._patience,
            on_event=self._on_event,
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
        """End every worker."""
        for key in list(self._workers):
            self._drop(key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
