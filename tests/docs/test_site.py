"""Own the claims about the guide: all of it is in the site, its links and messages hold."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
with pytest.MonkeyPatch.context() as patch:
    patch.setattr(sys, "path", [str(DOCS), *sys.path])
    site_hooks = import_module("site_hooks")

PAGES = [path.relative_to(ROOT).as_posix() for path in sorted(DOCS.rglob("*.md"))]
ALL = [*PAGES, "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "packaging/README.md"]
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def nav_pages() -> list[str]:
    """What the site's nav names, with folders as their pages."""
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))

    def names(nav: Any) -> Iterator[str]:
        match nav:
            case list():
                for one in nav:
                    yield from names(one)
            case dict():
                for one in nav.values():
                    yield from names(one)
            case _:
                yield str(nav)

    return list(names(site_hooks.expanded(config["nav"])))


@cache
def anchors(page: str) -> frozenset[str]:
    """The anchors of a page's headings."""
    text = FENCE.sub("", (ROOT / page).read_text("utf-8"))
    headings = re.findall(r"^#{1,6} +(.+)$", text, flags=re.MULTILINE)
    return frozenset(site_hooks.anchor(re.sub(r"[`*]|\]\([^)]*\)|\[", "", one)) for one in headings)


def test_every_page_is_in_the_nav_and_the_nav_names_no_other() -> None:
    named = nav_pages()
    outside = [page for page in named if page.startswith(site_hooks.REPOSITORY)]
    here = [page.removeprefix("docs/") for page in PAGES]
    assert sorted(set(named) - set(outside)) == here, "name it in mkdocs.yml, or write it"
    assert len(named) == len(set(named))
    linked = {f"{site_hooks.REPOSITORY}/{path}" for path in site_hooks.outside() if path.endswith(".md")}
    assert set(outside) <= linked, "what no page leads to is not in the site"


@pytest.mark.parametrize("page", ALL)
def test_relative_links_and_anchors_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    own = re.findall(r"\]\(#([^)\s]+)\)", FENCE.sub("", text))
    lost = [f"#{name}" for name in own if name not in anchors(page)]
    for path, name in site_hooks.targets(page):
        place = ROOT / path
        if not place.exists() or (page in PAGES and place.is_dir()):  # a site shows no folders
            lost.append(path)
        elif name and name not in anchors(path):
            lost.append(f"{path}#{name}")
    assert not lost


@pytest.mark.parametrize("page", ALL)
def test_lists_are_written_so_that_every_reader_of_markdown_sees_them(page: str) -> None:
    """Python-Markdown wants an empty line before a list and four blanks before one within it."""
    lines = FENCE.sub("", (ROOT / page).read_text("utf-8")).splitlines()
    item = re.compile(r" *(?:[-*]|\d+\.) ")
    bad = [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if (item.match(line) and before and not before.startswith(" ") and not item.match(before))
        or re.match(r" {1,3}(?:[-*]|\d+\.) ", line)
    ]
    assert not bad


def test_links_are_rewritten_for_the_site_only_where_they_lead_out_of_docs() -> None:
    def rewritten(text: str, place: str) -> str:
        page = SimpleNamespace(file=SimpleNamespace(src_uri=place))
        return str(site_hooks.on_page_markdown(text, page=page, config=None, files=None))

    assert rewritten("[a](cli.md#json) [b](#here) [c](https://x.y/z.md)", "index.md") == (
        "[a](cli.md#json) [b](#here) [c](https://x.y/z.md)"
    )
    assert rewritten("[a](../CHANGELOG.md)", "index.md") == "[a](repository/CHANGELOG.md)"
    assert rewritten("[a](../../LICENSE)", "decisions/0001.md") == "[a](../repository/LICENSE)"
    assert rewritten("[a](docs/cli.md)", "repository/CONTRIBUTING.md") == "[a](../cli.md)"
    assert rewritten("[a](../docs/cli.md)", "repository/packaging/README.md") == "[a](../../cli.md)"


def test_what_a_page_would_load_from_the_network_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<a href="https://x.y">fine</a> <img src="b.png">', "utf-8")
    assert site_hooks.loaded(tmp_path) is None
    (tmp_path / "b.html").write_text('<script src="https://x.y/z.js"></script>', "utf-8")
    assert site_hooks.loaded(tmp_path) == ("b.html", '<script src="https://')


def test_every_message_of_the_troubleshooting_page_is_in_the_source() -> None:
    code = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "app").rglob("*.py")))
    joined = re.sub(r'"\s*\n\s*f?"', "", code)  # literals that Python puts together
    told = re.sub(r"\{[^{}\n]*\}", "…", joined)
    page = (DOCS / "troubleshooting.md").read_text("utf-8")
    messages = re.findall(r"^### (.+)$", page, flags=re.MULTILINE)
    assert len(messages) > 30
    assert not [message for message in messages if message not in told]
