"""Own small models of many shapes, with random weights: what they say means nothing, their memory does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.gguf_writer import GgufWriter, Scalar, ValueType

_BYTES = 256
TOKENS = ("<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(_BYTES)), "▁")


@dataclass(frozen=True)
class Size:
    """How large a model is."""

    layers: int = 4
    width: int = 128
    hidden: int = 256
    heads: int = 4
    kv_heads: int = 2
    head: int = 32
    kind: str = "F16"
    vocabulary: int = 512
    experts: int = 0
    experts_used: int = 0
    window: int = 0
    tied: bool = False


def _begin(architecture: str, size: Size, keys: Sequence[tuple[str, Scalar]] = ()) -> GgufWriter:
    """Keys and vocabulary; tokens after the bytes are made up."""
    writer = GgufWriter(seed=1)
    writer.add("general.architecture", architecture)
    writer.add("general.type", "model")
    writer.add("general.name", f"Small {architecture}")
    writer.add("general.file_type", {"F32": 0, "F16": 1, "Q8_0": 7, "Q4_0": 2}[size.kind])
    for key, value in (
        ("block_count", size.layers),
        ("context_length", 32768),
        ("embedding_length", size.width),
        ("attention.layer_norm_rms_epsilon", 1e-5),
        *keys,
    ):
        writer.add(f"{architecture}.{key}", value)
    tokens = [*TOKENS, *(f"t{number}" for number in range(size.vocabulary - len(TOKENS)))]
    writer.add("tokenizer.ggml.model", "llama")
    for name, token in (("bos", 1), ("eos", 2), ("unknown", 0)):
        writer.add(f"tokenizer.ggml.{name}_token_id", token)
    writer.add_array("tokenizer.ggml.tokens", tokens)
    writer.add_array("tokenizer.ggml.scores", [0.0] * len(tokens))
    kinds = [2, 3, 3, *[6] * _BYTES, *[1] * (len(tokens) - _BYTES - 3)]
    writer.add_array("tokenizer.ggml.token_type", kinds, ValueType.INT32)
    writer.add_weights("token_embd.weight", (size.width, size.vocabulary), size.kind)
    return writer


def _end(writer: GgufWriter, size: Size, norm: str = "output_norm") -> GgufWriter:
    writer.add_weights(f"{norm}.weight", (size.width,), "F32")
    if not size.tied:
        writer.add_weights("output.weight", (size.width, size.vocabulary), size.kind)
    return writer


def _attention_keys(size: Size) -> list[tuple[str, Scalar]]:
    return [
        ("feed_forward_length", size.hidden),
        ("attention.head_count", size.heads),
        ("attention.head_count_kv", size.kv_heads),
        ("attention.key_length", size.head),
        ("attention.value_length", size.head),
        ("rope.dimension_count", size.head),
    ]


def _add_attention(writer: GgufWriter, block: str, size: Size, *, head_norms: bool = False) -> None:
    writer.add_weights(f"{block}attn_q.weight", (size.width, size.heads * size.head), size.kind)
    for name in "kv":
        writer.add_weights(f"{block}attn_{name}.weight", (size.width, size.kv_heads * size.head), size.kind)
    writer.add_weights(f"{block}attn_output.weight", (size.heads * size.head, size.width), size.kind)
    if head_norms:
        for name in "qk":
            writer.add_weights(f"{block}attn_{name}_norm.weight", (size.head,), "F32")


def _add_feed_forward(writer: GgufWriter, block: str, size: Size) -> None:
    for name in ("gate", "up"):
        writer.add_weights(f"{block}ffn_{name}.weight", (size.width, size.hidden), size.kind)
    writer.add_weights(f"{block}ffn_down.weight", (size.hidden, size.width), size.kind)


def _add_experts(writer: GgufWriter, block: str, size: Size) -> None:
    writer.add_weights(f"{block}ffn_gate_inp.weight", (size.width, size.experts), "F32")
    for name in ("gate", "up"):
        writer.add_weights(
            f"{block}ffn_{name}_exps.weight", (size.width, size.hidden, size.experts), size.kind
        )
    writer.add_weights(f"{block}ffn_down_exps.weight", (size.hidden, size.width, size.experts), size.kind)


def _add_norms(writer: GgufWriter, block: str, size: Size, *names: str) -> None:
    for name in names:
        writer.add_weights(f"{block}{name}.weight", (size.width,), "F32")


def llama(size: Size) -> GgufWriter:
    """Grouped-query attention, one dense feed-forward network."""
    writer = _begin("llama", size, _attention_keys(size))
    for layer in range(size.layers):
        block = f"blk.{layer}."
        _add_norms(writer, block, size, "attn_norm", "ffn_norm")
        _add_attention(writer, block, size)
        _add_feed_forward(writer, block, size)
    return _end(writer, size)


def gemma3(size: Size) -> GgufWriter:
    """Five of six layers look back no further than a window."""
    writer = _begin("gemma3", size, [*_attention_keys(size), ("attention.sliding_window", size.window)])
    for layer in range(size.layers):
        block = f"blk.{layer}."
        _add_norms(writer, block, size, "attn_norm", "ffn_norm", "post_attention_norm", "post_ffw_norm")
        _add_attention(writer, block, size, head_norms=True)
        _add_feed_forward(writer, block, size)
    return _end(writer, size)


def qwen3moe(size: Size) -> GgufWriter:
    """A mixture of experts, of which some are used for each token."""
    keys = [
        *_attention_keys(size),
        ("expert_count", size.experts),
        ("expert_used_count", size.experts_used),
        ("expert_feed_forward_length", size.hidden),
    ]
    writer = _begin("qwen3moe", size, keys)
    for layer in range(size.layers):
        block = f"blk.{layer}."
        _add_norms(writer, block, size, "attn_norm", "ffn_norm")
        _add_attention(writer, block, size, head_norms=True)
        _add_experts(writer, block, size)
    return _end(writer, size)


def olmoe(size: Size) -> GgufWriter:
    """A mixture of experts whose norms of Q and K go over all heads."""
    keys = [*_attention_keys(size), ("expert_count", size.experts), ("expert_used_count", size.experts_used)]
    writer = _begin("olmoe", size, keys)
    for layer in range(size.layers):
        block = f"blk.{layer}."
        _add_norms(writer, block, size, "attn_norm", "ffn_norm")
        _add_attention(writer, block, size)
        writer.add_weights(f"{block}attn_q_norm.weight", (size.width,), "F32")
        writer.add_weights(f"{block}attn_k_norm.weight", (size.kv_heads * size.head,), "F32")
        _add_experts(writer, block, size)
    return _end(writer, size)


def mamba(size: Size) -> GgufWriter:
    """Recurrent layers and no attention."""
    inner, state, kernel, rank = 2 * size.width, 16, 4, size.width // 16
    keys = [
        ("ssm.conv_kernel", kernel), ("ssm.inner_size", inner), ("ssm.state_size", state),
        ("ssm.time_step_rank", rank), ("feed_forward_length", 0), ("attention.head_count", 0),
    ]  # fmt: skip
    writer = _begin("mamba", size, keys)
    for layer in range(size.layers):
        block = f"blk.{layer}."
        _add_norms(writer, block, size, "attn_norm")
        writer.add_weights(f"{block}ssm_in.weight", (size.width, 2 * inner), size.kind)
        writer.add_weights(f"{block}ssm_conv1d.weight", (kernel, inner), "F32")
        writer.add_weights(f"{block}ssm_conv1d.bias", (inner,), "F32")
        writer.add_weights(f"{block}ssm_x.weight", (inner, rank + 2 * state), size.kind)
        writer.add_weights(f"{block}ssm_dt.weight", (rank, inner), "F32")
        writer.add_weights(f"{block}ssm_dt.bias", (inner,), "F32")
        writer.add_weights(f"{block}ssm_a", (state, inner), "F32")
        writer.add_weights(f"{block}ssm_d", (inner,), "F32")
        writer.add_weights(f"{block}ssm_out.weight", (inner, size.width), size.kind)
    return _end(writer, size)


def falcon_h1(size: Size) -> GgufWriter:
    """Attention and a recurrent part beside each other in every layer."""
    inner, state, kernel, groups, heads = 2 * size.width, 32, 4, 1, 8
    rows = inner + 2 * groups * state
    keys = [
        *_attention_keys(size), ("ssm.conv_kernel", kernel), ("ssm.inner_size", inner),
        ("ssm.state_size", state), ("ssm.time_step_rank", heads), ("ssm.group_count", groups),
    ]  # fmt: skip
    writer = _begin("falcon-h1", size, keys)
    for layer in range(size.layers):
        block = f"blk.{layer}."
        _add_norms(writer, block, size, "attn_norm")
        writer.add_weights(f"{block}ffn_norm", (size.width,), "F32")  # this architecture's without a suffix
        writer.add_weights(f"{block}ssm_in.weight", (size.width, inner + rows + heads), size.kind)
        writer.add_weights(f"{block}ssm_conv1d.weight", (kernel, rows), "F32")
        writer.add_weights(f"{block}ssm_conv1d.bias", (rows,), "F32")
        writer.add_weights(f"{block}ssm_dt.bias", (heads,), "F32")
        for name in ("ssm_a", "ssm_d"):
            writer.add_weights(f"{block}{name}", (1, heads), "F32")
        writer.add_weights(f"{block}ssm_norm.weight", (inner // groups, groups), "F32")
        writer.add_weights(f"{block}ssm_out.weight", (inner, size.width), size.kind)
        _add_attention(writer, block, size)
        _add_feed_forward(writer, block, size)
    return _end(writer, size)


def lfm2(size: Size) -> GgufWriter:
    """Every second layer attends, the others are short convolutions."""
    attends = [layer % 2 for layer in range(size.layers)]
    keys = [key for key in _attention_keys(size) if key[0] != "attention.head_count_kv"]
    writer = _begin("lfm2", size, [*keys, ("shortconv.l_cache", 3)])
    writer.add_array("lfm2.attention.head_count_kv", [size.kv_heads * one for one in attends])
    for layer in range(size.layers):
        block = f"blk.{layer}."
        _add_norms(writer, block, size, "attn_norm", "ffn_norm")
        if attends[layer]:
            _add_attention(writer, block, size, head_norms=True)
        else:
            writer.add_weights(f"{block}shortconv.conv.weight", (3, size.width), "F32")
            writer.add_weights(f"{block}shortconv.in_proj.weight", (size.width, 3 * size.width), size.kind)
            writer.add_weights(f"{block}shortconv.out_proj.weight", (size.width, size.width), size.kind)
        _add_feed_forward(writer, block, size)
    return _end(writer, size, norm="token_embd_norm")


SHAPES: dict[str, tuple[Callable[[Size], GgufWriter], Size]] = {
    "grouped-query, 8 layers": (llama, Size(layers=8, width=256, heads=8, kv_heads=2)),
    "80 layers": (llama, Size(layers=80, width=64, hidden=128, heads=2, kv_heads=1)),
    "tied embeddings": (llama, Size(tied=True, kind="Q8_0")),
    "repacked": (llama, Size(tied=True, kind="Q4_0")),
    "sliding window": (gemma3, Size(layers=12, window=512, head=64, tied=True)),
    "8 experts": (qwen3moe, Size(experts=8, experts_used=2)),
    "64 experts": (olmoe, Size(kv_heads=4, experts=64, experts_used=8, hidden=64)),
    "recurrent": (mamba, Size(layers=6)),
    "hybrid": (falcon_h1, Size()),
    "hybrid by layer": (lfm2, Size(layers=6, tied=True)),
}
"""What is written, by what is special about it."""


def write_shape(name: str, folder: Path) -> Path:
    """Write one of SHAPES, some MB at most, and return its path."""
    make, size = SHAPES[name]
    return make(size).write(folder / f"{name.replace(' ', '-').replace(',', '')}.gguf")
