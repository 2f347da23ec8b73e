"""Own the comparison of our importance matrices with llama-imatrix's, on the same text and chunks.

    python -m tests.benchmarks.imatrix_agreement --tool llama-imatrix --source F16.gguf

The tool must be of the llama.cpp that the binding holds.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tunesmith import assets
from tunesmith.engine.imatrix import read_importance
from tunesmith.services.quality import SHIPPED_TEXT


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the largest difference; 1 if any entry differs by more than a thousandth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--tool", default="llama-imatrix")
    parser.add_argument("--characters", type=int, default=20_000)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        text, theirs = Path(folder, "text.txt"), Path(folder, "theirs.gguf")
        whole = assets.resource(SHIPPED_TEXT).read_text("utf-8")
        text.write_text(whole[: options.characters], "utf-8")
        subprocess.run(
            [options.tool, "-m", str(options.source), "-f", str(text), "-o", str(theirs), "-c", "512",
             "-b", "512", "-t", str(options.threads), "--no-ppl"],
            check=True, capture_output=True,
        )  # fmt: skip
        subprocess.run(
            [sys.executable, "-m", "tunesmith", "quantize", str(options.source), "--type", "Q2_K",
             "--imatrix", "compute", "--text", str(text), "--output", folder, "--quiet"],
            check=True, capture_output=True,
        )  # fmt: skip
        (mine,) = Path(folder).glob("*-imatrix.gguf")
        first, second = read_importance(theirs), read_importance(mine)
    if set(first.weights) != set(second.weights):
        print(f"different weights: {sorted(set(first.weights) ^ set(second.weights))}")
        return 1
    worst = max(_difference(first.weights[name], second.weights[name]) for name in first.weights)
    print(f"{len(first.weights)} weights, {first.chunks} and {second.chunks} chunks")
    print(f"largest relative difference of any column: {worst:.1e}")
    return 0 if worst < 1e-3 else 1


def _difference(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> float:
    return float(np.max(np.abs(first - second) / np.maximum(np.abs(first), 1e-12)))


if __name__ == "__main__":
    sys.exit(main())
