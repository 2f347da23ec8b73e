"""Own the facts of a machine as names and values to read, and the report that is copied."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tunesmith.domain.digits import fixed
from tunesmith.domain.machine import Build, Machine, MachineClass
from tunesmith.domain.worker_events import ServerReached
from tunesmith.presentation.limit_text import matrix_throughput_text, memory_bandwidth_text
from tunesmith.presentation.model_facts import plain
from tunesmith.presentation.numbers import DASH, bytes_text, figures
from tunesmith.tuning.setting_text import format_cpu_list
from tunesmith.wording import tr, trc, trn

if TYPE_CHECKING:
    from tunesmith.services.doctor import Check

DEVICE_COLUMNS = (
    tr("Device"), trc("device", "type"), tr("description"), trc("memory", "free"), trc("memory", "total"),
)  # fmt: skip
STATUS_WORDS = {"ok": tr("ok"), "warning": tr("warning"), "failed": tr("failed")}


_CORES = re.compile(r"(\d+) cores?")


def class_text(label: str) -> str:
    """A machine class as it is shown, from its label, which is stored and the same in every language."""
    parts = [
        trn("{count} core", "{count} cores", int(match[1])) if (match := _CORES.fullmatch(part)) else part
        for part in label.split(" · ")
    ]
    return " · ".join(parts)


def sentence_case(text: str) -> str:
    """A fragment as a line of its own begins: with a capital, but for names, paths and numbers."""
    first = text.partition(" ")[0]
    return text[:1].upper() + text[1:] if first.isalpha() and first.islower() else text


def _cores(count: int | None) -> str:
    return tr("cores unknown") if count is None else trn("{count} core", "{count} cores", count)


def machine_rows(machine: Machine, machine_class: MachineClass) -> list[tuple[str, str]]:
    """What the probes found."""
    cpu, memory, build = machine.cpu, machine.memory, machine.build
    kinds = {kind: sum(core.kind == kind for core in cpu.cores) for kind in ("performance", "efficiency")}
    cores = f"{_cores(cpu.physical_cores)}, {trn('{count} CPU', '{count} CPUs', cpu.logical_cpus)}"
    if any(kinds.values()):
        cores = tr("{cores} ({performance} performance, {efficiency} efficiency)", cores=cores, **kinds)
    listed = format_cpu_list(cpu.allowed_cpus)
    usable = tr("{cores}, CPUs {list}", cores=_cores(cpu.usable_cores), list=listed)
    if cpu.cpu_quota:
        usable = tr("{usable}, quota {cpus} CPUs", usable=usable, cpus=figures(cpu.cpu_quota, 6))
    total, free = bytes_text(memory.total_bytes), bytes_text(memory.available_bytes)
    main = tr("{total}, {free} free", total=total, free=free)
    if memory.limit_bytes:
        limit = bytes_text(memory.limit_bytes)
        main = tr("{total}, {free} free, limited to {limit}", total=total, free=free, limit=limit)
    return [
        (tr("Class"), f"{class_text(machine_class.label)} · {machine_class.fingerprint}"),
        (tr("Processor"), cpu.model),
        (tr("Cores"), cores),
        (tr("Usable"), usable),
        (
            tr("llama.cpp's default"),
            trn("{count} thread", "{count} threads", cpu.llama_default_threads),
        ),
        (tr("Instructions"), ", ".join(cpu.features) or DASH),
        (tr("Memory"), main),
        (
            tr("Memory bandwidth"),
            memory_bandwidth_text(machine.memory_bandwidth)
            if machine.memory_bandwidth
            else tr("not measured yet: a tune or a measurement does"),
        ),
        (
            tr("Matrix throughput"),
            matrix_throughput_text(machine.matrix_throughput)
            if machine.matrix_throughput
            else tr("not measured yet: a tune or a measurement does"),
        ),
        (tr("System"), f"{machine.os_name}, {machine.os_kernel}"),
        (tr("Virtualization"), plain(machine.virtualization)),
        (
            tr("Power"),
            {True: trc("power", "mains"), False: trc("power", "battery"), None: DASH}[machine.power.on_mains],
        ),
        ("llama.cpp", _build_text(build) if build else DASH),
        (tr("Build features"), ", ".join(build.cpu_features) if build else DASH),
    ]


def _build_text(build: Build) -> str:
    if build.cpu_variant is None:
        return build.label
    return tr("{build}, its CPU variant {variant}", build=build.label, variant=build.cpu_variant)


def device_rows(machine: Machine) -> list[tuple[str, str, str, str, str]]:
    """Each device as llama.cpp sees it, by DEVICE_COLUMNS; the CPU's memory is the machine's."""
    rows: list[tuple[str, str, str, str, str]] = []
    for device in machine.devices:
        free = machine.memory.available_bytes if device.type == "cpu" else device.free_bytes
        total = machine.memory.total_bytes if device.type == "cpu" else device.total_bytes
        rows.append((device.name, device.type, device.description, bytes_text(free), bytes_text(total)))
    return rows


def server_text(server: ServerReached) -> str:
    """That an RPC server answered, how fast, and what to know of the connection."""
    return tr(
        "RPC server {endpoint} answers in {latency} ms with {devices}. The connection is not encrypted and "
        "anyone who reaches the server can use it: for trusted networks only.",
        endpoint=server.endpoint,
        latency=fixed(server.latency_ns / 1e6, 2),
        devices=", ".join(device.name for device in server.devices),
    )


def report_text(
    version: str, machine: Machine | None, machine_class: MachineClass | None, checks: Sequence[Check]
) -> str:
    """Everything in plain text, to paste into a report; the host's name is left out."""
    lines = [f"Tunesmith {version}"]
    if machine is not None and machine_class is not None:
        rows = machine_rows(machine, machine_class)
        width = max(len(name) for name, _value in rows)
        lines += ["", *(f"{name:{width}}  {value}" for name, value in rows)]
        if machine.devices:
            lines += ["", tr("Devices"), *("  ".join(row) for row in device_rows(machine))]
    if checks:
        width = max(len(check.name) for check in checks)
        lines += ["", tr("Checks")]
        for check in checks:
            lines.append(f"{STATUS_WORDS[check.status]:8} {check.name:{width}}  {check.what}")
            if check.todo:
                lines.append(f"{'':8} {'':{width}}  {check.todo}")
    return "\n".join(lines) + "\n"
