"""Own the state of a page that waits for something: what it does, that it lives, how to stop it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QProgressBar, QStackedWidget, QVBoxLayout, QWidget

from tunesmith.gui.page import button, label
from tunesmith.gui.theme import GRID
from tunesmith.wording import tr

LOADING_MS = 150
"""What takes less than this shows no loading state."""


class LoadingState(QWidget):
    """Words, a moving bar, and a button where it can be stopped."""

    def __init__(self, text: str, stop: Callable[[], object] | None = None) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column.setSpacing(GRID)
        self.text = label(text, "secondary")
        self.text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        bar = QProgressBar()
        bar.setRange(0, 0)
        bar.setTextVisible(False)
        bar.setFixedWidth(240)
        bar.setAccessibleName(text)
        column.addWidget(self.text)
        column.addWidget(bar, alignment=Qt.AlignmentFlag.AlignCenter)
        if stop is not None:
            end = button(tr("Stop"), "quiet")
            end.clicked.connect(stop)
            column.addWidget(end, alignment=Qt.AlignmentFlag.AlignCenter)

    def say(self, text: str) -> None:
        """Tell what it does now, on one line."""
        width = max(240, self.width() - 4 * GRID)
        self.text.setText(self.text.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, width))


class LateLoading(QStackedWidget):
    """Nothing, after a moment the words that something loads, and then what came of it."""

    def __init__(self, text: str, *outcomes: QWidget) -> None:
        super().__init__()
        self._blank, self.loading = QWidget(), LoadingState(text)
        for state in (self._blank, self.loading, *outcomes):
            self.addWidget(state)
        self._late = QTimer(self)
        self._late.setSingleShot(True)
        self._late.setInterval(LOADING_MS)
        self._late.timeout.connect(lambda: self.setCurrentWidget(self.loading))

    def begin(self) -> None:
        """Something is asked for."""
        self.setCurrentWidget(self._blank)
        self._late.start()

    def end(self, outcome: QWidget | None = None) -> None:
        """Nothing is waited for any more; show what came of it, or nothing."""
        self._late.stop()
        self.setCurrentWidget(outcome or self._blank)
