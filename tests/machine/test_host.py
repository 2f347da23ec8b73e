"""Claims about psutil and py-cpuinfo where they fail."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from tunesmith.machine.host import Battery, PsutilHost, _cpuinfo


def refusing(error: Exception) -> Callable[..., Any]:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise error

    return refuse


@pytest.fixture(autouse=True)
def _fresh_cpuinfo() -> None:
    _cpuinfo.cache_clear()


@pytest.mark.skipif(sys.platform == "win32", reason="sysconf is POSIX")
def test_without_proc_the_ram_is_still_known(monkeypatch: pytest.MonkeyPatch) -> None:
    total_bytes = psutil.virtual_memory().total
    monkeypatch.setattr(psutil, "virtual_memory", refusing(FileNotFoundError()))
    monkeypatch.setattr(psutil, "swap_memory", refusing(FileNotFoundError()))
    memory = PsutilHost().memory()
    assert memory.total_bytes == pytest.approx(total_bytes, rel=0.01)
    assert 0 < memory.available_bytes <= memory.total_bytes
    assert (memory.swap_total_bytes, memory.swap_used_bytes) == (0, 0)


def test_what_psutil_cannot_read_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cpu_count", "sensors_battery", "Process"):
        monkeypatch.setattr(psutil, name, refusing(PermissionError()), raising=False)
    host = PsutilHost()
    assert host.physical_cores() is None
    assert host.affinity() is None
    assert host.battery() == Battery(None, None)


def test_a_battery_on_mains(monkeypatch: pytest.MonkeyPatch) -> None:
    battery = SimpleNamespace(percent=81, power_plugged=True, secsleft=0)
    monkeypatch.setattr(psutil, "sensors_battery", lambda: battery, raising=False)
    assert PsutilHost().battery() == Battery(on_mains=True, percent=81.0)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no affinity here")
def test_the_affinity_is_this_process_s() -> None:
    assert PsutilHost().affinity() == frozenset(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("answer", "model", "flags"),
    [
        (lambda: {"brand_raw": "A CPU", "flags": ["avx2", 3]}, "A CPU", ("avx2",)),
        (lambda: {"brand_raw": "", "flags": None}, None, ()),
        (dict, None, ()),
        (lambda: None, None, ()),
        (refusing(Exception("py-cpuinfo does not know this processor")), None, ()),
    ],
)
def test_py_cpuinfo_s_answer_is_checked(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[], Any], model: str | None, flags: tuple[str, ...]
) -> None:
    monkeypatch.setitem(sys.modules, "cpuinfo", SimpleNamespace(get_cpu_info=answer))
    assert PsutilHost().cpu_model() == model
    assert PsutilHost().cpu_flags() == flags
    _cpuinfo.cache_clear()
