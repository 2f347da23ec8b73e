"""Claims about a release's folder: its checksums, the list of its parts, places that name a version."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.scripts import FOLDER, load

release, sbom = load("release"), load("sbom")
NOW = datetime(2026, 11, 27, tzinfo=UTC)
PACKAGES = {"llama-cpp-python": "0.3.36", "pyside6-essentials": "6.11.3", "rich": "15.0.0"}
EXPORTED = json.dumps(
    {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {
            "tools": [{"vendor": "Astral Software Inc.", "name": "uv", "version": "0.13.9"}],
            "component": {"type": "library", "bom-ref": "tunesmith-1", "name": "tunesmith"},
        },
        "components": [
            {
                "type": "library", "bom-ref": f"{name}@{version}", "name": name, "version": version,
                "purl": f"pkg:pypi/{name}@{version}",
            }
            for name, version in PACKAGES.items()
        ],
        "dependencies": [{"ref": "tunesmith-1", "dependsOn": [f"{n}@{v}" for n, v in PACKAGES.items()]}],
    }
)  # fmt: skip
"""What uv says of a small lock file."""
THIRD_PARTY = """\
What others made and Tunesmith brings along, each with its licence; the texts lie beside this.

Python 3.11.7: PSF-2.0 (Python-3.11.7/)
rich 15.0.0: MIT License (rich-15.0.0/)
PySide6_Essentials 6.11.3: LGPL-3.0-only OR GPL-3.0-only (PySide6_Essentials-6.11.3/)
zlib1g 1:1.2.13.dfsg-1: see its text (zlib1g-1-1.2.13.dfsg-1/)
"""


def made(version: str = "0.1.0", **more: Any) -> str:
    return str(sbom.make(EXPORTED, version, NOW, native=sbom.native_parts(), **more))


def artifacts(folder: Path, *names: str) -> list[Path]:
    folder.mkdir()
    for name in names:
        (folder / name).write_text(name)
    return [folder / name for name in names]


BOTH = ("tunesmith-0.1.0.tar.gz", "tunesmith-0.1.0-py3-none-any.whl")


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """A release's folder with two files and what belongs to them."""
    folder = tmp_path / "release"
    release.collect(artifacts(tmp_path / "dist", *BOTH), folder, "0.1.0", made())
    return folder


def test_a_release_holds_what_it_is_made_of_and_checksums_of_all(released: Path) -> None:
    assert list(release.faults(released, "0.1.0")) == []
    lines = (released / "SHA256SUMS").read_text("utf-8").splitlines()
    assert [line.split("  ")[1] for line in lines] == sorted([*BOTH, "tunesmith-0.1.0.cdx.json"])
    assert all(len(line.split("  ")[0]) == 64 for line in lines)


def test_whatever_was_changed_lost_or_put_in_later_is_named(released: Path) -> None:
    def told(what: str) -> bool:
        return any(what in fault for fault in release.faults(released, "0.1.0"))

    (released / BOTH[0]).write_text("another")
    assert told(f"{BOTH[0]} is not what its checksum says")
    (released / BOTH[0]).unlink()
    assert told(f"{BOTH[0]} is missing")
    (released / "more-0.1.0.zip").touch()
    assert told("more-0.1.0.zip has no checksum")
    assert any("is missing" in fault for fault in release.faults(released, "0.2.0"))
    (released / "SHA256SUMS").unlink()
    assert list(release.faults(released, "0.1.0")) == ["SHA256SUMS is missing"]


def test_a_list_of_parts_of_another_release_is_refused(released: Path, tmp_path: Path) -> None:
    for text, what in ((made("0.2.0"), "another thing"), ('{"bomFormat": "CycloneDX"}', "does not fit")):
        folder = tmp_path / what
        release.collect([released / name for name in BOTH], folder, "0.1.0", text)
        assert any(what in fault for fault in release.faults(folder, "0.1.0"))


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("tunesmith_0.1.0_amd64.deb", ""), ("Tunesmith-0.1.0-x86_64.AppImage", ""),
        ("tunesmith-demo-model_2_all.deb", ""),
        ("tunesmith-0.2.0.zip", "not of version"), ("tunesmith-10.1.0.zip", "not of version"),
        ("tunesmith-0.1.0.1.zip", "not of version"), ("tunesmith-0.1.01.zip", "not of version"),
        ("tunesmith.zip", "not of version"),
    ],
)  # fmt: skip
def test_only_files_of_the_release_are_taken(tmp_path: Path, name: str, what: str) -> None:
    files = artifacts(tmp_path / "dist", name)
    if what:
        with pytest.raises(release.NotReady, match=what):
            release.collect(files, tmp_path / "release", "0.1.0", made())
    else:
        release.collect(files, tmp_path / "release", "0.1.0", made())


def test_what_is_missing_empty_there_twice_or_in_the_way_ends_it(tmp_path: Path) -> None:
    [file] = artifacts(tmp_path / "dist", BOTH[0])
    with pytest.raises(release.NotReady, match="missing or empty"):
        release.collect([tmp_path / BOTH[1]], tmp_path / "a", "0.1.0", made())
    with pytest.raises(release.NotReady, match="there twice"):
        release.collect([file, file], tmp_path / "b", "0.1.0", made())
    with pytest.raises(release.NotReady, match="is not empty"):
        release.collect([file], tmp_path / "dist", "0.1.0", made())


def test_a_version_has_its_section_and_day_in_the_changelog(tmp_path: Path) -> None:
    newest = "## [0.2.0] - 2026-12-01\n\n### Added\n\n- b\n"
    text = f"# Changelog\n\n## [Unreleased]\n\n- a\n\n{newest}\n## [0.1.0]\n\n- c\n"
    assert release.notes(text, "0.2.0") == "### Added\n\n- b\n"
    with pytest.raises(release.NotReady, match=r"no day for 0\.1\.0"):
        release.notes(text, "0.1.0")
    with pytest.raises(release.NotReady, match=r"no section of 0\.3\.0"):
        release.notes(text, "0.3.0")
    (tmp_path / "CHANGELOG.md").write_text(text)
    release.check(tmp_path, "0.2.0", "v0.2.0")
    with pytest.raises(release.NotReady, match=r"the tag is v0\.2\.1"):
        release.check(tmp_path, "0.2.0", "v0.2.1")


def test_the_list_names_what_packages_bring_inside_and_hangs_it_under_them() -> None:
    document = json.loads(made(frozen=tuple(sbom.brought(THIRD_PARTY))))
    assert document["specVersion"] == "1.6"
    assert sbom.described(json.dumps(document)) == ("tunesmith", "0.1.0")
    assert [tool["name"] for tool in document["metadata"]["tools"]["components"]] == ["uv"]
    parts = {part["name"]: part for part in document["components"]}
    assert {"llama.cpp", "ggml", "Qt", "Python", "zlib1g", *PACKAGES} == set(parts)
    assert parts["llama.cpp"]["purl"].startswith("pkg:generic/llama.cpp@0.5.0-dev?vcs_url=git")
    assert parts["Qt"]["version"] == "6.11.3"
    under = {one["ref"]: set(one.get("dependsOn", ())) for one in document["dependencies"]}
    assert under["llama-cpp-python@0.3.36"] == {
        "llama-cpp-python@0.3.36/llama.cpp", "llama-cpp-python@0.3.36/ggml"
    }  # fmt: skip
    assert {"frozen:Python@3.11.7", "rich@15.0.0"} <= under["tunesmith-1"]


def test_licences_come_from_the_frozen_programs_list() -> None:
    document = json.loads(made(frozen=tuple(sbom.brought(THIRD_PARTY))))
    stated = {part["name"]: part.get("licenses") for part in document["components"]}
    assert stated["rich"] == [{"license": {"name": "MIT License"}}]
    assert stated["pyside6-essentials"] == [{"expression": "LGPL-3.0-only OR GPL-3.0-only"}]
    assert stated["Python"] == [{"license": {"id": "PSF-2.0"}}]
    assert stated["zlib1g"] is None
    with pytest.raises(sbom.BadSbom, match="another form"):
        list(sbom.brought("a\n\nnonsense\n"))


def test_the_same_release_has_the_same_list() -> None:
    assert made() == made()
    assert json.loads(made())["serialNumber"] != json.loads(made("0.1.1"))["serialNumber"]


def test_a_part_inside_that_was_looked_up_for_another_version_ends_it() -> None:
    newer = EXPORTED.replace("0.3.36", "0.3.37")
    with pytest.raises(sbom.BadSbom, match="look it up again"):
        sbom.make(newer, "0.1.0", NOW, native=sbom.native_parts())


def test_the_parts_inside_were_looked_up_for_the_versions_that_are_locked() -> None:
    locked = tomllib.loads((FOLDER.parent / "uv.lock").read_text("utf-8"))["package"]
    versions = {package["name"]: package.get("version") for package in locked}
    for part in sbom.native_parts():
        assert part.inside in versions
        assert part.of in ("*", versions[part.inside]), f"look {part.name} up again, in packaging/native.toml"
