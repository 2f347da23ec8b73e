"""Own how models, machines, devices and check-ups read on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from tunesmith.domain.device_reading import DeviceReading
from tunesmith.domain.machine import Machine, MachineClass
from tunesmith.domain.model import ModelHeader
from tunesmith.domain.worker_events import ServerReached
from tunesmith.presentation.device_text import reading_rows
from tunesmith.presentation.machine_facts import DEVICE_COLUMNS, device_rows, machine_rows, server_text
from tunesmith.presentation.memory_facts import COLUMNS, memory_rows, memory_sentences
from tunesmith.presentation.model_facts import header_rows, tensor_type_rows
from tunesmith.presentation.tables import facts, grid

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tunesmith.presentation.fact_documents import MemoryFacts
    from tunesmith.services.doctor import Check

_STATUS_STYLE = {"ok": "green", "warning": "yellow", "failed": "red"}


def header_report(
    header: ModelHeader, sha256: str | None, memory: MemoryFacts | None = None
) -> list[RenderableType]:
    """What ``inspect`` prints for people."""
    rows = [*header_rows(header), ("SHA-256", sha256 or "– (ask with --hash)")]
    types = tensor_type_rows(header)
    parts: list[RenderableType] = [
        facts(rows), grid(("Tensor type", "tensors", "elements", "bytes"), types, right=(1, 2, 3))
    ]  # fmt: skip
    if memory is not None:
        parts.append(grid(COLUMNS, memory_rows(memory), right=range(1, len(COLUMNS))))
        parts += [Text(sentence) for sentence in memory_sentences(memory)]
    return parts


def machine_report(
    machine: Machine, machine_class: MachineClass, readings: Sequence[DeviceReading] = ()
) -> list[RenderableType]:
    """What ``machine`` prints for people."""
    return [facts([*machine_rows(machine, machine_class), *reading_rows(readings)])]


def devices_report(
    machine: Machine, servers: Sequence[ServerReached], readings: Sequence[DeviceReading] = ()
) -> list[RenderableType]:
    """What ``devices`` prints for people."""
    table = grid(DEVICE_COLUMNS, device_rows(machine), right=(3, 4))
    told = [facts(reading_rows(readings))] if readings else []
    return [table, *told, *(Text(server_text(server)) for server in servers)]


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
