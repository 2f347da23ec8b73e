"""Own how a soak reads: on a terminal, as a document, as CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field
from rich.text import Text

from tunesmith import __version__
from tunesmith.domain.digits import fixed, percent
from tunesmith.domain.event_base import Part
from tunesmith.domain.power_limit import PowerLimit
from tunesmith.domain.settings import Settings
from tunesmith.domain.soak import (
    CauseName,
    MeanConditions,
    Soaked,
    SoakEnd,
    SoakPart,
    SoakSample,
    SpeedChange,
)
from tunesmith.domain.workload import Workload
from tunesmith.presentation.document import Document
from tunesmith.presentation.fact_documents import (
    BuildFacts,
    MachineFacts,
    ModelFacts,
    build_facts,
    model_facts,
)
from tunesmith.presentation.kept_soak_text import part_name, range_text
from tunesmith.presentation.measure_text import settings_line
from tunesmith.presentation.numbers import DASH, bytes_text, duration_text, quantity_text
from tunesmith.presentation.power_limit_text import power_limit_rows
from tunesmith.presentation.steady_text import SteadyFacts, steady_facts
from tunesmith.presentation.tables import facts
from tunesmith.wording import tr

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tunesmith.services.soak import SoakResult
    from tunesmith.services.soak_keeping import Kept
    from tunesmith.services.steady import SteadyResult

CSV_HEAD: Final = (
    "part", "begun_s", "seconds", "tokens", "tokens_per_s", "foreign_cores", "steal_cores", "cpu_mhz",
    "temperature_celsius", "package_watts", "device_mhz", "device_celsius", "device_watts",
    "device_throttled", "throttled_periods", "throttled_seconds", "setting", "block",
    "power_limit_watts_given",
)  # fmt: skip


class SoakDocument(Document):
    """``tunesmith soak``."""

    schema_name: Literal["tunesmith.soak/1"] = Field(default="tunesmith.soak/1", alias="schema")
    tunesmith_version: str
    profile_id: str | None
    saved: bool
    """Whether the profile carries these figures now."""
    not_saved: str | None
    """Why not, though it was a profile's soak; null where it is, or nobody asked for it."""
    end: SoakEnd
    fault: str | None
    """What ended it early; null where nothing did."""
    planned_seconds: float
    seconds: float
    alpha: float
    """How often at most a change is claimed of a steady speed, over all parts together."""
    least_ratio: float
    """Smaller changes are not claimed."""
    parts: tuple[SoakPart, ...]
    """Those with enough samples to tell something; none where several settings were compared."""
    samples: tuple[SoakSample, ...]
    sampled: dict[Part, Workload]
    """What one sample of each part ran."""
    settings: Settings
    """The first one's where several were compared."""
    workload: Workload
    model: ModelFacts
    machine: MachineFacts
    build: BuildFacts
    power_limit_watts: float | None = None
    """As the user gave it; null where nothing was said."""
    power_limits: tuple[PowerLimit, ...] = ()
    """As the machine told them when it began."""
    comparison: SteadyFacts | None = None
    """Several settings at steady state; null where one was soaked."""


def soak_document(result: SoakResult, profile_id: str | None, kept: Kept) -> SoakDocument:
    """What ``soak`` prints for programs."""
    soaked, machine = result.soaked, result.surroundings.machine_class
    build = result.surroundings.machine.build
    assert build is not None  # noqa: S101 (a soak had a worker)
    return SoakDocument(
        tunesmith_version=__version__,
        profile_id=profile_id,
        saved=kept.profile is not None,
        not_saved=kept.why_not or None,
        end=soaked.end,
        fault=soaked.fault or None,
        planned_seconds=soaked.planned_seconds,
        seconds=round(soaked.seconds, 3),
        alpha=soaked.alpha,
        least_ratio=soaked.least_ratio,
        parts=soaked.parts,
        samples=soaked.samples,
        sampled=soaked.sampled,
        settings=soaked.settings,
        workload=soaked.workload,
        model=model_facts(result.model),
        machine=MachineFacts(fingerprint=machine.fingerprint, label=machine.label),
        build=build_facts(build),
        power_limit_watts=soaked.power_limit_watts,
        power_limits=soaked.power_limits,
    )


def comparison_document(result: SteadyResult, profile_id: str | None, kept: Kept) -> SoakDocument:
    """What ``soak --compare`` prints for programs."""
    compared, machine = result.compared, result.surroundings.machine_class
    build = result.surroundings.machine.build
    assert build is not None  # noqa: S101 (a soak had a worker)
    return SoakDocument(
        tunesmith_version=__version__,
        profile_id=profile_id,
        saved=False,
        not_saved=kept.why_not or None,
        end=compared.end,
        fault=compared.fault or None,
        planned_seconds=compared.planned_seconds,
        seconds=round(compared.seconds, 3),
        alpha=compared.alpha,
        least_ratio=compared.least_ratio,
        parts=(),
        samples=compared.samples,
        sampled=compared.sampled,
        settings=compared.compared[0].settings,
        workload=compared.workload,
        model=model_facts(result.model),
        machine=MachineFacts(fingerprint=machine.fingerprint, label=machine.label),
        build=build_facts(build),
        power_limit_watts=compared.power_limit_watts,
        power_limits=compared.power_limits,
        comparison=steady_facts(compared),
    )


def soak_report(result: SoakResult, kept: Kept) -> list[RenderableType]:
    """What ``soak`` prints for people."""
    header, soaked = result.model.header, result.soaked
    rows = [
        ("Model", f"{header.name or header.path} · {header.quantization} · {bytes_text(header.file_bytes)}"),
        ("Workload", soaked.workload.label),
        ("Settings", settings_line(soaked.settings)),
        (tr("Soaked for"), duration_text(soaked.seconds)),
        *power_limit_rows(soaked.power_limit_watts, soaked.power_limits),
    ]
    shown: list[RenderableType] = [facts(rows)]
    for part in soaked.parts:
        shown.append(Text(f"\n{part_name(part.part)}", style="bold"))
        shown.append(facts(part_rows(part)))
        shown += [Text(sentence) for sentence in part_sentences(part, soaked)]
    shown += [Text(note, style="dim") for note in soak_notes(soaked)]
    if sentence := kept_sentence(kept):
        shown.append(Text(sentence))
    return shown


def kept_sentence(kept: Kept) -> str:
    """What became of the figures; empty where nobody asked for it."""
    if kept.profile is not None:
        return tr("Kept in the profile {name}.", name=kept.profile.name)
    return tr("Not kept in the profile: {why}", why=kept.why_not) if kept.why_not else ""


def part_rows(part: SoakPart) -> list[tuple[str, str]]:
    """Burst, sustained, and what was read meanwhile."""
    rows = [
        (tr("Burst"), _speed_and_conditions(part, burst=True)),
        (tr("Sustained"), _speed_and_conditions(part, burst=False)),
    ]
    if part.changes:
        rows.append((tr("Drop"), drop_text(part)))
    if part.time_to_throttle_s is not None:
        rows.append((tr("Time to throttle"), duration_text(part.time_to_throttle_s)))
    return rows


def _speed_and_conditions(part: SoakPart, *, burst: bool) -> str:
    speed = part.burst_tokens_per_s if burst else part.sustained_tokens_per_s
    conditions = part.burst_conditions if burst else part.sustained_conditions
    return " · ".join((quantity_text(speed, "tok/s"), *condition_texts(conditions)))


def condition_texts(told: MeanConditions) -> list[str]:
    """What was read, with units; nothing for what was not."""
    host = ((told.cpu_mhz, 0, "MHz"), (told.temperature_celsius, 0, "°C"), (told.package_watts, 1, "W"))
    device = ((told.device_mhz, 0, "MHz"), (told.device_celsius, 0, "°C"), (told.device_watts, 1, "W"))
    texts = [f"{fixed(value, places)} {unit}" for value, places, unit in host if value is not None]
    texts += [
        tr("{value} on the device", value=f"{fixed(value, places)} {unit}")
        for value, places, unit in device
        if value is not None
    ]
    if told.foreign_cores is not None:
        texts.append(tr("{cores} cores used by others", cores=fixed(told.foreign_cores, 2)))
    return texts


def drop_text(part: SoakPart) -> str:
    """Such as ``18.2% (16.9%–19.4%)``; with a plus where it became faster."""
    return range_text(part.drop, part.drop_low, part.drop_high)


def part_sentences(part: SoakPart, soaked: Soaked) -> list[str]:
    """Each change with its likely cause; or that none was found."""
    if not part.changes:
        return [tr("No change of {share} or more was found.", share=percent(soaked.least_ratio))]
    told = [change_sentence(change) for change in part.changes]
    if not part.settled:
        told.append(
            tr(
                "The last stretch lasted {time} only: it may not be a steady state, soak longer.",
                time=duration_text(part.sustained_seconds),
            )
        )
    return told


def change_sentence(change: SpeedChange) -> str:
    """When, by how much, and why."""
    return tr(
        "After {time}: {change} ({low} to {high}). Likely cause: {cause}.",
        time=duration_text(change.at_s),
        change=percent(change.ratio - 1, 1, sign=True),
        low=percent(change.low - 1, 1, sign=True),
        high=percent(change.high - 1, 1, sign=True),
        cause=", ".join(cause_text(cause, slower=change.ratio < 1) for cause in change.causes),
    )


def cause_text(cause: CauseName, *, slower: bool = True) -> str:
    """In words; of a rise, that it went away."""
    words = {
        "heat": tr("heat, which held the clock down"),
        "power_limit": tr("a power limit"),
        "clock": tr("a lower clock, and nothing that was read says why"),
        "other_program": tr("another program"),
        "hypervisor": tr("the host of this virtual machine took CPU time away"),
        "quota": tr("the CPU quota of a control group"),
        "not_known": tr("not known"),
    }[cause]
    return words if slower or cause == "not_known" else tr("the end of this: {cause}", cause=words)


def soak_notes(soaked: Soaked) -> list[str]:
    """How it ended, and what the figures mean."""
    notes = []
    if soaked.end == "interrupted":
        notes.append(
            tr("Interrupted after {time}; this is what was measured.", time=duration_text(soaked.seconds))
        )
    if soaked.end == "failed":
        notes.append(
            tr(
                "It ended after {time}: {fault} This is what was measured.",
                time=duration_text(soaked.seconds), fault=soaked.fault,
            )
        )  # fmt: skip
    if soaked.paused_seconds:
        notes.append(
            tr(
                "It was paused for {time} in all; the machine may have cooled meanwhile.",
                time=duration_text(soaked.paused_seconds),
            )
        )
    if not soaked.parts:
        notes.append(tr("{dash} Too few samples to tell a speed: soak longer.", dash=DASH))
        return notes
    notes.append(tr("In brackets: where the mean lies with 95% confidence."))
    return notes


def csv_line(cells: tuple[object, ...]) -> str:
    """One line, RFC 4180."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()


def sample_cells(
    sample: SoakSample, setting: str | None = None, power_limit_watts: float | None = None
) -> tuple[object, ...]:
    """One sample under :data:`CSV_HEAD`; empty where something was not read.

    Args:
        sample: what was measured.
        setting: which of several it was of; None where one was soaked.
        power_limit_watts: as given by the user.
    """
    told, loads = sample.conditions, sample.conditions.devices
    clocks = [load.clock_mhz for load in loads if load.clock_mhz is not None]
    heats = [load.temperature_celsius for load in loads if load.temperature_celsius is not None]
    watts = [load.power_watts for load in loads if load.power_watts is not None]
    return (
        sample.part, f"{sample.begun_s:.3f}", f"{sample.seconds:.3f}", sample.tokens,
        f"{sample.tokens_per_s:.3f}", told.foreign_cores, told.steal_cores, told.cpu_mhz,
        told.temperature_celsius, told.package_watts, sum(clocks) / len(clocks) if clocks else None,
        max(heats, default=None), sum(watts) if watts else None,
        "; ".join(dict.fromkeys(why for load in loads for why in load.throttled or ())),
        sample.throttled_periods, sample.throttled_seconds, setting,
        None if setting is None else sample.block, power_limit_watts,
    )  # fmt: skip
