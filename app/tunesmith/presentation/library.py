"""Own the rows of the library: texts, sort keys, quantizations of one model put together, filtering."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tunesmith.presentation.library_cells import (
    SortKey,
    best_fit,
    bits_of,
    fits_cell,
    number_cell,
    quantization_cell,
    range_cell,
    text_cell,
    tuned_cell,
)
from tunesmith.presentation.numbers import bytes_text, count_text, fixed, grouped_text, rough_bytes_text
from tunesmith.services.fit import CONTEXT_TOKENS, Fit, fit
from tunesmith.services.library import Kind, LibraryEntry, Tuned
from tunesmith.wording import tr, trc, trn

Column = Literal[
    "name", "parameters", "quantization", "size", "fits", "tuned", "architecture", "context", "bits"
]
Tone = Literal["plain", "good", "caution", "bad", "muted"]


@dataclass(frozen=True, slots=True)
class ColumnText:
    """A column's words."""

    key: Column
    title: str
    tip: str
    numeric: bool = False


COLUMNS: tuple[ColumnText, ...] = (
    ColumnText("name", tr("Name"), tr("What the file calls the model, or the file's own name")),
    ColumnText("parameters", tr("Parameters"), tr("How many weights the model has"), numeric=True),
    ColumnText(
        "quantization", tr("Quantization"),
        tr("How weights are stored; fewer bits are smaller and faster"),
    ),
    ColumnText("size", tr("Size"), tr("Size of all files of the model"), numeric=True),
    ColumnText(
        "fits", tr("Fits"),
        tr(
            "Weights, KV cache of {tokens} tokens and what computing takes, reckoned from the header, "
            "against the memory free now",
            tokens=CONTEXT_TOKENS,
        ),
    ),
    ColumnText("tuned", trc("column", "Tuned"), tr("What the newest profile of this file came to")),
    ColumnText("architecture", tr("Architecture"), tr("The kind of network, as llama.cpp names it")),
    ColumnText("context", tr("Context"), tr("Tokens the model was trained to look back on"), numeric=True),
    ColumnText("bits", tr("Bits/weight"), tr("Bits a weight takes on average, as stored"), numeric=True),
)  # fmt: skip
INDEX: Mapping[Column, int] = {column.key: number for number, column in enumerate(COLUMNS)}

_KINDS: Mapping[Kind, str] = {
    "model": "",
    "projector": tr("projector"),
    "adapter": tr("adapter"),
    "other": tr("no model"),
    "broken": tr("broken"),
}
_KIND_REASONS: Mapping[Kind, str] = {
    "model": "",
    "projector": tr("This turns images or sound into input for a model; it is no model to run by itself."),
    "adapter": tr("This adapts another model (LoRA); it is no model to run by itself."),
    "other": tr("This GGUF file holds no model to run."),
    "broken": "",
}
_PLACES: Mapping[str, str] = {
    "Watched folder": tr("Watched folder"),
    "Opened file": tr("Opened file"),
}
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
            n for n, fits in enumerate(self.fits) if fits != "no" and bits_of(self.members[n]) >= _FAIR_BITS
        ]
        fitting = [n for n, fits in enumerate(self.fits) if fits != "no"]
        return (good or fitting or [len(self.members) - 1])[-1]

    @property
    def fits_tone(self) -> Tone:
        """How the column Fits is coloured, beside its word."""
        best = best_fit(self.fits)
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
    needed = tuple(m.needed_bytes if m.header and m.kind == "model" else None for m in members)
    known = available_bytes is not None
    fits: tuple[Fit | None, ...] = tuple(
        fit(need, available_bytes or 0) if known and need is not None else None for need in needed
    )
    name = tidy(first.name if len(members) == 1 or header is None else header.name or first.name)
    kind = _KINDS[first.kind]
    results = [found for m in members if (found := tuned.get((m.path, m.size_bytes))) is not None]
    bits = [bits_of(m) for m in members if m.header and m.header.parameters]
    values: dict[Column, tuple[str, SortKey]] = {
        "name": (name, (1 if first.kind == "broken" else 0, 0.0, name.casefold())),
        "parameters": number_cell(header.parameters if header and header.parameters else None, count_text),
        "quantization": quantization_cell([tidy(m.header.quantization) for m in members if m.header], kind),
        "size": range_cell([m.size_bytes for m in members], bytes_text),
        "fits": fits_cell(fits),
        "tuned": tuned_cell(results),
        "architecture": text_cell(tidy(header.architecture) if header else ""),
        "context": number_cell(header.context_length if header else None, lambda value: fixed(value, 0)),
        "bits": range_cell(bits, lambda value: fixed(value, 2)),
    }
    cells = tuple(values[column.key][0] for column in COLUMNS)
    said = [
        name,
        *cells[1:],
        place_text(first.place),
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
        tidy(entry.problem or tr("This file cannot be used."))
        if entry.kind == "broken"
        else _KIND_REASONS[entry.kind]
    )


def place_text(place: str) -> str:
    """Whose folder a model lies in, as it is shown."""
    return _PLACES.get(place, place)


def fit_sentence(needed: int | None, fits: Fit | None, available_bytes: int | None) -> str:
    """What the estimate says, in a sentence."""
    if needed is None or fits is None:
        return ""
    values = {
        "need": rough_bytes_text(needed),
        "free": rough_bytes_text(available_bytes),
        "tokens": CONTEXT_TOKENS,
    }
    match fits:
        case "yes":
            return tr("Fits: needs about {need} of {free} free (estimate at {tokens} tokens)", **values)
        case "tight":
            return tr("Tight: needs about {need} of {free} free (estimate at {tokens} tokens)", **values)
        case "no":
            return tr(
                "Does not fit: needs about {need}, {free} are free (estimate at {tokens} tokens)", **values
            )


def count_sentence(rows: Sequence[Row], shown: int) -> str:
    """How much the table holds, such as ``12 models · 2 files that cannot be used``."""
    models = sum(len(row.members) for row in rows if row.usable)
    broken = sum(row.entry.kind == "broken" for row in rows)
    others = sum(not row.usable for row in rows) - broken
    parts = [trn("{number} model", "{number} models", models, number=grouped_text(models))]
    if others:
        parts.append(trn("{count} other file", "{count} other files", others))
    if broken:
        parts.append(trn("{count} broken file", "{count} broken files", broken))
    if shown != len(rows):
        parts.append(tr("{number} shown", number=shown))
    return " · ".join(parts)
