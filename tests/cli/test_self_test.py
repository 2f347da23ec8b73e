"""Own the claims about ``--self-test``: it tries the real thing, and what fails is told by the exit code."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.cli import CommandLine
from tunesmith.cli import self_test
from tunesmith.cli.self_test import Failed, SelfTest, Skipped
from tunesmith.errors import ModelNotFound

NAMES = ["files", "model", "worker", "tune", "export", "import", "window"]


@pytest.mark.model
def test_an_installation_in_order_passes_on_a_real_model(tunesmith: CommandLine, smollm2_path: Path) -> None:
    done = tunesmith("--self-test", smollm2_path, timeout=120)
    assert done.code == 0, done.out + done.err
    first, *lines, last = done.out.splitlines()
    assert first.startswith("tunesmith ")
    assert [line.split()[1] for line in lines] == NAMES
    signs = {line.split()[1]: line.split()[0] for line in lines}
    assert {sign for name, sign in signs.items() if name not in ("tune", "window")} == {"ok"}
    assert last.startswith("All is well")
    assert not any(tunesmith.folder.iterdir()), "it wrote into the user's folders"


def _outcome(what: str | Exception) -> Callable[[], str]:
    def step() -> str:
        if isinstance(what, Exception):
            raise what
        return what

    return step


@pytest.mark.parametrize(
    ("ended", "code", "said"),
    [
        ("seen", 0, "All is well."),
        (Skipped("no Qt"), 0, "All is well; 1 skipped."),
        (Failed("it is empty"), 1, "1 of 2 failed."),
        (ModelNotFound("it is gone"), 1, "1 of 2 failed."),
        (ValueError("a fault"), 1, "1 of 2 failed."),
    ],
)
def test_a_step_that_fails_ends_with_exit_code_1_after_the_others(
    ended: str | Exception, code: int, said: str, tunesmith: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = {"one": _outcome(ended), "two": _outcome("seen as well")}
    monkeypatch.setattr(SelfTest, "steps", lambda _self: steps)
    done = tunesmith.inline("--self-test", "model.gguf")
    assert done.code == code
    assert done.out.splitlines()[-1] == said
    assert "seen as well" in done.out
    assert str(ended) in done.out


def test_without_a_model_it_says_what_to_name(
    tunesmith: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunesmith.services.library.DEMO_PACKAGE", "no_such_package")
    done = tunesmith.inline("--headless", "--self-test")
    assert done.code == 2
    assert "tunesmith --self-test MODEL.gguf" in done.err


def test_a_profile_that_ships_stands_in_where_none_was_made(tmp_path: Path) -> None:
    test = SelfTest(tmp_path / "no model.gguf", tmp_path)
    assert "14 formats" in test.export()
    assert "as it was written" in test.imported()
    with pytest.raises(ModelNotFound):
        test.model()


def test_files_that_are_empty_or_missing_are_found_out(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="lacks"):
        self_test._found(tmp_path, "*.svg")
    (tmp_path / "a.svg").touch()
    with pytest.raises(Failed, match="empty"):
        self_test._found(tmp_path, "*.svg")


def test_the_users_places_are_as_before_when_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNESMITH_STORE", "mine")
    monkeypatch.delenv("TUNESMITH_CACHE_DIR", raising=False)
    with self_test._all_in(tmp_path):
        assert os.environ["TUNESMITH_STORE"] == str(tmp_path / "store.sqlite3")
    assert os.environ["TUNESMITH_STORE"] == "mine"
    assert "TUNESMITH_CACHE_DIR" not in os.environ
