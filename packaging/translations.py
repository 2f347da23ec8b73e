"""Own the translators' files: the texts collected from the source, and the catalogs made of translations.

.venv/bin/python packaging/translations.py collect
.venv/bin/python packaging/translations.py compile
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "app" / "tunesmith"
PRESETS = ROOT / "profiles" / "presets"
FOLDER = ROOT / "resources" / "translations"
TEMPLATE = FOLDER / "tunesmith.pot"
HEADER = "# Texts of Tunesmith. Apache-2.0.\n#"
NO_DAY = datetime(2000, 1, 1, tzinfo=UTC)
"""Stands for every date, so that what did not change is the same file."""
_CHATTER = re.compile(
    r'^"(POT-Creation-Date|PO-Revision-Date|Last-Translator|Language-Team|Report-Msgid-Bugs-To|Generated-By'
    r"|Project-Id-Version).*\\n\"\n",
    re.MULTILINE,
)
_FIELD = re.compile(r"\{[^{}]*\}")
_MNEMONIC = re.compile(r"&(?=\w)")


def languages() -> list[str]:
    """The codes of the languages that there are translations to."""
    return sorted(path.parent.parent.name for path in FOLDER.glob("*/LC_MESSAGES/tunesmith.po"))


def po_path(language: str) -> Path:
    """Where a language's translations lie; the compiled ones beside them, as ``.mo``."""
    return FOLDER / language / "LC_MESSAGES" / "tunesmith.po"


def collected() -> Catalog:
    """Every text of the source, and of the presets that ship."""
    catalog = Catalog(project="Tunesmith", header_comment=HEADER, fuzzy=False, creation_date=NO_DAY)
    for path in sorted(SOURCES.rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        for message, context in _texts(ast.parse(path.read_text("utf-8"))):
            catalog.add(message, None, [(place, 0)], context=context)
    for path in sorted(PRESETS.glob("*.toml")):
        values = tomllib.loads(path.read_text("utf-8"))
        for key in ("title", "description"):
            catalog.add(values[key], None, [(path.relative_to(ROOT).as_posix(), 0)])
    return catalog


def _texts(tree: ast.AST) -> Iterator[tuple[str | tuple[str, str], str | None]]:
    """The texts of a module with their contexts, in their order; also those inside f-strings."""
    calls = (
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    )
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        texts = [text.value for text in call.args if isinstance(text, ast.Constant)]
        match getattr(call.func, "id", ""), texts:
            case "tr", [str(text)]:
                yield text, None
            case "trc", [str(context), str(text)]:
                yield text, context
            case "trn", [str(one), str(many), *_count]:
                yield (one, many), None


def translations(language: str) -> Catalog:
    """A language's translations as they are kept."""
    with po_path(language).open("rb") as file:
        return read_po(file, locale=language, domain="tunesmith")


def updated(language: str, template: Catalog) -> Catalog:
    """A language's translations of the texts there are now; new ones are empty, old ones gone."""
    path = po_path(language)
    catalog = translations(language) if path.exists() else Catalog(locale=language, domain="tunesmith")
    catalog.update(template, no_fuzzy_matching=True, update_header_comment=True)
    catalog.fuzzy = False
    return catalog


def po_text(catalog: Catalog) -> str:
    """A catalog as text, without what changes though no text did."""
    buffer = io.BytesIO()
    write_po(buffer, catalog, width=100, sort_by_file=True, ignore_obsolete=True, include_lineno=False)
    return _CHATTER.sub("", buffer.getvalue().decode("utf-8"))


def compiled(language: str) -> bytes:
    """A language's translations as gettext reads them."""
    catalog = translations(language)
    catalog.creation_date = catalog.revision_date = NO_DAY
    buffer = io.BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


def faults(catalog: Catalog, template: Catalog) -> list[str]:
    """What is wrong with a language's translations, a line each."""
    said = []
    for message in template:
        if not message.id:
            continue
        found = catalog.get(message.id, message.context)
        if found is None or not all(_strings(found.string)):
            said.append(f"is not translated: {message.id!r}")
        elif found.fuzzy:
            said.append(f"is fuzzy: {message.id!r}")
        else:
            said += [fault for original, told in _pairs(found) for fault in _differences(original, told)]
    return said


def _differences(original: str, told: str) -> Iterable[str]:
    if sorted(_FIELD.findall(original)) != sorted(_FIELD.findall(told)):
        yield f"has other fields than {original!r}: {told!r}"
    if len(_MNEMONIC.findall(original)) != len(_MNEMONIC.findall(told)):
        yield f"has other mnemonics than {original!r}: {told!r}"
    if _edges(original) != _edges(told):
        yield f"begins or ends otherwise than {original!r}: {told!r}"


def _edges(text: str) -> tuple[bool, bool, bool]:
    return text[:1].isspace(), text[-1:].isspace(), text.endswith("…")


def _pairs(message: Message) -> Iterable[tuple[str, str]]:
    """Each translation with what it translates: of plurals, the first of the first."""
    originals, told = _strings(message.id), _strings(message.string)
    return zip([originals[0], *[originals[-1]] * (len(told) - 1)], told, strict=True)


def _strings(value: str | Iterable[str] | None) -> list[str]:
    return [value or ""] if value is None or isinstance(value, str) else list(value)


def collect() -> None:
    """Write the template anew, and each language's file with what was translated before."""
    template = collected()
    _write(TEMPLATE, po_text(template))
    for language in languages():
        catalog = updated(language, template)
        _write(po_path(language), po_text(catalog))
        print(f"{language}: {len(template)} texts, {len(faults(catalog, template))} to do")


def compile_all() -> int:
    """Write what gettext reads; returns 1 if a translation is missing or wrong."""
    template, bad = collected(), 0
    for language in languages():
        for fault in faults(translations(language), template):
            print(f"{language}: {fault}", file=sys.stderr)
            bad = 1
        po_path(language).with_suffix(".mo").write_bytes(compiled(language))
    return bad


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8", newline="\n")


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description="Collect texts, or compile translations.")
    parser.add_argument("what", choices=("collect", "compile"))
    if parser.parse_args().what == "compile":
        return compile_all()
    collect()
    return 0


if __name__ == "__main__":
    sys.exit(main())
