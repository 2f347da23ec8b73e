"""Own the Debian package, made of the frozen program; runs in the environment that it was frozen from.

python3 packaging/freeze.py
build/freeze/venv/bin/python packaging/deb.py
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from desktop import ROOT, install, packed

from tunesmith import __version__
from tunesmith.gui.requirements import COMMON, WAYLAND, X11, X11_ALONG, debian_package

FROZEN: Final = ROOT / "build" / "frozen" / "tunesmith"
OUTPUT: Final = ROOT / "build"
HOME: Final = "usr/lib/tunesmith"
LAUNCHERS: Final = ("tunesmith", "tunesmith-window")
BESIDE: Final = ("libc6", "libstdc++6", "libgcc-s1", "libgomp1", "hicolor-icon-theme", "shared-mime-info",
                 "desktop-file-utils")  # fmt: skip
"""What is needed besides the libraries of the window."""
MAINTAINER: Final = "The Tunesmith authors <tunesmith@example.org>"
"""A placeholder: who releases packages puts an address here."""
DESCRIPTION: Final = """\
finds the llama.cpp settings that run a local model best
 Thread counts, batch sizes, flash attention, cache types: llama.cpp has good
 defaults, and on a given machine some of them are wrong. Tunesmith measures
 baseline and candidates side by side, confirms the winner in fresh processes,
 and says how sure it is. With a window, and a command line for machines
 without a screen.
"""
COPYRIGHT: Final = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: Tunesmith

Files: *
Copyright: The Tunesmith authors
License: Apache-2.0
 On Debian systems, the text of the Apache License 2.0 is in
 /usr/share/common-licenses/Apache-2.0.
Comment: What others made and this package brings along is listed, with all
 licences, in /usr/lib/tunesmith/licences/THIRD-PARTY.txt.
"""
OVERRIDES: Final = """\
# The program is frozen: it brings Python with its libraries, Qt and NumPy as their makers built them.
tunesmith: unstripped-binary-or-object
tunesmith: custom-library-search-path
tunesmith: embedded-library
tunesmith: library-not-linked-against-libc
"""
POSTRM: Final = """\
#!/bin/sh
set -e
if [ "$1" = remove ] || [ "$1" = purge ]; then
    echo "Tunesmith is gone. Each user's profiles, settings and caches are left where they were:"
    echo "  ~/.local/share/tunesmith  ~/.config/tunesmith  ~/.cache/tunesmith"
fi
"""


def depends() -> list[str]:
    """The packages that must be there, for the command line and a window on X."""
    return sorted({*BESIDE, *(debian_package(name) for name in COMMON + X11 + X11_ALONG)})


def control(architecture: str, installed_kib: int) -> str:
    """What dpkg is told of the package."""
    fields = {
        "Package": "tunesmith",
        "Version": __version__,
        "Architecture": architecture,
        "Maintainer": MAINTAINER,
        "Installed-Size": str(installed_kib),
        "Depends": ", ".join(depends()),
        "Recommends": ", ".join(sorted({debian_package(name) for name in WAYLAND})),
        "Section": "science",
        "Priority": "optional",
        "Description": DESCRIPTION.rstrip("\n"),
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items())


def build(frozen: Path, output: Path, now: datetime) -> Path:
    """Make the package and return its path.

    Args:
        frozen: the folder of the frozen program.
        output: the folder it goes to.
        now: the day that its pages state.
    """
    architecture = _said("dpkg", "--print-architecture")
    target = output / f"tunesmith_{__version__}_{architecture}.deb"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        shutil.copytree(frozen, root / HOME, symlinks=True)
        (root / "usr" / "bin").mkdir()
        for name in LAUNCHERS:
            (root / "usr" / "bin" / name).symlink_to(f"../lib/tunesmith/{name}")
        install(root / "usr", f"{now:%Y-%m-%d}")
        documents = root / "usr" / "share" / "doc" / "tunesmith"
        documents.mkdir(parents=True)
        (documents / "copyright").write_text(COPYRIGHT, "utf-8")
        (documents / "changelog.gz").write_bytes(packed((ROOT / "CHANGELOG.md").read_text("utf-8")))
        overrides = root / "usr" / "share" / "lintian" / "overrides"
        overrides.mkdir(parents=True)
        (overrides / "tunesmith").write_text(OVERRIDES, "utf-8")
        _set_modes(root)
        files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
        sums = [f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(root)}\n" for path in files]  # noqa: S324
        kib = -(-sum(path.stat().st_size for path in files) // 1024)
        (root / "DEBIAN").mkdir(mode=0o755)
        (root / "DEBIAN" / "control").write_text(control(architecture, kib), "utf-8")
        (root / "DEBIAN" / "md5sums").write_text("".join(sums), "utf-8")
        (root / "DEBIAN" / "postrm").write_text(POSTRM, "utf-8")
        (root / "DEBIAN" / "postrm").chmod(0o755)
        output.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "-Zxz", "-z3", "--build", str(root), str(target)], check=True
        )
    return target


def _set_modes(root: Path) -> None:
    """Let everyone read everything, and run only programs."""
    root.chmod(0o755)
    for path in root.rglob("*"):
        if path.is_symlink():
            continue
        runs = path.is_dir() or (path.name in LAUNCHERS and path.parent == root / HOME)
        path.chmod(0o755 if runs else 0o644)


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description="Make a Debian package of the frozen program.")
    parser.add_argument("--frozen", type=Path, default=FROZEN, help="the frozen program's folder")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the folder the package goes to")
    options = parser.parse_args()
    if not (options.frozen / "tunesmith").exists():
        print(
            f"There is no frozen program in {options.frozen}: run packaging/freeze.py first.", file=sys.stderr
        )
        return 2
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    now = datetime.fromtimestamp(int(epoch), tz=UTC) if epoch else datetime.now(tz=UTC)
    target = build(options.frozen, options.output, now)
    print(f"{target}: {target.stat().st_size / 2**20:.1f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
