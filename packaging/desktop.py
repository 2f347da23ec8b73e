"""Own what a Linux desktop and its shells are told of Tunesmith, and where it lies."""

from __future__ import annotations

import argparse
import gzip
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import shtab
from manual import man_page

from tunesmith import __version__
from tunesmith.cli.parser import build_parser

ROOT: Final = Path(__file__).resolve().parent.parent
LINUX: Final = ROOT / "packaging" / "linux"
ICON: Final = ROOT / "resources" / "icons" / "tunesmith.svg"
ICON_SIZES: Final = (16, 22, 24, 32, 48, 64, 128, 256, 512)
COMPLETIONS: Final = {
    "bash": "share/bash-completion/completions/tunesmith",
    "zsh": "share/zsh/vendor-completions/_tunesmith",
    "fish": "share/fish/vendor_completions.d/tunesmith.fish",
}
"""Where each shell looks for those that packages bring."""
_DRAW: Final = """\
import sys
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer
application = QGuiApplication(["icons", "-platform", "offscreen"])
source, *targets = sys.argv[1:]
for target in targets:
    size, _, path = target.partition(":")
    image = QImage(int(size), int(size), QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    QSvgRenderer(source).render(painter, QRectF(0, 0, int(size), int(size)))
    painter.end()
    if not image.save(path, "PNG"):
        sys.exit(f"{path} cannot be written")
"""


def frozen_parser(description: str) -> argparse.ArgumentParser:
    """The command line of a script that packs the frozen program."""
    parser = argparse.ArgumentParser(description=description)
    frozen, output = ROOT / "build" / "frozen" / "tunesmith", ROOT / "build"
    parser.add_argument("--frozen", type=Path, default=frozen, help="the frozen program's folder")
    parser.add_argument("--output", type=Path, default=output, help="the folder that what is made goes to")
    return parser


def is_missing(frozen: Path) -> bool:
    """Whether there is no frozen program; says so."""
    missing = not (frozen / "tunesmith").exists()
    if missing:
        print(f"There is no frozen program in {frozen}: run packaging/freeze.py first.", file=sys.stderr)
    return missing


def day() -> datetime:
    """The day that pages and lists state: SOURCE_DATE_EPOCH's, or today."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return datetime.fromtimestamp(int(epoch), tz=UTC) if epoch else datetime.now(tz=UTC)


def completion(shell: str) -> str:
    """A shell's completion script, from the grammar."""
    return str(shtab.complete(build_parser(), shell=shell)) + "\n"


def metainfo(day: str) -> str:
    """The AppStream metainfo of this version."""
    text = (LINUX / "tunesmith.metainfo.xml").read_text("utf-8")
    return text.replace("@VERSION@", __version__).replace("@DATE@", day)


def draw_icons(hicolor: Path, python: str = sys.executable) -> None:
    """Draw the icon in every size, and put the drawing itself beside them.

    Args:
        hicolor: the icon theme's folder.
        python: of an environment that has PySide6.
    """
    places = {size: hicolor / f"{size}x{size}" / "apps" / "tunesmith.png" for size in ICON_SIZES}
    for path in places.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    targets = [f"{size}:{path}" for size, path in places.items()]
    subprocess.run([python, "-c", _DRAW, str(ICON), *targets], check=True)
    _write(hicolor / "scalable" / "apps" / "tunesmith.svg", ICON.read_bytes())


def install(prefix: Path, day: str) -> None:
    """Put everything where desktops and shells look for it.

    Args:
        prefix: such as ``…/usr``.
        day: of the release, such as ``2026-11-26``.
    """
    share = prefix / "share"
    _write(share / "applications/tunesmith.desktop", (LINUX / "tunesmith.desktop").read_bytes())
    _write(share / "mime/packages/tunesmith.xml", (LINUX / "tunesmith.xml").read_bytes())
    _write(share / "metainfo/org.tunesmith.Tunesmith.metainfo.xml", metainfo(day).encode())
    _write(share / "man/man1/tunesmith.1.gz", packed(man_page(day)))
    _write(share / "man/man1/tunesmith-window.1.gz", packed(".so man1/tunesmith.1\n"))
    for shell, place in COMPLETIONS.items():
        _write(prefix / place, completion(shell).encode())
    draw_icons(share / "icons" / "hicolor")


def packed(text: str) -> bytes:
    """A text as gzip packs it, the same each time."""
    return gzip.compress(text.encode(), compresslevel=9, mtime=0)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
