"""Own the claims about the frozen program that can be made without freezing it."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest

from tests.packaging.scripts import FOLDER, load

licences = load("licences")


def test_every_package_that_is_frozen_has_a_licence_text() -> None:
    wanted = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    for name in sorted({re.split("[ =<>;]", requirement)[0] for requirement in wanted}):
        part = licences.part_of(importlib.metadata.distribution(name))
        assert all(text.stat().st_size for text in part.texts)
        assert part.licence
    binding = licences.part_of(importlib.metadata.distribution("llama-cpp-python"))
    assert "llama.cpp.txt" in {text.name for text in binding.texts}


def test_a_package_without_a_licence_text_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "nothing-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: nothing\nVersion: 1.0\n")
    with pytest.raises(licences.NoText, match=r"nothing 1\.0"):
        licences.part_of(importlib.metadata.Distribution.at(folder))


def test_the_licences_are_listed_beside_their_texts(tmp_path: Path) -> None:
    text = tmp_path / "LICENSE"
    text.write_text("do what you like")
    part = licences.Part("thing", "2:1.0", "MIT", (text, text))
    assert licences.write([part], tmp_path / "out") == 1
    assert "thing 2:1.0: MIT (thing-2-1.0/)" in (tmp_path / "out/THIRD-PARTY.txt").read_text("utf-8")
    assert len(list((tmp_path / "out/thing-2-1.0").iterdir())) == 2


def test_pyinstallers_notes_say_where_libraries_come_from(tmp_path: Path) -> None:
    (tmp_path / "tunesmith").mkdir()
    notes = "('x', [('libz.so.1', '/lib/libz.so.1', 'BINARY'), ('a.txt', '/a.txt', 'DATA')], None)"
    (tmp_path / "tunesmith/COLLECT-00.toc").write_text(notes)
    assert licences.collected(tmp_path) == ["/lib/libz.so.1"]
