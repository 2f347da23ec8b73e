"""Own what several tests of the command line share: a model in full precision."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cli import CommandLine


@pytest.fixture(scope="session")
def smollm2_f16(tmp_path_factory: pytest.TempPathFactory, smollm2_path: Path) -> Path:
    """SmolLM2 in F16, made from its Q4_1."""
    folder = tmp_path_factory.mktemp("smollm2")
    command = CommandLine(folder)
    done = command(
        "quantize", smollm2_path, "--type", "F16", "--output", folder, "--allow-requantize", "--quiet"
    )
    assert done.code == 0, done.err
    return folder / "SmolLM2-135M-Instruct-F16.gguf"
