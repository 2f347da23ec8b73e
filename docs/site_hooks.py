"""Own what the documentation site has beyond plain MkDocs.

Anchors are made as GitHub and the window's guide make them. Files of the repository that pages link to become
part of the site. A folder in the nav stands for its pages. What would load from the network ends the build.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DOCS = "docs"
REPOSITORY = "repository"
"""The folder of the site with what lies outside of docs/."""

LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)(#[^)\s]*)?(?=\))")
"""The target of a relative link or picture, and its anchor."""
_LOADS = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?(?:https?:)?//"
    r"|<link\b[^>]*\bhref=[\"']?(?:https?:)?//"
    r"|(?:url\([\"']?|@import [\"'])(?:https?:)?//"
)


def anchor(heading: str, separator: str = "-") -> str:
    """The anchor of a heading, made as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", separator)


def targets(page: str) -> Iterator[tuple[str, str]]:
    """What a page links to inside the repository: paths from its root, and anchors without their sharp."""
    text = re.sub(r"^```.*?^```", "", (ROOT / page).read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for path, fragment in LINK.findall(text):
        yield posixpath.normpath(posixpath.join(posixpath.dirname(page), path)), fragment[1:]


def outside() -> list[str]:
    """All files of the repository outside docs/ that pages of the site lead to, paths from its root."""
    found: set[str] = set()
    to_read = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / DOCS).rglob("*.md"))]
    while to_read:
        for path, _ in targets(to_read.pop()):
            if not path.startswith((f"{DOCS}/", "../")) and path not in found and (ROOT / path).is_file():
                found.add(path)
                if path.endswith(".md"):
                    to_read.append(path)
    return sorted(found)


def place_of(page: str) -> Path:
    """Where a page of the site lies in the repository."""
    inside = page.removeprefix(f"{REPOSITORY}/")
    return ROOT / inside if inside != page else ROOT / DOCS / page


def expanded(nav: Any) -> Any:
    """A nav in which folders are replaced by the list of their pages."""
    match nav:
        case list():
            return [expanded(one) for one in nav]
        case dict():
            return {title: expanded(one) for title, one in nav.items()}
        case str() if nav.endswith("/"):
            return [f"{nav}{path.name}" for path in sorted((ROOT / DOCS / nav).glob("*.md"))]
        case _:
            return nav


def loaded(site: Path) -> tuple[str, str] | None:
    """The first file of a site that would load something from the network, and by which words."""
    for path in sorted((*site.rglob("*.html"), *site.rglob("*.css"))):
        if found := _LOADS.search(path.read_text("utf-8")):
            return path.relative_to(site).as_posix(), found[0]
    return None


# ---------------------------------------------------------------- called by MkDocs


def on_config(config: Any) -> Any:
    """Set what a YAML file cannot say."""
    config["mdx_configs"].setdefault("toc", {})["slugify"] = anchor
    config["nav"] = expanded(config["nav"])
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add what lies outside docs/."""
    from mkdocs.structure.files import File

    for path in outside():
        files.append(File.generated(config, f"{REPOSITORY}/{path}", abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Have links lead to where the site has what they name."""
    here = page.file.src_uri
    place = place_of(here).relative_to(ROOT).as_posix()

    def led(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(place), link[1]))
        inside = target.startswith(f"{DOCS}/")
        there = target.removeprefix(f"{DOCS}/") if inside else f"{REPOSITORY}/{target}"
        return posixpath.relpath(there, posixpath.dirname(here) or ".") + (link[2] or "")

    return LINK.sub(led, markdown)


def on_post_build(config: Any) -> None:
    """Hold the site to loading nothing from the network.

    Raises:
        PluginError: a page or a style sheet would.
    """
    if found := loaded(Path(config["site_dir"])):
        from mkdocs.exceptions import PluginError

        raise PluginError(f"{found[0]} would load something from the network: {found[1]}")
