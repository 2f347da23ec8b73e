"""Own the claims about importance matrices: what is collected, and what is read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.engine.conftest import SETTINGS, Engine
from tests.support.gguf_writer import tiny_llama
from tunesmith.engine.context import InferenceContext
from tunesmith.engine.errors import InputRefused
from tunesmith.engine.imatrix import Importance, ImportanceCollector, importance_file, read_importance
from tunesmith.engine.model import LoadedModel
from tunesmith.engine.scoring import read_whole

TOKENS = np.arange(3, 67, dtype=np.int32)


def _collected(engine: Engine, model: LoadedModel, *, times: int = 1) -> dict[str, Importance]:
    collector = ImportanceCollector()
    chunk = SETTINGS.replace(n_ctx=64, n_batch=64, n_ubatch=64)
    context = InferenceContext(model, chunk, log=engine.log, abort=engine.abort, watch=collector.callback)
    engine.opened.append(context)
    for _ in range(times):
        read_whole(context, TOKENS)
    assert collector.fault is None
    return collector.found


def test_every_weight_of_the_layers_is_watched_at_every_token(engine: Engine, tiny_path: Path) -> None:
    model = engine.load(tiny_path, use_extra_bufts=False)
    found = _collected(engine, model, times=2)
    kinds = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
    assert set(found) == {f"blk.{layer}.{kind}.weight" for layer in range(2) for kind in kinds}
    for name, entry in found.items():
        assert entry.sums.shape == (1, 128 if "ffn_down" in name else 64)
        assert entry.counts.tolist() == [128]
        assert (entry.sums >= 0).all()
        assert entry.sums.sum() > 0
    # what goes into Q goes into K and V as well
    assert found["blk.0.attn_q.weight"].sums.tolist() == found["blk.0.attn_v.weight"].sums.tolist()
    once = _collected(engine, model)
    assert found["blk.1.ffn_up.weight"].sums == pytest.approx(2 * once["blk.1.ffn_up.weight"].sums, rel=1e-5)


def test_what_goes_into_the_first_layer_is_the_normed_embedding(engine: Engine, tmp_path: Path) -> None:
    writer = tiny_llama()
    model = engine.load(writer.write(tmp_path / "tiny.gguf"), use_extra_bufts=False)
    (embedding,) = (tensor for tensor in writer._tensors if tensor.name == "token_embd.weight")
    rows = np.frombuffer(embedding.data, dtype=np.float32).reshape(260, 64)
    read = TOKENS.copy()
    read[0] = 1
    taken = rows[read]
    normed = taken / np.sqrt((taken**2).mean(axis=1, keepdims=True) + 1e-5)
    found = _collected(engine, model)["blk.0.attn_q.weight"]
    assert found.sums[0] == pytest.approx((normed**2).sum(axis=0), rel=1e-4)


def test_a_file_is_read_as_it_was_written_and_means_are_taken(tmp_path: Path) -> None:
    found = {
        "blk.0.attn_q.weight": Importance(np.array([[2, 4, 6]], np.float32), np.array([2], np.float32)),
        "blk.0.ffn_up_exps.weight": Importance(
            np.array([[3, 9], [0, 0]], np.float32), np.array([3, 0], np.float32)
        ),
    }
    path = tmp_path / "matrix.gguf"
    path.write_bytes(importance_file(found, text="größe.txt", chunks=7, chunk_tokens=512, notes={"a.b": "c"}))
    read = read_importance(path)
    assert (read.chunks, read.text) == (7, "größe.txt")
    assert {name: weights.tolist() for name, weights in read.weights.items()} == {
        "blk.0.attn_q.weight": [1, 2, 3],
        "blk.0.ffn_up_exps.weight": [1, 3, 1, 1],  # an expert that was never asked counts evenly
    }


def test_what_is_no_importance_matrix_is_refused(tmp_path: Path, tiny_path: Path) -> None:
    path = tmp_path / "other.gguf"
    path.write_bytes(b"no file of this kind")
    with pytest.raises(InputRefused, match="no importance matrix"):
        read_importance(path)
    with pytest.raises(InputRefused, match="no importance matrix"):
        read_importance(tiny_path)
    entry = Importance(np.array([[2, float("nan")]], np.float32), np.array([2], np.float32))
    path.write_bytes(importance_file({"blk.0.x": entry}, text="", chunks=1, chunk_tokens=2, notes={}))
    with pytest.raises(InputRefused, match=r"damaged at blk\.0\.x"):
        read_importance(path)


@pytest.mark.parametrize("cut", [40, 100, 300])
def test_a_file_cut_short_is_refused(tmp_path: Path, cut: int) -> None:
    entry = Importance(np.ones((1, 64), np.float32), np.ones(1, np.float32))
    raw = importance_file({"blk.0.x": entry}, text="t", chunks=1, chunk_tokens=2, notes={})
    path = tmp_path / "cut.gguf"
    path.write_bytes(raw[:-cut])
    with pytest.raises(InputRefused):
        read_importance(path)
