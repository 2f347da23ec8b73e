"""Own the AppImage, made of the frozen program; runs in the environment that it was frozen from.

python3 packaging/freeze.py
build/freeze/venv/bin/python packaging/appimage.py [--tool appimagetool --runtime runtime-x86_64]

What was tried: the folder, and its AppRun, on Debian 12. Not the file: neither appimagetool nor the runtime
that stands before the folder in it could be had there.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from desktop import day, frozen_parser, install, is_missing
from licences import debian_texts

from tunesmith import __version__

HOME: Final = "usr/lib/tunesmith"
ALONG: Final = (
    "libxkbcommon-x11.so.0", "libxcb-cursor.so.0", "libxcb-icccm.so.4", "libxcb-image.so.0",
    "libxcb-keysyms.so.1", "libxcb-render-util.so.0", "libxcb-util.so.1",
)  # fmt: skip
"""Small libraries that Qt needs for X and not every desktop has; no package installs them beside an AppImage.

What graphics drivers and the desktop share stays the system's, as everywhere in this project.
"""
APP_RUN: Final = """\
#!/bin/sh
# Without an argument, or with a file: the window. With anything else: the command line.
here=$(dirname "$(readlink -f "$0")")
exec "$here/usr/lib/tunesmith/tunesmith" "$@"
"""


class Missing(Exception):
    """Something that is needed is not there; says what."""


def make_folder(frozen: Path, folder: Path, day: str) -> None:
    """Lay out what an AppImage holds.

    Args:
        frozen: the frozen program's folder.
        folder: is made anew.
        day: of the release, such as ``2026-11-27``.

    Raises:
        Missing: a library is not installed here.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(frozen, folder / HOME, symlinks=True)
    install(folder / "usr", day)
    for name in ALONG:
        bring(find(name), folder / HOME)
    shutil.copyfile(folder / "usr/share/applications/tunesmith.desktop", folder / "tunesmith.desktop")
    shutil.copyfile(folder / "usr/share/icons/hicolor/256x256/apps/tunesmith.png", folder / "tunesmith.png")
    (folder / ".DirIcon").symlink_to("tunesmith.png")
    (folder / "AppRun").write_text(APP_RUN, "utf-8")
    (folder / "AppRun").chmod(0o755)


def find(library: str) -> Path:
    """Where this system has a shared library.

    Raises:
        Missing: nowhere.
    """
    listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines():
        name, _, path = line.strip().partition(" => ")
        if name.split(" ")[0] == library and "x32" not in name:
            return Path(path)
    raise Missing(f"{library} is not installed here, and an AppImage brings it along")


def bring(library: Path, home: Path) -> None:
    """Copy a shared library beside those of the frozen program, and its licence beside theirs.

    Raises:
        Missing: nobody says under which licence it is.
    """
    texts = debian_texts(library.resolve())
    if not texts:
        raise Missing(f"no package of this system says under which licence {library} is")
    shutil.copyfile(library.resolve(), home / "_internal" / library.name)
    for text in texts:
        target = home / "licences" / text.parent.name
        target.mkdir(exist_ok=True)
        shutil.copyfile(text, target / text.name)


def pack(folder: Path, target: Path, tool: str, runtime: str | None) -> None:
    """Let appimagetool make the file."""
    options = ["--runtime-file", runtime] if runtime else []
    environ = os.environ | {"ARCH": platform.machine(), "VERSION": __version__}
    subprocess.run([tool, *options, str(folder), str(target)], env=environ, check=True)


def main() -> int:
    """Do what the command line says."""
    parser = frozen_parser("Make an AppImage of the frozen program.")
    parser.add_argument("--tool", help="appimagetool; without it only the folder is made")
    parser.add_argument("--runtime", help="the runtime that appimagetool would else fetch")
    options = parser.parse_args()
    if is_missing(options.frozen):
        return 2
    folder = options.output / "Tunesmith.AppDir"
    try:
        make_folder(options.frozen, folder, f"{day():%Y-%m-%d}")
    except Missing as error:
        print(f"{error}.", file=sys.stderr)
        return 1
    print(folder)
    if options.tool:
        target = options.output / f"Tunesmith-{__version__}-{platform.machine()}.AppImage"
        pack(folder, target, options.tool, options.runtime)
        print(f"{target}: {target.stat().st_size / 2**20:.1f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
