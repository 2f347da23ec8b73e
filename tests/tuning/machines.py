"""Own the shapes of recorded machines: cores, limits and devices; the rest is the same for all."""

from __future__ import annotations

from tunesmith.domain.machine import Build, Core, CoreKind, Cpu, Device, Machine, Memory, PowerSource

GIB = 2**30

BUILD = Build(
    binding_version="0.3.36",
    llama_cpp_version="0.5.0-dev",
    ggml_version="0.9.5",
    cpu_features=("avx2", "fma"),
    system_info="CPU : AVX2 = 1 |",
    supports_gpu_offload=False,
    supports_mmap=True,
    supports_mlock=True,
    supports_rpc=False,
    backends=("CPU",),
)
GPU = Device(
    name="CUDA0",
    description="NVIDIA RTX",
    type="gpu",
    free_bytes=11 * GIB,
    total_bytes=12 * GIB,
    backend="CUDA",
)


def cores(
    count: int, threads: int = 1, *, kind: CoreKind = "unknown", first: int = 0, sockets: int = 1
) -> tuple[Core, ...]:
    """Cores whose CPUs are numbered one after another, split evenly over the sockets."""
    return tuple(
        Core(
            kind=kind,
            socket=number * sockets // count,
            cpus=tuple(range(first + number * threads, first + (number + 1) * threads)),
        )
        for number in range(count)
    )


def machine(
    all_cores: tuple[Core, ...],
    *,
    allowed: tuple[int, ...] | None = None,
    default_threads: int | None = None,
    devices: tuple[Device, ...] = (),
    build: Build = BUILD,
) -> Machine:
    """A machine of these cores, of which this process may use some."""
    numbers = tuple(sorted(cpu for core in all_cores for cpu in core.cpus))
    mask = allowed or numbers
    usable = [core for core in all_cores if set(core.cpus) & set(mask)]
    return Machine(
        hostname="bench",
        os_name="Debian GNU/Linux 12",
        os_kernel="6.1.0",
        cpu=Cpu(
            model="Some CPU",
            architecture="x86_64",
            sockets=len({core.socket for core in all_cores}),
            physical_cores=len(all_cores),
            logical_cpus=len(numbers),
            cores=all_cores,
            allowed_cpus=mask,
            cpu_quota=None,
            usable_cpus=len(mask),
            usable_cores=len(usable),
            llama_default_threads=default_threads or len(usable),
            features=("avx2",),
        ),
        memory=Memory(
            total_bytes=16 * GIB, available_bytes=9 * GIB, machine_total_bytes=16 * GIB, limit_bytes=None,
            swap_total_bytes=0, swap_used_bytes=0,
        ),
        power=PowerSource(on_mains=True, battery_percent=None, governor=None),
        virtualization=None,
        devices=devices,
        build=build,
    )  # fmt: skip


TWO_CORE_VM = machine(cores(2))
HYBRID = machine(cores(8, 2, kind="performance") + cores(16, kind="efficiency", first=16), default_threads=8)
"""8 performance cores with two threads each and 16 efficiency cores."""
LIMITED_SERVER = machine(cores(64, sockets=2), allowed=(0, 1))
"""Two sockets of 32 cores, of which a container gives 2 CPUs."""
SERVER = machine(cores(64, 2, sockets=2))
LAPTOP = machine(cores(4, 2))
"""4 cores with two threads each."""
GPU_MACHINE = machine(cores(8), devices=(GPU,))
SERVERS = tuple(
    Device(
        name=f"RPC{number}",
        description=f"10.0.0.{number}:50052",
        type="gpu",
        free_bytes=8 * GIB,
        total_bytes=8 * GIB,
        backend="RPC",
    )
    for number in range(2)
)
TWO_SERVERS = machine(cores(8), devices=SERVERS)
