"""Own how models, machines, devices and check-ups read on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from tunesmith.domain.machine import Machine, MachineClass
from tunesmith.domain.model import ModelHeader
from tunesmith.presentation.numbers import DASH, bytes_text, count_text
from tunesmith.presentation.tables import facts, grid
from tunesmith.tuning.setting_text import format_cpu_list

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tunesmith.services.doctor import Check

_STATUS_STYLE = {"ok": "green", "warning": "yellow", "failed": "red"}


def _per_layer(values: tuple[int, ...]) -> str:
    if not values:
        return DASH
    if len(set(values)) == 1:
        return str(values[0])
    return f"{min(values)}–{max(values)} by layer"


def _plain(value: object) -> str:
    return DASH if value is None else str(value)


def header_report(header: ModelHeader, sha256: str | None) -> list[RenderableType]:
    """What ``inspect`` prints for people."""
    shards = len(header.shards)
    rows = [
        ("File", header.path + (f" and {shards - 1} more shards" if shards > 1 else "")),
        ("Name", _plain(header.name)),
        ("Architecture", header.architecture),
        ("Parameters", count_text(header.parameters)),
        ("Quantization", f"{header.quantization}, {header.bits_per_weight:.2f} bits per weight"),
        ("Size", bytes_text(header.file_bytes)),
        ("Layers", _plain(header.layers)),
        ("Embedding", _plain(header.embedding_length)),
        ("Heads", f"{_per_layer(header.heads)}, KV {_per_layer(header.kv_heads)}"),
        ("Head size", f"K {_plain(header.key_length)}, V {_plain(header.value_length)}"),
        ("Sliding window", _plain(header.sliding_window)),
        ("Experts", DASH if header.experts is None else f"{header.experts}, {header.experts_used} used"),
        ("Trained context", _plain(header.context_length)),
        ("Vocabulary", _plain(header.vocabulary_size)),
        ("Chat template", "yes" if header.has_chat_template else "no"),
        ("Licence", _plain(header.license)),
        ("SHA-256", sha256 or "– (ask with --hash)"),
    ]
    types = [
        (use.type, str(use.tensors), count_text(use.elements), bytes_text(use.size_bytes))
        for use in header.tensor_types
    ]
    return [facts(rows), grid(("Tensor type", "tensors", "elements", "bytes"), types, right=(1, 2, 3))]


def machine_report(machine: Machine, machine_class: MachineClass) -> list[RenderableType]:
    """What ``machine`` prints for people."""
    cpu, memory, build = machine.cpu, machine.memory, machine.build
    kinds = {kind: sum(core.kind == kind for core in cpu.cores) for kind in ("performance", "efficiency")}
    cores = f"{_plain(cpu.physical_cores)} cores, {cpu.logical_cpus} CPUs"
    if any(kinds.values()):
        cores += f" ({kinds['performance']} performance, {kinds['efficiency']} efficiency)"
    limit = f", limited to {bytes_text(memory.limit_bytes)}" if memory.limit_bytes else ""
    quota = f", quota {cpu.cpu_quota:g} CPUs" if cpu.cpu_quota else ""
    rows = [
        ("Class", f"{machine_class.label} · {machine_class.fingerprint}"),
        ("Processor", cpu.model),
        ("Cores", cores),
        ("Usable", f"{cpu.usable_cores} cores, CPUs {format_cpu_list(cpu.allowed_cpus)}{quota}"),
        ("llama.cpp's default", f"{cpu.llama_default_threads} threads"),
        ("Instructions", ", ".join(cpu.features) or DASH),
        ("Memory", f"{bytes_text(memory.total_bytes)}, {bytes_text(memory.available_bytes)} free{limit}"),
        ("System", f"{machine.os_name}, {machine.os_kernel}"),
        ("Virtualization", _plain(machine.virtualization)),
        ("Power", {True: "mains", False: "battery", None: DASH}[machine.power.on_mains]),
        ("llama.cpp", build.label if build else DASH),
        ("Build features", ", ".join(build.cpu_features) if build else DASH),
    ]
    return [facts(rows)]


def devices_report(machine: Machine) -> list[RenderableType]:
    """What ``devices`` prints for people."""
    rows = []
    for device in machine.devices:
        free = machine.memory.available_bytes if device.type == "cpu" else device.free_bytes
        total = machine.memory.total_bytes if device.type == "cpu" else device.total_bytes
        rows.append((device.name, device.type, device.description, bytes_text(free), bytes_text(total)))
    return [grid(("Device", "type", "description", "free", "total"), rows, right=(3, 4))]


def doctor_report(checks: Sequence[Check]) -> list[RenderableType]:
    """What ``doctor`` prints for people."""
    parts: list[RenderableType] = []
    for check in checks:
        line = Text.assemble(
            (f"{check.status:8}", _STATUS_STYLE[check.status]), f"{check.name:10}{check.what}"
        )
        parts.append(line)
        if check.todo:
            parts.append(Text(f"{'':18}{check.todo}", style="dim"))
    return parts
