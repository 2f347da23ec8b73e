"""Own the proof that sdist and wheel are whole: built, compared with the checkout, installed elsewhere, run.

python packaging/check_dist.py [--model MODEL.gguf]
"""

from __future__ import annotations

import argparse
import email
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

import bootstrap

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "build" / "dist"
BUNDLED = "tunesmith/_bundled"
NOT_RELEASED = (".github/", ".gitignore", ".editorconfig", ".pre-commit-config.yaml")
"""What only a clone needs."""


class Incomplete(Exception):
    """Something is missing or too much; says what."""


def version() -> str:
    """Tunesmith's version, from its one place."""
    text = (ROOT / "app" / "tunesmith" / "__init__.py").read_text("utf-8")
    return text.partition('__version__ = "')[2].partition('"')[0]


def tracked(root: Path = ROOT) -> list[str]:
    """The files of a clone that belong to a release."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split("\0") if name and not name.startswith(NOT_RELEASED)]


def in_wheel(files: Iterable[str], included: Mapping[str, str]) -> set[str]:
    """Where the files of a clone lie in a wheel; those that do not belong there are left out.

    Args:
        files: their names in the clone.
        included: the folders and files that go elsewhere, as ``pyproject.toml`` says.
    """
    places = {"app/tunesmith": "tunesmith", **included}
    found = set()
    for name in files:
        above = [name, *map(str, PurePosixPath(name).parents)]
        place = next((folder for folder in above if folder in places), None)
        if place is not None:
            found.add(f"{places[place]}{name.removeprefix(place)}")
    return found


def compare(what: str, wanted: set[str], found: set[str]) -> None:
    """Hold the files of an archive against those it should have.

    Raises:
        Incomplete: they are not the same.
    """
    told = [f"{what} lacks {name}" for name in sorted(wanted - found)]
    told += [f"{what} has {name}, which is not in the clone" for name in sorted(found - wanted)]
    if told:
        raise Incomplete("\n".join(told[:20]))


def check_sdist(path: Path, files: Iterable[str]) -> int:
    """Compare an sdist with the clone; returns how many files it has.

    Raises:
        Incomplete: it is not whole.
    """
    with tarfile.open(path) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    # hatchling adds the metadata, and takes .gitignore along to build a wheel of it
    compare(path.name, set(files), names - {"PKG-INFO", ".gitignore"})
    return len(names)


def check_wheel(path: Path, files: Iterable[str]) -> int:
    """Compare a wheel with the clone; returns how many files it has.

    Raises:
        Incomplete: it is not whole.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    with zipfile.ZipFile(path) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
        notes = {name for name in names if ".dist-info/" in name}
        metadata = email.message_from_bytes(
            archive.read(next(name for name in notes if name.endswith("/METADATA")))
        )
    compare(path.name, in_wheel(files, included), names - notes)
    if not any(name.endswith("/licenses/LICENSE") for name in notes):
        raise Incomplete(f"{path.name} lacks the licence")
    if metadata["Version"] != version():
        raise Incomplete(f"{path.name} says that it is version {metadata['Version']}, not {version()}")
    extras = set(project["project"].get("optional-dependencies", {}))
    if set(metadata.get_all("Provides-Extra", [])) != extras:
        raise Incomplete(f"{path.name} has other extras than {', '.join(sorted(extras))}")
    return len(names)


def build(folder: Path) -> tuple[Path, Path]:
    """Build an sdist, and a wheel of the sdist; returns both."""
    shutil.rmtree(folder, ignore_errors=True)
    bootstrap.run([bootstrap.get_uv(), "build", "--out-dir", str(folder)], must=True)
    return next(folder.glob("*.tar.gz")), next(folder.glob("*.whl"))


def run_elsewhere(wheel: Path, model: Path | None) -> None:
    """Install a wheel as ``uv tool install`` does, into a folder of its own, and run it there.

    Raises:
        Incomplete: it does not do as it should.
    """
    with tempfile.TemporaryDirectory(prefix="tunesmith-dist-") as name:
        folder = Path(name)
        for key in [key for key in os.environ if key.startswith(("PYTHONPATH", "VIRTUAL_ENV"))]:
            del os.environ[key]  # nothing of the checkout may help
        os.environ.update({"UV_TOOL_DIR": str(folder / "tools"), "UV_TOOL_BIN_DIR": str(folder / "bin")})
        os.environ.update(
            {f"TUNESMITH_{kind}": str(folder / kind) for kind in ("STORE", "CONFIG_DIR", "CACHE_DIR")}
        )
        uv, locked = bootstrap.get_uv(), folder / "locked.txt"
        export = ["export", "--frozen", "--no-default-groups", "--no-emit-project", "--no-hashes"]
        bootstrap.run([uv, *export, "--output-file", str(locked), "--quiet"], must=True)
        cpu = Path("/proc/cpuinfo")
        options = bootstrap.build_options(
            cpu.read_text("utf-8", "replace") if cpu.exists() else "", bootstrap.compiles, os.environ
        )
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        install = ["tool", "install", "--python", python, "--constraints", str(locked), *options, str(wheel)]
        bootstrap.run([uv, *install], must=True)
        program = folder / "bin" / ("tunesmith.exe" if os.name == "nt" else "tunesmith")
        for arguments in (["--version"], ["--help"], *([["--self-test", str(model)]] if model else [])):
            done = subprocess.run(
                [program, *arguments], cwd=folder, capture_output=True, text=True, check=False,
                encoding="utf-8",
            )  # fmt: skip
            print(f"$ tunesmith {' '.join(arguments)}", done.stdout.strip().partition("\n" * 2)[0], sep="\n")
            if done.returncode:
                raise Incomplete(
                    f"tunesmith {arguments[0]} ended with {done.returncode}: {done.stderr.strip()}"
                )
            if arguments == ["--version"] and version() not in done.stdout:
                raise Incomplete(f"it says that it is {done.stdout.strip()}, not {version()}")


def main(arguments: list[str]) -> int:
    """Do what the command line says and return the exit code."""
    parser = argparse.ArgumentParser(
        allow_abbrev=False, description="Build sdist and wheel into build/dist, and try them."
    )
    parser.add_argument("--output", type=Path, default=DIST, help="where they go; what is there is removed")
    parser.add_argument("--model", type=Path, help="a GGUF file to run the self-test on")
    parser.add_argument("--only-build", action="store_true", help="build and compare, install nothing")
    options = parser.parse_args(arguments)
    try:
        sdist, wheel = build(options.output)
        files = tracked()
        print(f"{sdist.name}: {check_sdist(sdist, files)} files, {sdist.stat().st_size / 2**20:.1f} MiB")
        print(f"{wheel.name}: {check_wheel(wheel, files)} files, {wheel.stat().st_size / 2**20:.1f} MiB")
        if not options.only_build:
            run_elsewhere(wheel, options.model.absolute() if options.model else None)
    except Incomplete as error:
        print(error, file=sys.stderr)
        return 1
    print("Both are whole.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
