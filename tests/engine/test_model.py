"""What loads, and what is refused without harm."""

from __future__ import annotations

import math
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.conftest import SETTINGS, Engine
from tests.support.gguf_writer import GgufWriter, Lies, tiny_llama
from tunesmith.domain.settings import LoadMode
from tunesmith.engine.errors import Cancelled, LoadRefused
from tunesmith.engine.library import AbortFlag
from tunesmith.engine.model import LoadedModel


def with_nan() -> bytes:
    whole = bytearray(tiny_llama().to_bytes())
    struct.pack_into("<f", whole, len(whole) - 400, math.nan)
    return bytes(whole)


def test_a_model_tells_its_vocabulary_and_first_token(engine: Engine, tiny_path: Path) -> None:
    model = engine.load(tiny_path)
    assert model.vocabulary_size == 260
    assert model.first_token == 1
    assert model.load_ns > 0


@pytest.mark.parametrize("mode", ["auto", "none", "mmap", "dio"])
def test_every_way_into_memory_loads(engine: Engine, tiny_path: Path, mode: LoadMode) -> None:
    assert engine.load(tiny_path, load_mode=mode).vocabulary_size == 260


def test_a_name_outside_ascii_loads(engine: Engine, tiny_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "größer 模型.gguf"
    path.write_bytes(tiny_path.read_bytes())
    assert engine.load(path).vocabulary_size == 260


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda: b"", "magic"),
        (lambda: tiny_llama().to_bytes(Lies(magic=b"LLMA")), "magic"),
        (lambda: tiny_llama().to_bytes()[:500], "key-value"),
        (lambda: tiny_llama().to_bytes()[:-100_000], "not within the file bounds"),
        (lambda: tiny_llama().to_bytes().replace(b"llama", b"lxama"), "unknown model architecture: 'lxama'"),
        (lambda: tiny_llama().to_bytes(Lies(tensor_count=2**40)), "exceeds"),
        (lambda: GgufWriter().add("general.architecture", "llama").to_bytes(), "key not found"),
    ],
    ids=["empty", "magic", "cut in the header", "cut in the data", "architecture", "count", "no keys"],
)
def test_what_is_no_whole_model_is_refused_with_its_reason(
    engine: Engine, tmp_path: Path, content: Callable[[], bytes], reason: str
) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(content())
    with pytest.raises(LoadRefused, match=reason) as caught:
        engine.load(path)
    assert caught.value.message.startswith("llama.cpp would not load the model: ")
    assert caught.value.log


def test_a_file_that_is_not_there_is_refused(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(LoadRefused, match="No such file"):
        engine.load(tmp_path / "absent.gguf")


def test_weights_that_are_no_numbers_are_refused_when_looked_for(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "nan.gguf"
    path.write_bytes(with_nan())
    engine.load(path)  # as llama.cpp does: silently
    with pytest.raises(LoadRefused, match=r"tensor 'output.weight' has invalid data"):
        engine.load(path, check_tensors=True)


def test_a_refusal_says_nothing_of_the_one_before(engine: Engine, tmp_path: Path, tiny_path: Path) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(with_nan())
    with pytest.raises(LoadRefused):
        engine.load(path, check_tensors=True)
    path.write_bytes(tiny_path.read_bytes()[:500])
    with pytest.raises(LoadRefused) as caught:
        engine.load(path)
    assert "invalid data" not in caught.value.log


def test_a_cancelled_load_frees_what_it_took(engine: Engine, tiny_path: Path) -> None:
    engine.abort.set()
    with pytest.raises(Cancelled):
        engine.load(tiny_path)
    engine.abort.clear()
    assert engine.load(tiny_path).vocabulary_size == 260


@pytest.mark.model
def test_loading_tells_its_progress_and_stops_in_the_middle(engine: Engine, smollm2_path: Path) -> None:
    abort, calls = AbortFlag(), threading.Semaphore(0)

    def count() -> None:
        calls.release()
        if calls._value == 20:
            abort.set()

    with pytest.raises(Cancelled):
        LoadedModel(str(smollm2_path), SETTINGS, log=engine.log, abort=abort, on_progress=count)
    assert 20 <= calls._value < 100


def test_a_closed_model_is_not_used(engine: Engine, tiny_path: Path) -> None:
    with engine.load(tiny_path) as model:
        assert model.handle
    with pytest.raises(RuntimeError, match="closed"):
        _ = model.handle
    model.close()
