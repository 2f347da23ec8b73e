"""Own the scene of the machine page, and the machine that all pictures were taken on."""

from __future__ import annotations

from tests.gui.screenshots.scene import Ready, scene
from tests.tuning.machines import BUILD, cores, machine
from tunesmith.domain.machine import Device, machine_class
from tunesmith.gui.pages.machine import MachinePage
from tunesmith.gui.window import MainWindow
from tunesmith.services.context import Surroundings
from tunesmith.services.doctor import Check

_GIB = 2**30
FREE_BYTES = 22 * _GIB + 620 * 2**20
_CPU = Device(
    name="CPU", description="Intel Core Ultra 7 155H", type="cpu", free_bytes=FREE_BYTES,
    total_bytes=32 * _GIB, backend="CPU",
)  # fmt: skip
_BUILD = BUILD.model_copy(update={"cpu_features": ("sse3", "ssse3", "avx", "avx2", "f16c", "fma", "bmi2")})
_PLAIN = machine(
    cores(6, 2, kind="performance") + cores(10, kind="efficiency", first=12),
    devices=(_CPU,), build=_BUILD, default_threads=16,
)  # fmt: skip
MACHINE = _PLAIN.model_copy(
    update={
        "cpu": _PLAIN.cpu.model_copy(
            update={"model": "Intel Core Ultra 7 155H", "features": ("avx", "avx2", "f16c", "fma", "vnni")}
        ),
        "memory": _PLAIN.memory.model_copy(
            update={
                "total_bytes": 32 * _GIB, "machine_total_bytes": 32 * _GIB, "available_bytes": FREE_BYTES
            }
        ),
    }
)  # fmt: skip
SURROUNDINGS = Surroundings(MACHINE, machine_class(MACHINE))
CHECKS = [
    Check(name="engine", status="ok", what="llama.cpp 0.5.0-dev (binding 0.3.36) starts in a worker"),
    Check(name="cpu", status="ok", what="Intel Core Ultra 7 155H, 16 of 16 cores usable"),
    Check(
        name="governor", status="warning", what="the CPU frequency governor is powersave",
        todo="Choose performance while measuring.",
    ),
    Check(name="quiet", status="ok", what="other programs use 0.1 cores"),
    Check(name="store", status="ok", what="/home/ada/.local/share/tunesmith/tunesmith.sqlite3, 6 profiles"),
    Check(name="files", status="ok", what="presets, schemas and translations are in place"),
]  # fmt: skip


@scene("machine", kept=True)
def _machine(window: MainWindow) -> Ready:
    window.show_page("machine")
    page = window.page("machine")
    assert isinstance(page, MachinePage)
    return page.again.isEnabled
