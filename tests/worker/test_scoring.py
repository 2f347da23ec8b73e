"""Own the claims about reading a text with a source and its candidates, on a tiny model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.gguf_writer import tiny_llama
from tests.worker.conftest import SETTINGS
from tunesmith.domain.quality import ChunkScore
from tunesmith.domain.settings import Settings
from tunesmith.domain.worker_events import ChunkKept, ChunkScored, TextSplit, WorkerEvent
from tunesmith.engine import library
from tunesmith.engine.context import Batch, InferenceContext
from tunesmith.engine.errors import Cancelled, EngineError, InputRefused
from tunesmith.engine.library import AbortFlag, L, LogBuffer
from tunesmith.engine.model import LoadedModel
from tunesmith.engine.timing import LiveTiming
from tunesmith.worker.protocol import Score
from tunesmith.worker.scoring import Scorer

CHUNK = SETTINGS.replace(n_ctx=64, n_batch=64, n_ubatch=64)
KEY = "a" * 32


@dataclass
class Desk:
    """A scorer with a text, and what it emitted."""

    folder: Path
    source: Path
    text: Path
    log: LogBuffer
    abort: AbortFlag = field(default_factory=AbortFlag)
    events: list[WorkerEvent] = field(default_factory=list)
    limit_bytes: int = 10**9
    after: Callable[[], None] = lambda: None
    """Called after each event."""

    def _take(self, event: WorkerEvent) -> None:
        self.events.append(event)
        self.after()

    def read(self, role: str, model: Path, settings: Settings = CHUNK, **changes: object) -> None:
        """Carry out one command."""
        scorer = Scorer(log=self.log, abort=self.abort, live=LiveTiming(), emit=self._take)
        fields = {
            "request": 1, "role": role, "model_path": str(model), "settings": settings,
            "text_path": str(self.text), "text_sha256": hashlib.sha256(self.text.read_bytes()).hexdigest(),
            "max_chunks": 4, "base_folder": str(self.folder / "bases"), "base_key": KEY,
            "base_limit_bytes": self.limit_bytes,
        }  # fmt: skip
        scorer.score(Score.model_validate({**fields, **changes}))

    def keep(self, settings: Settings = CHUNK, **changes: object) -> TextSplit:
        """Read with the source."""
        self.read("source", self.source, settings, **changes)
        return next(event for event in reversed(self.events) if isinstance(event, TextSplit))

    def compare(self, model: Path, split: TextSplit, settings: Settings = CHUNK, **changes: object) -> None:
        """Read with a candidate."""
        fields = {"chunks": split.chunks, "vocabulary": split.vocabulary, **changes}
        self.read("candidate", model, settings, **fields)

    @property
    def scores(self) -> list[ChunkScore]:
        """Of the chunks compared so far."""
        return [event.score for event in self.events if isinstance(event, ChunkScored)]

    @property
    def kept(self) -> list[int]:
        """Chunks that were read with the source so far."""
        return [event.chunk for event in self.events if isinstance(event, ChunkKept)]


@pytest.fixture(scope="session")
def _scoring_log() -> LogBuffer:
    log = LogBuffer()
    library.start(log)
    return log


@pytest.fixture
def desk(tmp_path: Path, tiny_path: Path, _scoring_log: LogBuffer) -> Desk:
    """A tiny source and a text of five chunks."""
    text = tmp_path / "text.txt"
    text.write_text("".join(chr(97 + (n * n) % 26) for n in range(330)), "utf-8")
    return Desk(tmp_path, tiny_path, text, _scoring_log)


def test_a_model_compared_with_itself_diverges_by_nothing(desk: Desk) -> None:
    split = desk.keep()
    desk.compare(desk.source, split)
    assert split.chunks_in_text == 5
    assert sorted(split.chunks) == [0, 1, 2, 3]
    assert [score.chunk for score in desk.scores] == list(split.chunks)
    for score in desk.scores:
        assert len(score.kld) == len(score.nll) == len(score.source_nll) == score.agreed == 31
        assert score.kld == pytest.approx([0] * 31, abs=1e-4)
        assert score.nll == pytest.approx(score.source_nll, abs=1e-3)


def test_another_model_diverges_by_what_its_logits_say(desk: Desk, tmp_path: Path) -> None:
    other = tiny_llama(seed=5).write(tmp_path / "other.gguf")
    split = desk.keep()
    desk.compare(other, split)
    mine, others = (_logarithms(desk, path, chunk=split.chunks[0]) for path in (desk.source, other))
    rows = slice(32, 63)
    exact = (np.exp(mine) * (mine - others)).sum(axis=1)[rows]
    assert desk.scores[0].kld == pytest.approx(exact.tolist(), rel=1e-2, abs=1e-4)
    assert min(exact) > 1e-3


def test_batches_smaller_than_a_chunk_give_the_same(desk: Desk) -> None:
    split = desk.keep()
    desk.compare(desk.source, split, CHUNK.replace(n_batch=24, n_ubatch=24))
    for score in desk.scores:
        assert len(score.kld) == 31
        assert score.kld == pytest.approx([0] * 31, abs=1e-4)


def test_what_is_kept_is_read_once_and_serves_the_next(desk: Desk) -> None:
    first = desk.keep(max_chunks=2)
    assert (first.kept, len(desk.kept)) == (0, 2)
    second = desk.keep()
    assert second.kept == 2
    assert sorted(desk.kept) == [0, 1, 2, 3]
    third = desk.keep()
    assert (third.kept, len(desk.kept)) == (4, 4)


def test_a_damaged_chunk_ends_the_comparison_and_is_read_anew_by_the_next(desk: Desk) -> None:
    split = desk.keep()
    path = desk.folder / "bases" / KEY / f"{split.chunks[2]:06d}.base"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 255
    path.write_bytes(raw)
    with pytest.raises(EngineError, match="damaged"):
        desk.compare(desk.source, split)
    assert len(desk.scores) == 2
    assert desk.keep().kept == 3
    desk.events.clear()
    desk.compare(desk.source, split)
    assert len(desk.scores) == 4


def test_only_as_many_chunks_are_chosen_as_there_is_room_for(desk: Desk) -> None:
    desk.limit_bytes = 2 * (31 * (8 + 2 * 260) + 200)
    split = desk.keep()
    assert len(split.chunks) == len(desk.kept) == 2
    desk.limit_bytes = 1000
    with pytest.raises(InputRefused, match="no room"):
        desk.keep(base_key="c" * 32)


def test_another_vocabulary_is_refused(desk: Desk) -> None:
    split = desk.keep()
    with pytest.raises(InputRefused, match="different vocabularies"):
        desk.compare(desk.source, split, vocabulary="0" * 64)
    assert not desk.scores


def test_a_text_too_short_or_changed_or_gone_is_refused(desk: Desk) -> None:
    with pytest.raises(InputRefused, match="changed meanwhile"):
        desk.keep(text_sha256="0" * 64)
    with pytest.raises(InputRefused, match="cannot be read"):
        desk.keep(text_path=str(desk.folder / "none.txt"))
    desk.text.write_text("short", "utf-8")
    with pytest.raises(InputRefused, match="too short"):
        desk.keep()


def test_a_cancel_keeps_what_was_read(desk: Desk) -> None:
    desk.after = lambda: desk.abort.set() if len(desk.kept) == 2 else None
    with pytest.raises(Cancelled):
        desk.keep()
    desk.abort.clear()
    desk.after = lambda: None
    assert len(desk.kept) == 2
    assert desk.keep().kept == 2


def test_a_source_whose_predictions_are_no_numbers_is_refused(desk: Desk, tmp_path: Path) -> None:
    writer = tiny_llama()
    writer._tensors = [tensor for tensor in writer._tensors if tensor.name != "output.weight"]
    writer.add_tensor("output.weight", (64, 260), fill=float("nan"))
    broken = writer.write(tmp_path / "nan.gguf")
    with pytest.raises(EngineError, match="no numbers"):
        desk.read("source", broken)
    assert not desk.kept


def _logarithms(desk: Desk, path: Path, *, chunk: int) -> npt.NDArray[np.float64]:
    """What a model predicts at each position of a chunk, by another way."""
    with LoadedModel(str(path), CHUNK, log=desk.log, abort=desk.abort) as model:
        context = InferenceContext(model, CHUNK, log=desk.log, abort=desk.abort)
        raw = desk.text.read_bytes()
        room = (L.llama_token * 1000)()
        count = L.llama_tokenize(
            L.llama_model_get_vocab(model.handle), raw, len(raw), room, 1000, True, False
        )
        tokens = np.array(room[:count], dtype=np.int32)[64 * chunk : 64 * (chunk + 1)]
        tokens[0] = 1
        places = np.arange(64, dtype=np.int32)
        context.decode(Batch(tokens, places, np.zeros_like(places), np.ones(64, dtype=np.int8)))
        pointer = L.llama_get_logits_ith(context.handle, 0)
        logits = np.ctypeslib.as_array(pointer, (64, 260)).astype(np.float64)
        context.close()
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))
