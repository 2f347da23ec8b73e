"""Claims about how sdist and wheel are compared with the clone; building them is check_dist.py's own work."""

from __future__ import annotations

import io
import re
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.scripts import FOLDER, load
from tunesmith import __version__

check_dist = load("check_dist")
ROOT = FOLDER.parent


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_the_version_has_one_place() -> None:
    assert project()["project"]["dynamic"] == ["version"]
    assert project()["tool"]["hatch"]["version"]["path"] == "app/tunesmith/__init__.py"
    assert check_dist.version() == __version__
    places = [ROOT / "pyproject.toml", *FOLDER.glob("*.py"), *FOLDER.glob("*/*.iss"), *FOLDER.glob("*/*.xml")]
    for path in places:
        named = re.findall(rf"""["'>=]{re.escape(__version__)}["'<]""", path.read_text("utf-8"))
        assert not named, f"{path} names the version too"


def test_the_demo_model_is_one_by_every_way() -> None:
    table = project()
    assert table["project"]["optional-dependencies"]["demo"] == table["dependency-groups"]["demo"]


def test_a_file_goes_where_the_project_file_says() -> None:
    included = {"resources": "p/_bundled/resources", "docs/a.md": "p/_bundled/docs/a.md"}
    files = [
        "app/tunesmith/x.py",
        "resources/icons/i.svg",
        "docs/a.md",
        "docs/b.md",
        "tests/t.py",
        "README.md",
    ]
    assert check_dist.in_wheel(files, included) == {
        "tunesmith/x.py", "p/_bundled/resources/icons/i.svg", "p/_bundled/docs/a.md"
    }  # fmt: skip


def test_an_sdist_that_lacks_a_file_or_has_one_too_many_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tunesmith-0.1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in ("a.py", "PKG-INFO"):
            member = tarfile.TarInfo(f"tunesmith-0.1.0/{name}")
            archive.addfile(member, io.BytesIO())
    assert check_dist.check_sdist(path, ["a.py"]) == 2
    with pytest.raises(check_dist.Incomplete, match=r"lacks b\.py"):
        check_dist.check_sdist(path, ["a.py", "b.py"])
    with pytest.raises(check_dist.Incomplete, match=r"has a\.py, which is not in the clone"):
        check_dist.check_sdist(path, [])


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({}, None),
        ({"tunesmith/a.py": None}, "lacks tunesmith/a.py"),
        ({"tunesmith/b.py": ""}, "has tunesmith/b.py"),
        ({"x.dist-info/licenses/LICENSE": None}, "lacks the licence"),
        ({"x.dist-info/METADATA": "Version: 9\nProvides-Extra: demo\n"}, "says that it is version 9"),
        ({"x.dist-info/METADATA": f"Version: {__version__}\n"}, "has other extras"),
    ],
)
def test_a_wheel_that_is_not_whole_is_refused(
    tmp_path: Path, changed: dict[str, str | None], what: str | None
) -> None:
    content: dict[str, str | None] = {
        "tunesmith/a.py": "", "x.dist-info/licenses/LICENSE": "",
        "x.dist-info/METADATA": f"Version: {__version__}\nProvides-Extra: demo\n", **changed,
    }  # fmt: skip
    path = tmp_path / "x.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in content.items():
            if text is not None:
                archive.writestr(name, text)
    if what is None:
        assert check_dist.check_wheel(path, ["app/tunesmith/a.py", "README.md"]) == 3
    else:
        with pytest.raises(check_dist.Incomplete, match=what):
            check_dist.check_wheel(path, ["app/tunesmith/a.py", "README.md"])
