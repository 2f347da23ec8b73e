"""Claims about the operations that a token takes, worked through by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.gguf_writer import tiny_llama
from tunesmith.domain.model import TensorInfo
from tunesmith.domain.shape import LayerShape, ModelShape
from tunesmith.domain.workload import Workload
from tunesmith.gguf import decode_operations, prefill_work, read_shape

ONE = Workload(prompt=1, generate=1)
PROJECTIONS = 64 * 64 + 2 * 64 * 32
"""Of Q, K and V of the tiny model: 64 wide, 2 heads of 32, 1 KV head."""
REST = 64 * 64 + 3 * 64 * 128
"""What comes after attention: its output, and the feed-forward layer of 128."""
OUTPUT = 64 * 260


@pytest.fixture
def tiny(tmp_path: Path) -> ModelShape:
    """2 layers."""
    return read_shape(tiny_llama().write(tmp_path / "tiny.gguf"))


def matrix(name: str, *dims: int, kind: str = "Q8_0") -> TensorInfo:
    elements = 1
    for dim in dims:
        elements *= dim
    return TensorInfo(name=name, type=kind, dims=dims, size_bytes=elements * 34 // 32)


def shape(*tensors: TensorInfo, layers: int = 2, architecture: str = "llama", **others: int) -> ModelShape:
    layer = LayerShape(heads=4, kv_heads=2, key_length=8, value_length=8)
    numbers = {"experts": 0, "experts_used": 0, **others}
    return ModelShape(
        architecture=architecture, layers=(layer,) * layers, tensors=tensors, embedding_length=64,
        vocabulary_size=100, window=None, feed_forward_expert_length=0, inner_size=0, state_size=0,
        group_count=0, understood=True, **numbers,
    )  # fmt: skip


def test_a_dense_model_multiplies_each_weight_but_what_follows_the_last_layers_attention(
    tiny: ModelShape,
) -> None:
    work = prefill_work(tiny, Workload(prompt=10, generate=0))
    assert dict(work.operations) == {"F32": 2 * (2 * PROJECTIONS + REST) + 2 * OUTPUT / 10}
    assert work.weight_bytes == 4 * (2 * PROJECTIONS + REST)


def test_attention_looks_back_at_the_mean_of_what_was_read_before(tiny: ModelShape) -> None:
    numbers_of_k_and_v = 2 * 2 * (32 + 32)  # layers, heads
    assert prefill_work(tiny, Workload(prompt=10, generate=0)).attention_operations == (
        2 * numbers_of_k_and_v * (1 + 10) / 2
    )
    deep = Workload(prompt=10, generate=0, depth=100)
    assert prefill_work(tiny, deep).attention_operations == 2 * numbers_of_k_and_v * (101 + 110) / 2


def test_a_decoded_token_multiplies_all_weights_and_the_output(tiny: ModelShape) -> None:
    assert decode_operations(tiny, Workload(prompt=0, generate=1)) == (
        2 * 2 * (PROJECTIONS + REST) + 2 * OUTPUT + 2 * 2 * 2 * (32 + 32) * 1
    )


def test_of_experts_only_those_used_are_multiplied() -> None:
    tensors = (
        matrix("blk.0.ffn_up_exps.weight", 64, 32, 8, kind="Q4_K"),
        matrix("blk.0.ffn_up_shexp.weight", 64, 32),
        matrix("blk.0.ffn_gate_inp.weight", 64, 8, kind="F32"), matrix("blk.1.attn_q.weight", 64, 32),
    )  # fmt: skip
    mixed = prefill_work(shape(*tensors, experts=8, experts_used=2), ONE)
    assert dict(mixed.operations) == {"Q4_K": 2 * 64 * 32 * 2, "Q8_0": 2 * 64 * 32 * 2}
    unsaid = prefill_work(shape(*tensors, experts=8), ONE)
    assert dict(unsaid.operations)["Q4_K"] == 0


def test_a_window_bounds_what_its_layers_look_back_at() -> None:
    wide = LayerShape(heads=1, kv_heads=1, key_length=1, value_length=0)
    narrow = LayerShape(heads=1, kv_heads=1, key_length=1, value_length=0, windowed=True)
    base = shape(matrix("blk.0.attn_q.weight", 64, 32))

    def looked(*layers: LayerShape, workload: Workload) -> float:
        values = {name: getattr(base, name) for name in base.__slots__} | {"layers": layers, "window": 4}
        return prefill_work(ModelShape(**values), workload).attention_operations / 2

    six = Workload(prompt=6, generate=0)
    assert looked(wide, workload=six) == pytest.approx((1 + 2 + 3 + 4 + 5 + 6) / 6)
    assert looked(narrow, workload=six) == pytest.approx((1 + 2 + 3 + 4 + 4 + 4) / 6)
    assert looked(narrow, workload=Workload(prompt=2, generate=0)) == 1.5
    assert looked(narrow, workload=Workload(prompt=6, generate=0, depth=100)) == 4


def test_layers_that_use_the_cache_of_others_may_not_compute_its_keys() -> None:
    tensors = tuple(matrix(f"blk.0.attn_{part}.weight", 64, 32) for part in "qkv")
    assert sum(n for _k, n in prefill_work(shape(*tensors, architecture="gemma3n"), ONE).operations) == (
        2 * 64 * 32
    )


def test_without_a_prompt_there_is_no_work() -> None:
    assert prefill_work(shape(), Workload(prompt=0, generate=1)).operations_per_token == 0


@pytest.mark.model
def test_smollm2_takes_about_two_operations_for_each_weight(smollm2_path: Path) -> None:
    found = read_shape(smollm2_path)
    elements = sum(one.elements for one in found.tensors if len(one.dims) == 2)
    decoded = decode_operations(found, Workload(prompt=0, generate=1))
    assert decoded == pytest.approx(2 * elements, rel=0.001)
    work = prefill_work(found, Workload(prompt=512, generate=0))
    assert work.operations_per_token < decoded, "neither the output nor all of the last layer for each token"
