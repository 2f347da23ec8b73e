"""Own the reading of a model's shape: what each layer keeps of past tokens, from the header alone.

Source: ``load_hparams`` of llama-model.cpp, ``load_arch_hparams`` of the architectures (src/models),
``create_memory`` of llama-model.cpp and llama-hparams.cpp, at the llama.cpp of llama-cpp-python 0.3.36.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tunesmith.domain.model import ModelHeader
from tunesmith.domain.shape import LayerShape, ModelShape
from tunesmith.gguf.header import Facts, header_of
from tunesmith.gguf.parse import ParsedFile
from tunesmith.gguf.shards import parse_model

_WITHOUT_CACHE = frozenset(
    {
        "bert", "dream", "eurobert", "gemma-embedding", "jina-bert-v2", "jina-bert-v3", "llada", "llada-moe",
        "modern-bert", "neo-bert", "nomic-bert", "nomic-bert-moe", "rnd1", "wavtokenizer-dec",
    }
)  # fmt: skip
_RECURRENT = frozenset({"arwkv7", "mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7"})
_HYBRID_BY_KV_HEADS = frozenset(
    {"bailingmoe3", "granitehybrid", "jamba", "kimi-k3", "kimi-linear", "lfm2", "lfm2moe", "nemotron_h",
     "nemotron_h_moe", "plamo2"}
)  # fmt: skip
"""A layer without KV heads is a recurrent one."""
_HYBRID_BY_INTERVAL = frozenset({"minimax-01", "qwen35", "qwen35moe", "qwen3next"})
"""Every so-manieth layer has full attention, and all others are recurrent."""
_NOT_UNDERSTOOD = frozenset(
    {"deepseek32", "deepseek4", "dflash", "dots3note", "eagle3", "gemma4-assistant", "glm-dsa", "glm5-next",
     "minimax-m3", "qwen4exp"}
)  # fmt: skip
"""With caches of their own kind."""
_WINDOW_PERIODS: dict[str, tuple[int, bool]] = {
    "afmoe": (4, False), "cohere2": (4, False), "cohere2moe": (4, True), "exaone-moe": (4, False),
    "exaone4": (4, False), "gemma2": (2, False), "gemma3": (6, False), "gemma3n": (5, False),
    "gpt-oss": (2, False), "laguna": (4, True), "llama4": (4, False), "mellum": (4, False),
    "muse-glimmer": (4, False), "olmo2": (4, False), "plamo3": (8, False), "smallthinker": (4, True),
}  # fmt: skip
"""Of so many layers one looks at everything: the last of them, or the first."""
_WINDOW_GIVEN = {"exaone-moe": 128, "exaone4": 4096, "gemma2": 4096}
"""Sliding windows that llama.cpp knows where the header does not say, tokens."""
_WINDOW_ALWAYS = {"llama4": 8192, "smallthinker": 4096}
"""Those that it uses whatever the header says."""
_WINDOW_IGNORED = frozenset({"phi3"})
_GEMMA3N_OWN_CACHES = 20
"""Later layers of gemma3n use the cache of earlier ones."""
_EXAONE4_LAYERS = 64
"""exaone4 has a window only in the model of so many layers."""


def read_shape(path: Path) -> ModelShape:
    """What decides the memory of a model, from its header: milliseconds.

    Raises:
        ModelFileError: as ``read_header``.
    """
    return read_header_and_shape(path)[1]


def read_header_and_shape(path: Path) -> tuple[ModelHeader, ModelShape]:
    """Both in one reading.

    Raises:
        ModelFileError: as ``read_header``.
    """
    files = parse_model(path)
    header = header_of(files)
    return header, _shape_of(files, header)


def _shape_of(files: tuple[ParsedFile, ...], header: ModelHeader) -> ModelShape:
    facts = Facts(files[0])
    count = header.layers or 0
    name = header.architecture
    window = _window(facts, name, count)
    windowed = _windowed(facts, name, count) if window else (lambda _layer: False)
    heads, kv_heads, hidden = (
        _every(values, count) for values in (header.heads, header.kv_heads, header.feed_forward_length)
    )
    key = header.key_length or 0
    value = header.value_length or 0
    if facts.number("attention.key_length_mla"):
        value = 0
    key_window = facts.number("attention.key_length_swa", default=key) or key
    value_window = facts.number("attention.value_length_swa", default=value) or value
    state = _state_elements(facts, header.embedding_length or 0, heads)
    recurrent = _recurrent(facts, name, kv_heads, hidden)
    further = facts.size("nextn_predict_layers")
    cached = _cached(facts, name, count, further)
    layers = tuple(
        LayerShape(
            heads=heads[layer],
            kv_heads=kv_heads[layer],
            key_length=key_window if windowed(layer) else key,
            value_length=value_window if windowed(layer) else value,
            windowed=windowed(layer),
            cached=cached(layer) and (name == "falcon-h1" or not recurrent(layer)),
            state_elements=state if recurrent(layer) and layer < count - further else 0,
            feed_forward_length=hidden[layer],
        )
        for layer in range(count)
    )
    return ModelShape(
        architecture=name,
        layers=layers,
        tensors=tuple(tensor for file in files for tensor in file.tensors),
        embedding_length=header.embedding_length or 0,
        vocabulary_size=header.vocabulary_size or 0,
        window=window,
        experts=header.experts or 0,
        experts_used=header.experts_used or 0,
        feed_forward_expert_length=facts.size("expert_feed_forward_length"),
        inner_size=facts.size("ssm.inner_size"),
        state_size=facts.size("ssm.state_size"),
        group_count=facts.size("ssm.group_count"),
        understood=name not in _NOT_UNDERSTOOD and bool(count),
    )


def _every(values: tuple[int, ...], count: int) -> tuple[int, ...]:
    """A number for each layer of what the header gives once or for each."""
    if len(values) == count:
        return values
    return (values[0] if values else 0,) * count


def _window(facts: Facts, name: str, count: int) -> int | None:
    """Tokens that windowed layers look back; None where llama.cpp lets every layer look at everything."""
    stated = facts.number("attention.sliding_window")
    if name in _WINDOW_IGNORED or stated == 0 or (name == "exaone4" and count != _EXAONE4_LAYERS):
        return None
    if name in _WINDOW_ALWAYS and (name == "llama4" or stated):
        return _WINDOW_ALWAYS[name]
    if name in _WINDOW_PERIODS or _pattern(facts):
        return stated or _WINDOW_GIVEN.get(name)
    return None


def _pattern(facts: Facts) -> tuple[int, ...]:
    return facts.layer_values("attention.sliding_window_pattern")


def _windowed(facts: Facts, name: str, count: int) -> Callable[[int], bool]:
    """Which layers have the window: stated for each, or one in so many has not."""
    pattern = _pattern(facts)
    if len(pattern) >= count:
        return lambda layer: bool(pattern[layer])
    period, dense_first = _WINDOW_PERIODS.get(name, (1, False))
    period = facts.number("attention.sliding_window_pattern", default=period) or 0
    if period == 0:
        return lambda _layer: True
    if dense_first:
        return lambda layer: layer % period != 0
    return lambda layer: layer % period < period - 1


def _recurrent(
    facts: Facts, name: str, kv_heads: tuple[int, ...], hidden: tuple[int, ...]
) -> Callable[[int], bool]:
    if name in _RECURRENT or name == "falcon-h1":
        return lambda _layer: True
    if name in ("nemotron_h", "nemotron_h_moe"):
        return lambda layer: kv_heads[layer] == 0 and hidden[layer] == 0
    if name in _HYBRID_BY_KV_HEADS:
        return lambda layer: kv_heads[layer] == 0
    if name in _HYBRID_BY_INTERVAL:
        stated = facts.layer_values("attention.recurrent_layers")
        if stated:
            return lambda layer: layer < len(stated) and bool(stated[layer])
        every = facts.number("full_attention_interval", default=4) or 4
        return lambda layer: (layer + 1) % every != 0
    return lambda _layer: False


def _cached(facts: Facts, name: str, count: int, further: int) -> Callable[[int], bool]:
    """Which layers have a cache of their own, if they are not recurrent."""
    if name in _WITHOUT_CACHE or name in _RECURRENT:
        return lambda _layer: False
    own = count - further
    if name == "gemma3n":
        own = min(own, _GEMMA3N_OWN_CACHES)
    elif name == "gemma4":
        own = min(own, count - facts.size("attention.shared_kv_layers"))
    return lambda layer: layer < own


def _state_elements(facts: Facts, width: int, heads: tuple[int, ...]) -> int:
    """F32 numbers that a recurrent layer keeps for a sequence: ``n_embd_r() + n_embd_s()``."""
    if wkv := facts.size("wkv.head_size"):
        return (facts.size("token_shift_count") or 2) * width + width * wkv
    if shortconv := facts.size("shortconv.l_cache"):
        return width * (shortconv - 1)
    kernel, inner, state = (facts.size(f"ssm.{key}") for key in ("conv_kernel", "inner_size", "state_size"))
    first = max(heads, default=0)
    if kda := facts.size("kda.head_dim"):
        return 3 * (kernel - 1 if kernel else 3) * first * kda + kda * kda * first
    return max(0, kernel - 1) * (inner + 2 * facts.size("ssm.group_count") * state) + state * inner
