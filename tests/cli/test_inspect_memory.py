"""What ``tunesmith inspect`` says of memory."""

from __future__ import annotations

from pathlib import Path

from tests.support.cli import CommandLine
from tests.support.model_shapes import write_shape


def test_inspect_says_what_a_model_would_take_under_the_settings_given(
    tunesmith: CommandLine, tmp_path: Path
) -> None:
    path = write_shape("sliding window", tmp_path)
    done = tunesmith.inline("inspect", str(path), "--context", "8192", "--cache-type-k", "q8_0", "--json")
    memory = done.document["memory"]
    assert memory["settings"]["n_ctx"] == 8192
    assert (memory["calibrated"], memory["understood"], memory["fits"]) == (True, True, True)
    (device,) = memory["devices"]
    # 12 layers, of which 2 keep 8192 tokens and 10 a window of 512 and a ubatch: 2 KV heads of 64
    assert device["kv_bytes"] == (2 * 8192 + 10 * 1024) * 128 * (34 / 32 + 2)
    parts = ("weights", "repacked", "kv", "recurrent", "compute", "output")
    assert device["upper_bytes"] == sum(device[f"{part}_bytes"] for part in parts)
    assert device["expected_bytes"] <= device["upper_bytes"]


def test_inspect_alone_says_nothing_of_memory(tunesmith: CommandLine, tmp_path: Path) -> None:
    done = tunesmith.inline("inspect", str(write_shape("recurrent", tmp_path)), "--json")
    assert done.document["memory"] is None


def test_people_read_a_row_for_each_device(tunesmith: CommandLine, tmp_path: Path) -> None:
    done = tunesmith.inline("inspect", str(write_shape("recurrent", tmp_path)), "--memory")
    assert "main memory" in done.out
    assert "Computing: as llama.cpp tells it" in done.out
