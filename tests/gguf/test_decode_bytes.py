"""Claims about the bytes that a decoding step reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.gguf_writer import tiny_llama
from tunesmith.domain.model import ModelHeader, TensorInfo
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload
from tunesmith.gguf import decode_bytes, read_header, read_tensors

F16 = Settings(threads=1, threads_batch=1, n_ctx=512)
Q8_0 = F16.replace(type_k="q8_0", type_v="q8_0")
ONE = Workload(prompt=0, generate=1)


def of_file(path: Path, workload: Workload, settings: Settings = F16) -> int:
    return decode_bytes(read_header(path), read_tensors(path), workload, settings)


@pytest.fixture
def header(tmp_path: Path) -> ModelHeader:
    """Of a model of 2 layers, with one KV head of 32."""
    return read_header(tiny_llama().write(tmp_path / "tiny.gguf"))


def tensor(name: str, size_bytes: int) -> TensorInfo:
    return TensorInfo(name=name, type="F32", dims=(size_bytes // 4,), size_bytes=size_bytes)


def weights(header: ModelHeader, *tensors: TensorInfo, settings: Settings = F16) -> int:
    return decode_bytes(header, tensors, ONE, settings)


def test_smollm2_reads_all_its_weights_since_its_output_is_its_embedding(smollm2_path: Path) -> None:
    header = read_header(smollm2_path)
    read = of_file(smollm2_path, ONE)
    assert read == header.weights_bytes - 576 * 4, "the output's norm is left out"


def test_smollm2_reads_the_cache_at_the_mean_depth_by_its_type(smollm2_path: Path) -> None:
    elements = 30 * 3 * (64 + 64) * (2048 + 512 + 64)
    workload = Workload(prompt=512, generate=128, depth=2048)
    bare = of_file(smollm2_path, ONE)
    assert of_file(smollm2_path, workload) - bare == elements * 2
    assert of_file(smollm2_path, workload, Q8_0) - bare == elements * 34 // 32


def test_sequences_share_weights_and_not_caches(smollm2_path: Path) -> None:
    bare = of_file(smollm2_path, ONE)
    alone, four = (
        of_file(smollm2_path, Workload(prompt=0, generate=2, depth=1024, parallel=count)) for count in (1, 4)
    )
    assert four - bare == 4 * (alone - bare)


def test_gemma_reads_no_further_back_than_its_window(gemma_path: Path) -> None:
    bare = of_file(gemma_path, ONE)
    near, far = (of_file(gemma_path, Workload(prompt=0, generate=1, depth=depth)) for depth in (512, 8192))
    assert near == far == bare + 18 * 1 * (256 + 256) * 512 * 2


def test_an_embedding_apart_from_the_output_is_looked_up_and_not_read(header: ModelHeader) -> None:
    tied = weights(header, tensor("token_embd.weight", 400), tensor("blk.0.ffn_up.weight", 8))
    apart = weights(
        header,
        *(tensor(name, 400) for name in ("token_embd.weight", "per_layer_token_embd.weight")),
        tensor("blk.0.ffn_up.weight", 8), tensor("output.weight", 40),
    )  # fmt: skip
    assert (tied, apart) == (408, 48)


def test_of_experts_only_those_used_are_read(header: ModelHeader) -> None:
    mixed = header.model_copy(update={"experts": 8, "experts_used": 2})
    tensors = [
        tensor("blk.0.ffn_up_exps.weight", 800), tensor("blk.0.ffn_up_shexp.weight", 40),
        tensor("blk.1.ffn_down.3.weight", 80), tensor("blk.0.ffn_gate_inp.weight", 4),
    ]  # fmt: skip
    assert weights(mixed, *tensors) == 200 + 40 + 20 + 4
    assert weights(header, *tensors) == 44, "how many are used is not said"


def test_a_layer_for_predicting_further_tokens_is_not_run(header: ModelHeader) -> None:
    read = weights(
        header, tensor("blk.0.ffn_up.weight", 8), tensor("blk.1.ffn_up.weight", 16),
        tensor("blk.1.nextn.eh_proj.weight", 32),
    )  # fmt: skip
    assert read == 8


@pytest.mark.parametrize(
    ("names", "layers"),
    [
        (("attn_k.weight", "attn_v.weight"), 1),
        (("attn_qkv.weight",), 1),
        (("attn_qkv.weight", "ssm_a"), 0),
        (("attn_kv_a_mqa.weight", "attn_kv_b.weight"), 0),
        (("time_mix_key.weight",), 0),
    ],
)
def test_only_plain_caches_count(header: ModelHeader, names: tuple[str, ...], layers: int) -> None:
    tensors = [tensor(f"blk.0.{name}", 4) for name in names]
    deep = Workload(prompt=0, generate=1, depth=100)
    cache = decode_bytes(header, tensors, deep, F16) - decode_bytes(header, tensors, ONE, F16)
    assert cache == layers * 100 * 2 * (32 + 32)


def test_layers_that_use_the_cache_of_others_count_neither_it_nor_their_own_keys(header: ModelHeader) -> None:
    sharing = header.model_copy(update={"architecture": "gemma3n"})
    tensors = [tensor(f"blk.0.attn_{part}.weight", 4) for part in "qkv"]
    assert decode_bytes(sharing, tensors, Workload(prompt=0, generate=1, depth=100), F16) == 4
