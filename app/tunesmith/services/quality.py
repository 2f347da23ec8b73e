"""Own what a quantization, or a cache type, costs in quality against the source it was made from."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

from tunesmith import assets
from tunesmith.domain.events import Progress, StageStarted
from tunesmith.domain.machine import Build
from tunesmith.domain.model import ModelHeader, ModelIdentity
from tunesmith.domain.quality import (
    ChunkScore,
    Quality,
    QualityLimits,
    Verdict,
    kld_interval,
    summarize_quality,
)
from tunesmith.domain.settings import CacheType, Settings
from tunesmith.domain.worker_events import ChunkKept, ChunkScored, TextSplit, WorkerEvent
from tunesmith.domain.workload import Workload
from tunesmith.errors import Interrupted, UsageError, WorkerCrashed
from tunesmith.machine.probe import probe_machine
from tunesmith.services.context import identify_model, read_model
from tunesmith.services.session import Controls, Session, Stream
from tunesmith.settings import folders
from tunesmith.tuning.space import baseline_settings
from tunesmith.wording import tr
from tunesmith.worker.handle import WorkerHandle

SHIPPED_TEXT = "evaluation/mixed.txt"
DEFAULT_CHUNKS = 40
DEFAULT_N_CTX = 512
BASE_FOLDER = "quality-bases"
"""In the cache folder."""
BASE_LIMIT_BYTES = 8 * 2**30
MAX_TEXT_BYTES = 64 * 2**20
_N_BATCH = 512
_FIRST_BLOCK = 8
"""Chunks that both read before the next block, twice as long, where a verdict may come before the end."""
_KEY_DIGITS = 32


@dataclass(frozen=True, slots=True)
class QualityRequest:
    """What is compared with what, and on what text."""

    model_path: str
    source_path: str | None = None
    """None compares the model with itself, for the cache types."""
    text_path: str | None = None
    """None is the text that ships with Tunesmith."""
    chunks: int = DEFAULT_CHUNKS
    n_ctx: int = DEFAULT_N_CTX
    """Tokens of a chunk; the second half is scored."""
    type_k: CacheType = "f16"
    type_v: CacheType = "f16"
    max_kld: float | None = None
    """Stop as soon as it is clear whether the mean KL divergence is at most this, nats per token."""
    min_top1: float | None = None
    """As ``max_kld``: the least share of tokens on which both must agree, 0 to 1."""
    max_perplexity_ratio: float | None = None
    """As ``max_kld``."""
    base_limit_bytes: int = BASE_LIMIT_BYTES

    @property
    def limits(self) -> QualityLimits:
        """All limits together."""
        return QualityLimits(
            max_kld=self.max_kld, min_top1=self.min_top1, max_perplexity_ratio=self.max_perplexity_ratio
        )


@dataclass(frozen=True, slots=True)
class EvaluationText:
    """A text that predictions are compared on."""

    name: str
    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class QualityResult:
    """What was found, on what."""

    request: QualityRequest
    quality: Quality
    scores: tuple[ChunkScore, ...]
    """In the order in which the chunks were read."""
    model: ModelIdentity
    source: ModelIdentity
    text: EvaluationText
    build: Build
    settings: Settings
    chunks_in_text: int
    chunks_planned: int
    """That there was room for, of those asked for."""
    chunks_reused: int
    """Of which an earlier run had kept what the source predicts."""
    verdict: Verdict | None
    kld_low: float | None
    kld_high: float | None
    """Where the mean KL divergence lies; None without a limit, or before three chunks."""
    seconds: float

    @property
    def stopped_early(self) -> bool:
        """Whether chunks were left out because the verdict was clear without them."""
        return len(self.scores) < self.chunks_planned


def start_quality(request: QualityRequest) -> Session[QualityResult]:
    """Compare in the background; what the source predicts is kept for the next run.

    The session's result raises UsageError, ModelFileError, WorkerError, StoreError or Interrupted.
    """
    return Session(lambda stream, controls: run_quality(request, stream, controls))


def run_quality(request: QualityRequest, stream: Stream, controls: Controls) -> QualityResult:
    """Compare in this thread, as part of something larger; raises as :func:`start_quality` does."""
    return _Run(request, stream, controls).run()


def read_text(path: str | None) -> EvaluationText:
    """A text to compare on; the shipped one for None.

    Raises:
        UsageError: it cannot be read, is too large, or is not UTF-8.
    """
    file = assets.resource(SHIPPED_TEXT) if path is None else Path(path)
    try:
        size = file.stat().st_size
        if size > MAX_TEXT_BYTES:
            raise UsageError(
                tr("The text {path} is larger than {limit} MiB.", path=file, limit=MAX_TEXT_BYTES // 2**20),
                todo=tr("Give a part of it: a few hundred KiB are plenty."),
            )
        raw = file.read_bytes()
    except OSError as error:
        raise UsageError(
            tr("The text {path} cannot be read: {reason}.", path=file, reason=error.strerror or error)
        ) from error
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(
            tr("The text {path} is not UTF-8: byte {place} is out of place.", path=file, place=error.start),
            todo=tr("Save it as UTF-8."),
        ) from error
    return EvaluationText(name=file.name, path=file, sha256=hashlib.sha256(raw).hexdigest())


def base_bytes(header: ModelHeader, chunks: int, n_ctx: int = DEFAULT_N_CTX) -> int:
    """What the source's predictions for so many chunks take on the disk at most; two bytes for each token
    of the vocabulary, and eight a row."""
    rows = n_ctx - n_ctx // 2 - 1
    return min(BASE_LIMIT_BYTES, chunks * rows * (8 + 2 * (header.vocabulary_size or 0)))


@dataclass
class _Run:
    """One comparison in its thread."""

    request: QualityRequest
    stream: Stream
    controls: Controls
    scores: list[ChunkScore] = field(default_factory=list)
    split: TextSplit | None = None
    kept: int = 0
    verdict: Verdict | None = None
    begun: float = 0.0

    def run(self) -> QualityResult:
        self.begun = time.monotonic()
        request = self.request
        text = read_text(request.text_path)
        header, source_header = self._headers()
        settings = chunk_settings(request.n_ctx).replace(type_k=request.type_k, type_v=request.type_v)
        source_settings = settings.replace(type_k="f16", type_v="f16")
        model = identify_model(request.model_path, self.controls)
        source = model
        if request.source_path is not None:
            source = identify_model(request.source_path, self.controls)
        if model.sha256 == source.sha256 and settings == source_settings:
            raise UsageError(
                tr("The model and its source are the same file, and the cache types are f16."),
                todo=tr("Name another source, or cache types to compare."),
            )
        title = tr("Comparing {model} with {source}", model=_label(header), source=_label(source_header))
        self.stream.emit(StageStarted(stage="quality", title=title, candidates=(text.name,)))
        with WorkerHandle(on_event=self._take, interrupted=self._stopped) as worker:
            build = worker.ready.build
            common: dict[str, object] = {
                "text_path": str(text.path),
                "text_sha256": text.sha256,
                "max_chunks": request.chunks,
                "base_folder": str(folders().cache / BASE_FOLDER),
                "base_key": base_key(source, text, build, source_settings),
                "base_limit_bytes": request.base_limit_bytes,
            }
            path = request.source_path or request.model_path
            as_source = {**common, "role": "source", "model_path": path, "settings": source_settings}
            as_candidate = {
                **common, "role": "candidate", "model_path": request.model_path, "settings": settings,
            }  # fmt: skip
            split = self._read_all(worker, as_source, as_candidate)
            return self._result(split, model, source, text, build, settings)

    def _read_all(
        self, worker: WorkerHandle, as_source: dict[str, object], as_candidate: dict[str, object]
    ) -> TextSplit:
        """Read with both, in blocks where a verdict may spare the rest."""
        size = _FIRST_BLOCK if self.request.limits.any else self.request.chunks
        self._read(worker, **as_source, first_chunks=size)
        if self.split is None:
            raise WorkerCrashed(tr("The worker did not say how it split the text."))
        split, at = self.split, 0
        while self.verdict is None and at < len(split.chunks):
            block = split.chunks[at : at + size]
            if at:
                self._read(worker, **as_source, chunks=block)
            self._read(worker, **as_candidate, chunks=block, vocabulary=split.vocabulary)
            at += len(block)
            size *= 2
        return split

    def _headers(self) -> tuple[ModelHeader, ModelHeader]:
        """Both headers; what cannot be compared is refused before anything long begins."""
        header = read_model(self.request.model_path)
        if self.request.source_path is None:
            return header, header
        source = read_model(self.request.source_path)
        if header.vocabulary_size != source.vocabulary_size or header.tokenizer != source.tokenizer:
            raise UsageError(
                tr(
                    "{model} and {source} have different vocabularies and cannot be compared.",
                    model=self.request.model_path, source=self.request.source_path,
                ),
                todo=tr("Name the file that the model was quantized from."),
            )  # fmt: skip
        return header, source

    def _read(self, worker: WorkerHandle, **arguments: object) -> None:
        try:
            worker.score(**arguments)
        except Interrupted:
            if self.controls.cancelled or not self.verdict:
                raise Interrupted(
                    tr("The comparison was interrupted; what the source predicts is kept.")
                ) from None

    def _stopped(self) -> bool:
        return self.controls.cancelled or self.verdict is not None

    # ------------------------------------------------------------- events, in the worker's order

    def _take(self, event: WorkerEvent) -> None:
        match event:
            case TextSplit():
                self.split, self.kept = event, event.kept
            case ChunkKept() if self.split is not None:
                self.kept += 1
                self._tell(self.split, tr("reading with the source"), self.kept)
            case ChunkScored(score=score) if self.split is not None and self.verdict is None:
                self.scores.append(score)
                self.verdict = self._clear_verdict(len(self.split.chunks))
                self._tell(self.split, tr("comparing"), len(self.scores))
            case _:
                pass
        self.stream.emit(event)

    def _clear_verdict(self, horizon: int) -> Verdict | None:
        if not self.request.limits.any:
            return None
        verdict = self.request.limits.judge(self.scores, horizon=horizon)
        return None if verdict == "undecided" else verdict

    def _tell(self, split: TextSplit, step: str, number: int) -> None:
        planned = len(split.chunks)
        total, done = 2 * planned - split.kept, self.kept - split.kept + len(self.scores)
        fraction = min(1.0, done / max(1, total))
        eta = (time.monotonic() - self.begun) * (1 - fraction) / fraction if done else None
        told = tr("{step}, chunk {number} of {total}", step=step, number=number, total=planned)
        self.stream.emit(Progress(step=told, fraction=fraction, eta_seconds=eta))

    # ------------------------------------------------------------- the result

    def _result(
        self, split: TextSplit, model: ModelIdentity, source: ModelIdentity, text: EvaluationText,
        build: Build, settings: Settings,
    ) -> QualityResult:  # fmt: skip
        if not self.scores:
            raise WorkerCrashed(tr("The worker scored no chunk."))
        verdict, low, high = self.verdict, None, None
        if self.request.limits.any:
            verdict = verdict or "undecided"
            if len(self.scores) > 2:
                low, high = kld_interval(self.scores, horizon=len(split.chunks))
        return QualityResult(
            request=self.request,
            quality=summarize_quality(self.scores),
            scores=tuple(self.scores),
            model=model,
            source=source,
            text=text,
            build=build,
            settings=settings,
            chunks_in_text=split.chunks_in_text,
            chunks_planned=len(split.chunks),
            chunks_reused=split.kept,
            verdict=verdict,
            kld_low=low,
            kld_high=high,
            seconds=time.monotonic() - self.begun,
        )


def chunk_settings(n_ctx: int) -> Settings:
    """How chunks of a text are read here: what llama.cpp's tools would do, in a context of one chunk."""
    n_batch = min(n_ctx, _N_BATCH)
    plain = baseline_settings(probe_machine(), Workload(prompt=n_ctx, generate=0))
    return plain.replace(n_ctx=n_ctx, n_batch=n_batch, n_ubatch=n_batch)


def base_key(source: ModelIdentity, text: EvaluationText, build: Build, settings: Settings) -> str:
    """The name of what a source predicts for a text; all that its numbers depend on is in it."""
    depends_on = {
        "source": source.sha256,
        "text": text.sha256,
        "build": build.model_dump(mode="json"),
        "settings": settings.model_dump(mode="json"),
    }
    text_of_it = json.dumps(depends_on, sort_keys=True)
    return hashlib.sha256(text_of_it.encode()).hexdigest()[:_KEY_DIGITS]


def _label(header: ModelHeader) -> str:
    return f"{header.name or Path(header.path).stem} {header.quantization}"
