"""A recorded surface travels as a file; whatever else is in such a file does no harm."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tuning.surfaces import surface
from tunesmith.errors import StoreError, UsageError
from tunesmith.services import surface_files
from tunesmith.services.surface_files import check_writable, read_surface, write_surface

SURFACE = surface(rounds=2)
TEXT = SURFACE.model_dump_json(by_alias=True).encode()
Change = Callable[[dict[str, Any]], None]


def packed(path: Path, text: bytes = TEXT, change: Change = lambda _document: None) -> Path:
    """A file of this JSON, changed."""
    document = json.loads(text)
    change(document)
    path.write_bytes(gzip.compress(json.dumps(document).encode()))
    return path


def test_what_is_written_reads_back_the_same_to_the_last_nanosecond(tmp_path: Path) -> None:
    path = tmp_path / "a.surface.json.gz"
    write_surface(SURFACE, path)
    again = read_surface(path)
    assert again == SURFACE
    assert [cell.samples for cell in again.cells] == [cell.samples for cell in SURFACE.cells]
    assert json.loads(gzip.decompress(path.read_bytes()))["schema"] == "tunesmith.survey/1"


def test_the_same_surface_makes_the_same_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    write_surface(SURFACE, first)
    write_surface(SURFACE, second)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(tmp_path.iterdir()) == [first, second]


def test_failures_and_odd_values_of_axes_read_back(tmp_path: Path) -> None:
    axes: dict[str, Any] = {"cpu_affinity": (None, (0,)), "use_extra_bufts": (True, False), "threads": (2, 1)}
    made = surface(axes=axes, failure=lambda one: "it crashed" if one.cpu_affinity else "")
    write_surface(made, tmp_path / "a")
    assert read_surface(tmp_path / "a") == made


def _cell(document: dict[str, Any]) -> dict[str, Any]:
    cell: dict[str, Any] = document["cells"][0]
    return cell


CHANGES: dict[str, tuple[Change, str]] = {
    "another version": (lambda d: d.update(schema="tunesmith.survey/2"), "is no recorded surface: schema"),
    "an unknown key": (lambda d: d.update(more=1), "is no recorded surface: more"),
    "a missing key": (lambda d: d.pop("costs"), "is no recorded surface: costs"),
    "a text for a number": (lambda d: d["costs"].update(load="1"), "is no recorded surface: costs.load"),
    "a negative cost": (lambda d: d["costs"].update(load=-1), "is no recorded surface: costs.load"),
    "an infinite cost": (lambda d: d["costs"].update(load=1e999), "number"),
    "a huge time": (lambda d: _cell(d)["samples"][0].update(cost_ns=2**70), "surface|out of all"),
    "no title": (lambda d: d.update(title=" "), "has no title"),
    "an endless title": (lambda d: d.update(title="x" * 2000), "has no title"),
    "no date": (lambda d: d.update(recorded_utc="yesterday"), "when it was recorded"),
    "an axis of nothing": (lambda d: d["axes"].update(colour=["red"]), "no setting: colour"),
    "a value twice": (lambda d: d["axes"].update(threads=[2, 2]), "one twice"),
    "an endless grid": (
        lambda d: d["axes"].update(n_ubatch=list(range(1, 2000)), n_batch=list(range(1, 2000))),
        "combinations",
    ),
    "no cells": (lambda d: d.update(cells=[]), "no measurements"),
    "a cell twice": (lambda d: d["cells"].append(_cell(d)), "same cell twice"),
    "a cell without samples": (lambda d: _cell(d).update(samples=[]), "neither samples nor"),
    "a cell of too much": (
        lambda d: _cell(d)["settings"].update(threads=1, threads_batch=2), "does not matter"
    ),
    "a sample without a time": (
        lambda d: _cell(d)["samples"][0].update(step_ns=[], prefill_ns=None), "without a time"
    ),
    "no setting measured": (
        lambda d: d.update(cells=[cell | {"samples": [], "failure": "no"} for cell in d["cells"]]),
        "measured in every part",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "words"), CHANGES.values(), ids=CHANGES.keys())
def test_what_is_no_surface_is_refused_in_words(change: Change, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        read_surface(packed(tmp_path / "a", change=change))


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "cut short"),
        (b"{}", "not packed with gzip"),
        (gzip.compress(TEXT)[:-9], "cut short"),
        (gzip.compress(TEXT) + b"more", "goes on after its end"),
        (gzip.compress(b"no json"), "no JSON"),
        (gzip.compress(b"\xff\xfe"), "no JSON"),
        (gzip.compress(TEXT)[:-8] + bytes(8), "not packed with gzip, or damaged"),
    ],
    ids=["empty", "plain", "cut", "longer", "words", "bytes", "checksum"],
)
def test_what_is_not_packed_as_ours_is_refused(raw: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(raw)
    with pytest.raises(UsageError, match=words):
        read_surface(path)


def test_a_file_that_unpacks_to_very_much_is_not_unpacked(tmp_path: Path) -> None:
    """A gibibyte of blanks in a mebibyte."""
    packer = zlib.compressobj(9, wbits=31)
    blanks = b" " * 2**20
    path = tmp_path / "bomb"
    path.write_bytes(b"".join([*(packer.compress(blanks) for _ in range(1024)), packer.flush()]))
    assert path.stat().st_size < 2 * 2**20
    with pytest.raises(UsageError, match="unpacks to more than"):
        read_surface(path)


def test_a_file_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    write_surface(SURFACE, path)
    monkeypatch.setattr(surface_files, "MAX_FILE_BYTES", path.stat().st_size - 1)
    with pytest.raises(UsageError, match="is larger than"):
        read_surface(path)
    with pytest.raises(UsageError, match="more than is read back"):
        write_surface(SURFACE, tmp_path / "b")
    assert not (tmp_path / "b").exists()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, len(TEXT) - 1), junk=st.binary(max_size=8))
def test_damage_is_either_harmless_or_told(place: int, junk: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(gzip.compress(TEXT[:place] + junk + TEXT[place + len(junk) :], compresslevel=1))
    try:
        again = read_surface(path)
    except UsageError:
        return
    assert next(again.grid(), None) is not None


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_surface(tmp_path / "none")


def test_it_is_told_beforehand_that_a_file_cannot_be_written(tmp_path: Path) -> None:
    check_writable(tmp_path / "a")
    with pytest.raises(StoreError, match="no folder"):
        check_writable(tmp_path / "none" / "a")
    with pytest.raises(StoreError, match="is a folder"):
        check_writable(tmp_path)
