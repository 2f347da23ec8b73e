"""Claims about the advice on backends, and about finding graphics hardware."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tuning.machines import BUILD, cores
from tests.tuning.machines import machine as made_machine
from tunesmith.domain.machine import Build, Device, Machine
from tunesmith.machine.graphics import Card, Graphics, find_graphics
from tunesmith.services.backends import BACKENDS, CUDA, HIP, SYCL, Backend, backend_checks, build_command
from tunesmith.services.check import Check

H100 = Card("nvidia", "0000:41:00.0", "10de:2330", "nvidia")
RADEON = Card("amd", "0000:03:00.0", "1002:744c", "amdgpu")


def graphics(*cards: Card, driver: str | None = "570.86.15", kfd: bool = True) -> Graphics:
    return Graphics(cards, driver, kfd, vulkan_loader=True)


def device(backend: str, at: str | None) -> Device:
    return Device(
        name=f"{backend}0", description="NVIDIA H100", type="gpu", free_bytes=2**36, total_bytes=2**36,
        backend=backend, device_id=at,
    )  # fmt: skip


def with_build(*backends: str, devices: tuple[Device, ...] = ()) -> Machine:
    build: Build = BUILD.model_copy(update={"backends": ("CPU", *backends)})
    return made_machine(cores(4), devices=devices, build=build)


def named(checks: list[Check], name: str) -> list[Check]:
    return [check for check in checks if check.name == name]


def checks_of(machine: Machine, found: Graphics) -> list[Check]:
    return list(backend_checks(machine, found))


def test_a_gpu_that_the_build_cannot_use_is_said_with_the_line_that_changes_it() -> None:
    (check,) = named(checks_of(with_build(), graphics(H100)), "gpu")
    assert check.status == "warning"
    assert "present, but this build of llama.cpp cannot use it" in check.what
    assert "NVIDIA (10de:2330)" in check.what
    assert check.todo is not None
    assert "CMAKE_ARGS='-DGGML_CUDA=ON" in check.todo
    assert "-DGGML_VULKAN=ON" in check.todo


def test_a_gpu_that_is_used_needs_no_advice() -> None:
    machine = with_build("CUDA", devices=(device("CUDA", "0000:41:00.0"),))
    found = checks_of(machine, graphics(H100))
    assert not named(found, "gpu")
    assert named(found, "devices")[0].what == "NVIDIA H100"


def test_a_backend_without_its_driver_says_what_is_missing() -> None:
    (check,) = named(checks_of(with_build("CUDA"), graphics(H100, driver=None)), "gpu")
    assert "CUDA does not see it" in check.what
    assert check.todo is not None
    assert "driver does not answer" in check.todo
    (check,) = named(checks_of(with_build("ROCm"), graphics(RADEON, kfd=False)), "gpu")
    assert check.todo is not None
    assert "/dev/kfd" in check.todo


def test_a_second_gpu_that_is_not_used_is_no_warning() -> None:
    machine = with_build("CUDA", devices=(device("CUDA", "0000:41:00.0"),))
    integrated = Card("intel", "0000:00:02.0", "8086:4680", "i915")
    (check,) = named(checks_of(machine, graphics(H100, integrated)), "gpu")
    assert check.status == "ok"
    assert "Intel" in check.what


def test_a_card_driven_by_vulkan_is_told_of_its_makers_own_backend() -> None:
    machine = with_build("Vulkan", devices=(device("Vulkan", "0000:03:00.0"),))
    (check,) = named(checks_of(machine, graphics(RADEON)), "gpu")
    assert check.status == "ok"
    assert check.todo is not None
    assert "-DGGML_HIP=ON" in check.todo


def test_an_rpc_server_does_not_hide_a_gpu_that_is_not_used() -> None:
    machine = with_build("RPC", devices=(device("RPC", None),))
    assert named(checks_of(machine, graphics(H100)), "gpu")


def test_without_hardware_there_is_nothing_to_advise() -> None:
    found = checks_of(with_build(), graphics(driver=None))
    assert [check.name for check in found] == ["backends", "devices"]
    assert "no GPU was found" in found[1].what


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_each_backend_has_a_line_that_keeps_the_version(backend: Backend, system: str) -> None:
    line = build_command(backend, BUILD, system=system)
    assert backend.flags in line
    assert "llama-cpp-python==0.3.36" in line
    assert line.startswith("$env:CMAKE_ARGS=" if system == "win32" else "CMAKE_ARGS=")


def test_rpc_is_kept_where_it_is() -> None:
    with_rpc = BUILD.model_copy(update={"supports_rpc": True})
    assert "-DGGML_RPC=ON" in build_command(CUDA, with_rpc)
    assert "-DGGML_RPC=ON" not in build_command(HIP, BUILD)
    assert "icpx" in build_command(SYCL, BUILD)


# ---------------------------------------------------------------- hardware


def add(root: Path, address: str, kind: str, vendor: str, number: str, driver: str | None = None) -> None:
    folder = root / "sys/bus/pci/devices" / address
    folder.mkdir(parents=True)
    (folder / "class").write_text(f"{kind}\n")
    (folder / "vendor").write_text(f"{vendor}\n")
    (folder / "device").write_text(f"{number}\n")
    (folder / "uevent").write_text(f"DRIVER={driver}\n" if driver else "")


def look(
    root: Path, *, system: str = "linux", machine: str = "x86_64", driver: str | None = None
) -> Graphics:
    return find_graphics(
        root=root, system=system, machine=machine, nvidia_driver=lambda: driver or None, loads=lambda _: False
    )


def test_cards_are_found_on_the_bus_with_and_without_a_driver(tmp_path: Path) -> None:
    add(tmp_path, "0000:41:00.0", "0x030200", "0x10de", "0x2330", "nvidia")
    add(tmp_path, "0000:05:00.0", "0x120000", "0x1002", "0x74a1")
    add(tmp_path, "0000:02:00.0", "0x030000", "0x1a03", "0x2000", "ast")  # a server's own display
    add(tmp_path, "0000:00:1f.3", "0x040300", "0x8086", "0x7a50", "snd_hda_intel")
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/kfd").touch()
    found = look(tmp_path)
    assert [(card.vendor, card.driver) for card in found.cards] == [("amd", None), ("nvidia", "nvidia")]
    assert found.kfd
    assert not found.vulkan_loader


def test_a_driver_that_answers_tells_of_a_card_that_the_bus_hides(tmp_path: Path) -> None:
    assert look(tmp_path, driver="570.86.15").cards == (Card("nvidia", None, "", "nvidia"),)


def test_an_apple_processor_has_graphics(tmp_path: Path) -> None:
    assert [card.vendor for card in look(tmp_path, system="darwin", machine="arm64").cards] == ["apple"]
    assert look(tmp_path, system="darwin").cards == ()
