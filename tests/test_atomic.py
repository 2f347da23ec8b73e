"""Own the claims about files that are written whole."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from tunesmith.atomic import replace_file


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_replaced_and_nothing_lies_beside_it(tmp_path: Path, *, durable: bool) -> None:
    path = tmp_path / "kept.json"
    path.write_bytes(b"old")

    replace_file(path, b"new", durable=durable)

    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_put_in_place_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    (folder / "full").mkdir(parents=True)

    with pytest.raises(OSError):  # noqa: PT011 (which one depends on the system)
        replace_file(folder, b"new")

    assert list(tmp_path.iterdir()) == [folder]


def test_a_long_name_has_room_for_a_temporary_one(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 250)
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are others on Windows")
def test_only_what_is_private_is_kept_from_others(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        replace_file(tmp_path / "ours", b"", private=True)
        replace_file(tmp_path / "theirs", b"")
    finally:
        os.umask(mask)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"ours": 0o600, "theirs": 0o644}
