"""Own the engine that the tests share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.gguf_writer import tiny_llama
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload
from tunesmith.engine import library
from tunesmith.engine.context import InferenceContext
from tunesmith.engine.library import AbortFlag, L, LogBuffer
from tunesmith.engine.model import LoadedModel
from tunesmith.engine.timing import DepthCache, LiveTiming, TimedWorkload

SETTINGS = Settings(threads=1, threads_batch=1, n_ctx=512, n_ubatch=64)


@dataclass
class Engine:
    """llama.cpp with one log and one abort flag, and what was opened through it."""

    log: LogBuffer
    abort: AbortFlag = field(default_factory=AbortFlag)
    opened: list[Any] = field(default_factory=list)

    def load(self, path: Path, *, check_tensors: bool = False, **changes: object) -> LoadedModel:
        """Load a model; it is closed after the test."""
        model = LoadedModel(
            str(path),
            SETTINGS.replace(**changes),
            log=self.log,
            abort=self.abort,
            check_tensors=check_tensors,
        )
        self.opened.append(model)
        return model

    def context(self, model: LoadedModel, **changes: object) -> InferenceContext:
        """Make a context; it is closed before the models."""
        settings = SETTINGS.replace(**changes)
        context = InferenceContext(model, settings, log=self.log, abort=self.abort)
        self.opened.append(context)
        context.set_threads(settings.threads, settings.threads_batch)
        return context


def timed(
    context: InferenceContext,
    *,
    depths: DepthCache | None = None,
    live: LiveTiming | None = None,
    **workload: int,
) -> TimedWorkload:
    """A workload ready to be timed in ``context``."""
    return TimedWorkload(
        context,
        Workload(**{"prompt": 0, "generate": 0, **workload}),
        depths=depths or DepthCache(),
        live=live or LiveTiming(),
    )


def logits(context: InferenceContext, output: int = -1) -> npt.NDArray[np.float32]:
    """What the last batch says of one of its outputs, one number for each token of the vocabulary."""
    pointer = L.llama_get_logits_ith(context._handle, output)
    return np.ctypeslib.as_array(pointer, (context.model.vocabulary_size,)).copy()


def last_position(context: InferenceContext, sequence: int = 0) -> int:
    """The highest position that the context holds of a sequence; -1 if none."""
    return int(L.llama_memory_seq_pos_max(context._memory, sequence))


@pytest.fixture(scope="session")
def _log() -> LogBuffer:
    log = LogBuffer()
    library.start(log)
    return log


@pytest.fixture
def engine(_log: LogBuffer) -> Iterator[Engine]:
    """llama.cpp, with everything closed after the test."""
    engine = Engine(_log)
    yield engine
    for thing in reversed(engine.opened):
        thing.close()


@pytest.fixture(scope="session")
def tiny_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 0.4 MB."""
    return tiny_llama().write(tmp_path_factory.mktemp("models") / "tiny.gguf")


@pytest.fixture
def tiny(engine: Engine, tiny_path: Path) -> LoadedModel:
    """The model of 0.4 MB, loaded."""
    return engine.load(tiny_path)
