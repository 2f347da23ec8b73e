"""Own the frozen program: an environment of its own, PyInstaller, the licences, and what came of it.

python3 packaging/freeze.py
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
VENV = BUILD / "freeze" / "venv"
WORK = BUILD / "freeze" / "work"
FROZEN = BUILD / "frozen"
MIB = 2**20
STARTS = 7


def _bootstrap() -> Any:
    """The script beside this one, which knows uv and how llama.cpp is compiled."""
    spec = importlib.util.spec_from_file_location("tunesmith_bootstrap", ROOT / "packaging/bootstrap.py")
    assert spec is not None  # noqa: S101 (the file is there)
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bootstrap = _bootstrap()


def program(name: str) -> str:
    """A program of the environment that is frozen."""
    return str(VENV / "Scripts" / f"{name}.exe" if os.name == "nt" else VENV / "bin" / name)


def launcher(name: str, frozen: Path = FROZEN) -> Path:
    """One of the bundle's two launchers."""
    return frozen / "tunesmith" / (f"{name}.exe" if os.name == "nt" else name)


def make_environment() -> None:
    """Install what is frozen, and what freezes: from the lock file, Tunesmith itself as a wheel.

    llama.cpp is compiled for every kind of processor: docs/decisions/0020.
    """
    groups = (
        "--no-default-groups",
        "--group",
        "packaging",
        "--no-editable",
        "--reinstall-package",
        "tunesmith",
    )
    bootstrap.sync(*groups, venv=VENV, portable=True)


def freeze() -> None:
    """Let PyInstaller make the bundle, and complete it with the second launcher and the licences."""
    spec = str(ROOT / "packaging" / "tunesmith.spec")
    folders = ["--distpath", str(FROZEN), "--workpath", str(WORK)]
    bootstrap.run([program("python"), "-m", "PyInstaller", "--noconfirm", *folders, spec], must=True)
    windowed = launcher("tunesmith-window")
    if not windowed.exists():
        windowed.symlink_to("tunesmith")
    licences = str(ROOT / "packaging" / "licences.py")
    target = str(FROZEN / "tunesmith" / "licences")
    bootstrap.run([program("python"), licences, target, str(WORK)], must=True)
    shutil.copyfile(ROOT / "LICENSE", FROZEN / "tunesmith" / "LICENSE")


def size_bytes(folder: Path) -> int:
    """What a folder's files take, links not followed."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_symlink() or path.is_file())


def start_ms(*arguments: str, times: int = STARTS) -> list[float]:
    """How long the program takes from its start to its end, each time."""
    taken = []
    for _ in range(times):
        begun_ns = time.monotonic_ns()
        subprocess.run([launcher("tunesmith"), *arguments], stdout=subprocess.DEVNULL, check=True)
        taken.append((time.monotonic_ns() - begun_ns) / 1e6)
    return taken


def first_frame_ms(times: int = STARTS) -> list[float]:
    """How long the window takes from its start to its first frame, offscreen, each time."""
    taken = []
    with tempfile.TemporaryDirectory() as folder:
        ours = {f"TUNESMITH_{name}": f"{folder}/{name}" for name in ("STORE", "CONFIG_DIR", "CACHE_DIR")}
        environ = os.environ | ours | {"QT_QPA_PLATFORM": "offscreen"}
        for _ in range(times):
            begun_ns = time.monotonic_ns()
            done = subprocess.run(
                [launcher("tunesmith-window"), "--first-frame"],
                env=environ, capture_output=True, text=True, check=True,
            )  # fmt: skip
            taken.append((int(done.stdout.split()[1]) - begun_ns) / 1e6)
    return taken


def llama_text(frozen: Path = FROZEN) -> str:
    """Whether the bundle's llama.cpp runs on other machines too."""
    found = (frozen / "tunesmith/_internal/bin").glob("*ggml-cpu-*")
    variants = sorted(path.stem.partition("ggml-cpu-")[2] for path in found)
    if not variants:
        return "llama.cpp is a native one, for CPUs like this machine's"
    return f"llama.cpp is portable, in {len(variants)} variants: {', '.join(variants)}"


def forget(folder: Path) -> None:
    """Let the system drop what it holds of a folder's files in memory, so that the next start reads the disk.

    Linux alone; what a running program has mapped stays.
    """
    if not hasattr(os, "posix_fadvise"):
        return
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def report() -> None:
    """Print what the bundle weighs and how fast it starts; the first start of each kind is a cold one."""
    folder = FROZEN / "tunesmith"
    files = sum(path.is_file() for path in folder.rglob("*"))
    print(f"{folder}: {size_bytes(folder) / MIB:.1f} MiB in {files} files")
    print(llama_text())
    kinds: dict[str, Callable[[], list[float]]] = {
        "tunesmith --version": lambda: start_ms("--version"),
        "tunesmith --help": lambda: start_ms("--help"),
        "window, first frame": first_frame_ms,
    }
    for name, measured in kinds.items():
        forget(folder)
        first, *others = measured()
        middle, low, high = statistics.median(others), min(others), max(others)
        print(f"{name}: {middle:.0f} ms ({low:.0f}-{high:.0f}); from the disk {first:.0f} ms")


def main(arguments: list[str]) -> int:
    """Do what the command line says and return the exit code."""
    parser = argparse.ArgumentParser(
        allow_abbrev=False, description="Freeze Tunesmith into build/frozen/tunesmith."
    )
    parser.add_argument("--as-is", action="store_true", help="freeze what build/freeze/venv holds")
    parser.add_argument("--self-test", metavar="MODEL", help="then try the bundle on a model")
    options = parser.parse_args(arguments)
    os.environ.pop("PYTHONPATH", None)  # what is frozen is the wheel, not a checkout
    try:
        bootstrap.check_python(sys.version_info[:3], arguments)
        if not options.as_is:
            bootstrap.prepare(install=False, tests=False)
            make_environment()
        freeze()
    except bootstrap.SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 2
    report()
    if options.self_test:
        return int(bootstrap.run([str(launcher("tunesmith")), "--self-test", options.self_test]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
