"""Own what the tests of the profiles, compare and chat pages share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QThreadPool
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tunesmith.gui.context import AppContext
from tunesmith.gui.page import Page
from tunesmith.gui.theme import ThemeManager
from tunesmith.store import Store

P = TypeVar("P", bound=Page)


@contextmanager
def shown_page(qtbot: QtBot, make: Callable[[AppContext], P], open_store: Callable[[], Store]) -> Iterator[P]:
    """A page on its own, shown, and taken apart afterwards with all that it began."""
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    theme = ThemeManager(application, "light")
    context = AppContext(theme, open_store=open_store)
    page = make(context)
    qtbot.addWidget(page)
    page.resize(1100, 700)
    page.show()
    page.shown()
    try:
        yield page
    finally:
        page.closing()
        QThreadPool.globalInstance().waitForDone(10_000)
        context.close()
        theme.deleteLater()


def heard(signal: object) -> list[object]:
    """What a signal says from now on, one entry each time."""
    said: list[object] = []
    signal.connect(lambda *values: said.append(values[0] if len(values) == 1 else values))  # type: ignore[attr-defined]
    return said


def store_at(path: Path) -> Callable[[], Store]:
    """How to open a store."""
    return lambda: Store.open(path, timeout_s=0.3)
