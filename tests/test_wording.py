"""Claims about how the process speaks."""

from __future__ import annotations

import ast
import gettext
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from tunesmith import wording
from tunesmith.wording import (
    base_language,
    decimal_mark,
    language,
    speak,
    speak_as_told,
    tell_workers,
    tr,
    translated,
    trc,
    trn,
    units,
)

SOURCES = Path(wording.__file__).parent
CALLS = {"tr": 1, "trc": 2, "trn": 2}
"""How many texts each takes; they must be literal to be collected."""


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    yield
    speak("en")


@pytest.fixture
def german(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small catalog in place of the one that ships."""
    catalog = Catalog(locale="de")
    catalog.add("Tune", "Abstimmen")
    catalog.add("Tune", "Lauf", context="noun")
    catalog.add("{name} has braces {{}}", "{{}} hat {name}")
    catalog.add(("{count} model in {place}", "{count} models in {place}"),
                ("{count} Modell in {place}", "{count} Modelle in {place}"))  # fmt: skip
    file = io.BytesIO()
    write_mo(file, catalog)
    file.seek(0)
    made = gettext.GNUTranslations(file)
    monkeypatch.setattr(wording, "_catalog", lambda code: made if code == "de" else None)


def test_english_is_the_source() -> None:
    assert (language(), units(), decimal_mark()) == ("en", "binary", ".")
    assert tr("Nothing that any catalog has") == "Nothing that any catalog has"
    assert trn("{count} model", "{count} models", 1) == "1 model"
    assert trn("{count} model of {name}", "{count} models of {name}", 0, name="x") == "0 models of x"
    assert trc("noun", "Tune {name}", name="x") == "Tune x"


def test_a_language_is_spoken_from_when_it_is_chosen(german: None) -> None:
    speak("de_AT.UTF-8", "decimal")
    assert (language(), units(), decimal_mark()) == ("de", "decimal", ",")
    assert tr("Tune") == "Abstimmen"
    assert trc("noun", "Tune") == "Lauf"
    assert trc("elsewhere", "Tune") == "Tune", "another context is another text"
    assert trn("{count} model in {place}", "{count} models in {place}", 1, place="a") == "1 Modell in a"
    assert trn("{count} model in {place}", "{count} models in {place}", 3, place="a") == "3 Modelle in a"
    assert tr("An untranslated text") == "An untranslated text"


def test_an_unknown_language_falls_back_to_english(german: None) -> None:
    speak("de")
    speak("tlh", "decimal")
    assert (language(), decimal_mark(), tr("Tune")) == ("en", ".", "Tune")
    assert units() == "decimal"


def test_a_catalog_that_is_missing_or_broken_means_english(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.mo"
    broken.write_bytes(b"no catalog")
    monkeypatch.setattr(wording, "resource", lambda _name: broken)
    speak("de")
    assert language() == "en"
    broken.unlink()
    speak("de")
    assert language() == "en"


def test_names_are_filled_in_and_braces_mean_themselves_without_any(german: None) -> None:
    assert tr("{name} has braces {{}}", name="x") == "x has braces {}"
    assert tr("A JSON {object}") == "A JSON {object}"
    assert tr("{name}", name="{other}") == "{other}", "what is filled in is not read again"
    speak("de")
    assert tr("{name} has braces {{}}", name="x") == "{} hat x"


def test_a_shipped_files_texts_are_told_too_and_nothing_stays_nothing(german: None) -> None:
    speak("de")
    assert translated("Tune") == "Abstimmen"
    assert translated("My own {title}") == "My own {title}"
    assert translated("") == ""


def test_workers_are_told_the_language_and_nobody_else_listens(german: None) -> None:
    environ: dict[str, str] = {}
    speak_as_told(environ)
    assert language() == "en"
    speak("de")
    tell_workers(environ)
    speak("en")
    assert language() == "en"
    speak_as_told(environ)
    assert language() == "de"


@pytest.mark.parametrize(
    ("code", "base"),
    [("de", "de"), ("de-Latn-AT", "de"), ("de_DE.UTF-8", "de"), ("C.UTF-8", "c"), ("PT-br", "pt")],
)
def test_the_language_of_a_code_is_what_it_begins_with(code: str, base: str) -> None:
    assert base_language(code) == base


def test_the_command_line_speaks_english_whatever_the_environment_says() -> None:
    code = "import tunesmith.cli.main, tunesmith.wording as w; print(w.language())"
    environ = {"TUNESMITH_LANGUAGE": "de", "LANG": "de_DE.UTF-8", "LANGUAGE": "de"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "en"


def test_every_text_is_literal_so_that_it_can_be_collected() -> None:
    wrong: list[str] = []
    for path in sorted(SOURCES.rglob("*.py")):
        if path == SOURCES / "wording.py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
                texts = node.args[: CALLS[node.func.id]]
                if not all(isinstance(text, ast.Constant) and isinstance(text.value, str) for text in texts):
                    wrong.append(f"{path.relative_to(SOURCES)}:{node.lineno}")
    assert wrong == []
