"""Claims about layers on a Vulkan device; Mesa's lavapipe is one without a GPU.

It is seen where it is named: ``GGML_VK_VISIBLE_DEVICES=0 pytest tests/engine/test_vulkan.py``, with a
llama.cpp that was built with ``-DGGML_VULKAN=ON``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.engine.test_rpc import PLAIN, run
from tests.support.model_shapes import Size, llama
from tests.support.rpc_server import ROOT

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def device() -> str:
    """The name of a Vulkan device."""
    found = subprocess.run(
        [sys.executable, "-m", "tunesmith", "devices", "--json"], cwd=ROOT, capture_output=True, timeout=60,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(ROOT / "app")])}, check=True,
    )  # fmt: skip
    names = [one["name"] for one in json.loads(found.stdout)["devices"] if one["backend"] == "Vulkan"]
    if not names:
        pytest.skip("this llama.cpp sees no Vulkan device: it was built without Vulkan, or there is none")
    return str(names[0])


def test_a_vulkan_device_is_seen_and_says_what_the_cpu_says(device: str, tmp_path: Path) -> None:
    """None, one, half and all of four layers and the output layer."""
    path = llama(Size()).write(tmp_path / "small.gguf")
    on_device = PLAIN.replace(devices=(device,), n_ubatch=32, op_offload=False)
    every = [
        PLAIN.replace(devices=("none",), n_ubatch=32),
        *(on_device.replace(n_gpu_layers=layers) for layers in (0, 1, 2, -1)),
        on_device.replace(n_cpu_ffn=2),
    ]
    found = run(path, tmp_path / "outputs.npz", every)
    for logits, tokens in zip(found["logits"][1:], found["tokens"][1:], strict=True):
        np.testing.assert_allclose(logits, found["logits"][0], atol=5e-3)
        assert list(tokens) == list(found["tokens"][0])
