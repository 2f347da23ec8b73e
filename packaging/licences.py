"""Own the licences of what the frozen program brings along; runs in the environment that it was frozen from.

build/freeze/venv/bin/python packaging/licences.py build/frozen/tunesmith/licences build/freeze/work
"""

from __future__ import annotations

import argparse
import ast
import importlib.metadata
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

KEPT = Path(__file__).resolve().parent / "licences"
NOT_INSIDE = ("altgraph", "macholib", "pefile", "pillow", "pyinstaller-hooks-contrib", "pywin32-ctypes",
              "setuptools")  # fmt: skip
"""What only freezes; of PyInstaller itself the bootloader is inside."""
OURS = "tunesmith"
LGPL = ("LGPL-3.0.txt", "GPL-3.0.txt")
"""The former is the latter with more permissions, so both texts belong together."""
TEXTS = {  # where a package brings none
    "nvidia-ml-py": ("nvidia-ml-py.txt",),
    "pyside6-essentials": LGPL,
    "shiboken6": LGPL,
}
_TEXT_NAME = re.compile(r"(licen[cs]e|copying|notice|authors)", re.IGNORECASE)


class NoText(Exception):
    """A licence that must be passed on has no text; says whose."""


@dataclass(frozen=True, slots=True)
class Part:
    """Something in the bundle that others made."""

    name: str
    version: str
    licence: str
    texts: tuple[Path, ...]


def distributions() -> Iterator[Part]:
    """The Python packages inside.

    Raises:
        NoText: a package brings no licence and none is kept for it.
    """
    for found in sorted(importlib.metadata.distributions(), key=lambda one: one.name.lower()):
        if _plain(found.name) not in (*NOT_INSIDE, OURS):
            yield part_of(found)


def part_of(found: importlib.metadata.Distribution) -> Part:
    """A Python package with its licences.

    Raises:
        NoText: it brings none and none is kept for it.
    """
    name = _plain(found.name)
    texts = [
        Path(str(found.locate_file(path)))
        for path in found.files or ()
        if ".dist-info" in path.parts[0] and _TEXT_NAME.search(path.name)
    ]
    texts += [KEPT / text for text in TEXTS.get(name, ())]
    if not texts:
        raise NoText(f"{name} {found.version} has no licence text; put one into {KEPT}")
    if name == "llama-cpp-python":  # its own speaks of the binding only
        texts.append(KEPT / "llama.cpp.txt")
    return Part(found.name, found.version, stated(found.metadata), tuple(texts))


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def stated(metadata: importlib.metadata.PackageMetadata) -> str:
    """A package's licence in a few words."""
    if "License-Expression" in metadata:
        return str(metadata["License-Expression"])
    classified = [
        text.rpartition(" :: ")[2]
        for text in metadata.get_all("Classifier") or ()
        if text.startswith("License :: ") and text.count(" :: ") > 1
    ]
    first = metadata["License"].strip().splitlines() if "License" in metadata else []
    return ", ".join(classified) or (first[0] if first and len(first[0]) < 80 else "see its text")


def python() -> Part:
    """Python itself.

    Raises:
        NoText: its licence is not where it belongs.
    """
    library = Path(sysconfig.get_path("stdlib"))
    places = (library / "LICENSE.txt", Path(sys.base_prefix) / "LICENSE.txt", *_of_debian(library / "os.py"))
    text = next((path for path in places if path.is_file()), None)
    if text is None:
        raise NoText("Python's own licence was not found")
    return Part("Python", sys.version.split()[0], "PSF-2.0", (text,))


def system_libraries(work: Path) -> Iterator[Part]:
    """The shared libraries that come from this system, by package.

    Raises:
        NoText: a library belongs to no package of Debian's, so its licence is not known.
    """
    prefixes = tuple(str(Path(path).resolve()) for path in (sys.prefix, sys.base_prefix))
    found: dict[str, Part] = {}
    for source in collected(work):
        real = Path(source).resolve()
        if str(real).startswith((*prefixes, str(work.resolve()))) or not real.is_file():
            continue
        if sys.platform != "linux":
            continue
        texts = tuple(_of_debian(real))
        if not texts:
            raise NoText(f"{source} is inside, and no package of this system says under which licence")
        package = texts[0].parent.name
        found.setdefault(package, Part(package, _version(package), "see its text", texts))
    yield from (found[name] for name in sorted(found))


def collected(work: Path) -> list[str]:
    """Where PyInstaller took each shared library from, by its own notes."""
    notes = sorted(work.glob("*/COLLECT-00.toc"))
    if not notes:
        raise NoText(f"{work} has no notes of PyInstaller's")
    rows = ast.literal_eval(notes[0].read_text("utf-8"))
    return [row[1] for part in rows if isinstance(part, list) for row in part if row[2] == "BINARY"]


def debian_texts(path: Path) -> tuple[Path, ...]:
    """The copyright file of the Debian package that a file is from; nothing on other systems."""
    return tuple(_of_debian(path))


def _of_debian(path: Path) -> Iterator[Path]:
    if shutil.which("dpkg-query") is None:
        return
    for name in dict.fromkeys((str(path), str(path).removeprefix("/usr"))):  # merged /usr
        done = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            text = Path("/usr/share/doc", done.stdout.split(":")[0].split(",")[0], "copyright")
            if text.is_file():
                yield text
            return


def _version(package: str) -> str:
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}\n", package], capture_output=True, text=True, check=False
    )
    return done.stdout.partition("\n")[0] or "unknown"


def write(parts: Iterable[Part], folder: Path) -> int:
    """Copy every text into a folder of its part, and list them all; returns how many parts there are."""
    shutil.rmtree(folder, ignore_errors=True)
    lines = [
        "What others made and Tunesmith brings along, each with its licence; the texts lie beside this.",
        "",
    ]
    for part in parts:
        target = folder / f"{part.name}-{part.version}".replace("/", "-").replace(":", "-")
        target.mkdir(parents=True)
        for number, text in enumerate(part.texts):
            name = text.name if not (target / text.name).exists() else f"{number}-{text.name}"
            shutil.copyfile(text, target / name)
        lines.append(f"{part.name} {part.version}: {part.licence} ({target.name}/)")
    (folder / "THIRD-PARTY.txt").write_text("\n".join(lines) + "\n", "utf-8")
    return len(lines) - 2


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description="Collect the licences of what is in the frozen program.")
    parser.add_argument("folder", type=Path, help="where they go")
    parser.add_argument("work", type=Path, help="where PyInstaller worked")
    options = parser.parse_args()
    try:
        count = write([python(), *distributions(), *system_libraries(options.work)], options.folder)
    except NoText as error:
        print(f"{error}.", file=sys.stderr)
        return 1
    print(f"Licences of {count} parts in {options.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
