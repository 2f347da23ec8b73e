"""Own the comparison of two to four profiles: differences, bars, and both as text to take away."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from tunesmith.domain.measurement import Measurement, Quantity
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.settings import SETTING_SPECS
from tunesmith.presentation.csv_text import text_cell
from tunesmith.presentation.kept_soak_text import kept_limit_text, sustained_drop_text, sustained_text
from tunesmith.presentation.machine_facts import class_text
from tunesmith.presentation.markdown import markdown_table
from tunesmith.presentation.numbers import DASH, bytes_text, memory_scale, number, quantity_text
from tunesmith.presentation.profiles import (
    OBJECTIVE_WORDS,
    moment_text,
    speed_text,
    workload_words,
)
from tunesmith.presentation.setting_help import setting_help
from tunesmith.tuning.setting_text import format_setting
from tunesmith.wording import decimal_mark, tr

FEWEST, MOST = 2, 4
LETTERS: Final = "ABCD"
MEASURED: Final = tr("Measured")
"""Section of the quantities."""

Role = Literal["decode", "prefill", "ttft", "memory"]


@dataclass(frozen=True, slots=True)
class Bar:
    """One profile's value with its interval, in the group's unit; None where it was not measured."""

    letter: str
    name: str
    value: float | None
    low: float | None
    high: float | None
    baseline: float | None
    """llama.cpp's defaults in the same run."""
    text: str
    """The value with its unit, to as many places as the interval supports."""


@dataclass(frozen=True, slots=True)
class BarGroup:
    """One quantity of all profiles."""

    role: Role
    title: str
    unit: str
    more_is_better: bool
    bars: tuple[Bar, ...]

    @property
    def highest(self) -> float:
        """The largest number to be drawn; at least a little above 0."""
        numbers = [n for bar in self.bars for n in (bar.value, bar.high, bar.baseline) if n is not None]
        return max(numbers, default=0.0) or 1.0


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of the table."""

    section: str
    name: str
    cells: tuple[str, ...]
    tip: str = ""

    @property
    def differs(self) -> bool:
        """Whether the profiles are not all the same in it."""
        return len(set(self.cells)) > 1


@dataclass(frozen=True, slots=True)
class Comparison:
    """Profiles side by side."""

    names: tuple[str, ...]
    warnings: tuple[str, ...]
    groups: tuple[BarGroup, ...]
    lines: tuple[Difference, ...]

    @property
    def headings(self) -> tuple[str, ...]:
        """The profiles' names, each after its letter."""
        return tuple(f"{LETTERS[i]} · {name}" for i, name in enumerate(self.names))


def compare(profiles: Sequence[TunedProfile]) -> Comparison:
    """Set two to four profiles side by side.

    Raises:
        ValueError: there are fewer or more.
    """
    if not FEWEST <= len(profiles) <= MOST:
        msg = f"{FEWEST} to {MOST} profiles can be compared, not {len(profiles)}"
        raise ValueError(msg)
    return Comparison(
        names=tuple(profile.name for profile in profiles),
        warnings=tuple(_warnings(profiles)),
        groups=tuple(_groups(profiles)),
        lines=tuple(_lines(profiles)),
    )


def _warnings(profiles: Sequence[TunedProfile]) -> list[str]:
    """Why the numbers may not be comparable, in sentences."""
    found = []
    if len({p.model.sha256 for p in profiles}) > 1:
        found.append(tr("These profiles are of different models."))
    if len({p.machine.fingerprint for p in profiles}) > 1:
        found.append(
            tr(
                "They were measured on different machine classes: "
                "the numbers tell of the machines as much as of the settings."
            )
        )
    if len({p.workload for p in profiles}) > 1:
        found.append(
            tr("They were measured with different workloads: speeds differ with length and depth alone.")
        )
    if len({p.build.label for p in profiles}) > 1:
        found.append(tr("They were measured with different builds of llama.cpp."))
    noisy = [p for p in profiles if p.tuned.noisy_samples]
    if noisy:
        letters = ", ".join(LETTERS[i] for i, p in enumerate(profiles) if p in noisy)
        found.append(tr("Other programs disturbed the measurement of {letters}.", letters=letters))
    return found


def _groups(profiles: Sequence[TunedProfile]) -> list[BarGroup]:
    memory_unit, mib = memory_scale("mega")
    specs: tuple[tuple[Role, str, str, bool, str, float], ...] = (
        ("decode", "Decode", "tok/s", True, "decode_tokens_per_s", 1),
        ("prefill", "Prefill", "tok/s", True, "prefill_tokens_per_s", 1),
        ("ttft", tr("Time to first token"), "ms", False, "ttft_ms", 1),
        ("memory", tr("Peak memory"), memory_unit, False, "peak_memory_bytes", mib),
    )
    groups = [
        BarGroup(
            role, title, unit, more,
            tuple(_bar(i, p, field, unit, scale) for i, p in enumerate(profiles)),
        )
        for role, title, unit, more, field, scale in specs
    ]  # fmt: skip
    return [group for group in groups if any(bar.value is not None for bar in group.bars)]


def _bar(index: int, profile: TunedProfile, field: str, unit: str, scale: float) -> Bar:
    quantity: Quantity | None = getattr(profile.tuned, field)
    before: Quantity | None = getattr(profile.baseline, field)
    baseline = None if before is None else before.median / scale
    if quantity is None:
        return Bar(LETTERS[index], profile.name, None, None, None, baseline, tr("not measured"))
    low = None if quantity.low is None else quantity.low / scale
    high = None if quantity.high is None else quantity.high / scale
    value = quantity.median / scale
    return Bar(LETTERS[index], profile.name, value, low, high, baseline, _bar_text(value, low, high, unit))


def _bar_text(value: float, low: float | None, high: float | None, unit: str) -> str:
    spread = None if low is None or high is None else max((high - low) / 2, abs(value) * 1e-3)
    return f"{number(value, spread=spread)} {unit}"


def _lines(profiles: Sequence[TunedProfile]) -> list[Difference]:
    def line(section: str, name: str, of: Callable[[TunedProfile], str], tip: str = "") -> Difference:
        return Difference(section, name, tuple(of(p) for p in profiles), tip)

    def measured(name: str, of: Callable[[Measurement], str], tip: str) -> Difference:
        return line(MEASURED, name, lambda p: of(p.tuned), tip)

    def setting(name: str) -> Callable[[TunedProfile], str]:
        return lambda p: format_setting(getattr(p.settings, name))

    of_what = tr("Of what")
    lines = [
        line(of_what, tr("Model"), lambda p: p.model.header.name or p.model.header.path.rpartition("/")[2]),
        line(of_what, tr("Quantization"), lambda p: p.model.header.quantization),
        line(of_what, tr("Workload"), lambda p: workload_words(p.workload)),
        line(of_what, tr("Objective"), lambda p: OBJECTIVE_WORDS[p.objective.name]),
        line(of_what, tr("Machine class"), lambda p: class_text(p.machine.label)),
        line(of_what, tr("Build"), lambda p: p.build.label),
        line(of_what, tr("Made"), lambda p: moment_text(p.created_utc)),
        line(
            MEASURED, tr("Against defaults"),
            lambda p: speed_text(p.outcome, p.speedup.median, p.speedup.low, p.speedup.high),
            tr("What was made best, against llama.cpp's defaults in the same run."),
        ),
        measured(
            "Decode",
            lambda m: quantity_text(m.decode_tokens_per_s, "tok/s"),
            tr("Speed of generating tokens."),
        ),
        measured(
            "Prefill",
            lambda m: quantity_text(m.prefill_tokens_per_s, "tok/s"),
            tr("Speed of reading prompts."),
        ),
        measured("TTFT", lambda m: quantity_text(m.ttft_ms, "ms"), tr("Time to first token.")),
        measured(
            "ITL",
            lambda m: quantity_text(m.itl_ms, "ms"),
            tr("Inter-token latency: time between two tokens."),
        ),
        measured(
            tr("Peak memory"), _peak, tr("The highest memory use of the process that ran the model.")
        ),
    ]  # fmt: skip
    if any(profile.soak is not None or profile.held is not None for profile in profiles):
        lines += [line(MEASURED, name, of, tip) for name, of, tip in _sustained()]
    if any(profile.soak is not None and profile.soak.power_limit_watts for profile in profiles):
        tip = tr("The power limit that the user named for the soak.")
        lines.append(line(MEASURED, tr("Power limit in the soak"), kept_limit_text, tip))
    lines += [
        line(tr("Settings"), spec.name, setting(spec.name), _explanation(spec.name)) for spec in SETTING_SPECS
    ]
    return lines


def _sustained() -> list[tuple[str, Callable[[TunedProfile], str], str]]:
    steady, fell = (
        tr("Speed after the last change in a soak."),
        tr("Sustained against burst speed in a soak."),
    )
    return [
        (tr("Decode, sustained"), lambda p: sustained_text(p, "decode"), steady),
        (tr("Decode, drop"), lambda p: sustained_drop_text(p, "decode"), fell),
        (tr("Prefill, sustained"), lambda p: sustained_text(p, "prefill"), steady),
        (tr("Prefill, drop"), lambda p: sustained_drop_text(p, "prefill"), fell),
    ]


def _explanation(name: str) -> str:
    found = setting_help(name)
    return found.sentence if found else ""


def _peak(measured: Measurement) -> str:
    quantity = measured.peak_memory_bytes
    return bytes_text(max(quantity.samples, default=quantity.median)) if quantity else DASH


def table(comparison: Comparison, *, only_differences: bool) -> list[Difference]:
    """The lines to show; quantities always, the rest where it differs if that is asked for."""
    if not only_differences:
        return list(comparison.lines)
    return [line for line in comparison.lines if line.section == MEASURED or line.differs]


def to_markdown(comparison: Comparison, *, only_differences: bool = False) -> str:
    """The table as Markdown, warnings below it."""
    rows = [("", *comparison.headings)]
    rows += [(line.name, *line.cells) for line in table(comparison, only_differences=only_differences)]
    notes = "".join(f"\n\n{warning}" for warning in comparison.warnings)
    return f"{markdown_table(rows)}{notes}\n"


def to_csv(comparison: Comparison, *, only_differences: bool = False) -> str:
    """The table as CSV; what a spreadsheet would take for a formula is kept as text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([tr("Section"), "", *map(_csv_cell, comparison.headings)])
    for line in table(comparison, only_differences=only_differences):
        writer.writerow([line.section, line.name, *map(_csv_cell, line.cells)])
    return out.getvalue()


def _csv_cell(text: str) -> str:
    is_number = text.removeprefix("-").replace(decimal_mark(), "", 1).isdigit()
    return text if is_number else text_cell(text)
