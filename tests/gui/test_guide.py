"""Claims about the guide's window and the question marks that open it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, QSettings, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QHBoxLayout, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from tests.gui.simulated_run import laptop_truth, simulated
from tunesmith import assets
from tunesmith.gui.context import AppContext
from tunesmith.gui.guide import Guide, HelpButton, heading_anchor, open_guide
from tunesmith.gui.theme import DARK, LIGHT, ThemeManager
from tunesmith.gui.tune_choices import ChangesChoice
from tunesmith.gui.tune_result import TuneResultView
from tunesmith.gui.window import MainWindow
from tunesmith.presentation.setting_help import SETTING_HELP, SETTINGS_PAGE, WORD_ANCHORS
from tunesmith.presentation.tune_result_view import result_view
from tunesmith.presentation.tune_setup_text import QUESTIONS

ANCHORS = [*SETTING_HELP, *WORD_ANCHORS.values()]


@pytest.fixture
def window(theme: ThemeManager, no_leaks: None, qtbot: QtBot) -> Iterator[QWidget]:
    """A window with nothing but room for what is tested."""
    made = QWidget()
    QHBoxLayout(made)
    made.resize(900, 600)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    yield made
    if theme.mode != "light":
        theme.set_mode("light")


def put(window: QWidget, widget: QWidget) -> None:
    layout = window.layout()
    assert layout is not None
    layout.addWidget(widget)


def top_heading(guide: Guide) -> str:
    """The first heading that is seen."""
    seen = guide.text.viewport().rect()
    block = guide.text.document().begin()
    while block.isValid():
        if block.blockFormat().headingLevel():
            at = guide.text.cursorRect(QTextCursor(block))
            if seen.intersects(at):
                return block.text()
        block = block.next()
    return ""


def guides(window: QWidget) -> list[Guide]:
    return window.findChildren(Guide)


def test_it_opens_at_its_top_and_is_no_hindrance(window: QWidget, qtbot: QtBot) -> None:
    guide = open_guide(window)
    qtbot.waitExposed(guide)
    assert not guide.isModal()
    assert top_heading(guide) == "Settings guide"
    assert guide.text.hasFocus() or guide.focusWidget() is guide.text


@pytest.mark.parametrize("anchor", ANCHORS)
def test_it_opens_at_every_section(window: QWidget, qtbot: QtBot, anchor: str) -> None:
    guide = open_guide(window, anchor)
    qtbot.waitExposed(guide)
    if anchor not in ("interval", "noisy"):  # the last sections cannot come to the top
        assert heading_anchor(top_heading(guide)) == anchor
    assert anchor in guide._anchor


def test_there_is_one_for_a_window_however_often_it_is_opened(window: QWidget) -> None:
    first = open_guide(window, "threads")
    first.close()
    assert open_guide(window, "n_ctx") is first
    assert guides(window) == [first]
    assert top_heading(first) == "n_ctx"


def test_escape_closes_it(window: QWidget, qtbot: QtBot) -> None:
    guide = open_guide(window, "threads")
    qtbot.waitExposed(guide)
    QTest.keyClick(guide.text, Qt.Key.Key_Escape)
    assert not guide.isVisible()
    assert window.isVisible()


def test_links_are_followed_inside_and_gone_back_from(window: QWidget) -> None:
    guide = open_guide(window, "n_batch")
    assert not guide.back.isEnabled()
    guide.text.anchorClicked.emit(QUrl("#n_ubatch"))
    assert top_heading(guide) == "n_ubatch"
    guide.text.anchorClicked.emit(QUrl("measuring.md"))
    assert top_heading(guide) == "How Tunesmith measures and searches"
    guide.text.anchorClicked.emit(QUrl("decisions/0004-races.md"))
    assert guide.page == "decisions/0004-races.md"
    for expected in ("How Tunesmith measures and searches", "n_ubatch", "n_batch"):
        assert guide.back.isEnabled()
        guide.back.click()
        assert top_heading(guide) == expected
    assert not guide.back.isEnabled()
    guide.contents.click()
    assert top_heading(guide) == "Settings guide"


def test_a_link_is_followed_by_keyboard(window: QWidget, qtbot: QtBot) -> None:
    guide = open_guide(window)
    qtbot.waitExposed(guide)
    QTest.keyClick(guide.text, Qt.Key.Key_Tab)
    QTest.keyClick(guide.text, Qt.Key.Key_Return)
    assert top_heading(guide) == "threads"


def test_an_outside_link_is_for_the_browser_and_only_on_click(
    window: QWidget, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    guide = open_guide(window)
    guide._go("decisions/0007-no-amx-in-native-builds.md", "")
    assert not opened
    guide.text.anchorClicked.emit(QUrl("https://github.com/ggml-org/llama.cpp/issues/20824"))
    assert opened == ["https://github.com/ggml-org/llama.cpp/issues/20824"]
    assert guide.page == "decisions/0007-no-amx-in-native-builds.md"


@pytest.mark.parametrize("link", ["../README.md", "nothing.md", "/etc/hostname", "file:///etc/hostname"])
def test_a_page_that_did_not_ship_is_told_and_the_one_shown_stays(window: QWidget, link: str) -> None:
    guide = open_guide(window, "threads")
    guide.text.anchorClicked.emit(QUrl(link))
    assert guide.note.isVisible()
    assert guide.note.text().endswith("does not come with this installation.")
    assert guide.page == SETTINGS_PAGE
    assert not guide.back.isEnabled()
    guide.contents.click()
    assert not guide.note.isVisible()


def test_every_page_that_ships_can_be_read(window: QWidget) -> None:
    guide = open_guide(window)
    folder = assets.guide_page(SETTINGS_PAGE).parent
    for page in sorted(folder.rglob("*.md")):
        guide._go(page.relative_to(folder).as_posix(), "")
        assert guide.page == page.relative_to(folder).as_posix()
        assert top_heading(guide)


def test_pictures_are_left_out_and_the_words_around_them_stay(window: QWidget) -> None:
    guide = open_guide(window)
    guide._go("first-tune.md", "")
    words = guide.text.document().toRawText()
    assert "\ufffc" not in words, "what stands for a picture"
    assert "The line is the speed now" in words


def test_lines_of_code_stand_close_and_what_follows_them_does_not(window: QWidget) -> None:
    guide = open_guide(window)
    guide._go("first-tune.md", "")
    block, margins = guide.text.document().begin(), {}
    while block.isValid():
        margins[block.text()] = block.blockFormat().bottomMargin()
        block = block.next()
    assert margins["tunesmith doctor"] == 0
    assert margins["tunesmith inspect SmolLM2-135M-Q4_1.gguf --context 4096"] > 0


def test_its_links_take_the_themes_colour_and_it_stays_within_a_page_of_where_it_was(
    window: QWidget, theme: ThemeManager, qtbot: QtBot
) -> None:
    def colours_of_links(guide: Guide) -> set[str]:
        found = set()
        block = guide.text.document().begin()
        while block.isValid():
            if not block.blockFormat().headingLevel():
                found |= {r.format.foreground().color().name().upper() for r in block.textFormats()
                          if r.format.isAnchor()}  # fmt: skip
            block = block.next()
        return found

    guide = open_guide(window, "load_mode")
    qtbot.waitExposed(guide)
    assert colours_of_links(guide) == {LIGHT.accent}
    place = guide.text.verticalScrollBar().value()
    assert place > 0
    theme.set_mode("dark")
    QApplication.processEvents()
    assert colours_of_links(guide) == {DARK.accent}
    page = guide.text.viewport().height()  # Qt lays out once in between, by a style that is no more
    assert abs(guide.text.verticalScrollBar().value() - place) < page


def test_it_goes_with_its_window(window: QWidget, qtbot: QtBot) -> None:
    owner = QWidget()
    guide = open_guide(owner)
    with qtbot.waitSignal(guide.destroyed):
        owner.deleteLater()


# ---------------------------------------------------------------- where it is opened from


def test_f1_opens_it_over_any_page(app_context: AppContext, tmp_path: Path, qtbot: QtBot) -> None:
    settings = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    window = MainWindow(app_context, {}, settings)
    qtbot.addWidget(window)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    QTest.keyClick(window, Qt.Key.Key_F1)
    (guide,) = guides(window)
    qtbot.waitExposed(guide)
    assert top_heading(guide) == "Settings guide"
    window.close()


def test_every_question_of_the_form_opens_the_guide(window: QWidget, qtbot: QtBot) -> None:
    choice = ChangesChoice()
    put(window, choice)
    assert list(choice.helps) == [question.title for question in QUESTIONS]
    for question in QUESTIONS:
        help_ = choice.helps[question.title]
        assert help_.accessibleName() == f"Explain {question.title}"
        assert SETTING_HELP[question.settings[0]].sentence in help_.toolTip()
        help_.click()
        (guide,) = guides(window)
        qtbot.waitExposed(guide)
        assert top_heading(guide) == question.settings[0]


def test_a_question_mark_stands_after_its_box_and_answers_to_the_keyboard(
    window: QWidget, qtbot: QtBot
) -> None:
    choice = ChangesChoice()
    put(window, choice)
    qtbot.waitUntil(lambda: choice.isVisible() and choice.width() > 100)
    for title, box in choice.boxes.items():
        help_ = choice.helps[title]
        assert help_.mapTo(window, QPoint(0, 0)).x() > box.mapTo(window, QPoint(0, 0)).x()
        assert abs(_middle(help_, window) - _middle(box, window)) <= 2
        assert help_.focusPolicy() & Qt.FocusPolicy.TabFocus
    help_ = choice.helps["Load mode"]
    help_.setFocus()
    QTest.keyClick(help_, Qt.Key.Key_Space)
    assert top_heading(guides(window)[0]) == "load_mode"


@pytest.mark.parametrize(("width", "across"), [(560, 2), (294, 1)], ids=["wide", "narrow"])
def test_the_questions_stand_side_by_side_only_where_all_of_them_is_seen(
    window: QWidget, qtbot: QtBot, width: int, across: int
) -> None:
    choice = ChangesChoice()
    choice.setFixedWidth(width)
    put(window, choice)
    qtbot.waitUntil(lambda: choice.isVisible() and choice.width() == width)
    QApplication.processEvents()
    helps = list(choice.helps.values())
    assert len({help_.x() for help_ in helps}) == across
    assert all(help_.geometry().right() < width for help_ in helps)
    assert choice.minimumSizeHint().width() <= 294, "what the form has in the smallest window"


def _middle(widget: QWidget, window: QWidget) -> int:
    return QRect(widget.mapTo(window, QPoint(0, 0)), widget.size()).center().y()


def test_every_setting_and_word_of_a_result_opens_the_guide(window: QWidget, qtbot: QtBot) -> None:
    result = simulated(laptop_truth).result
    shown = TuneResultView()
    put(window, shown)
    shown.show_result(result_view(result))
    buttons = shown.findChildren(HelpButton)
    found = {help_.anchor for help_ in buttons}
    assert {change.setting for change in result.changes} <= found
    assert {"prefill", "decode", "ttft", "itl"} <= found
    for help_ in buttons:
        assert help_.accessibleName().startswith("Explain ")
        help_.click()
        assert heading_anchor(top_heading(guides(window)[0])) == help_.anchor


def test_a_button_of_a_page_uses_the_windows_one_guide(window: QWidget) -> None:
    for anchor in ("threads", "type_v"):
        holder = QPushButton()
        put(window, holder)
        open_guide(holder, anchor)
    assert len(guides(window)) == 1


@pytest.mark.parametrize(
    ("heading", "anchor"), [("n_ctx", "n_ctx"), ("TTFT", "ttft"), ("Which value wins?", "which-value-wins")]
)
def test_anchors_are_made_as_on_the_web(heading: str, anchor: str) -> None:
    assert heading_anchor(heading) == anchor
