"""The house's layers hold."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_imports_keep_every_contract_of_the_house() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_a_headless_start_imports_neither_qt_nor_llama_cpp() -> None:
    code = (
        "import sys, tunesmith.services.tune, tunesmith.services.measure; "
        "print([m for m in ('PySide6', 'pyqtgraph', 'llama_cpp', 'tunesmith.engine') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
