"""Own the making of a quantized file in a worker, and that nothing incomplete is left of it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from tunesmith.domain.worker_events import FileQuantized, TensorQuantized, WorkerEvent
from tunesmith.engine.errors import DiskFault
from tunesmith.engine.imatrix import ImportanceFile, read_importance
from tunesmith.engine.library import LogBuffer
from tunesmith.engine.quantize import QuantizeOptions, quantize
from tunesmith.engine.timing import LiveTiming
from tunesmith.worker.protocol import Quantize


class Quantizer:
    """Carries out :class:`Quantize` commands."""

    def __init__(self, *, log: LogBuffer, live: LiveTiming, emit: Callable[[WorkerEvent], None]) -> None:
        self._log = log
        self._live = live
        self._emit = emit
        self._unfinished: Path | None = None

    def quantize(self, command: Quantize) -> None:
        """Carry out one command, emitting events as it goes.

        Raises:
            EngineError: and its kinds; nothing of the file is left.
        """

        def on_step(done: int, total: int, tensor: str) -> None:
            self._live.progress += 1
            if not command.dry_run:
                self._emit(TensorQuantized(done=done, total=total, tensor=tensor))

        labels: dict[str, str | int] = dict(command.labels)
        importance = None
        if command.imatrix_path:
            matrix = read_importance(Path(command.imatrix_path))
            importance = matrix.weights
            labels = {**_provenance(command.imatrix_path, matrix), **labels}
        options = QuantizeOptions(
            file_type=command.file_type,
            threads=command.threads,
            allow_requantize=command.allow_requantize,
            dry_run=command.dry_run,
            tensor_types=[(override.pattern, override.type) for override in command.tensor_types],
            labels=labels,
            importance=importance,
        )
        self._unfinished = None if command.dry_run else Path(command.target_path)
        try:
            made = quantize(command.source_path, command.target_path, options, log=self._log, on_step=on_step)
            if not command.dry_run:
                _flush(Path(command.target_path))
            self._unfinished = None
        finally:
            self.abandon()
        self._emit(
            FileQuantized(
                weights_bytes=made.weights_bytes, bits_per_weight=made.bits_per_weight,
                fallbacks=made.fallbacks, needs_imatrix=made.needs_imatrix,
            )
        )  # fmt: skip

    def abandon(self) -> None:
        """Remove what is incomplete, if there is such a file; safe from any thread."""
        path, self._unfinished = self._unfinished, None
        if path is not None:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def _provenance(path: str, matrix: ImportanceFile) -> dict[str, str | int]:
    """What llama-quantize puts into a file's header of the importance matrix it was made with.

    The file's name only: models are passed on, and folders are nobody's business.
    """
    found: dict[str, str | int] = {"quantize.imatrix.file": Path(path).name}
    if matrix.text:
        found["quantize.imatrix.dataset"] = matrix.text
    found["quantize.imatrix.entries_count"] = len(matrix.weights)
    if matrix.chunks:
        found["quantize.imatrix.chunks_count"] = matrix.chunks
    return found


def _flush(path: Path) -> None:
    try:
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    except OSError as error:
        raise DiskFault(f"the file could not be written: {error.strerror}") from error
