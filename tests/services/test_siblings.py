"""Claims about tunesmith.services.siblings and tunesmith.services.made_files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.gguf_writer import tiny_llama
from tunesmith import gguf
from tunesmith.errors import StoreError
from tunesmith.services.made_files import MadeFiles
from tunesmith.services.siblings import find_siblings


def test_siblings_are_known_by_their_headers_and_not_by_their_names(tmp_path: Path) -> None:
    source = tiny_llama().write(tmp_path / "tiny-F32.gguf")
    sibling = tiny_llama(kind="Q8_0").write(tmp_path / "holiday.gguf")
    tiny_llama(kind="F16").write(tmp_path / "tiny-F16.gguf")
    (tmp_path / "tiny-Q4_0.gguf").write_bytes(b"GGUF and nothing")
    (tmp_path / "link.gguf").symlink_to(sibling)
    (tmp_path / "tiny-Q8_0.gguf").write_bytes(sibling.read_bytes().replace(b"Tiny", b"Toni"))
    tiny_llama(layers=1, kind="Q8_0").write(tmp_path / "smaller.gguf")
    found = find_siblings(gguf.read_header(source), [tmp_path, tmp_path / "nowhere"])
    assert [Path(header.path).name for header in found] == ["holiday.gguf"]


def test_only_what_was_made_and_not_changed_is_removed(tmp_path: Path) -> None:
    mine = tmp_path / "made" / "mine.gguf"
    files = MadeFiles(tmp_path / "made")
    files.open()
    mine.write_text("mine")
    names = ("kept", "dropped", "changed")
    paths = [tmp_path / "made" / f"{name}.gguf" for name in names]
    for path in paths:
        path.write_text(path.name)
        files.add(path)
    files.keep(paths[0])
    paths[2].write_text("somebody wrote here")
    files.close()
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == [
        "changed.gguf", "kept.gguf", "mine.gguf"
    ]  # fmt: skip


def test_a_folder_made_for_files_goes_with_them_and_one_that_was_there_stays(tmp_path: Path) -> None:
    for folder, there in ((tmp_path / "new", False), (tmp_path / "old", True)):
        if there:
            folder.mkdir()
        files = MadeFiles(folder)
        files.open()
        (folder / "a.gguf").write_text("a")
        files.add(folder / "a.gguf")
        files.close()
        assert folder.exists() == there


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be made"):
        MadeFiles(tmp_path / "file" / "below").open()
