"""What llama.cpp would allocate, told without allocating it, and that the projection says the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.conftest import SETTINGS, Engine
from tests.support.model_shapes import SHAPES, write_shape
from tunesmith import gguf
from tunesmith.domain.overrides import MAIN_MEMORY
from tunesmith.domain.projection import project
from tunesmith.domain.reserve import Reserve
from tunesmith.domain.settings import CacheType, FlashAttention, Settings
from tunesmith.engine import library, memory
from tunesmith.engine.errors import LoadRefused

BYTES_APART = 0.001
"""Share by which the projection may be higher: alignment."""


def reserved(engine: Engine, path: Path, settings: Settings) -> Reserve:
    return memory.reserve(str(path), settings, log=engine.log, abort=engine.abort)


def check_projection(engine: Engine, path: Path, settings: Settings) -> None:
    """Each part is what llama.cpp says, never less, and at most a thousandth more."""
    told = reserved(engine, path, settings)
    assert told.source == "breakdown"
    features = library.build(library.devices()).cpu_features
    host = project(gguf.read_shape(path), settings, (), cpu_features=features).host
    weights = sum(buffer.weights_bytes or 0 for buffer in told.buffers)
    context = sum(buffer.context_bytes or 0 for buffer in told.buffers)
    compute = sum(buffer.compute_bytes for buffer in told.buffers)
    for name, projected, real in (
        ("weights", host.weights_bytes + host.repacked_bytes, weights),
        ("context", host.kv_bytes + host.recurrent_bytes, context),
        ("compute", host.compute_bytes, compute),
    ):
        assert real <= projected <= real * (1 + BYTES_APART), name


@pytest.mark.parametrize("name", SHAPES)
def test_a_projection_is_what_llama_cpp_would_allocate_for_any_shape(
    name: str, engine: Engine, tmp_path: Path
) -> None:
    path = write_shape(name, tmp_path)
    base = SETTINGS.replace(load_mode="none", n_batch=512, n_ubatch=512)
    for n_ctx, flash_attn, cache_type, sequences in (
        (512, "on", "f16", 1), (4096, "off", "f16", 1), (32768, "on", "q8_0", 1), (8192, "on", "q4_0", 4),
    ):  # fmt: skip
        check_projection(
            engine,
            path,
            base.replace(
                n_ctx=n_ctx, flash_attn=flash_attn, type_k=cache_type, type_v=cache_type, n_seq_max=sequences
            ),
        )


@pytest.mark.model
@pytest.mark.parametrize("model", ["smollm2_path", "gemma_path"])
@pytest.mark.parametrize(
    ("flash_attn", "cache_type"), [("on", "f16"), ("off", "f16"), ("on", "q8_0"), ("on", "q4_0")]
)
def test_a_projection_is_what_llama_cpp_would_allocate_for_real_models(
    model: str, flash_attn: FlashAttention, cache_type: CacheType, engine: Engine,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    path: Path = request.getfixturevalue(model)
    settings = SETTINGS.replace(
        n_ctx=6144, n_batch=512, n_ubatch=256, load_mode="none", flash_attn=flash_attn, type_k=cache_type,
        type_v=cache_type,
    )  # fmt: skip
    check_projection(engine, path, settings)


def test_the_log_tells_the_compute_buffer_where_there_is_no_breakdown(
    engine: Engine, tiny_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = reserved(engine, tiny_path, SETTINGS)
    monkeypatch.setattr(memory, "_BREAKDOWN", "no_such_function")
    told = reserved(engine, tiny_path, SETTINGS)
    assert (exact.source, told.source) == ("breakdown", "log")
    assert [(buffer.buffer, buffer.weights_bytes) for buffer in told.buffers] == [(MAIN_MEMORY, None)]
    real = sum(buffer.compute_bytes for buffer in exact.buffers)
    assert real <= told.buffers[0].compute_bytes <= real + 2 * 0.01 * 2**20


def test_what_cannot_be_loaded_is_refused_without_allocating_too(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "empty.gguf"
    path.write_bytes(b"")
    with pytest.raises(LoadRefused):
        reserved(engine, path, SETTINGS)
