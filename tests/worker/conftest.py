"""Own what the tests of the worker share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.gguf_writer import tiny_llama
from tunesmith.domain.settings import Settings
from tunesmith.worker.protocol import NoisePolicy

SETTINGS = Settings(threads=1, threads_batch=1, n_ctx=512, n_ubatch=64)
ONCE = NoisePolicy(max_retries=0)
"""A sample is taken once, however busy the machine is."""


@pytest.fixture(scope="session")
def tiny_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 0.4 MB."""
    return tiny_llama().write(tmp_path_factory.mktemp("models") / "tiny.gguf")
