"""Own how this process speaks: the language of its texts, its decimal mark, its units of memory.

The window chooses once, before it imports anything that holds a text; the headless interface never does
and stays English, since scripts and search engines read it. A process speaks one way until it ends, so
texts may be made when a module is imported. Catalogs are gettext's, under ``resources/translations``.
"""

from __future__ import annotations

import gettext
import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Literal

from tunesmith.assets import resource
from tunesmith.errors import NotFoundError

Units = Literal["binary", "decimal"]

SOURCE = "en"
LANGUAGES: Mapping[str, str] = {"en": "English", "de": "Deutsch"}
"""Codes of the complete languages, with each one's own name for itself."""
_DECIMAL_COMMA = frozenset({"de"})
_LANGUAGE_VARIABLE = "TUNESMITH_LANGUAGE"
_DOMAIN = "tunesmith"


@dataclass(slots=True)
class _Speech:
    language: str
    units: Units
    catalog: gettext.NullTranslations


_speech = _Speech(SOURCE, "binary", gettext.NullTranslations())


def speak(language: str, units: Units = "binary") -> None:
    """Speak a language from now on; English where there is no catalog of it.

    Args:
        language: a code, such as ``de`` or ``de_AT``; what follows the language itself is ignored.
        units: whether memory is told in GiB (1024³ bytes) or GB (1000³ bytes).
    """
    code = base_language(language)
    catalog = _catalog(code)
    _speech.language = code if catalog is not None else SOURCE
    _speech.units = units
    _speech.catalog = catalog or gettext.NullTranslations()


def speak_as_told(environ: Mapping[str, str] = os.environ) -> None:
    """Speak as the process that started this one wants its workers to."""
    if language := environ.get(_LANGUAGE_VARIABLE):
        speak(language)


def tell_workers(environ: MutableMapping[str, str] = os.environ) -> None:
    """Let processes that are started from here on speak this one's language."""
    environ[_LANGUAGE_VARIABLE] = _speech.language


def language() -> str:
    """The code of the language spoken."""
    return _speech.language


def units() -> Units:
    """The units of memory told."""
    return _speech.units


def decimal_mark() -> str:
    """What stands before the decimals."""
    return "," if _speech.language in _DECIMAL_COMMA else "."


def base_language(code: str) -> str:
    """The language alone: ``de`` of ``de_AT.UTF-8`` or ``de-AT``."""
    return code.replace("-", "_").split("_")[0].split(".")[0].lower()


def tr(text: str, **values: object) -> str:
    """A text in the language spoken, its ``{names}`` filled in.

    Args:
        text: English, literal in the source so that it can be collected for translators.
        values: what the names in it stand for; without any, braces mean themselves.
    """
    told = _speech.catalog.gettext(text)
    return told.format(**values) if values else told


def trc(context: str, text: str, **values: object) -> str:
    """As ``tr``, for a text that needs another translation elsewhere; the context says which this is."""
    told = _speech.catalog.pgettext(context, text)
    return told.format(**values) if values else told


def trn(one: str, many: str, count: int, **values: object) -> str:
    """A text for one or for several of something; ``{count}`` is filled in as well."""
    return _speech.catalog.ngettext(one, many, count).format(count=count, **values)


def translated(text: str) -> str:
    """A text of a file that ships with Tunesmith, such as a preset's title; a user's own stays as it is."""
    return _speech.catalog.gettext(text) if text else ""


def _catalog(code: str) -> gettext.NullTranslations | None:
    if code not in LANGUAGES or code == SOURCE:
        return None
    try:
        path = resource(f"translations/{code}/LC_MESSAGES/{_DOMAIN}.mo")
        with path.open("rb") as file:
            return gettext.GNUTranslations(file)
    except (NotFoundError, OSError, UnicodeDecodeError):
        return None
