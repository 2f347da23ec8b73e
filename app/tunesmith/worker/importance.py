"""Own how an importance matrix is collected in a worker, and that its file is complete or not there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tunesmith.atomic import replace_file
from tunesmith.domain.worker_events import ImportanceRead, ModelLoaded, WorkerEvent
from tunesmith.engine.context import InferenceContext
from tunesmith.engine.errors import DiskFault, EngineError
from tunesmith.engine.imatrix import ImportanceCollector, importance_file
from tunesmith.engine.library import AbortFlag, LogBuffer
from tunesmith.engine.model import LoadedModel
from tunesmith.engine.scoring import chunk_tokens, read_whole
from tunesmith.engine.text import Vocabulary
from tunesmith.engine.timing import LiveTiming
from tunesmith.worker.protocol import CollectImportance
from tunesmith.worker.texts import text_tokens


class ImportanceReader:
    """Carries out :class:`CollectImportance` commands."""

    def __init__(
        self, *, log: LogBuffer, abort: AbortFlag, live: LiveTiming, emit: Callable[[WorkerEvent], None]
    ) -> None:
        self._log = log
        self._abort = abort
        self._live = live
        self._emit = emit

    def collect(self, command: CollectImportance) -> None:
        """Carry out one command, emitting events as it goes.

        Raises:
            EngineError: and its kinds; no file is there then.
        """
        settings, collector = command.settings, ImportanceCollector()
        with LoadedModel(
            command.model_path, settings, log=self._log, abort=self._abort, on_progress=self._count
        ) as model:
            self._emit(ModelLoaded(load_ns=model.load_ns))
            tokens = text_tokens(Vocabulary(model), command.text_path, command.text_sha256, settings.n_ctx)
            total = min(len(tokens) // settings.n_ctx, command.max_chunks)
            context = InferenceContext(
                model, settings, log=self._log, abort=self._abort, watch=collector.callback
            )
            with closing(context):
                context.set_threads(settings.threads, settings.threads_batch)
                for chunk in range(total):
                    read_whole(context, chunk_tokens(tokens, chunk, settings.n_ctx))
                    if collector.fault is not None:
                        raise EngineError(f"what was computed could not be read: {collector.fault}")
                    self._count()
                    self._emit(ImportanceRead(done=chunk + 1, total=total))
        raw = importance_file(
            collector.found, text=command.text_name, chunks=total, chunk_tokens=settings.n_ctx,
            notes=command.notes,
        )  # fmt: skip
        try:
            replace_file(Path(command.target_path), raw, durable=True)
        except OSError as error:
            raise DiskFault(f"the importance matrix could not be written: {error.strerror}") from error

    def _count(self) -> None:
        self._live.progress += 1
