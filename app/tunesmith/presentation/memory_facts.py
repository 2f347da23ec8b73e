"""Own how a projection of memory reads: parts, device by device, against what is free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunesmith.presentation.fact_documents import DeviceMemoryFacts, MemoryFacts
from tunesmith.presentation.numbers import DASH, bytes_text
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.projection import DeviceMemory, Projection
    from tunesmith.domain.settings import Settings
    from tunesmith.services.memory import Projector

COLUMNS = (
    tr("Device"), tr("weights"), tr("copies"), tr("KV cache"), tr("state"), tr("computing"), tr("output"),
    tr("at most"), tr("expected"), tr("free"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bar."""

    name: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Bar:
    """One device's parts against what is free."""

    label: str
    parts: tuple[Part, ...]
    """Those that are not nothing."""
    total_bytes: int
    expected_bytes: int
    free_bytes: int | None
    fits: bool

    @property
    def text(self) -> str:
        """The bar in words."""
        said = ", ".join(f"{part.name} {bytes_text(part.size_bytes)}" for part in self.parts)
        free = DASH if self.free_bytes is None else bytes_text(self.free_bytes)
        return tr(
            "{device}: at most {most}, {expected} expected, {free} free ({parts})",
            device=self.label,
            most=bytes_text(self.total_bytes),
            expected=bytes_text(self.expected_bytes),
            free=free,
            parts=said,
        )


def memory_facts(projector: Projector, settings: Settings, projection: Projection) -> MemoryFacts:
    """A projection as it is written."""
    small = projector.too_small(projection)
    return MemoryFacts(
        settings=settings,
        devices=tuple(
            DeviceMemoryFacts(
                name=device.name,
                free_bytes=device.free_bytes,
                margin_bytes=projector.margin_of(device),
                weights_bytes=device.weights_bytes,
                repacked_bytes=device.repacked_bytes,
                kv_bytes=device.kv_bytes,
                recurrent_bytes=device.recurrent_bytes,
                compute_bytes=device.compute_bytes,
                output_bytes=device.output_bytes,
                upper_bytes=device.upper_bytes,
                expected_bytes=device.expected_bytes,
                fits=device not in small,
            )
            for device in projection.devices
        ),
        upper_bytes=projection.upper_bytes,
        expected_bytes=projection.expected_bytes,
        fits=not small,
        mapped=projection.mapped,
        understood=projection.understood,
        calibrated=projection.calibrated,
    )


def memory_rows(facts: MemoryFacts) -> list[tuple[str, ...]]:
    """One row for each device, by COLUMNS."""
    return [
        (
            tr("main memory") if device.name == "CPU" else device.name,
            *(
                bytes_text(size) if size else DASH
                for size in (
                    device.weights_bytes, device.repacked_bytes, device.kv_bytes, device.recurrent_bytes,
                    device.compute_bytes, device.output_bytes,
                )
            ),
            bytes_text(device.upper_bytes),
            bytes_text(device.expected_bytes),
            DASH if device.free_bytes is None else bytes_text(device.free_bytes),
        )
        for device in facts.devices
    ]  # fmt: skip


def memory_sentences(facts: MemoryFacts) -> list[str]:
    """What is to be said of a projection."""
    said = [
        tr(
            "{device} is too small, with {margin} kept free.",
            device=tr("main memory") if device.name == "CPU" else device.name,
            margin=bytes_text(device.margin_bytes),
        )
        for device in facts.devices
        if not device.fits
    ]
    if not facts.understood:
        said.append(tr("This architecture's cache is of a kind that is not known: it may take more."))
    if facts.mapped:
        said.append(tr("Weights in main memory are pages of the file, which the system can drop."))
    said.append(
        tr("Computing: as llama.cpp tells it, without allocating.")
        if facts.calibrated
        else tr("Computing: reckoned from the header.")
    )
    return said


def bars(projection: Projection, small: tuple[DeviceMemory, ...]) -> list[Bar]:
    """The devices that anything lies on, as stacked bars.

    Args:
        projection: what is shown.
        small: the devices that do not hold it.
    """
    return [
        Bar(
            label=tr("main memory") if index == 0 else device.name,
            parts=tuple(
                Part(name, size)
                for name, size in (
                    (tr("weights"), device.weights_bytes + device.repacked_bytes),
                    (tr("KV cache"), device.kv_bytes),
                    (tr("state"), device.recurrent_bytes),
                    (tr("computing"), device.compute_bytes + device.output_bytes),
                )
                if size
            ),
            total_bytes=device.upper_bytes,
            expected_bytes=device.expected_bytes,
            free_bytes=device.free_bytes,
            fits=device not in small,
        )
        for index, device in enumerate(projection.devices)
        if device.upper_bytes or index == 0
    ]
