"""Own the guide: a small window that shows the pages of docs/, and the buttons that open it in place."""

from __future__ import annotations

import posixpath
import re

from PySide6.QtCore import QEvent, Qt, QUrl
from PySide6.QtGui import (
    QDesktopServices,
    QGuiApplication,
    QPalette,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFrameFormat,
    QTextLength,
    QTextTable,
)
from PySide6.QtWidgets import QDialog, QHBoxLayout, QTextBrowser, QToolButton, QVBoxLayout, QWidget

from tunesmith import assets
from tunesmith.errors import TunesmithError
from tunesmith.gui.page import button, label
from tunesmith.gui.theme import BODY_PX, GRID, SECTION_PX, TITLE_PX
from tunesmith.presentation.setting_help import SETTINGS_PAGE
from tunesmith.wording import tr

_HEADING_PX = {1: TITLE_PX, 2: SECTION_PX}
_OUTSIDE = ("http", "https", "mailto")
_PICTURE = re.compile(r"^!\[[^\]]*\]\([^)]*\)\n+", re.MULTILINE)
"""A picture in a paragraph of its own: pictures of the window do not ship, and stand beside it anyway."""


class HelpButton(QToolButton):
    """A small question mark beside something that the guide explains."""

    def __init__(self, name: str, sentence: str, anchor: str) -> None:
        """The button.

        Args:
            name: what is explained, for those who do not see what it stands beside.
            sentence: the explanation in short, as the tooltip.
            anchor: where the guide's page of settings says more.
        """
        super().__init__()
        self.anchor = anchor
        self.setText("?")
        self.setProperty("role", "help")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(tr("Explain {name}", name=name))
        self.setAccessibleDescription(sentence)
        self.setToolTip(f"{sentence}\n{tr('Opens the settings guide.')}")
        self.clicked.connect(lambda: open_guide(self, self.anchor))


def open_guide(asker: QWidget, anchor: str = "") -> Guide:
    """Show the guide at a setting, in the one guide window that belongs to the asker's window.

    Args:
        anchor: a section of the page of settings; its top without one.
    """
    window = asker.window()
    found = window.findChild(Guide, options=Qt.FindChildOption.FindDirectChildrenOnly)
    guide = found if found is not None else Guide(window)
    guide.read(SETTINGS_PAGE, anchor)
    guide.show()
    guide.activateWindow()
    guide.text.setFocus()
    return guide


class Guide(QDialog):
    """A window beside the work, not in its way; Escape closes it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Settings guide"))
        self.setModal(False)
        self.resize(640, 560)
        self.page = ""
        self._anchor = ""
        self._before: list[tuple[str, str]] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID * 2, GRID, GRID * 2, GRID * 2)
        column.setSpacing(GRID)
        column.addLayout(self._buttons())
        self.text = QTextBrowser()
        self.text.setAccessibleName(tr("Settings guide"))
        self.text.setOpenLinks(False)
        self.text.setFrameShape(QTextBrowser.Shape.NoFrame)
        self.text.document().setDocumentMargin(GRID)
        self.text.document().setIndentWidth(GRID * 2)
        self.text.anchorClicked.connect(self._follow)
        column.addWidget(self.text)
        self.note = label("", "small", wrap=True)
        self.note.hide()
        column.addWidget(self.note)

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(0)
        self.back = button(tr("Back"), "quiet", tip=tr("Go back to where the link was followed. (Alt+Left)"))
        self.back.setShortcut("Alt+Left")
        self.back.clicked.connect(self._go_back)
        self.contents = button(tr("Contents"), "quiet", tip=tr("Go to the list of all settings."))
        self.contents.clicked.connect(lambda: self._go(SETTINGS_PAGE, ""))
        for made in (self.back, self.contents):
            made.setAutoDefault(False)
            row.addWidget(made)
        row.addStretch()
        return row

    def read(self, page: str, anchor: str) -> None:
        """Show a section of a page, as the first of a new walk through the guide.

        Args:
            page: its name in docs/.
            anchor: its section; the top without one.
        """
        self._before.clear()
        self._show(page, anchor)

    def _go(self, page: str, anchor: str) -> None:
        """Show a section, and remember the one that was left."""
        left = (self.page, self._anchor)
        if self._show(page, anchor) and left != (self.page, self._anchor):
            self._before.append(left)
        self.back.setEnabled(bool(self._before))

    def _go_back(self) -> None:
        if self._before:
            self._show(*self._before.pop())

    def _show(self, page: str, anchor: str) -> bool:
        """Whether there is such a page; if not, the one shown stays and a note says so."""
        self.note.hide()
        if page != self.page:
            try:
                words = assets.guide_page(page).read_text("utf-8")
            except (TunesmithError, OSError):
                self.note.setText(tr("{page} does not come with this installation.", page=page))
                self.note.show()
                return False
            self.text.setMarkdown(_PICTURE.sub("", words))
            dress(self.text.document())
            self.page = page
        self._anchor = anchor
        self.back.setEnabled(bool(self._before))
        self._scroll()
        return True

    def _scroll(self) -> None:
        if self._anchor:
            self.text.scrollToAnchor(self._anchor)
            bar = self.text.verticalScrollBar()
            bar.setValue(bar.value() - GRID)
        else:
            self.text.moveCursor(QTextCursor.MoveOperation.Start)
            self.text.verticalScrollBar().setValue(0)

    def _follow(self, link: QUrl) -> None:
        if link.scheme() in _OUTSIDE:
            QDesktopServices.openUrl(link)
            return
        folder = posixpath.dirname(self.page)
        page = posixpath.normpath(posixpath.join(folder, link.path())) if link.path() else self.page
        self._go(page, link.fragment())

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 (Qt's name)
        """Take the theme's colours when they change, and stay where it was."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self.page:
            bar = self.text.verticalScrollBar()
            place, page, self.page = bar.value(), self.page, ""
            self._show(page, self._anchor)
            bar.setValue(place)


def heading_anchor(heading: str) -> str:
    """The anchor of a heading, made as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def dress(document: QTextDocument) -> None:
    """Give Markdown that was read in our sizes, distances and colours, and its headings anchors."""
    colours = QGuiApplication.palette()
    whole = QTextCursor(document)
    whole.beginEditBlock()  # laid out once, at its end
    block = document.begin()
    while block.isValid():
        _dress_block(block, colours)
        block = block.next()
    for frame in document.rootFrame().childFrames():
        if isinstance(frame, QTextTable):
            _dress_table(frame, colours)
    whole.endEditBlock()


def _dress_block(block: QTextBlock, colours: QPalette) -> None:
    cursor = QTextCursor(block)
    level = block.blockFormat().headingLevel()
    shape = QTextBlockFormat()
    in_table = cursor.currentTable() is not None
    in_code = _is_code(block) and _is_code(block.next())
    shape.setLineHeight(135, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
    shape.setTopMargin(GRID * 3 if level > 1 else 0)
    in_list = cursor.currentList() is not None
    shape.setBottomMargin(0 if in_table or in_code else GRID // 2 if in_list else GRID)
    cursor.mergeBlockFormat(shape)
    cursor.select(QTextCursor.SelectionType.BlockUnderCursor)
    if level:
        cursor.setCharFormat(_heading_format(heading_anchor(block.text()), level))
    else:
        _colour_links(block, colours)


def _is_code(block: QTextBlock) -> bool:
    return block.isValid() and block.blockFormat().hasProperty(QTextFormat.Property.BlockCodeLanguage)


def _heading_format(anchor: str, level: int) -> QTextCharFormat:
    made = QTextCharFormat()
    made.setProperty(QTextFormat.Property.FontPixelSize, _HEADING_PX.get(level, BODY_PX))
    made.setFontWeight(600)
    made.setAnchor(True)
    made.setAnchorNames([anchor])
    return made


def _colour_links(block: QTextBlock, colours: QPalette) -> None:
    iterator = block.begin()
    while not iterator.atEnd():
        fragment = iterator.fragment()
        if fragment.charFormat().isAnchor():
            cursor = QTextCursor(block)
            cursor.setPosition(fragment.position())
            cursor.setPosition(fragment.position() + fragment.length(), QTextCursor.MoveMode.KeepAnchor)
            made = QTextCharFormat()
            made.setForeground(colours.link())
            made.setFontUnderline(True)
            cursor.mergeCharFormat(made)
        iterator += 1


def _dress_table(table: QTextTable, colours: QPalette) -> None:
    made = table.format()
    made.setBorder(1)
    made.setBorderCollapse(True)
    made.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
    made.setBorderBrush(colours.mid())
    made.setCellPadding(6)
    made.setCellSpacing(0)
    made.setTopMargin(GRID // 2)
    made.setBottomMargin(GRID)
    made.setWidth(QTextLength(QTextLength.Type.PercentageLength, 100))
    table.setFormat(made)
