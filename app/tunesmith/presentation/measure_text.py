"""Own how a measurement reads on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from tunesmith.domain.measurement import Measurement
from tunesmith.domain.settings import SETTING_SPECS, Settings
from tunesmith.presentation.energy_text import energy_notes, energy_rows
from tunesmith.presentation.limit_text import all_limits
from tunesmith.presentation.numbers import DASH, bytes_text, quantity_text
from tunesmith.presentation.tables import facts
from tunesmith.tuning.setting_text import format_setting
from tunesmith.wording import trn

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tunesmith.presentation.measure_documents import AgainstProfile
    from tunesmith.services.measure import MeasureResult

REPEAT_NOTE = "In brackets: where 95% of repeated measurements are expected."


def quantity_rows(measured: Measurement) -> list[tuple[str, str]]:
    """Name and text of every quantity, in the order people ask for them."""
    peak = measured.peak_memory_bytes
    return [
        ("Prefill", quantity_text(measured.prefill_tokens_per_s, "tok/s")),
        ("Decode", quantity_text(measured.decode_tokens_per_s, "tok/s")),
        ("TTFT", quantity_text(measured.ttft_ms, "ms")),
        ("ITL", quantity_text(measured.itl_ms, "ms")),
        ("ITL, 95th percentile", quantity_text(measured.itl_p95_ms, "ms")),
        ("Response", quantity_text(measured.response_ms, "ms")),
        ("Peak memory", bytes_text(max(peak.samples)) if peak else DASH),
    ]


def settings_line(settings: Settings) -> str:
    """All settings by name on one line; lists that are left to llama.cpp are left out."""
    values = {spec.name: getattr(settings, spec.name) for spec in SETTING_SPECS}
    return " ".join(f"{name}={format_setting(value)}" for name, value in values.items() if value != ())


def noise_sentence(measured: Measurement) -> str | None:
    """What disturbed the measurement, or None."""
    if measured.noisy_samples:
        return trn(
            "{count} sample was disturbed by other programs and stayed so when repeated: "
            "these numbers say more about the load than about the settings.",
            "{count} samples were disturbed by other programs and stayed so when repeated: "
            "these numbers say more about the load than about the settings.",
            measured.noisy_samples,
        )
    if measured.rejected_samples:
        return trn(
            "{count} sample was disturbed by other programs and taken again.",
            "{count} samples were disturbed by other programs and taken again.",
            measured.rejected_samples,
        )
    return None


def measure_report(result: MeasureResult, against: AgainstProfile | None) -> list[RenderableType]:
    """What ``measure`` prints for people."""
    header, measured = result.model.header, result.measurement
    rows = [
        ("Model", f"{header.name or header.path} · {header.quantization} · {bytes_text(header.file_bytes)}"),
        ("Workload", measured.workload.label),
        ("Settings", settings_line(measured.settings)),
        *quantity_rows(measured),
        *energy_rows(result.energy),
    ]
    parts: list[RenderableType] = [facts(rows), Text(REPEAT_NOTE, style="dim")]
    parts += [Text(limit) for limit in all_limits(measured, result.limit, result.prefill_limit)]
    parts += [Text(note, style="dim") for note in energy_notes(result.energy)]
    noise = noise_sentence(measured)
    if noise is not None:
        parts.append(Text(noise, style="yellow"))
    if against is not None:
        parts.append(Text(_against_sentence(against)))
    return parts


def _against_sentence(against: AgainstProfile) -> str:
    pieces = []
    for name, within, stated in (
        ("decode", against.decode_within, against.stated_decode_tokens_per_s),
        ("prefill", against.prefill_within, against.stated_prefill_tokens_per_s),
    ):
        if within is not None and stated is not None:
            place = "inside" if within else "outside"
            pieces.append(f"{name} is {place} the stated {quantity_text(stated, 'tok/s')}")
    return f"Against profile {against.profile_id}: {'; '.join(pieces) or 'nothing to compare'}."
