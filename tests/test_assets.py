"""Claims about the files that ship with Tunesmith."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tunesmith import assets
from tunesmith.errors import NotFoundError, UsageError

CHECKOUT = Path(__file__).parents[1]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with resources, in place of the checkout's."""
    (tmp_path / "resources" / "icons").mkdir(parents=True)
    (tmp_path / "resources" / "icons" / "a.svg").touch()
    (tmp_path / "secret").touch()
    monkeypatch.setattr(assets, "_root", lambda: tmp_path)
    return tmp_path


def test_a_checkout_holds_profiles_beside_the_source() -> None:
    assert (assets.profiles_dir() / "presets" / "chat.toml").is_file()


def test_an_installed_package_holds_them_inside(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "tunesmith"
    package.mkdir(parents=True)
    assert assets._root(package) == tmp_path
    (package / "_bundled").mkdir()
    assert assets._root(package) == package / "_bundled"


def test_the_wheel_puts_them_where_they_are_looked_for() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    pages = {f"docs/{page.name}" for page in (CHECKOUT / "docs").glob("*.md")}
    assert set(included) == {"resources", "profiles", "docs/decisions", *pages}
    assert all(inside == f"tunesmith/_bundled/{name}" for name, inside in included.items())


def test_a_page_of_the_guide_is_found_by_its_name() -> None:
    assert assets.guide_page("settings.md") == CHECKOUT / "docs" / "settings.md"
    with pytest.raises(UsageError):
        assets.guide_page("../README.md")
    with pytest.raises(NotFoundError):
        assets.guide_page("nothing.md")


def test_a_resource_is_found_by_its_name(root: Path) -> None:
    assert assets.resource("icons/a.svg") == root / "resources" / "icons" / "a.svg"
    assert assets.resource("icons").is_dir()


@pytest.mark.parametrize(
    "name",
    ["", "..", "../secret", "icons/../../secret", "icons\\..\\..\\secret", "/etc/passwd", "C:\\x", "C:x"],
)
def test_a_name_that_leads_outside_is_refused(root: Path, name: str) -> None:
    with pytest.raises(UsageError, match="no name of a file that ships"):
        assets.resource(name)


def test_a_missing_resource_is_not_found(root: Path) -> None:
    with pytest.raises(NotFoundError, match=r"'icons/b\.svg' is missing") as caught:
        assets.resource("icons/b.svg")
    assert "Install Tunesmith again" in caught.value.todo
