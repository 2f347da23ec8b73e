"""Own the frame of a page: a title line with one primary action, messages in place, content below."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from tunesmith.errors import TunesmithError
from tunesmith.gui.context import AppContext
from tunesmith.gui.theme import GRID
from tunesmith.wording import tr


def label(text: str, role: str = "", *, wrap: bool = False, selectable: bool = False) -> QLabel:
    """A label in one of the style sheet's roles; plain text only, since names come from files."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    if role:
        made.setProperty("role", role)
    made.setWordWrap(wrap)
    if selectable:
        made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return made


def button(text: str, role: str = "", *, tip: str = "") -> QPushButton:
    """A button in one of the roles ``primary``, ``quiet`` or none."""
    made = QPushButton(text)
    made.setAccessibleName(text)
    if role:
        made.setProperty("role", role)
    if tip:
        made.setToolTip(tip)
    return made


def flush(made: QPushButton) -> QPushButton:
    """Let a quiet button's words begin where the text above it begins."""
    made.setProperty("flush", True)  # noqa: FBT003 (Qt's name)
    return made


def line() -> QFrame:
    """A thin rule across."""
    made = QFrame()
    made.setProperty("role", "line")
    return made


class Message(QFrame):
    """A calm message in place: what happened, what is unharmed, what to do, details to copy."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "message")
        self._details = ""
        row = QHBoxLayout(self)
        row.setContentsMargins(GRID * 2, GRID, GRID, GRID)
        self._text = label("", wrap=True, selectable=True)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._copy = button(tr("Copy details"), "quiet")
        self._copy.clicked.connect(self._copy_details)
        self._close = button(tr("Dismiss"), "quiet")
        self._close.clicked.connect(self.hide)
        self.step_button = button(tr("Next step"), "quiet")
        self.step_button.clicked.connect(self._take_step)
        self._step: Callable[[], object] | None = None
        for widget in (self._text, self.step_button, self._copy, self._close):
            row.addWidget(widget)
        self.hide()

    def show_error(
        self, error: TunesmithError, *, step: tuple[str, Callable[[], object]] | None = None
    ) -> None:
        """Show an error until it is dismissed or replaced.

        Args:
            step: what can be done next from here, in words and as a call.
        """
        self._show("error", str(error), error.details, step)

    def show_note(self, text: str) -> None:
        """Show a note until it is dismissed or replaced."""
        self._show("note", text, "", None)

    def _show(
        self, kind: str, text: str, details: str, step: tuple[str, Callable[[], object]] | None
    ) -> None:
        words, self._step = step or (tr("Next step"), None)
        self.step_button.setText(words)
        self.step_button.setAccessibleName(words)
        self.step_button.setVisible(step is not None)
        self.setProperty("kind", kind)
        self.style().polish(self)
        self._text.setText(text)
        self._details = f"{text}\n{details}" if details else text
        self._copy.setVisible(kind == "error")
        self.show()

    def _take_step(self) -> None:
        if self._step is not None:
            self.hide()
            self._step()

    def _copy_details(self) -> None:
        QGuiApplication.clipboard().setText(self._details)


class EmptyState(QWidget):
    """Says what to do where there is nothing to show yet."""

    def __init__(self, title: str, text: str, *buttons: QPushButton) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setSpacing(GRID)
        heading = label(title, "section")
        heading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        words = label(text, "secondary", wrap=True)
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        words.setMaximumWidth(440)
        words.setMinimumWidth(320)
        middle = QHBoxLayout()  # an alignment would cut off lines that the label's own guess lacks
        middle.addStretch()
        middle.addWidget(words, 1000)
        middle.addStretch()
        column.addStretch()
        column.addWidget(heading)
        column.addLayout(middle)
        row = QHBoxLayout()
        row.setSpacing(GRID)
        row.addStretch()
        for one in buttons:
            row.addWidget(one)
        row.addStretch()
        column.addSpacing(GRID)
        column.addLayout(row)
        column.addStretch()


class Page(QWidget):
    """Base of all pages."""

    name = ""
    title = ""

    def __init__(self, context: AppContext) -> None:
        super().__init__()
        self.context = context
        self.setObjectName(f"page-{self.name}")
        self.setAccessibleName(self.title)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(GRID * 3, GRID * 2, GRID * 3, GRID * 2)
        outer.setSpacing(GRID * 2)
        self._head = QHBoxLayout()
        self._head.setSpacing(GRID)
        self.heading = label(self.title, "title")
        self.heading.setMinimumHeight(32)  # the same with and without buttons beside it
        self._head.addWidget(self.heading)
        self._head.addStretch()
        outer.addLayout(self._head)
        self.message = Message()
        outer.addWidget(self.message)
        self.states = QStackedWidget()
        outer.addWidget(self.states, 1)

    def add_action(self, widget: QWidget) -> None:
        """Put a button or a field at the right of the title line."""
        self._head.addWidget(widget)

    def add_state(self, widget: QWidget) -> QWidget:
        """Add one of the contents the page switches between, such as empty and full."""
        self.states.addWidget(widget)
        return widget

    def show_state(self, widget: QWidget) -> None:
        """Show one of them."""
        self.states.setCurrentWidget(widget)

    def shown(self) -> None:
        """Called each time the page comes to the front."""

    def left(self) -> None:
        """Called each time another page comes to the front."""

    def closing(self) -> None:
        """Called before the window closes: end what runs."""
