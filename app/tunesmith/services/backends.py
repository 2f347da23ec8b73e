"""Own the advice on llama.cpp's backends: what this build has, and what would use the hardware better."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tunesmith.domain.device_reading import pci_id
from tunesmith.domain.machine import Build, Device, Machine
from tunesmith.machine.graphics import Card, Graphics, Vendor
from tunesmith.services.check import Check
from tunesmith.wording import tr


@dataclass(frozen=True, slots=True)
class Backend:
    """One of llama.cpp's backends, as docs/build.md and docs/backend of llama.cpp have it built."""

    name: str
    registered: tuple[str, ...]
    """How ggml calls it once it is built in."""
    flags: str
    needs: str
    """What must be installed before."""
    drives: tuple[Vendor, ...]


CUDA = Backend(
    "CUDA", ("CUDA",), "-DGGML_CUDA=ON", tr("NVIDIA's driver and the CUDA toolkit (nvcc)"), ("nvidia",)
)
METAL = Backend("Metal", ("Metal", "MTL"), "-DGGML_METAL=ON", tr("Xcode's command line tools"), ("apple",))
HIP = Backend(
    "ROCm", ("ROCm", "HIP"), "-DGGML_HIP=ON", tr("ROCm with hipcc, and a card that it supports"), ("amd",)
)
SYCL = Backend(
    "SYCL", ("SYCL",), "-DGGML_SYCL=ON -DCMAKE_C_COMPILER=icx -DCMAKE_CXX_COMPILER=icpx",
    tr("Intel's oneAPI base toolkit, with setvars.sh run in the same shell"), ("intel",),
)  # fmt: skip
VULKAN = Backend(
    "Vulkan", ("Vulkan",), "-DGGML_VULKAN=ON",
    tr("the Vulkan headers, the loader and glslc (Debian: libvulkan-dev glslc; 1.4 or newer headers)"),
    ("nvidia", "amd", "intel"),
)  # fmt: skip
BACKENDS = (CUDA, METAL, HIP, SYCL, VULKAN)
"""A maker's own before Vulkan, which is the quickest to install and mostly slower."""
_MAKERS: dict[Vendor, str] = {"nvidia": "NVIDIA", "amd": "AMD", "intel": "Intel", "apple": "Apple"}


def build_command(backend: Backend, build: Build, *, system: str = sys.platform) -> str:
    """The line that builds llama-cpp-python anew with a backend, and keeps RPC if it is there."""
    flags = backend.flags + (" -DGGML_RPC=ON" if build.supports_rpc else "")
    again = (
        f"{_python(system)} -m pip install --force-reinstall --no-deps --no-cache-dir "
        f"--no-binary llama-cpp-python llama-cpp-python=={build.binding_version}"
    )
    if system == "win32":
        return f"$env:CMAKE_ARGS='{flags}'; {again}"
    return f"CMAKE_ARGS='{flags}' {again}"


def _python(system: str) -> str:
    return f'& "{sys.executable}"' if system == "win32" else shlex.quote(sys.executable)


def backend_checks(machine: Machine, graphics: Graphics) -> Iterator[Check]:
    """What the build has, what it can use, and for each device that it cannot use what to do."""
    build = machine.build
    if build is None:
        return
    names = ", ".join(build.backends)
    yield Check(name="backends", status="ok", what=tr("llama.cpp is built with {names}", names=names))
    used = [device for device in machine.devices if device.type in ("gpu", "igpu")]
    if used:
        told = ", ".join(device.description or device.name for device in used)
        yield Check(name="devices", status="ok", what=told)
    elif not graphics.cards:
        yield Check(name="devices", status="ok", what=tr("no GPU was found in this machine"))
    for vendor in dict.fromkeys(card.vendor for card in graphics.cards):
        cards = [card for card in graphics.cards if card.vendor == vendor]
        unused = [card for card in cards if not _is_used(card, used)]
        if unused:
            check = _unused(vendor, unused, build, graphics)
            yield check.model_copy(update={"status": "ok"}) if used else check
        elif build_lacks_own(vendor, build):
            yield _only_vulkan(vendor, build)


def _is_used(card: Card, used: Sequence[Device]) -> bool:
    """Whether llama.cpp computes on it: by its place on the bus where both tell it, else by the backend."""
    names = {name for backend in _drivers(card.vendor) for name in backend.registered}
    places = {pci_id(device.device_id) for device in used if device.backend in names}
    return bool(places) and (card.pci_id in places or card.pci_id is None or None in places)


def _has(build: Build, backend: Backend) -> bool:
    return any(name in build.backends for name in backend.registered)


def build_lacks_own(vendor: Vendor, build: Build) -> bool:
    """Whether a maker's devices are driven by Vulkan alone."""
    own = [backend for backend in BACKENDS if vendor in backend.drives and backend is not VULKAN]
    return _has(build, VULKAN) and not any(_has(build, backend) for backend in own)


def _own(vendor: Vendor) -> Backend:
    return next(backend for backend in BACKENDS if vendor in backend.drives)


def _name(vendor: Vendor, cards: list[Card]) -> str:
    ids = ", ".join(card.ids for card in cards if card.ids)
    return f"{_MAKERS[vendor]} ({ids})" if ids else _MAKERS[vendor]


def _unused(vendor: Vendor, cards: list[Card], build: Build, graphics: Graphics) -> Check:
    """That there is a GPU which this build cannot use, and what to do about it."""
    name, own = _name(vendor, cards), _own(vendor)
    if _has(build, own) or (_has(build, VULKAN) and VULKAN in _drivers(vendor)):
        backend = own if _has(build, own) else VULKAN
        return Check(
            name="gpu", status="warning",
            what=tr("a GPU by {maker} is present and llama.cpp's backend {backend} does not see it",
                    maker=name, backend=backend.name),
            todo=_missing_driver(vendor, cards, graphics),
        )  # fmt: skip
    todo = tr("Install {needs}, then: {command}", needs=own.needs, command=build_command(own, build))
    if VULKAN in _drivers(vendor):
        other = build_command(VULKAN, build)
        todo = tr(
            "{todo} Quicker to install and mostly slower is Vulkan; it needs {needs}: {command}",
            todo=todo, needs=VULKAN.needs, command=other,
        )  # fmt: skip
    return Check(
        name="gpu", status="warning",
        what=tr("a GPU by {maker} is present, but this build of llama.cpp cannot use it", maker=name),
        todo=todo,
    )  # fmt: skip


def _drivers(vendor: Vendor) -> tuple[Backend, ...]:
    return tuple(backend for backend in BACKENDS if vendor in backend.drives)


def _missing_driver(vendor: Vendor, cards: list[Card], graphics: Graphics) -> str:
    """What most likely keeps a backend that is built in from seeing a card."""
    held = ", ".join(sorted({card.driver or tr("no driver") for card in cards}))
    if vendor == "nvidia" and graphics.nvidia_driver is None:
        return tr("NVIDIA's driver does not answer: install or load it (now: {driver}).", driver=held)
    if vendor == "amd" and not graphics.kfd:
        return tr("ROCm needs /dev/kfd, which is not there: load amdgpu (now: {driver}).", driver=held)
    if not graphics.vulkan_loader:
        return tr("Install the Vulkan loader and the card's driver for it.")
    return tr("Check that this user may open the device, and variables such as CUDA_VISIBLE_DEVICES.")


def _only_vulkan(vendor: Vendor, build: Build) -> Check:
    own = _own(vendor)
    return Check(
        name="gpu", status="ok",
        what=tr("{maker}'s GPU is driven through Vulkan; {backend} is mostly faster",
                maker=_MAKERS[vendor], backend=own.name),
        todo=tr("To try it, install {needs}, then: {command}", needs=own.needs,
                command=build_command(own, build)),
    )  # fmt: skip
