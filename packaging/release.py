"""Own a release's folder: what is in it, what it is made of, checksums, and whether all of it agrees.

python packaging/release.py check --tag v0.1.0
python packaging/release.py collect --output build/release dist/* build/*.deb
python packaging/release.py verify build/release
python packaging/release.py notes
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import bootstrap
import sbom

from tunesmith import __version__

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "build" / "release"
SUMS = "SHA256SUMS"
SBOM = "tunesmith-{version}.cdx.json"
ANY_VERSION = ("demo-model",)
"""Parts of names that have numbers of their own."""
_HEADING = re.compile(r"## \[(?P<version>[^\]]+)\](?: - (?P<day>\d{4}-\d\d-\d\d))?\s*")


class NotReady(Exception):
    """Something must be put right before a release; says what."""


def sha256(path: Path) -> str:
    """A file's checksum, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def notes(changelog: str, version: str) -> str:
    """What the changelog says of a version, without its heading.

    Raises:
        NotReady: it has no section of that version with a day.
    """
    lines = changelog.splitlines()
    headings = {number: found for number, line in enumerate(lines) if (found := _HEADING.fullmatch(line))}
    for number, found in headings.items():
        if found["version"] == version:
            if found["day"] is None:
                raise NotReady(f"the changelog has no day for {version}: ## [{version}] - YYYY-MM-DD")
            end = next((later for later in headings if later > number), len(lines))
            return "\n".join(lines[number + 1 : end]).strip() + "\n"
    raise NotReady(f"the changelog has no section of {version}: ## [{version}] - YYYY-MM-DD")


def check(root: Path, version: str, tag: str | None) -> None:
    """Hold the places that name a version against each other.

    Raises:
        NotReady: they do not agree.
    """
    if tag is not None and tag != f"v{version}":
        raise NotReady(f"the tag is {tag}, but the version in app/tunesmith/__init__.py is {version}")
    notes((root / "CHANGELOG.md").read_text("utf-8"), version)


def collect(files: Iterable[Path], folder: Path, version: str, parts: str) -> list[Path]:
    """Put artifacts into a new folder, with the list of what they are made of and the checksums of all.

    Args:
        files: what is released.
        folder: must not be there yet, or be empty.
        version: of the release; each file's name must have it.
        parts: the list, as CycloneDX JSON.

    Raises:
        NotReady: a file is missing, empty, there twice, or of another version; the folder is not empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise NotReady(f"{folder} is not empty")
    folder.mkdir(parents=True, exist_ok=True)
    for path in files:
        if not path.is_file() or not path.stat().st_size:
            raise NotReady(f"{path} is missing or empty")
        if not _is_of(path.name, version):
            raise NotReady(f"{path.name} is not of version {version}")
        if (folder / path.name).exists():
            raise NotReady(f"{path.name} is there twice")
        shutil.copyfile(path, folder / path.name)
    (folder / SBOM.format(version=version)).write_text(parts, "utf-8")
    released = sorted(folder.iterdir())
    sums = "".join(f"{sha256(path)}  {path.name}\n" for path in released)
    (folder / SUMS).write_text(sums, "utf-8", newline="\n")
    return released


def _is_of(name: str, version: str) -> bool:
    """Whether a file's name has a version, and not a longer one that begins or ends so."""
    if any(part in name for part in ANY_VERSION):
        return True
    return re.search(rf"(?<![\d.]){re.escape(version)}(?!\d|\.\d)", name) is not None


def faults(folder: Path, version: str) -> Iterator[str]:
    """What is wrong with a release's folder."""
    try:
        lines = (folder / SUMS).read_text("utf-8").splitlines()
    except FileNotFoundError:
        yield f"{SUMS} is missing"
        return
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    there = {path.name: path for path in folder.iterdir() if path.name != SUMS}
    yield from (f"{name} is missing" for name in sorted(sums.keys() - there.keys()))
    yield from (f"{name} has no checksum" for name in sorted(there.keys() - sums.keys()))
    for name in sorted(sums.keys() & there.keys()):
        if sha256(there[name]) != sums[name]:
            yield f"{name} is not what its checksum says"
        if not _is_of(name, version):
            yield f"{name} is not of version {version}"
    for kind in (f"tunesmith-{version}.tar.gz", f"tunesmith-{version}-py3-none-any.whl"):
        if kind not in there:
            yield f"{kind} is missing"
    if (path := there.get(SBOM.format(version=version))) is None:
        yield f"{SBOM.format(version=version)} is missing"
        return
    text = path.read_text("utf-8")
    try:
        sbom.check(text)
        if sbom.described(text) != ("tunesmith", version):
            yield f"{path.name} is the list of another thing"
    except (sbom.BadSbom, ValueError) as error:
        yield f"{path.name}: {error}"


def list_of_parts(version: str, now: datetime, third_party: Path | None) -> str:
    """What a release is made of, by the lock file.

    Args:
        version: of the release.
        now: to be stated in it.
        third_party: the frozen program's list of licences, if it is released as well.

    Raises:
        NotReady: uv cannot export the lock file.
        BadSbom: the list does not fit.
    """
    export = ["export", "--frozen", "--no-default-groups", "--format", "cyclonedx1.5"]
    done = subprocess.run(
        [bootstrap.get_uv(), *export], cwd=ROOT, capture_output=True, text=True, check=False, encoding="utf-8"
    )
    if done.returncode:
        raise NotReady(f"uv did not export the lock file: {done.stderr.strip()}")
    listed = third_party.read_text("utf-8") if third_party is not None else "\n\n"
    return sbom.make(
        done.stdout, version, now, native=sbom.native_parts(), frozen=tuple(sbom.brought(listed))
    )


def _now() -> datetime:
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return (
        datetime.fromtimestamp(int(epoch), tz=UTC) if epoch else datetime.now(tz=UTC).replace(microsecond=0)
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        allow_abbrev=False, description="Put a release together, or look at one."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("check", help="do version, tag and changelog agree?")
    command.add_argument("--tag", help="the tag that the release is made of, such as v0.1.0")
    command = commands.add_parser(
        "collect", help="artifacts, the list of parts and checksums into one folder"
    )
    command.add_argument("files", nargs="+", type=Path)
    command.add_argument("--output", type=Path, default=OUTPUT)
    command.add_argument("--third-party", type=Path, help="licences/THIRD-PARTY.txt of the frozen program")
    command = commands.add_parser("verify", help="is everything there and unharmed?")
    command.add_argument("folder", type=Path)
    commands.add_parser("notes", help="what the changelog says of this version")
    return parser


def main(arguments: list[str]) -> int:
    """Do what the command line says and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        match options.command:
            case "check":
                check(ROOT, __version__, options.tag)
                print(f"Version {__version__} everywhere.")
            case "collect":
                parts = list_of_parts(__version__, _now(), options.third_party)
                for path in collect(options.files, options.output, __version__, parts):
                    print(f"{path.stat().st_size:>12,}  {path.name}")
            case "verify":
                found = list(faults(options.folder, __version__))
                print("\n".join(found) or f"{options.folder} is whole.")
                return int(bool(found))
            case _:
                print(notes((ROOT / "CHANGELOG.md").read_text("utf-8"), __version__), end="")
    except (NotReady, sbom.BadSbom) as error:
        print(f"Not ready: {error}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
