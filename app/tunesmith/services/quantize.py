"""Own making quantized files of a model: sizes foretold, nothing overwritten, nothing incomplete left."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tunesmith.domain.events import Progress, StageStarted
from tunesmith.domain.model import ModelHeader
from tunesmith.domain.quantization import QUANTIZATION_TYPES, quantized_from
from tunesmith.domain.worker_events import FileQuantized, ImportanceRead, TensorQuantized, WorkerEvent
from tunesmith.errors import Interrupted, StoreError, TunesmithError, UsageError, WorkerCrashed
from tunesmith.services.context import identify_model, read_model
from tunesmith.services.quality import DEFAULT_CHUNKS, DEFAULT_N_CTX, chunk_settings, read_text
from tunesmith.services.quantize_files import (
    check_free,
    check_types,
    put_in_place,
    target_name,
    tensor_type,
    worker_arguments,
)
from tunesmith.services.session import Controls, Session, Stream
from tunesmith.wording import tr
from tunesmith.worker.handle import WorkerHandle

COMPUTE = "compute"
_SPARE_BYTES = 64 * 2**20
"""Of the disk is never filled."""


@dataclass(frozen=True, slots=True)
class QuantizeRequest:
    """What is made from what."""

    source_path: str
    types: tuple[str, ...]
    """Names of quantization types, such as ``Q4_K_M``."""
    folder: str | None = None
    """Where the files go; the source's folder for None."""
    tensor_types: tuple[tuple[str, str], ...] = ()
    """A regular expression for tensors' names, and the type that they get."""
    allow_requantize: bool = False
    imatrix: str | None = None
    """``compute``, or a file of llama-imatrix's kind; None for none."""
    text_path: str | None = None
    """What is read for an importance matrix; None is the text that ships with Tunesmith."""
    imatrix_chunks: int = DEFAULT_CHUNKS


@dataclass(frozen=True, slots=True)
class QuantizedFile:
    """A file that was made."""

    path: Path
    type: str
    size_bytes: int
    predicted_bytes: int
    bits_per_weight: float
    fallbacks: int
    """Tensors whose shape does not allow the type and that got a larger one."""
    seconds: float


@dataclass(frozen=True, slots=True)
class QuantizeResult:
    """What was made."""

    source: ModelHeader
    files: tuple[QuantizedFile, ...]
    warnings: tuple[str, ...]
    requantized: bool
    """Made from a file that was quantized already, and labelled so in the files."""
    imatrix: Path | None
    """The importance matrix that was used."""
    seconds: float


def start_quantize(request: QuantizeRequest) -> Session[QuantizeResult]:
    """Make the files in the background.

    The session's result raises UsageError, ModelFileError, WorkerError, StoreError or Interrupted. Files
    that were complete by then stay.
    """
    return Session(lambda stream, controls: run_quantize(request, stream, controls))


def run_quantize(request: QuantizeRequest, stream: Stream, controls: Controls) -> QuantizeResult:
    """Make the files in this thread, as part of something larger; raises as :func:`start_quantize` does."""
    return _Run(request, stream, controls).run()


@dataclass
class _Run:
    """All files of one request, in its thread."""

    request: QuantizeRequest
    stream: Stream
    controls: Controls
    made: list[QuantizedFile] = field(default_factory=list)
    outcomes: list[FileQuantized] = field(default_factory=list)
    """Of the request under way."""
    begun: float = field(default_factory=time.monotonic)
    now: str = ""
    planned: int = 1
    _worker: WorkerHandle = field(init=False)

    def run(self) -> QuantizeResult:
        request = self.request
        types = check_types(request.types)
        header = read_model(request.source_path)
        base = self._base(header)
        targets = self._targets(types)
        overrides = tuple(
            {"pattern": pattern, "type": tensor_type(kind)} for pattern, kind in request.tensor_types
        )
        self.planned = len(types)
        imatrix, collects = self._imatrix_place(request)
        title = tr("Quantizing {model}", model=header.name or Path(header.path).stem)
        self.stream.emit(StageStarted(stage="quantize", title=title, candidates=types))
        common = worker_arguments(header, tensor_types=overrides)
        if imatrix is not None and not collects:
            common["imatrix_path"] = str(imatrix)
        with WorkerHandle(on_event=self._take, interrupted=lambda: self.controls.cancelled) as self._worker:
            overhead = header.file_bytes - header.weights_bytes
            predicted = {kind: self._predict(kind, common) + overhead for kind in types}
            self._check_room(sum(predicted.values()))
            if imatrix is not None and collects:
                self._collect(imatrix, header)
                common["imatrix_path"] = str(imatrix)
            for kind in types:
                self._make(kind, targets[kind], predicted[kind], common)
        return QuantizeResult(
            source=header, files=tuple(self.made), warnings=tuple(self._warnings(base)),
            requantized=base is not None, imatrix=imatrix, seconds=time.monotonic() - self.begun,
        )  # fmt: skip

    # ------------------------------------------------------------- before anything is written

    def _base(self, header: ModelHeader) -> str | None:
        """What the source was quantized to already; None for full precision."""
        found = quantized_from(header)
        if found not in (None, "Q8_0") and not self.request.allow_requantize:
            raise UsageError(
                tr("{path} is quantized already ({kind}): quantizing it again costs quality twice.",
                   path=header.path, kind=header.quantization),
                unharmed=tr("Nothing was changed."),
                todo=tr("Take the F16, BF16 or F32 file, or say --allow-requantize."),
            )  # fmt: skip
        return found

    def _warnings(self, base: str | None) -> Iterator[str]:
        if base == "Q8_0":
            yield tr("The source is in Q8_0: a little of its quality was lost already. F16 would be better.")
        elif base is not None:
            yield tr(
                "The source is quantized already ({kind}): what it lost cannot be measured against it. "
                "The files say so in their headers.",
                kind=base,
            )
        for made in self.made:
            if made.fallbacks:
                yield tr(
                    "{kind}: {tensors} tensors got a larger type, since their shape does not allow it.",
                    kind=made.type, tensors=made.fallbacks,
                )  # fmt: skip

    @property
    def _folder(self) -> Path:
        return Path(self.request.folder or Path(self.request.source_path).parent).absolute()

    def _targets(self, types: tuple[str, ...]) -> dict[str, Path]:
        folder = self._folder
        if not folder.is_dir():
            raise UsageError(tr("There is no folder {folder}.", folder=folder), todo=tr("Make it first."))
        if not os.access(folder, os.W_OK):
            raise StoreError(
                tr("The folder {folder} cannot be written to.", folder=folder),
                unharmed=tr("Nothing was changed."), todo=tr("Name another one with --output."),
            )  # fmt: skip
        targets = {kind: folder / target_name(Path(self.request.source_path), kind) for kind in types}
        for path in targets.values():
            check_free(path)
        return targets

    def _check_room(self, needed_bytes: int) -> None:
        free = shutil.disk_usage(self._folder).free
        if needed_bytes + _SPARE_BYTES > free:
            raise StoreError(
                tr("The files take {needed} MiB and there are {free} MiB free in {folder}.",
                   needed=needed_bytes // 2**20 + 1, free=free // 2**20, folder=self._folder),
                unharmed=tr("Nothing was changed."),
                todo=tr("Make room, choose fewer types, or name another folder with --output."),
            )  # fmt: skip

    # ------------------------------------------------------------- the importance matrix

    def _imatrix_place(self, request: QuantizeRequest) -> tuple[Path | None, bool]:
        """Where the importance matrix is or will be, and whether it has to be made."""
        if request.imatrix is None:
            return None, False
        if request.imatrix != COMPUTE:
            path = Path(request.imatrix).absolute()
            if not path.is_file():
                raise UsageError(tr("There is no importance matrix {path}.", path=path))
            return path, False
        path = self._folder / target_name(Path(request.source_path), "imatrix")
        check_free(path)
        return path, True

    def _collect(self, target: Path, header: ModelHeader) -> None:
        """Have an importance matrix made and keep it with where it is from."""
        text = read_text(self.request.text_path)
        settings = chunk_settings(DEFAULT_N_CTX).replace(use_extra_bufts=False)
        source = identify_model(header.path, self.controls)
        try:
            self._worker.collect_importance(
                model_path=str(Path(header.path).absolute()), settings=settings, text_path=str(text.path),
                text_sha256=text.sha256, text_name=text.name, max_chunks=self.request.imatrix_chunks,
                target_path=str(target),
                notes={"tunesmith.source_sha256": source.sha256, "tunesmith.text_sha256": text.sha256},
            )  # fmt: skip
        except Interrupted:
            raise Interrupted(
                tr("Quantizing was interrupted; {files} complete files are kept.", files=len(self.made))
            ) from None

    # ------------------------------------------------------------- one file

    def _predict(self, kind: str, common: dict[str, object]) -> int:
        """Bytes of all tensors, to some KiB."""
        number = QUANTIZATION_TYPES[kind]
        found = self._ask({**common, "file_type": number, "target_path": "nowhere", "dry_run": True})
        if found.needs_imatrix and self.request.imatrix is None:
            raise UsageError(
                tr("{kind} cannot be made without an importance matrix.", kind=kind),
                unharmed=tr("Nothing was changed."),
                todo=tr("Have one made with --imatrix compute, or choose a larger type."),
            )
        return found.weights_bytes

    def _make(self, kind: str, target: Path, predicted: int, common: dict[str, object]) -> None:
        self.controls.wait_if_paused()
        self.now = kind
        begun = time.monotonic()
        part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        try:
            found = self._ask({**common, "file_type": QUANTIZATION_TYPES[kind], "target_path": str(part)})
            size = read_model(str(part)).file_bytes
            put_in_place(part, target)
        except OSError as error:
            raise StoreError(
                tr(
                    "The file {path} cannot be written: {reason}.",
                    path=target,
                    reason=error.strerror or error,
                ),
                unharmed=tr("Nothing else was changed."),
                todo=tr("Choose another folder or make room on the disk."),
            ) from error
        except Interrupted:
            raise Interrupted(
                tr("Quantizing was interrupted; {files} complete files are kept.", files=len(self.made))
            ) from None
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        self.made.append(
            QuantizedFile(
                path=target, type=kind, size_bytes=size, predicted_bytes=predicted,
                bits_per_weight=found.bits_per_weight, fallbacks=found.fallbacks,
                seconds=time.monotonic() - begun,
            )
        )  # fmt: skip

    def _ask(self, arguments: dict[str, object]) -> FileQuantized:
        """Send one request to the worker and return what became of it."""
        self.outcomes.clear()
        try:
            self._worker.quantize(**arguments)
        except TunesmithError as error:
            if not Path(self.request.source_path).exists():
                error.todo = tr("The source is no longer there: put it back and try again.")
            raise
        if not self.outcomes:
            raise WorkerCrashed(tr("The worker did not say what became of the file."))
        return self.outcomes[-1]

    def _take(self, event: WorkerEvent) -> None:
        match event:
            case FileQuantized():
                self.outcomes.append(event)
            case ImportanceRead(done=done, total=total):
                step = tr("importance matrix, chunk {done} of {total}", done=done, total=total)
                self.stream.emit(Progress(step=step, fraction=0.0, eta_seconds=None))
            case TensorQuantized(done=done, total=total):
                fraction = (len(self.made) + done / max(1, total)) / self.planned
                eta = (time.monotonic() - self.begun) * (1 - fraction) / fraction if fraction else None
                step = tr("{kind}, tensor {done} of {total}", kind=self.now, done=done, total=total)
                self.stream.emit(Progress(step=step, fraction=min(1.0, fraction), eta_seconds=eta))
            case _:
                pass
        self.stream.emit(event)
