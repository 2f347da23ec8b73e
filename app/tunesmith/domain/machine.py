"""Own what is known of a machine and its load, and the fingerprint of its class."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Literal

from tunesmith.domain.bandwidth import MemoryBandwidth
from tunesmith.domain.base import Value
from tunesmith.domain.throughput import MatrixThroughput

CoreKind = Literal["performance", "efficiency", "unknown"]
DeviceType = Literal["cpu", "gpu", "igpu", "accel", "meta", "unknown"]
CPU_VARIANT = "CPU_VARIANT"
"""The variant's name in ``Build.system_info``; a field of its own would change the format of profiles."""


class Core(Value):
    """One physical core and the logical CPUs on it."""

    kind: CoreKind
    socket: int
    cpus: tuple[int, ...]
    """Logical CPU numbers, ascending; empty where the system does not number them (macOS)."""
    max_mhz: float | None = None


class Cpu(Value):
    """The processor and the part of it this process may use."""

    model: str
    """``unknown`` where nothing tells."""
    architecture: str
    """As Python's ``platform.machine()`` says: x86_64, aarch64, arm64, AMD64."""
    sockets: int | None
    """Of the whole machine; None where the system does not tell."""
    physical_cores: int | None
    """Of the whole machine; None where the system does not tell."""
    logical_cpus: int
    """Of the whole machine."""
    cores: tuple[Core, ...]
    """Empty where the system does not tell."""
    allowed_cpus: tuple[int, ...]
    """Logical CPUs the affinity mask allows; all of them where there is no mask."""
    cpu_quota: float | None
    """CPUs' worth of time a control group grants; None means no limit."""
    usable_cpus: int
    """How many logical CPUs can really run at once: the smaller of affinity and quota, at least 1."""
    usable_cores: int
    """How many physical cores those are, at least 1; as many as usable_cpus where nothing tells."""
    llama_default_threads: int
    """The thread count that llama.cpp's own tools choose here (common_cpu_get_num_math)."""
    features: tuple[str, ...]
    """Instruction sets that matter to llama.cpp, lower case, sorted: avx2, avx512f, amx_int8, neon …"""


class Memory(Value):
    """Main memory, bytes."""

    total_bytes: int
    """The smaller of the machine's RAM and the control group's limit."""
    available_bytes: int
    """What can be allocated without swapping: the smaller of the machine's and the control group's."""
    machine_total_bytes: int
    limit_bytes: int | None
    """The control group's limit; None means no limit."""
    swap_total_bytes: int
    swap_used_bytes: int


class Device(Value):
    """One device as llama.cpp sees it."""

    name: str
    description: str
    type: DeviceType
    free_bytes: int
    total_bytes: int
    backend: str
    device_id: str | None = None
    """Where it sits, such as ``0000:41:00.0`` on the PCI bus; None where its backend does not tell."""


class Build(Value):
    """The llama.cpp that the binding carries."""

    binding_version: str
    """Version of llama-cpp-python."""
    llama_cpp_version: str
    """What the library says of itself; ``unknown`` where it does not."""
    ggml_version: str
    cpu_features: tuple[str, ...]
    """Instruction sets the library was built for and found, as llama_print_system_info gives them."""
    system_info: str
    """As llama_print_system_info gives it; of a portable build with the variant that runs here at its end."""
    supports_gpu_offload: bool
    supports_mmap: bool
    supports_mlock: bool
    supports_rpc: bool
    backends: tuple[str, ...]

    @property
    def label(self) -> str:
        """One short name, such as ``llama-cpp-python 0.3.36 (llama.cpp 0.5.0-dev)``."""
        return f"llama-cpp-python {self.binding_version} (llama.cpp {self.llama_cpp_version})"

    @property
    def cpu_variant(self) -> str | None:
        """Which of a portable build's variants runs here, such as ``icelake``; None in a native build."""
        found = re.search(rf"\b{CPU_VARIANT} = (\S+)", self.system_info)
        return found[1] if found else None


class PowerSource(Value):
    """What feeds the machine."""

    on_mains: bool | None
    """None where the system does not tell."""
    battery_percent: float | None
    governor: str | None
    """CPU frequency governor, such as ``performance``; several, joined by ", ", where CPUs differ."""


class Machine(Value):
    """Everything the probes found."""

    hostname: str
    os_name: str
    """Such as ``Debian GNU/Linux 12`` or ``macOS 15.1``."""
    os_kernel: str
    cpu: Cpu
    memory: Memory
    power: PowerSource
    virtualization: str | None
    """``KVM``, ``container``, ``container on KVM``; ``unknown hypervisor``; None on bare metal."""
    devices: tuple[Device, ...]
    build: Build | None
    """None until a worker was asked."""
    memory_bandwidth: MemoryBandwidth | None = None
    """None until it was measured."""
    matrix_throughput: tuple[MatrixThroughput, ...] = ()
    """Of each type of weights that was measured so far."""


class ForeignLoad(Value):
    """What others took of the CPU between two instants."""

    elapsed_s: float
    foreign_cores: float | None
    """CPU used by others, stolen time included, in cores (CPU-seconds per second).

    None where the interval is too short to tell or one of our own processes could not be read.
    """
    own_cores: float | None
    """CPU used by our own processes, in cores."""
    steal_cores: float | None
    """CPU taken by the hypervisor, in cores; None where the system does not count it."""
    wait_share: float | None
    """Share of the time our busiest thread stood in the run queue; None where it is not counted."""


class ProcessLoad(Value):
    """One process and the CPU it used."""

    pid: int
    name: str
    cores: float
    """CPU-seconds per second."""


class QuietState(Value):
    """How much others use the machine while we do nothing."""

    interval_s: float
    foreign_cores: float | None
    steal_cores: float | None
    top: tuple[ProcessLoad, ...]
    """The processes of others that used the most CPU, busiest first."""


class ProcessMemory(Value):
    """Memory of one process, bytes; None where the system does not tell."""

    rss_bytes: int
    """Resident pages, shared ones counted in full."""
    pss_bytes: int | None
    """Resident pages, each shared one divided by how many processes share it. Linux only."""
    uss_bytes: int | None
    """Pages that no other process shares."""
    peak_rss_bytes: int | None
    """The largest rss since the process began, or since reset_peak."""


class MachineClass(Value):
    """The fingerprint that says two devices may share a profile."""

    fingerprint: str
    """First 16 hex digits of SHA-256 over ``facts`` as canonical JSON."""
    label: str
    """For people: ``Intel Xeon Processor · 2 cores · 24 GiB``."""
    facts: dict[str, str | int | list[str]]


def _gib(size_bytes: int) -> int:
    return max(1, round(size_bytes / 2**30))


def _plain(cpu_model: str) -> str:
    """``Intel(R) Xeon(R) Processor`` as ``Intel Xeon Processor``."""
    return " ".join(re.sub(r"\((R|TM|C)\)", " ", cpu_model, flags=re.IGNORECASE).split())


def machine_class(machine: Machine) -> MachineClass:
    """Fingerprint what decides speed and feasibility, and nothing that varies from boot to boot.

    RAM is rounded to GiB, free memory, host name, kernel and power source are left out; the
    llama.cpp build is in, since another build may be faster with other settings. What the system
    does not tell is left out.
    """
    cpu = machine.cpu
    accelerators = [d for d in machine.devices if d.type not in ("cpu", "accel", "meta")]
    kinds = {kind: sum(core.kind == kind for core in cpu.cores) for kind in ("performance", "efficiency")}
    known: dict[str, str | int | list[str] | None] = {
        "architecture": cpu.architecture,
        "cpu_model": cpu.model,
        "cpu_features": list(cpu.features),
        "sockets": cpu.sockets,
        "physical_cores": cpu.physical_cores,
        "performance_cores": kinds["performance"],
        "efficiency_cores": kinds["efficiency"],
        "usable_cpus": cpu.usable_cpus,
        "usable_cores": cpu.usable_cores,
        "memory_gib": _gib(machine.memory.total_bytes),
        "accelerators": [f"{d.description} {_gib(d.total_bytes)} GiB" for d in accelerators],
        "build": machine.build.label if machine.build else "unknown",
        "build_cpu_features": list(machine.build.cpu_features) if machine.build else [],
    }
    facts = {name: value for name, value in known.items() if value is not None}
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256(canonical.encode()).hexdigest()[:16]
    cores = "core" if cpu.usable_cores == 1 else "cores"
    parts = [_plain(cpu.model), f"{cpu.usable_cores} {cores}", f"{_gib(machine.memory.total_bytes)} GiB"]
    parts += [d.description for d in accelerators]
    return MachineClass(fingerprint=digest, label=" · ".join(parts), facts=facts)
