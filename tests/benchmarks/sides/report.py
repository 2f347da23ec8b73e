"""Own the report of a side-by-side comparison: Markdown tables, computed from the record alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from statistics import median

from tests.benchmarks.sides.record import DEFAULTS, Comparison, Search, against, figure, verdict
from tunesmith.domain.measurement import Quantity
from tunesmith.domain.settings import SETTING_SPECS, Settings
from tunesmith.tuning.setting_text import format_setting

BEGIN, END = "<!-- results: written by side_by_side -->", "<!-- end of results -->"

FIGURES: dict[str, str] = {
    "response": "response, llama-bench",
    "ours": "response, ours",
    "chat decode": "decode at 512",
    "chat prefill": "prefill at 512",
    "optimus decode": "llama-optimus's own",
    "balanced": "scout's own",
}
"""What may be compared, and its column's head."""
OWN = {"llama-optimus": "optimus decode", "llama-parameter-scout": "balanced"}
"""The figure that a rival makes best."""
GOAL_TIMES = 10.0
GOAL_RIVAL = "llama-optimus"


def changes(baseline: Settings, settings: Settings) -> str:
    """What differs from the defaults, by llama.cpp's names."""
    differing = [
        f"{spec.name} {format_setting(getattr(settings, spec.name))}"
        for spec in SETTING_SPECS
        if getattr(settings, spec.name) != getattr(baseline, spec.name)
    ]
    return ", ".join(differing) or "nothing"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    cells = list(head)
    return [
        "| " + " | ".join(cells) + " |",
        "|" + "---|" * len(cells),
        *("| " + " | ".join(row) + " |" for row in rows),
        "",
    ]


def _ratio(found: Quantity | None) -> str:
    if found is None:
        return "–"
    if found.low is None or found.high is None:
        return f"{found.median:.3f}"
    return f"{found.median:.3f} ({found.low:.3f}–{found.high:.3f})"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} s"


def _searches(comparison: Comparison) -> list[str]:
    rows = []
    for search in comparison.searches:
        settings = search.failure or "–"
        if search.settings is not None:
            settings = changes(comparison.baseline, search.settings)
        rows.append(
            (
                f"{search.contestant} {search.version}",
                _seconds(search.result_seconds),
                _seconds(search.seconds),
                settings,
                search.claim or "–",
            )
        )
    lines = _table(("search", "until its result", "until its end", "changed", "what it says of it"), rows)
    for search in comparison.searches:
        lines.append(f"- {search.contestant} makes best: {search.objective}. Run as `{search.command}`")
        lines += [f"- {search.contestant} {note}." for note in search.notes]
    return [*lines, ""]


def _figures(comparison: Comparison) -> dict[str, str]:
    """Those that were measured."""
    return {
        key: head
        for key, head in FIGURES.items()
        if any(figure(comparison, name, key) for name in comparison.contestants)
    }


def _absolute(comparison: Comparison) -> list[str]:
    rows = []
    figures = _figures(comparison)
    for name in comparison.contestants:
        cells = [name]
        for key in figures:
            values = list(figure(comparison, name, key).values())
            if not values:
                cells.append("–")
            elif key in ("response", "ours"):
                cells.append(f"{1000 / median(values):.0f} ms")
            else:
                cells.append(f"{median(values):.1f}")
        rows.append(cells)
    return _table(("median", *figures.values()), rows)


def _relative(comparison: Comparison) -> list[str]:
    figures = _figures(comparison)
    rows = [
        (name, *(_ratio(against(comparison, key, name, DEFAULTS)) for key in figures))
        for name in comparison.contestants
        if name != DEFAULTS
    ]
    return _table(("speed / defaults", *figures.values()), rows)


def is_ours(search: Search) -> bool:
    """Whether it is one of ours."""
    return search.contestant.startswith("Tunesmith")


def _duels(comparison: Comparison) -> list[str]:
    rows = []
    for mine in comparison.searches:
        for other in comparison.searches:
            if not is_ours(mine) or is_ours(other) or not (mine.settings and other.settings):
                continue
            cells = [f"{mine.contestant} / {other.contestant}", _times(mine, other)]
            for key in ("response", "chat decode", OWN.get(other.contestant, "chat decode")):
                found = against(comparison, key, mine.contestant, other.contestant)
                cells.append(f"{_ratio(found)}: {verdict(found)}" if found else "–")
            rows.append(cells)
    head = ("ours / theirs", "time to result", "response, llama-bench", "decode at 512", "their own figure")
    return _table(head, rows)


def _times(mine: Search, other: Search) -> str:
    if not mine.result_seconds or not other.result_seconds:
        return "–"
    return f"{other.result_seconds / mine.result_seconds:.1f} times faster"


def claims(comparison: Comparison) -> list[str]:
    """Whether ours was as much faster as it was meant to be, to a result that is not slower; a line each."""
    told = []
    rival = next((s for s in comparison.searches if s.contestant == GOAL_RIVAL), None)
    for mine in comparison.searches:
        if not is_ours(mine):
            continue
        if rival is None or not (rival.settings and mine.settings):
            told.append(f"{mine.contestant}: not measured, since a search found nothing.")
            continue
        if not (mine.result_seconds and rival.result_seconds):
            told.append(f"{mine.contestant}: the time was not measured.")
            continue
        times = rival.result_seconds / mine.result_seconds
        found = {
            key: against(comparison, key, mine.contestant, GOAL_RIVAL)
            for key in ("response", "chat decode", OWN[GOAL_RIVAL])
        }
        words = {key: verdict(ratio) if ratio else "not measured" for key, ratio in found.items()}
        fast = times >= GOAL_TIMES
        good = all(word in ("faster", "not slower") for word in words.values())
        told.append(
            f"**{mine.contestant}** was {times:.1f} times as fast to its result as {GOAL_RIVAL} (the goal is "
            f"{GOAL_TIMES:.0f}: {'reached' if fast else 'missed'}). Its result beside {GOAL_RIVAL}'s: "
            f"response {words['response']}, decode {words['chat decode']}, {GOAL_RIVAL}'s own figure "
            f"{words[OWN[GOAL_RIVAL]]} ({'as meant' if good else 'not all shown'})."
        )
    return told


def render(comparison: Comparison) -> str:
    """The results as Markdown."""
    failed = sum(1 for sample in comparison.samples if sample.failure)
    processes = f"{len(comparison.samples)} processes" + (f", of which {failed} failed" if failed else "")
    lines = [
        f"Measured {comparison.started} on {comparison.machine}, with {comparison.model}.",
        f"Measured again in {comparison.rounds} rounds, {processes}.",
        "",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in comparison.versions.items()) + ".",
        "",
    ]
    if comparison.rehearsal:
        lines += ["**A rehearsal: the searches were cut short, and the figures mean nothing.**", ""]
    lines += ["### The searches", "", *_searches(comparison)]
    if comparison.samples:
        lines += [
            "### All winners measured again", "", *_absolute(comparison), *_relative(comparison),
            "### Ours against theirs", "", *_duels(comparison),
            "### The goal", "", *(f"- {line}" for line in claims(comparison)), "",
        ]  # fmt: skip
    return "\n".join(lines)


def fill(page: Path, comparison: Comparison) -> None:
    """Write the results between the page's marks.

    Raises:
        ValueError: the page has no marks.
    """
    text = page.read_text("utf-8")
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    page.write_text(f"{text[:begin]}\n\n{render(comparison)}\n{text[end:]}", "utf-8")
