"""Claims about the catalogs that ship: complete, faithful, and compiled from what is kept as text."""

from __future__ import annotations

import gettext
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from babel.messages.catalog import Catalog

from tunesmith import wording

SCRIPT = Path(__file__).parents[2] / "packaging" / "translations.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tunesmith_translations", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


translations = load()
TEMPLATE: Catalog = translations.collected()
LANGUAGES = [code for code in wording.LANGUAGES if code != wording.SOURCE]


def test_the_languages_offered_are_those_with_translations() -> None:
    assert translations.languages() == LANGUAGES


def test_all_texts_are_collected() -> None:
    kept = translations.TEMPLATE.read_text("utf-8")
    assert kept == translations.po_text(TEMPLATE), "run packaging/translations.py collect"
    assert "Profiles" in TEMPLATE
    assert "Opens the settings guide." in TEMPLATE, "a text inside an f-string"
    assert "Long document" in TEMPLATE, "presets that ship are told too"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_with_its_fields_and_mnemonics(language: str) -> None:
    catalog = translations.translations(language)
    assert translations.faults(catalog, TEMPLATE) == []
    assert len(catalog) == len(TEMPLATE), "a text that is gone is still translated"


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_file_does_begins_with_its_name(language: str) -> None:
    """The library says it of ``this file`` where the name stands beside it."""
    for message in translations.translations(language):
        if (
            isinstance(message.id, str)
            and message.id.startswith("{path} ")
            and "gguf" in str(message.locations)
        ):
            assert str(message.string).startswith("{path} ")


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_compiled_is_what_is_kept_as_text(language: str) -> None:
    path = translations.po_path(language).with_suffix(".mo")
    with path.open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for message in translations.translations(language):
        if not message.id:
            continue
        first, *more = [message.id] if isinstance(message.id, str) else message.id
        if more:
            told = [compiled.ngettext(first, more[0], count) for count in (1, 2)]
            assert told == list(message.string)
        elif message.context:
            assert compiled.pgettext(message.context, first) == message.string
        else:
            assert compiled.gettext(first) == message.string, "run packaging/translations.py compile"


def test_faults_are_named() -> None:
    template = Catalog()
    for text in ("Open {name}", "&File", "Choose…", "Gone", "Same"):
        template.add(text)
    template.add(("{count} run of {name}", "{count} runs of {name}"))
    catalog = Catalog(locale="de")
    catalog.add("Open {name}", "Öffnen {nam}")
    catalog.add("&File", "Datei")
    catalog.add("Choose…", "Wählen")
    catalog.add("Same", "Gleich", flags=("fuzzy",))
    catalog.add(
        ("{count} run of {name}", "{count} runs of {name}"), ("{count} Lauf", "{count} Läufe von {name}")
    )
    said = translations.faults(catalog, template)
    assert [line.split(":")[0] for line in said] == [
        "has other fields than 'Open {name}'",
        "has other mnemonics than '&File'",
        "begins or ends otherwise than 'Choose…'",
        "is not translated",
        "is fuzzy",
        "has other fields than '{count} run of {name}'",
    ]


def test_what_did_not_change_is_the_same_file() -> None:
    for language in LANGUAGES:
        kept = translations.po_path(language).read_text("utf-8")
        assert kept == translations.po_text(translations.updated(language, TEMPLATE))
        assert "POT-Creation-Date" not in kept
