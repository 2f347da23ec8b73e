"""Own the scenes of the machine page, and the machine that all pictures were taken on."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QScrollArea

from tests.gui.screenshots.scene import Ready, keep_at_end, scene
from tests.tuning.machines import BUILD, cores, machine
from tunesmith.domain.machine import Device, machine_class
from tunesmith.domain.worker_events import ServerReached
from tunesmith.gui.pages.machine import MachinePage
from tunesmith.gui.window import MainWindow
from tunesmith.services.context import Surroundings
from tunesmith.services.doctor import Check
from tunesmith.services.servers import Answer, keep_servers
from tunesmith.services.session import Controls
from tunesmith.wording import tr

_GIB = 2**30
FREE_BYTES = 22 * _GIB + 620 * 2**20
_CPU = Device(
    name="CPU", description="Intel Core Ultra 7 155H", type="cpu", free_bytes=FREE_BYTES,
    total_bytes=32 * _GIB, backend="CPU",
)  # fmt: skip
_BUILD = BUILD.model_copy(
    update={
        "cpu_features": ("sse3", "ssse3", "avx", "avx2", "f16c", "fma", "bmi2"), "supports_rpc": True,
        "backends": ("CPU", "RPC"),
    }
)  # fmt: skip
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


SERVERS = ("192.168.1.20:50052", "192.168.1.21:50052", "workbench.lan:50052", "attic.lan:50052")
_REMOTE = Device(
    name="RPC0", description="192.168.1.20:50052", type="gpu", free_bytes=11 * _GIB + 300 * 2**20,
    total_bytes=12 * _GIB, backend="RPC",
)  # fmt: skip
_ANSWERS: dict[str, ServerReached | str] = {
    SERVERS[0]: ServerReached(endpoint=SERVERS[0], devices=(_REMOTE,), latency_ns=412_000),
    SERVERS[1]: tr("No RPC server answers at {endpoint}.", endpoint=SERVERS[1]),
    SERVERS[2]: tr(
        "The RPC server speaks version {version} of the protocol, which this llama.cpp does not.",
        version="2.0.0",
    ),
}


def ask_nobody(endpoint: str, _controls: Controls) -> Answer:
    """What the servers of the pictures answer."""
    told = _ANSWERS[endpoint]
    if isinstance(told, ServerReached):
        return Answer(endpoint, told)
    return Answer(endpoint, None, told, tr("Start the server again, with the same llama.cpp on both sides."))


def with_servers(home: Path) -> None:
    """Four servers that were written down."""
    keep_servers(home / "config", SERVERS)


@scene("machine-servers", furnish=with_servers, kept=True)
def _servers(window: MainWindow) -> Ready:
    """One answers, two do not, one was not tested."""
    ready = _machine(window)
    page = window.page("machine")
    assert isinstance(page, MachinePage)
    servers = window.context.servers
    servers.ask = ask_nobody
    for endpoint in _ANSWERS:
        servers.test(endpoint)

    assert isinstance(page.full, QScrollArea)
    keep_at_end(page.full)
    return lambda: ready() and not any(servers.under_test(one) for one in SERVERS)


@scene("machine-server-removed", furnish=with_servers)
def _removed(window: MainWindow) -> Ready:
    ready = _servers(window)
    page = window.page("machine")
    assert isinstance(page, MachinePage)
    page.servers.rows[-1].remove.click()
    page.servers.field.setText(SERVERS[0])
    page.servers.field.returnPressed.emit()
    return ready
