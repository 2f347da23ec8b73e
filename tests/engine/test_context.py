"""What a context is made of, what it refuses, and where its threads run."""

from __future__ import annotations

import os
import struct
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.engine.conftest import SETTINGS, Engine, last_position, logits, timed
from tests.support.gguf_writer import ValueType, tiny_llama
from tunesmith.domain.settings import CACHE_TYPES_BY_PRECISION, CacheType, FlashAttention
from tunesmith.engine.context import AffinityControl, Batch, InferenceContext
from tunesmith.engine.errors import EngineError, OutOfMemory
from tunesmith.engine.library import L
from tunesmith.engine.model import LoadedModel


def batch_of(*tokens: int, start: int = 0, sequence: int = 0) -> Batch:
    """Tokens of one sequence, the last with an output."""
    count = len(tokens)
    outputs = np.zeros(count, dtype=np.int8)
    outputs[-1] = 1
    return Batch(
        np.array(tokens, dtype=np.int32),
        np.arange(start, start + count, dtype=np.int32),
        np.full(count, sequence, dtype=np.int32),
        outputs,
    )


def test_a_batch_tells_llama_cpp_what_it_was_given() -> None:
    batch = batch_of(5, 6, 7, start=10, sequence=3)
    struct = batch.struct
    assert (struct.n_tokens, len(batch)) == (3, 3)
    assert [struct.token[i] for i in range(3)] == [5, 6, 7]
    assert [struct.pos[i] for i in range(3)] == [10, 11, 12]
    assert [struct.seq_id[i][0] for i in range(3)] == [3, 3, 3]
    assert [struct.n_seq_id[i] for i in range(3)] == [1, 1, 1]
    assert [struct.logits[i] for i in range(3)] == [0, 0, 1]


def test_a_batch_is_what_its_arrays_say_now(engine: Engine, tiny: LoadedModel) -> None:
    batch = batch_of(5)
    batch.tokens[:] = 9
    batch.positions += 4
    assert (batch.struct.token[0], batch.struct.pos[0]) == (9, 4)


def test_settings_reach_llama_cpp(engine: Engine, tiny: LoadedModel) -> None:
    context = engine.context(tiny, n_ctx=1024, n_batch=96, n_ubatch=32, n_seq_max=2, threads_batch=2)
    assert L.llama_n_ctx(context._handle) == 1024
    assert (context.n_batch, L.llama_n_ubatch(context._handle)) == (96, 32)
    assert (L.llama_n_seq_max(context._handle), context.n_ctx_per_sequence) == (2, 512)
    assert L.llama_n_threads(context._handle) == 1
    assert L.llama_n_threads_batch(context._handle) == 2
    assert context.create_ns > 0


@pytest.mark.parametrize("cache_type", CACHE_TYPES_BY_PRECISION)
def test_every_cache_type_runs(engine: Engine, tiny: LoadedModel, cache_type: CacheType) -> None:
    context = engine.context(tiny, type_k=cache_type, type_v=cache_type)
    context.decode(batch_of(1, 2, 3))
    assert np.isfinite(logits(context)).all()


def test_a_smaller_cache_type_takes_fewer_bytes(engine: Engine, tiny: LoadedModel) -> None:
    sizes = []
    for cache_type in ("f32", "f16", "q8_0", "q4_0"):
        context = engine.context(tiny, type_k=cache_type, type_v=cache_type)
        context.decode(batch_of(*range(1, 101)))
        sizes.append(len(context.save_sequence(0)))
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 4


@pytest.mark.parametrize("flash", ["on", "off", "auto"])
def test_attention_gives_the_same_either_way(
    engine: Engine, tiny: LoadedModel, flash: FlashAttention
) -> None:
    plain = engine.context(tiny, flash_attn="off", type_k="f32", type_v="f32")
    other = engine.context(tiny, flash_attn=flash)
    for context in (plain, other):
        context.decode(batch_of(*range(1, 60)))
    np.testing.assert_allclose(logits(other), logits(plain), atol=0.02)


def test_more_sequences_than_a_batch_can_hold_are_refused_before_llama_cpp_aborts(
    engine: Engine, tiny: LoadedModel
) -> None:
    with pytest.raises(EngineError, match=r"batch of 3 tokens .* each of 4 sequences"):
        engine.context(tiny, n_seq_max=4, n_batch=3, n_ubatch=3)
    with pytest.raises(EngineError, match="batch of 3 tokens"):
        engine.context(tiny, n_seq_max=4, n_ctx=3)


def test_a_cache_type_that_does_not_divide_a_head_is_refused_with_the_reason(
    engine: Engine, tmp_path: Path
) -> None:
    """Heads of 16 have no room for a block of 32."""
    raw = tiny_llama().to_bytes()
    for key, value in (
        (b"llama.attention.head_count", 4),
        (b"llama.attention.head_count_kv", 2),
        (b"llama.rope.dimension_count", 16),
    ):
        at = raw.index(key + struct.pack("<I", ValueType.UINT32)) + len(key) + 4
        raw = raw[:at] + struct.pack("<I", value) + raw[at + 4 :]
    path = tmp_path / "narrow.gguf"
    path.write_bytes(raw)
    with pytest.raises(EngineError, match="block size") as caught:
        engine.context(engine.load(path), type_k="q8_0", type_v="q8_0", flash_attn="on")
    assert not isinstance(caught.value, OutOfMemory)


def test_a_full_context_says_so_and_stays_usable(engine: Engine, tiny: LoadedModel) -> None:
    context = engine.context(tiny, n_ctx=256)
    context.decode(batch_of(*[3] * 256))
    with pytest.raises(EngineError, match="no room for more tokens"):
        context.decode(batch_of(3, start=256))
    context.clear()
    context.decode(batch_of(3))


def test_a_token_that_does_not_exist_is_an_error_and_no_crash(engine: Engine, tiny: LoadedModel) -> None:
    context = engine.context(tiny)
    with pytest.raises(EngineError, match="code -1"):
        context.decode(batch_of(260))
    context.decode(batch_of(259))


def test_clearing_forgets_every_sequence(engine: Engine, tiny: LoadedModel) -> None:
    context = engine.context(tiny, n_seq_max=2, n_ctx=512)
    context.decode(batch_of(1, 2, 3))
    context.decode(batch_of(1, 2, sequence=1))
    assert (last_position(context), last_position(context, 1)) == (2, 1)
    context.clear()
    assert (last_position(context), last_position(context, 1)) == (-1, -1)


def test_a_saved_sequence_returns_into_another_context(engine: Engine, tiny: LoadedModel) -> None:
    one = engine.context(tiny)
    one.decode(batch_of(1, 2, 3))
    state = one.save_sequence(0)
    other = engine.context(tiny, n_ctx=1024, n_ubatch=16)
    assert other.restore_sequence(0, state)
    assert last_position(other) == 2
    one.decode(batch_of(4, start=3))
    other.decode(batch_of(4, start=3))
    np.testing.assert_allclose(logits(other), logits(one), atol=1e-3)


def test_a_context_that_cannot_take_a_state_says_so(engine: Engine, tiny: LoadedModel) -> None:
    one = engine.context(tiny)
    one.decode(batch_of(1, 2, 3))
    other = engine.context(tiny, type_k="q8_0")
    assert not other.restore_sequence(0, one.save_sequence(0))
    assert not other.restore_sequence(0, bytearray())
    other.decode(batch_of(1, 2, 3))


def test_one_model_serves_several_contexts_at_once(engine: Engine, tiny: LoadedModel) -> None:
    contexts = [engine.context(tiny, n_ubatch=ubatch) for ubatch in (16, 32, 64, 128)]
    for context in contexts:
        context.decode(batch_of(*range(1, 100)))
    for context in contexts[1:]:
        np.testing.assert_allclose(logits(context), logits(contexts[0]), atol=0.02)


def test_threads_change_on_a_live_context_and_change_no_result(engine: Engine, tiny: LoadedModel) -> None:
    context = engine.context(tiny)
    results = []
    for threads, threads_batch in ((1, 1), (1, 1), (2, 1), (1, 2), (2, 2), (1, 1)):
        context.set_threads(threads, threads_batch)
        assert L.llama_n_threads(context._handle) == threads
        assert L.llama_n_threads_batch(context._handle) == threads_batch
        context.clear()
        context.decode(batch_of(*range(1, 20)))
        context.decode(batch_of(7, start=19))
        results.append(logits(context))
        assert last_position(context) == 19
    for result in results[1:]:
        np.testing.assert_allclose(result, results[0], atol=1e-3)


def test_llama_cpp_counts_the_same_tokens(engine: Engine, tiny: LoadedModel) -> None:
    context = engine.context(tiny)
    workload = timed(context, prompt=100, generate=9)
    workload.warm_up()
    workload.prepare()
    context.perf_reset()
    run = workload.run()
    prefill_ms, prefill_tokens, decode_ms, decode_calls = context.perf()
    assert (prefill_tokens, decode_calls) == (100, 9)
    assert run.prefill_ns is not None
    assert 0 < prefill_ms * 1e6 <= run.prefill_ns
    assert 0 < decode_ms * 1e6 <= sum(run.step_ns)


def test_closing_twice_is_harmless(engine: Engine, tiny: LoadedModel) -> None:
    context = InferenceContext(tiny, SETTINGS, log=engine.log, abort=engine.abort)
    context.set_threads(1, 1)
    context.close()
    context.close()


# ---------------------------------------------------------------- affinity

needs_affinity = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="Linux binds threads to CPUs"
)


@needs_affinity
def test_every_thread_is_bound_and_given_back() -> None:
    mine = os.sched_getaffinity(0)
    one = (min(mine),)
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    control = AffinityControl()
    try:
        control.apply(one)
        assert os.sched_getaffinity(0) == set(one)
        assert other.native_id is not None
        assert os.sched_getaffinity(other.native_id) == set(one)
        control.apply(one)
        control.apply(None)
        assert os.sched_getaffinity(0) == mine
        assert os.sched_getaffinity(other.native_id) == mine
    finally:
        control.apply(None)
        done.set()
        other.join()


@needs_affinity
def test_cpus_that_are_not_there_are_refused_and_nothing_moves() -> None:
    mine = os.sched_getaffinity(0)
    control = AffinityControl()
    with pytest.raises(EngineError, match=r"cannot be bound to CPUs \[1000\]"):
        control.apply((1000,))
    assert os.sched_getaffinity(0) == mine


@needs_affinity
def test_a_thread_that_ended_meanwhile_hinders_nothing(tmp_path: Path) -> None:
    mine = os.sched_getaffinity(0)
    (tmp_path / str(2**22 + 1)).mkdir()
    (tmp_path / str(threading.get_native_id())).mkdir()
    control = AffinityControl(tmp_path)
    try:
        control.apply((min(mine),))
        assert os.sched_getaffinity(0) == {min(mine)}
    finally:
        control.apply(None)
    assert os.sched_getaffinity(0) == mine


@needs_affinity
def test_threads_moved_half_way_are_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = frozenset(os.sched_getaffinity(0))
    moved: dict[int, frozenset[int]] = {}
    refused = [2]

    def bind(task: int, cpus: frozenset[int]) -> None:
        if task in refused:
            raise PermissionError(1, "Operation not permitted")
        moved[task] = cpus

    monkeypatch.setattr(os, "sched_setaffinity", bind)
    for task in ("1", "2"):
        (tmp_path / task).mkdir()
    control = AffinityControl(tmp_path)
    with pytest.raises(EngineError, match="Operation not permitted"):
        control.apply((min(mine),))
    refused.clear()
    control.apply(None)
    assert set(moved.values()) == {mine}
