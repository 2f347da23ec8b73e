"""Own showing the window once for the self-test: its first frame, then each page, then its end."""

from __future__ import annotations

import sys
import time

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication

from tunesmith.gui.app import AfterFirstFrame, make_window, page_factories
from tunesmith.gui.language import speak_qt
from tunesmith.gui.window import MainWindow


class _Paints(QObject):
    """Notes whether the window was painted at all."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.seen = False
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        """Look on."""
        self.seen |= event.type() == QEvent.Type.Paint
        return super().eventFilter(watched, event)


def run() -> int:
    """Open the window, go through its pages, and close it.

    Returns:
        0, or 1 if it was never painted. A line on standard output says when it was painted first (monotonic
        clock, ns) and on which platform of Qt, the next one how many pages were shown.
    """
    application = QApplication([sys.argv[0]])
    application.setApplicationName("tunesmith")
    speak_qt(application)
    window = make_window(application)
    paints = _Paints(window)

    def look() -> None:
        painted_ns = time.monotonic_ns()
        if paints.seen:
            _tell(f"painted {painted_ns} {application.platformName()}")
            names = tuple(page_factories())
            for name in names:
                window.show_page(name)
                application.processEvents()
            _tell(f"{len(names)} pages")
        window.close()
        application.exit(0 if paints.seen else 1)

    AfterFirstFrame(window, look)
    window.show()
    return application.exec()


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
