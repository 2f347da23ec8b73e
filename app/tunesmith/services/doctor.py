"""Own the check-up: is everything there that measuring needs, and what would make it better."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tunesmith import assets
from tunesmith.domain.digits import fixed, memory_text
from tunesmith.domain.machine import Machine
from tunesmith.errors import TunesmithError
from tunesmith.machine.graphics import find_graphics
from tunesmith.machine.quiet import quiet_state
from tunesmith.services.backends import backend_checks
from tunesmith.services.check import Check
from tunesmith.services.context import Surroundings, survey_machine
from tunesmith.services.energy_check import energy_checks, energy_sensors
from tunesmith.settings import store_location
from tunesmith.wording import tr, trn

__all__ = ["BUSY_CORES", "Check", "examine"]

BUSY_CORES = 0.2
"""Foreign load above which measurements are disturbed, in cores."""

WITHOUT_AMX = tr("CFLAGS='-mno-amx-tile -mno-amx-int8 -mno-amx-bf16' and CXXFLAGS set alike")


def examine(store: str | None) -> list[Check]:
    """Look at everything; never raises for what is found wrong."""
    checks: list[Check] = []
    found: Surroundings | None = None
    try:
        found = survey_machine()
        build = found.machine.build
        label = build.label if build is not None else tr("unknown")
        checks.append(Check(name="engine", status="ok", what=tr("{label} starts in a worker", label=label)))
    except TunesmithError as error:
        todo = error.todo or tr("Reinstall llama-cpp-python with a C and C++ compiler at hand.")
        checks.append(Check(name="engine", status="failed", what=error.what, todo=todo))
    if found is not None:
        checks += _machine_checks(found.machine)
    checks += energy_checks(energy_sensors())
    checks.append(_quiet())
    checks.append(_store(store))
    checks.append(_assets())
    return checks


def _machine_checks(machine: Machine) -> Iterator[Check]:
    cpu, build = machine.cpu, machine.build
    cores = tr("{usable} of an unknown number of cores usable", usable=cpu.usable_cores)
    if cpu.physical_cores:
        cores = trn(
            "{usable} of {count} core usable", "{usable} of {count} cores usable", cpu.physical_cores,
            usable=cpu.usable_cores,
        )  # fmt: skip
    yield Check(name="cpu", status="ok", what=f"{cpu.model}, {cores}")
    if cpu.llama_default_threads > cpu.usable_cpus:
        yield Check(
            name="threads", status="warning",
            what=trn(
                "llama.cpp starts {threads} threads on {count} usable CPU",
                "llama.cpp starts {threads} threads on {count} usable CPUs",
                cpu.usable_cpus, threads=cpu.llama_default_threads,
            ),
            todo=tr("Tune: the thread count matters much here."),
        )  # fmt: skip
    if build is not None:
        yield _features(machine)
        if "amx_int8" in build.cpu_features:
            yield Check(
                name="amx", status="warning", what=tr("llama.cpp was built with AMX and may crash"),
                todo=tr("If it does, rebuild with {flags}.", flags=WITHOUT_AMX),
            )  # fmt: skip
        yield from backend_checks(machine, find_graphics())
    power = machine.power
    if power.on_mains is False:
        yield Check(
            name="power",
            status="warning",
            what=tr("running on battery"),
            todo=tr("Plug in before measuring."),
        )
    if power.governor == "powersave":
        yield Check(
            name="governor", status="warning", what=tr("the CPU frequency governor is powersave"),
            todo=tr("Choose `performance` for steadier numbers."),
        )  # fmt: skip
    if machine.memory.swap_used_bytes > 2**30:
        yield Check(
            name="swap",
            status="warning",
            what=tr("{used} are swapped out", used=memory_text(machine.memory.swap_used_bytes)),
            todo=tr("Close other programs."),
        )


def _features(machine: Machine) -> Check:
    """Whether the build uses what the processor can do."""
    assert machine.build is not None  # noqa: S101 (the caller looked)
    missing = [
        wide
        for wide, ours in (("avx2", "avx2"), ("avx512f", "avx512"), ("fma", "fma"))
        if wide in machine.cpu.features and ours not in machine.build.cpu_features
    ]
    variant = machine.build.cpu_variant
    if missing:
        rebuild = tr("Rebuild llama-cpp-python on this machine with CMAKE_ARGS='-DGGML_NATIVE=ON'.")
        return Check(
            name="build", status="warning",
            what=tr("llama.cpp was built without {features}", features=", ".join(missing)),
            todo="" if variant else rebuild,
        )  # fmt: skip
    if variant:
        what = tr("of llama.cpp's variants for processors, {variant} suits this one", variant=variant)
    else:
        what = tr("llama.cpp uses this processor's vector instructions")
    return Check(name="build", status="ok", what=what)


def _quiet() -> Check:
    state = quiet_state(0.5)
    busy = state.foreign_cores
    if busy is None:
        return Check(name="quiet", status="warning", what=tr("how busy the machine is cannot be read"))
    if busy > BUSY_CORES:
        names = ", ".join(f"{process.name} {fixed(process.cores, 1)}" for process in state.top)
        return Check(
            name="quiet", status="warning",
            what=tr("other programs use {busy} cores ({names})", busy=fixed(busy, 1), names=names),
            todo=tr("Close them before measuring."),
        )  # fmt: skip
    return Check(name="quiet", status="ok", what=tr("other programs use {busy} cores", busy=fixed(busy, 2)))


def _store(location: str | None) -> Check:
    from tunesmith.store import Store

    try:
        with Store.open(store_location(location)) as store:
            if store.read_only:
                todo = tr("Choose another with --store.")
                return Check(
                    name="store",
                    status="warning",
                    what=tr("{path} can only be read", path=store.path),
                    todo=todo,
                )
            return Check(name="store", status="ok", what=str(store.path))
    except TunesmithError as error:
        return Check(name="store", status="failed", what=error.what, todo=error.todo or None)


def _assets() -> Check:
    try:
        folder = assets.profiles_dir()
    except (TunesmithError, OSError) as error:
        return Check(name="files", status="failed", what=str(error), todo=tr("Reinstall Tunesmith."))
    complete = any(Path(folder, "presets").glob("*.toml")) and os.access(folder, os.R_OK)
    if not complete:
        return Check(
            name="files",
            status="failed",
            what=tr("{folder} has no presets", folder=folder),
            todo=tr("Reinstall Tunesmith."),
        )
    return Check(name="files", status="ok", what=str(folder))
