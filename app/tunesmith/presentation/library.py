"""Own the rows of the library: texts, sort keys, quantizations of one model put together, filtering."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tunesmith.presentation.numbers import DASH, bytes_text, count_text
from tunesmith.services.fit import CONTEXT_TOKENS, Fit, fit, needed_bytes
from tunesmith.services.library import Kind, LibraryEntry, Tuned

Column = Literal[
    "name", "parameters", "quantization", "size", "fits", "tuned", "architecture", "context", "bits"
]
SortKey = tuple[int, float, str]
Tone = Literal["plain", "good", "caution", "bad", "muted"]


@dataclass(frozen=True, slots=True)
class ColumnText:
    """A column's words."""

    key: Column
    title: str
    tip: str
    numeric: bool = False


COLUMNS: tuple[ColumnText, ...] = (
    ColumnText("name", "Name", "What the file calls the model, or the file's own name"),
    ColumnText("parameters", "Parameters", "How many weights the model has", numeric=True),
    ColumnText("quantization", "Quantization", "How weights are stored; fewer bits are smaller and faster"),
    ColumnText("size", "Size", "Size of all files of the model", numeric=True),
    ColumnText(
        "fits", "Fits",
        f"An estimate: weights, KV cache of {CONTEXT_TOKENS} tokens and 5%, against the memory free now",
    ),
    ColumnText("tuned", "Tuned", "What the newest profile of this file came to"),
    ColumnText("architecture", "Architecture", "The kind of network, as llama.cpp names it"),
    ColumnText("context", "Context", "Tokens the model was trained to look back on", numeric=True),
    ColumnText("bits", "Bits/weight", "Bits a weight takes on average, as stored", numeric=True),
)  # fmt: skip
INDEX: Mapping[Column, int] = {column.key: number for number, column in enumerate(COLUMNS)}

_KINDS: Mapping[Kind, str] = {
    "model": "",
    "projector": "projector",
    "adapter": "adapter",
    "other": "no model",
    "broken": "broken",
}
_KIND_REASONS: Mapping[Kind, str] = {
    "model": "",
    "projector": "This turns images or sound into input for a model; it is no model to run by itself.",
    "adapter": "This adapts another model (LoRA); it is no model to run by itself.",
    "other": "This GGUF file holds no model to run.",
    "broken": "",
}
_FITS: Mapping[Fit, str] = {"yes": "yes", "tight": "tight", "no": "no"}
_FAIR_BITS = 4.0
"""Below this the answers of most models suffer visibly."""
_TONES: Mapping[Fit, Tone] = {"yes": "good", "tight": "caution", "no": "bad"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a model, or the quantizations of one."""

    members: tuple[LibraryEntry, ...]
    """The entries behind it, the largest first; mostly one."""
    cells: tuple[str, ...]
    """By COLUMNS."""
    keys: tuple[SortKey, ...]
    """By COLUMNS; rows whose value is unknown sort behind all others."""
    fits: tuple[Fit | None, ...]
    """By member."""
    needed: tuple[int | None, ...]
    """Estimated memory by member, bytes."""
    tip: str
    haystack: str = field(repr=False)

    @property
    def entry(self) -> LibraryEntry:
        """The first entry."""
        return self.members[0]

    @property
    def usable(self) -> bool:
        """Whether it is a model that can be tuned."""
        return self.entry.kind == "model"

    @property
    def paths(self) -> tuple[str, ...]:
        """Of all members."""
        return tuple(member.path for member in self.members)

    @property
    def preferred(self) -> int:
        """Which member to begin with: the smallest of at least 4 bits a weight, if it fits."""
        good = [
            n for n, fits in enumerate(self.fits) if fits != "no" and _bits(self.members[n]) >= _FAIR_BITS
        ]
        fitting = [n for n, fits in enumerate(self.fits) if fits != "no"]
        return (good or fitting or [len(self.members) - 1])[-1]

    @property
    def fits_tone(self) -> Tone:
        """How the column Fits is coloured, beside its word."""
        best = _best(self.fits)
        return _TONES[best] if best else "muted"

    def matches(self, words: Sequence[str]) -> bool:
        """Whether every word is found in it; words are in lower case."""
        return all(word in self.haystack for word in words)


def search_words(text: str) -> tuple[str, ...]:
    """What is typed into the filter, as words to look for."""
    return tuple(text.casefold().split())


def tidy(text: str) -> str:
    """A text from a file on one line, without characters that do not print."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def make_rows(
    entries: Iterable[LibraryEntry],
    *,
    available_bytes: int | None,
    tuned: Mapping[tuple[str, int], Tuned] | None = None,
    grouped: bool = False,
) -> list[Row]:
    """The table's rows, by name.

    Args:
        available_bytes: memory free now; None if it is not known yet.
        tuned: what is tuned, by path and size.
        grouped: put the quantizations of one model on one line.
    """
    groups: dict[object, list[LibraryEntry]] = {}
    for entry in entries:
        groups.setdefault(_group_key(entry) if grouped else entry.path, []).append(entry)
    rows = [_row(group, available_bytes, tuned or {}) for group in groups.values()]
    return sorted(rows, key=lambda row: row.keys[0])


def _group_key(entry: LibraryEntry) -> object:
    """Quantizations of one model agree in this; what is no model stays alone."""
    header = entry.header
    if entry.kind != "model" or header is None or not header.name:
        return entry.path
    return header.name.casefold(), header.architecture, header.parameters


def _row(
    group: list[LibraryEntry], available_bytes: int | None, tuned: Mapping[tuple[str, int], Tuned]
) -> Row:
    members = tuple(sorted(group, key=lambda entry: (-entry.size_bytes, entry.path)))
    first = members[0]
    header = first.header
    needed = tuple(needed_bytes(m.header) if m.header and m.kind == "model" else None for m in members)
    known = available_bytes is not None
    fits: tuple[Fit | None, ...] = tuple(
        fit(need, available_bytes or 0) if known and need is not None else None for need in needed
    )
    name = tidy(first.name if len(members) == 1 or header is None else header.name or first.name)
    kind = _KINDS[first.kind]
    results = [found for m in members if (found := tuned.get((m.path, m.size_bytes))) is not None]
    bits = [_bits(m) for m in members if m.header and m.header.parameters]
    values: dict[Column, tuple[str, SortKey]] = {
        "name": (name, (1 if first.kind == "broken" else 0, 0.0, name.casefold())),
        "parameters": _number(header.parameters if header and header.parameters else None, count_text),
        "quantization": _quantization(members, kind),
        "size": _range([m.size_bytes for m in members], bytes_text),
        "fits": _fits(fits),
        "tuned": _tuned(results),
        "architecture": _text(tidy(header.architecture) if header else ""),
        "context": _number(header.context_length if header else None, lambda value: f"{value:.0f}"),
        "bits": _range(bits, lambda value: f"{value:.2f}"),
    }
    cells = tuple(values[column.key][0] for column in COLUMNS)
    said = [
        name,
        *cells[1:],
        first.place,
        kind,
        *(m.header.quantization for m in members if m.header),
        *(Path(m.path).name for m in members),
    ]
    return Row(
        members=members,
        cells=cells,
        keys=tuple(values[column.key][1] for column in COLUMNS),
        fits=fits,
        needed=needed,
        tip=reason(first) or "\n".join(tidy(m.path) for m in members),
        haystack="\n".join(said).casefold(),
    )


def reason(entry: LibraryEntry) -> str:
    """Why an entry cannot be tuned; empty if it can."""
    return (
        tidy(entry.problem or "This file cannot be used.")
        if entry.kind == "broken"
        else _KIND_REASONS[entry.kind]
    )


def fit_sentence(needed: int | None, fits: Fit | None, available_bytes: int | None) -> str:
    """What the estimate says, in a sentence."""
    if needed is None or fits is None:
        return ""
    need, free = _about(needed), _about(available_bytes)
    match fits:
        case "yes":
            return f"Fits: needs about {need} of {free} free (estimate at {CONTEXT_TOKENS} tokens)"
        case "tight":
            return f"Tight: needs about {need} of {free} free (estimate at {CONTEXT_TOKENS} tokens)"
        case "no":
            return f"Does not fit: needs about {need}, {free} are free (estimate at {CONTEXT_TOKENS} tokens)"


def _about(size_bytes: int | None) -> str:
    """A size to two or three digits: it is an estimate."""
    value, _, unit = bytes_text(size_bytes).partition(" ")
    return f"{float(value):.0f} {unit}" if unit and float(value) >= 10 else f"{value} {unit}".strip()


def count_sentence(rows: Sequence[Row], shown: int) -> str:
    """How much the table holds, such as ``12 models · 2 files that cannot be used``."""
    models = sum(len(row.members) for row in rows if row.usable)
    broken = sum(row.entry.kind == "broken" for row in rows)
    others = sum(not row.usable for row in rows) - broken
    parts = [f"{models:,} {'model' if models == 1 else 'models'}".replace(",", " ")]
    if others:
        parts.append(f"{others} other {'file' if others == 1 else 'files'}")
    if broken:
        parts.append(f"{broken} broken {'file' if broken == 1 else 'files'}")
    if shown != len(rows):
        parts.append(f"{shown} shown")
    return " · ".join(parts)


def _text(text: str) -> tuple[str, SortKey]:
    return (text or DASH, (0 if text else 1, 0.0, text.casefold()))


def _number(value: float | None, say: Callable[[float], str]) -> tuple[str, SortKey]:
    return _range([] if value is None else [value], say)


def _range(values: Sequence[float], say: Callable[[float], str]) -> tuple[str, SortKey]:
    if not values:
        return DASH, (1, 0.0, "")
    low, high = say(min(values)), say(max(values))
    if low.split()[1:] == high.split()[1:]:  # of the same unit
        low = low.split()[0]
    text = high if low in (high, high.split()[0]) else f"{low}–{high}"
    return text, (0, float(max(values)), "")


def _bits(entry: LibraryEntry) -> float:
    return entry.header.bits_per_weight if entry.header else 0.0


def _quantization(members: Sequence[LibraryEntry], kind: str) -> tuple[str, SortKey]:
    if kind:
        return kind, (1, 0.0, kind)
    texts = list(dict.fromkeys(tidy(m.header.quantization) for m in members if m.header))
    text = texts[0] if len(texts) == 1 else f"{len(texts)} quantizations"
    return text, (0, 0.0, texts[0].casefold())


def _best(fits: Iterable[Fit | None]) -> Fit | None:
    return next((value for value in ("yes", "tight", "no") if value in fits), None)


def _fits(fits: tuple[Fit | None, ...]) -> tuple[str, SortKey]:
    best = _best(fits)
    if best is None:
        return DASH, (1, 0.0, "")
    fitting = sum(value != "no" for value in fits)
    word = _FITS[best] if fitting in (0, len(fits)) else f"{fitting} of {len(fits)}"
    return word, (0, float(("yes", "tight", "no").index(best)), "")


def _tuned(results: Sequence[Tuned]) -> tuple[str, SortKey]:
    if not results:
        return DASH, (1, 0.0, "")
    best = max(results, key=lambda result: result.speedup)
    if best.outcome == "improved" or best.speedup > 1:  # a spent budget may leave a confirmed gain
        return f"{best.speedup:.2f}×", (0, -best.speedup, "")
    word = "defaults" if best.outcome == "defaults_are_best" else "no gain"
    return word, (0, 0.0, word)
