"""Own the comparison of ``tunesmith quantize`` with llama-quantize: are the files the same, byte for byte.

    python -m tests.benchmarks.quantize_agreement --tool llama-quantize --source F16.gguf Q4_K_M Q8_0

The tool must be of the llama.cpp that the binding holds.
"""

from __future__ import annotations

import argparse
import filecmp
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each type; 1 if a file differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("types", nargs="+")
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--tool", default="llama-quantize")
    options = parser.parse_args(arguments)
    same = True
    with tempfile.TemporaryDirectory() as folder:
        for kind in options.types:
            theirs, ours = Path(folder, "theirs.gguf"), Path(folder, "ours")
            ours.mkdir()
            their_seconds = _timed([options.tool, str(options.source), str(theirs), kind])
            our_seconds = _timed(
                [sys.executable, "-m", "tunesmith", "quantize", str(options.source), "--type", kind,
                 "--output", str(ours), "--quiet"]
            )  # fmt: skip
            (made,) = ours.iterdir()
            equal = filecmp.cmp(theirs, made, shallow=False)
            same &= equal
            print(
                f"{kind:8} {'the same' if equal else 'DIFFERENT':10} {made.stat().st_size:>12} bytes, "
                f"tool {their_seconds:.1f} s, Tunesmith {our_seconds:.1f} s"
            )
            made.unlink()
            ours.rmdir()
    return 0 if same else 1


def _timed(command: list[str]) -> float:
    begun = time.monotonic()
    subprocess.run(command, capture_output=True, check=True)
    return time.monotonic() - begun


if __name__ == "__main__":
    sys.exit(main())
