"""Own the first line of the frozen program; not used otherwise.

Every worker and every ``--help`` comes by here, so nothing is imported that they do not need.
"""

from __future__ import annotations

import os
import sys

_HELPS_MULTIPROCESSING = ("--multiprocessing-fork", "-c")
"""What a process of multiprocessing's own is started with: py-cpuinfo may ask the CPU in one."""

if __name__ == "__main__":
    inside: str = sys._MEIPASS  # type: ignore[attr-defined]  # noqa: SLF001 (PyInstaller's documented name)
    qt = ("PySide6", "plugins") if sys.platform == "win32" else ("PySide6", "Qt", "plugins")
    os.environ["QT_PLUGIN_PATH"] = os.path.join(inside, *qt)  # noqa: PTH118 (pathlib takes 10 ms)
    if any(argument in _HELPS_MULTIPROCESSING for argument in sys.argv[1:]):
        import multiprocessing

        import pyi_rth_multiprocessing  # type: ignore[import-not-found]  # noqa: F401 (replaces what follows)

        multiprocessing.freeze_support()
    for name in ("stdout", "stderr"):  # a windowed program on Windows has none
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 (until the end)
    from tunesmith.__main__ import main

    sys.exit(main())
