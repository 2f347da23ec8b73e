"""Own the first line of the frozen program; not used otherwise."""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path

if __name__ == "__main__":
    multiprocessing.freeze_support()  # py-cpuinfo may ask the CPU in a process of its own
    for name in ("stdout", "stderr"):  # a windowed program on Windows has none
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 (until the end)
    from tunesmith.__main__ import main

    sys.exit(main())
