"""Claims about layers on RPC servers: what a model says there is what it says here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from tests.support.rpc_server import ROOT, rpc_server
from tunesmith.domain.settings import Settings

PLAIN = Settings(threads=1, threads_batch=1, n_ctx=512, n_ubatch=64, use_extra_bufts=False)


def run(path: Path, output: Path, every: list[Settings]) -> Any:
    """What a process of its own computed under each of the settings."""
    paths = [str(ROOT), str(ROOT / "app"), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.rpc_outputs", str(path), str(output)],
        input=TypeAdapter(list[Settings]).dump_json(every), cwd=ROOT, capture_output=True, timeout=120,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return np.load(output)


@pytest.mark.model
def test_a_model_says_the_same_wherever_its_layers_are(smollm2_path: Path, tmp_path: Path) -> None:
    """30 layers and the output layer: none, one, half and all of them away, and divided over two servers.

    Then parts of layers and the cache here, the rest away.
    """
    with rpc_server() as one, rpc_server() as other:
        away = PLAIN.replace(rpc=(one.endpoint, other.endpoint))
        first = away.replace(devices=("RPC0",))
        every = [
            PLAIN,
            *(first.replace(n_gpu_layers=layers) for layers in (0, 1, 15, -1)),
            away,
            away.replace(tensor_split=(1.0, 3.0)),
            away.replace(split_mode="none", main_gpu=1),
            away.replace(devices=("none",)),
            away.replace(n_cpu_ffn=10),
            away.replace(override_tensor=(r"blk\.[0-9]\.attn_.*=CPU", "ffn_down=RPC1")),
            first.replace(offload_kqv=False, no_host=True),
        ]
        found = run(smollm2_path, tmp_path / "outputs.npz", every)
    for logits, tokens in zip(found["logits"][1:], found["tokens"][1:], strict=True):
        np.testing.assert_allclose(logits, found["logits"][0], atol=1e-3)
        assert list(tokens) == list(found["tokens"][0])
