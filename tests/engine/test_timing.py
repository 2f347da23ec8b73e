"""What is timed, and that what is timed is the workload."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.engine.conftest import Engine, last_position, logits, timed
from tunesmith.domain.workload import Workload
from tunesmith.engine.context import Batch, InferenceContext
from tunesmith.engine.errors import Cancelled, EngineError
from tunesmith.engine.model import LoadedModel
from tunesmith.engine.timing import DepthCache, LiveTiming, TimedWorkload

Logits = npt.NDArray[np.float32]
DEPTH, PROMPT, STEPS = 150, 70, 5


def joined(batches: list[Batch], *, sequence: int = 0) -> Batch:
    """One batch of one sequence's tokens, the last with an output; moved to sequence 0."""
    owners = np.concatenate([batch._sequences for batch in batches])
    mine = owners == sequence
    tokens = np.concatenate([batch.tokens for batch in batches])[mine]
    positions = np.concatenate([batch.positions for batch in batches])[mine]
    outputs = np.zeros(len(tokens), dtype=np.int8)
    outputs[-1] = 1
    return Batch(tokens, positions, np.zeros(len(tokens), dtype=np.int32), outputs)


def plain_logits(engine: Engine, workload: TimedWorkload, *, sequence: int | None = None) -> Logits:
    """What the prompt's last token says in a new context that never saved or restored anything.

    Batch by batch as the workload does it; or, of one parallel sequence, all at once.
    """
    its = workload._context
    context = engine.context(its.model, **its.settings.replace(n_seq_max=1).model_dump())
    depth, prompt = workload._depth_batches, workload._prompt_batches
    if sequence is None:
        for batch in depth + prompt:
            context.decode(batch)
    else:
        context.decode(joined(depth))
        context.decode(joined(prompt, sequence=sequence))
    return logits(context)


@pytest.mark.parametrize("n_batch", [512, 64, 7])
def test_counts_are_those_of_the_workload(engine: Engine, tiny: LoadedModel, n_batch: int) -> None:
    live = LiveTiming()
    context = engine.context(tiny, n_batch=n_batch, n_ubatch=min(64, n_batch))
    workload = timed(context, live=live, prompt=PROMPT, generate=STEPS)
    workload.warm_up()
    workload.prepare()
    run = workload.run()
    assert run.prefill_tokens == PROMPT
    assert run.prefill_ns is not None
    assert run.prefill_ns > 0
    assert len(run.step_ns) == STEPS
    assert min(run.step_ns) > 0
    assert last_position(context) == PROMPT + STEPS - 1
    assert [tokens for tokens, _ in live.running.prefill_chunks] == [
        min(n_batch, PROMPT - at) for at in range(0, PROMPT, n_batch)
    ]
    assert tuple(live.running.step_ns) == run.step_ns


def test_a_prompt_alone_decodes_nothing_and_steps_alone_prefill_nothing(
    engine: Engine, tiny: LoadedModel
) -> None:
    context = engine.context(tiny)
    prompt, steps = timed(context, prompt=PROMPT), timed(context, generate=STEPS)
    prompt.prepare()
    run = prompt.run()
    assert (run.prefill_tokens, run.step_ns) == (PROMPT, ())
    assert last_position(context) == PROMPT - 1
    steps.prepare()
    run = steps.run()
    assert (run.prefill_ns, len(run.step_ns)) == (None, STEPS)
    assert last_position(context) == STEPS - 1


def test_every_repetition_computes_the_same(engine: Engine, tiny: LoadedModel) -> None:
    context = engine.context(tiny)
    workload = timed(context, generate=STEPS)
    seen = []
    for _ in range(3):
        workload.prepare()
        workload.run()
        seen.append(logits(context))
    np.testing.assert_array_equal(seen[1], seen[0])
    np.testing.assert_array_equal(seen[2], seen[0])


def test_a_sequence_begins_with_the_vocabularys_first_token(engine: Engine, tiny: LoadedModel) -> None:
    context = engine.context(tiny, n_ctx=1024, n_seq_max=2)
    prompt = timed(context, prompt=PROMPT, parallel=2)
    assert prompt._prompt_batches[0].tokens[[0, PROMPT]].tolist() == [1, 1]
    deep = timed(context, prompt=PROMPT, depth=DEPTH)
    assert deep._depth_batches[0].tokens[0] == 1
    assert deep._prompt_batches[0].tokens[0] != 1
    steps = timed(context, generate=STEPS, parallel=2)
    for _ in range(2):
        assert steps._step_batch().tokens.tolist() == [1, 1]
        steps.prepare()
        steps.run()


def test_warming_up_computes_the_prompt_and_a_token(engine: Engine, tiny: LoadedModel) -> None:
    live = LiveTiming()
    context = engine.context(tiny)
    assert timed(context, live=live, prompt=PROMPT, generate=STEPS, depth=DEPTH).warm_up() > 0
    assert last_position(context) == DEPTH + PROMPT
    assert live.progress >= 3
    assert live.running.step_ns == []


def test_live_timings_of_two_repetitions_are_never_one_list(engine: Engine, tiny: LoadedModel) -> None:
    live = LiveTiming()
    workload = timed(engine.context(tiny), live=live, generate=STEPS)
    workload.prepare()
    first = live.running
    workload.run()
    workload.prepare()
    assert live.running is not first
    assert (len(first.step_ns), len(live.running.step_ns)) == (STEPS, 0)


# ---------------------------------------------------------------- depth


@pytest.mark.parametrize("flash", ["on", "off"])
@pytest.mark.parametrize("cache_type", ["f32", "q8_0"])
def test_a_restored_depth_says_what_a_plain_prefill_says(
    engine: Engine, tiny: LoadedModel, flash: str, cache_type: str
) -> None:
    value_type = cache_type if flash == "on" else "f32"
    context = engine.context(tiny, flash_attn=flash, type_k=cache_type, type_v=value_type)
    workload = timed(context, prompt=PROMPT, depth=DEPTH)
    for restored in (False, True, True):
        workload.prepare()
        assert last_position(context) == DEPTH - 1, restored
        workload.run()
        assert last_position(context) == DEPTH + PROMPT - 1
        np.testing.assert_allclose(logits(context), plain_logits(engine, workload), atol=1e-4)


def test_a_depth_saved_in_one_context_serves_another(engine: Engine, tiny: LoadedModel) -> None:
    depths, live = DepthCache(), LiveTiming()
    timed(engine.context(tiny), depths=depths, depth=DEPTH, prompt=PROMPT).warm_up()
    context = engine.context(tiny, n_ctx=1024, n_ubatch=16)
    workload = timed(context, depths=depths, live=live, depth=DEPTH, prompt=PROMPT)
    before = live.progress
    workload.prepare()
    assert live.progress == before, "the depth was computed again"
    workload.run()
    np.testing.assert_allclose(logits(context), plain_logits(engine, workload), atol=1e-3)


def test_depth_and_prompt_are_laid_out_one_after_the_other(engine: Engine, tiny: LoadedModel) -> None:
    context = engine.context(tiny, n_ctx=1024, n_seq_max=2, n_batch=50, n_ubatch=50)
    workload = timed(context, prompt=PROMPT, generate=1, depth=DEPTH, parallel=2)
    depth = np.concatenate([batch.positions for batch in workload._depth_batches])
    prompt = np.concatenate([batch.positions for batch in workload._prompt_batches])
    owners = np.concatenate([batch._sequences for batch in workload._prompt_batches])
    assert depth.tolist() == list(range(DEPTH))
    assert prompt.tolist() == 2 * list(range(DEPTH, DEPTH + PROMPT))
    assert owners.tolist() == [0] * PROMPT + [1] * PROMPT
    assert workload._step_batch().positions.tolist() == [DEPTH + PROMPT] * 2
    assert workload._step_batch()._sequences.tolist() == [0, 1]


def test_an_incompatible_context_computes_its_own_depth(engine: Engine, tiny: LoadedModel) -> None:
    depths, live = DepthCache(), LiveTiming()
    timed(engine.context(tiny), depths=depths, depth=DEPTH, prompt=PROMPT).warm_up()
    kept = depths.kept_bytes
    context = engine.context(tiny, type_k="q8_0")
    workload = timed(context, depths=depths, live=live, depth=DEPTH, prompt=PROMPT)
    workload.prepare()
    assert live.progress == 1
    assert depths.kept_bytes > kept
    assert last_position(context) == DEPTH - 1


def test_the_depth_changes_what_the_prompt_means(engine: Engine, tiny: LoadedModel) -> None:
    """Else the tests above would prove nothing."""
    context = engine.context(tiny)
    workload = timed(context, prompt=PROMPT, depth=DEPTH)
    workload.prepare()
    workload.run()
    deep = logits(context)
    context.clear()
    context.decode(joined(workload._prompt_batches))
    assert np.abs(logits(context) - deep).max() > 0.05


def test_saving_a_depth_is_announced_and_counted(engine: Engine, tiny: LoadedModel) -> None:
    announced: list[int] = []
    depths = DepthCache(lambda: announced.append(depths.kept_bytes))
    workload = timed(engine.context(tiny), depths=depths, prompt=PROMPT, depth=DEPTH)
    workload.warm_up()
    workload.prepare()
    assert announced == [0]
    assert depths.kept_bytes > DEPTH * 2 * 2 * 32  # K and V, two layers, heads of 32


@pytest.mark.model
@pytest.mark.parametrize("flash", ["auto", "off"])
def test_a_real_models_restored_depth_says_what_a_plain_prefill_says(
    engine: Engine, smollm2_path: Path, flash: str
) -> None:
    context = engine.context(engine.load(smollm2_path), flash_attn=flash, n_batch=64)
    workload = timed(context, prompt=20, depth=80)
    plain = plain_logits(engine, workload)
    for _ in range(2):
        workload.prepare()
        workload.run()
        np.testing.assert_allclose(logits(context), plain, atol=1e-3)


@pytest.mark.model
def test_a_sliding_window_is_restored_too(engine: Engine, gemma_path: Path) -> None:
    """600 tokens of depth are more than the window of 512 holds."""
    model = engine.load(gemma_path)
    context = engine.context(model, n_ctx=1024, n_batch=512, n_ubatch=512)
    workload = timed(context, prompt=20, depth=600)
    results = []
    for _ in range(2):
        workload.prepare()
        workload.run()
        results.append(logits(context))
    np.testing.assert_allclose(results[1], results[0], atol=1e-3)


# ---------------------------------------------------------------- parallel sequences


def test_parallel_sequences_each_reach_their_length(engine: Engine, tiny: LoadedModel) -> None:
    live = LiveTiming()
    context = engine.context(tiny, n_ctx=3 * 256, n_seq_max=3, n_batch=100)
    workload = timed(context, live=live, prompt=PROMPT, generate=STEPS, depth=DEPTH, parallel=3)
    for _ in range(2):
        workload.prepare()
        assert [last_position(context, number) for number in range(3)] == [DEPTH - 1] * 3
        run = workload.run()
        ends = [last_position(context, number) for number in range(3)]
        assert ends == [DEPTH + PROMPT + STEPS - 1] * 3
        assert run.prefill_tokens == 3 * PROMPT
        assert len(run.step_ns) == STEPS
    assert live.running.sequences == 3
    assert sum(tokens for tokens, _ in live.running.prefill_chunks) == 3 * PROMPT


def test_every_parallel_sequence_says_what_it_says_alone(engine: Engine, tiny: LoadedModel) -> None:
    context = engine.context(tiny, n_ctx=3 * 256, n_seq_max=3)
    workload = timed(context, prompt=PROMPT, depth=DEPTH, parallel=3)
    workload.prepare()
    workload.run()
    for sequence in range(3):
        found = logits(context, sequence * PROMPT + PROMPT - 1)
        plain = plain_logits(engine, workload, sequence=sequence)
        np.testing.assert_allclose(found, plain, atol=0.02)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("prompt", "generate", "depth", "parallel", "reason"),
    [
        (500, 13, 0, 1, "needs 513 tokens of context per sequence and there are 512"),
        (1, 0, 512, 1, "needs 513 tokens"),
        (8, 0, 0, 2, "needs 2 parallel sequences and the context has 1"),
    ],
)
def test_a_workload_larger_than_its_context_is_refused_before_llama_cpp_aborts(
    engine: Engine, tiny: LoadedModel, prompt: int, generate: int, depth: int, parallel: int, reason: str
) -> None:
    with pytest.raises(EngineError, match=reason):
        timed(engine.context(tiny), prompt=prompt, generate=generate, depth=depth, parallel=parallel)


def test_a_workload_may_fill_its_context_to_the_last_token(engine: Engine, tiny: LoadedModel) -> None:
    context = engine.context(tiny)
    workload = timed(context, prompt=500, generate=12)
    workload.warm_up()
    workload.prepare()
    workload.run()
    assert last_position(context) == 511


def test_a_batch_is_never_larger_than_the_context_allows(engine: Engine, tiny: LoadedModel) -> None:
    """llama.cpp shrinks n_batch to the context asked for, before it rounds that one up."""
    context = engine.context(tiny, n_ctx=300)
    assert (context.n_batch, context.n_ctx_per_sequence) == (300, 512)
    workload = timed(context, prompt=400)
    workload.warm_up()
    assert max(map(len, workload._prompt_batches)) == 300


# ---------------------------------------------------------------- abort


@pytest.fixture
def long_prefill(engine: Engine, smollm2_path: Path) -> Iterator[tuple[InferenceContext, TimedWorkload]]:
    """A prefill of some ten seconds on one thread."""
    context = engine.context(engine.load(smollm2_path), n_ctx=4096, n_batch=2048, n_ubatch=512)
    yield context, timed(context, prompt=4000)
    engine.abort.clear()


@pytest.mark.model
def test_the_abort_flag_ends_a_prefill_at_once_and_the_context_lives_on(
    engine: Engine, long_prefill: tuple[InferenceContext, TimedWorkload]
) -> None:
    context, workload = long_prefill
    delays: list[float] = []
    while len(delays) < 4 and min(delays, default=1.0) >= 0.2:  # a busy machine may be late; not always
        engine.abort.clear()
        workload.prepare()
        set_at: list[float] = []

        def stop(set_at: list[float] = set_at) -> None:
            set_at.append(time.monotonic())
            engine.abort.set()

        timer = threading.Timer(0.2, stop)
        timer.start()
        with pytest.raises(Cancelled):
            workload.run()
        delays.append(time.monotonic() - set_at[0])
        timer.join()
    assert min(delays) < 0.2
    engine.abort.clear()
    short = timed(context, prompt=16, generate=2)
    short.prepare()
    short.run()
    found = logits(context)
    fresh = engine.context(context.model, n_ctx=4096, n_batch=2048, n_ubatch=512)
    again = timed(fresh, prompt=16, generate=2)
    again.prepare()
    again.run()
    np.testing.assert_allclose(found, logits(fresh), atol=0.05)


def test_a_flag_set_before_stops_the_first_batch(engine: Engine, tiny: LoadedModel) -> None:
    context = engine.context(tiny)
    workload = timed(context, prompt=PROMPT)
    workload.prepare()
    engine.abort.set()
    try:
        with pytest.raises(Cancelled):
            workload.run()
    finally:
        engine.abort.clear()
    workload.prepare()
    assert workload.run().prefill_tokens == PROMPT


def test_the_garbage_collector_rests_while_timing_and_only_then(engine: Engine, tiny: LoadedModel) -> None:
    seen: list[bool] = []

    def clock_ns() -> int:
        seen.append(gc.isenabled())
        return time.perf_counter_ns()

    workload = TimedWorkload(
        engine.context(tiny),
        Workload(prompt=8, generate=2),
        depths=DepthCache(),
        live=LiveTiming(),
        clock_ns=clock_ns,
    )
    workload.prepare()
    assert gc.isenabled()
    workload.run()
    assert seen
    assert not any(seen)
    assert gc.isenabled()
