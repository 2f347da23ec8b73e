"""Own how a comparison of chosen quantizations reads, in Markdown."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.choices.record import READINGS, SOURCE, ChoiceRecord, Pick
from tests.benchmarks.sides.record import verdict
from tunesmith.domain.measurement import Quantity

BEGIN, END = "<!-- results: written by choice_side_by_side -->", "<!-- end of results -->"


def render(record: ChoiceRecord) -> str:
    """All tables."""
    question = record.question
    limit = f"perplexity at most {question.max_perplexity_ratio:g} times the source's"
    lines = [
        f"Measured {record.started} on {record.machine}: {question.source}, {', '.join(question.types)},",
        f"{question.chunks} chunks of {question.text}, {limit}; {record.rounds} rounds of measuring again.",
        "",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in record.versions.items()) + ".",
        "",
        "| search | took | picked | states: tokens/s | states: perplexity ratio |",
        "|---|---|---|---|---|",
    ]
    for search in record.searches:
        picked = search.pick
        told = (
            f"{picked.quantization}{_settings(record, picked)} | {_number(picked.decode_tokens_per_s, 1)} | "
            f"{_number(picked.perplexity_ratio, 4)}"
            if picked
            else f"nothing: {search.failure} | | "
        )
        lines.append(f"| {search.contestant} ({search.version}) | {search.seconds:.0f} s | {told} |")
    lines += ["", *(f"- {search.contestant}: `{search.command}`" for search in record.searches), ""]
    lines += [f"- {name} says: {pick.claim}." for name, pick in record.picks.items()]
    if record.speeds:
        lines += ["", *_speeds(record)]
    if record.qualities:
        lines += ["", *_qualities(record)]
    return "\n".join(lines)


def _settings(record: ChoiceRecord, pick: Pick) -> str:
    before, now = record.baseline.model_dump(), pick.settings.model_dump()
    changes = [f"{name} {now[name]}" for name in now if now[name] != before[name]]
    return f", {', '.join(changes)}" if changes else ""


def _speeds(record: ChoiceRecord) -> list[str]:
    names = [SOURCE, *record.picks]
    heads = (*(f"{reading}, tokens/s" for reading in READINGS), *(f"{one} / source" for one in READINGS))
    lines = [
        f"| generating {record.question.generate} tokens | {' | '.join(heads)} |",
        "|---|---|---|---|---|",
    ]
    for name in names:
        cells = [_quantity(record.speed(name, reading), 1) for reading in READINGS]
        cells += ["1" if name == SOURCE else _quantity(record.against(name, SOURCE, reading), 3)
                  for reading in READINGS]  # fmt: skip
        lines.append(f"| {name} | {' | '.join(cells)} |")
    ours = next((name for name in record.picks if name.startswith("Tunesmith")), None)
    if ours is not None:
        lines.append("")
        for name in record.picks:
            for reading in READINGS if name != ours else ():
                found = record.against(ours, name, reading)
                if found is not None:
                    told = f"{_quantity(found, 3)}: {verdict(found)}"
                    lines.append(f"- {ours}'s pick over that of {name}, by {reading}: {told}.")
    return lines


def _qualities(record: ChoiceRecord) -> list[str]:
    lines = [
        "| picked file | size, MB | chunks | mean KLD | top-1, % | perplexity | ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in record.qualities:
        for who, said in (("llama-perplexity", one.tool), ("Tunesmith", one.tunesmith)):
            cells = [said[name] for name in ("mean_kld", "top1_agreement", "perplexity", "perplexity_ratio")]
            lines.append(
                f"| {one.quantization}, by {who} | {one.size_bytes / 1e6:.1f} | {one.chunks} | "
                f"{' | '.join(cells)} |"
            )
    return lines


def fill(page: Path, record: ChoiceRecord) -> None:
    """Write the results between the page's marks.

    Raises:
        ValueError: the page has no marks.
    """
    text = page.read_text("utf-8")
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    page.write_text(f"{text[:begin]}\n\n{render(record)}\n\n{text[end:]}", "utf-8")


def _number(value: float | None, decimals: int) -> str:
    return "–" if value is None else f"{value:.{decimals}f}"


def _quantity(found: Quantity | None, decimals: int) -> str:
    if found is None:
        return "–"
    if found.low is None or found.high is None:
        return f"{found.median:.{decimals}f}"
    return f"{found.median:.{decimals}f} ({found.low:.{decimals}f}–{found.high:.{decimals}f})"
