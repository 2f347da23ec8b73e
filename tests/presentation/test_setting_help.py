"""Claims about what is said of each setting."""

from __future__ import annotations

import re

import pytest

from tunesmith import assets
from tunesmith.domain.settings import SETTING_SPECS, SettingSpec
from tunesmith.presentation.setting_help import SETTING_HELP, SETTINGS_PAGE, WORD_ANCHORS, setting_help


def sections() -> dict[str, str]:
    """The guide's sections by their anchors."""
    parts = re.split(r"^## (.+)$", assets.guide_page(SETTINGS_PAGE).read_text("utf-8"), flags=re.MULTILINE)
    return {title.lower(): text for title, text in zip(parts[1::2], parts[2::2], strict=True)}


@pytest.mark.parametrize("spec", SETTING_SPECS, ids=lambda spec: spec.name)
def test_every_setting_has_its_sentence_and_its_section(spec: SettingSpec) -> None:
    found = setting_help(spec.name)
    assert found is not None
    assert found.sentence == spec.explanation, "the window and the command line say the same"
    section = sections()[found.anchor]
    assert section.split("\n\n")[1].replace("\n", " ") == spec.explanation
    assert f"`{spec.flag}" in section
    for point in ("Flag", "Values", "Memory", "Which value wins", "What Tunesmith does"):
        assert f"- **{point}:**" in section


def test_nothing_is_explained_that_is_no_setting() -> None:
    assert SETTING_HELP.keys() == {spec.name for spec in SETTING_SPECS}
    assert setting_help("of_a_newer_version") is None


def test_the_guide_has_a_section_for_every_word_and_no_other() -> None:
    assert set(sections()) == {help_.anchor for help_ in SETTING_HELP.values()} | set(WORD_ANCHORS.values())


def test_every_link_of_the_guide_leads_somewhere() -> None:
    text = assets.guide_page(SETTINGS_PAGE).read_text("utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(links) > len(SETTING_SPECS)
    for link in links:
        if link.startswith("#"):
            assert link[1:] in sections(), link
        else:
            assert assets.guide_page(link.partition("#")[0]).is_file()
