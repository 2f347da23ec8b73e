"""Own the start of the window: one instance, the first frame at once, heavy imports after it."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QSettings, QTimer
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtNetwork import QLocalServer, QLocalSocket
from PySide6.QtWidgets import QApplication

from tunesmith import __version__
from tunesmith.errors import UsageError
from tunesmith.gui.context import AppContext
from tunesmith.gui.icons import application_icon
from tunesmith.gui.language import speak_qt
from tunesmith.gui.page import Page
from tunesmith.gui.theme import ThemeManager
from tunesmith.gui.window import MainWindow
from tunesmith.settings import Preferences, folders, load_preferences

_HAND_OVER_MS = 1500
_MAX_HANDED_BYTES = 64 * 1024
_UNSEEN_MS = 1000
"""A window that starts minimised is never painted."""


def page_factories() -> dict[str, Callable[[AppContext], Page]]:
    """How to make each page; a page's module is imported when the page is first shown."""

    def models(context: AppContext) -> Page:
        from tunesmith.gui.pages.models import ModelsPage

        return ModelsPage(context)

    def tune(context: AppContext) -> Page:
        from tunesmith.gui.pages.tune import TunePage

        return TunePage(context)

    def quantization(context: AppContext) -> Page:
        from tunesmith.gui.pages.quantization import QuantizationPage

        return QuantizationPage(context)

    def chat(context: AppContext) -> Page:
        from tunesmith.gui.pages.chat import ChatPage

        return ChatPage(context)

    def profiles(context: AppContext) -> Page:
        from tunesmith.gui.pages.profiles import ProfilesPage

        return ProfilesPage(context)

    def compare(context: AppContext) -> Page:
        from tunesmith.gui.pages.compare import ComparePage

        return ComparePage(context)

    def soak(context: AppContext) -> Page:
        from tunesmith.gui.pages.soak import SoakPage

        return SoakPage(context)

    def machine(context: AppContext) -> Page:
        from tunesmith.gui.pages.machine import MachinePage

        return MachinePage(context)

    def fleet(context: AppContext) -> Page:
        from tunesmith.gui.pages.fleet import FleetPage

        return FleetPage(context)

    def settings(context: AppContext) -> Page:
        from tunesmith.gui.pages.settings import SettingsPage

        return SettingsPage(context)

    return {
        "models": models, "tune": tune, "quantization": quantization, "chat": chat, "profiles": profiles,
        "compare": compare, "soak": soak, "machine": machine, "fleet": fleet, "settings": settings,
    }  # fmt: skip


class OneInstance(QObject):
    """Lets a second start hand its files to the first and end."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self.received: Callable[[list[str]], None] = lambda _paths: None
        self._server.newConnection.connect(self._accept)

    def hand_over(self, paths: list[str]) -> bool:
        """Give the files to a running instance; False if there is none."""
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if not socket.waitForConnected(300):
            return False
        socket.write(json.dumps(paths).encode() + b"\n")
        socket.flush()
        socket.waitForBytesWritten(_HAND_OVER_MS)
        socket.disconnectFromServer()
        return True

    def listen(self) -> None:
        """Become the instance that others hand their files to."""
        if not self._server.listen(self._name):
            QLocalServer.removeServer(self._name)  # left behind by a crash
            self._server.listen(self._name)

    def _accept(self) -> None:
        socket = self._server.nextPendingConnection()
        socket.readyRead.connect(lambda: self._read(socket))
        socket.disconnected.connect(socket.deleteLater)

    def _read(self, socket: QLocalSocket) -> None:
        if not socket.canReadLine():
            return
        try:
            paths = json.loads(bytes(socket.readLine(_MAX_HANDED_BYTES).data()))
        except ValueError:
            return
        if isinstance(paths, list):
            self.received([path for path in paths if isinstance(path, str)])


class _FileOpen(QObject):
    """macOS tells of a double-clicked file by an event."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        """Open the file of a file-open event."""
        if isinstance(event, QFileOpenEvent):
            self._window.open_paths([event.file()])
            return True
        return super().eventFilter(watched, event)


class AfterFirstFrame(QObject):
    """Calls once, when the window has been painted; or soon, when it is not to be seen at all."""

    def __init__(self, window: MainWindow, call: Callable[[], None]) -> None:
        super().__init__(window)
        self._call: Callable[[], None] | None = call
        window.installEventFilter(self)
        QTimer.singleShot(_UNSEEN_MS, self._now)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        """Wait for the first paint event to be over."""
        if event.type() == QEvent.Type.Paint:
            watched.removeEventFilter(self)
            QTimer.singleShot(0, self._now)
        return super().eventFilter(watched, event)

    def _now(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call()


def make_window(application: QApplication, *, store: str | None = None) -> MainWindow:
    """The window with its pages, not shown yet."""
    places = folders()
    broken: UsageError | None = None
    try:
        preferences = load_preferences(places.config)
    except UsageError as error:
        preferences, broken = Preferences(), error
    theme = ThemeManager(application, preferences.theme)
    context = AppContext(theme, store_location_text=store)
    state = QSettings(str(places.config / "window.ini"), QSettings.Format.IniFormat)
    window = MainWindow(context, page_factories(), state)
    if broken is not None:
        window.tell_when_shown(broken)
    return window


def run(paths: list[str], *, store: str | None = None) -> int:
    """Open the window on some files and return the exit code when it is closed."""
    application = QApplication([sys.argv[0]])
    application.setApplicationName("tunesmith")
    application.setApplicationDisplayName("Tunesmith")
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("tunesmith")
    application.setWindowIcon(application_icon())
    speak_qt(application)
    absolute = [str(Path(path).absolute()) for path in paths]
    # A socket's path must be short, and each user's settings are an instance of their own.
    mark = hashlib.sha256(str(folders().config).encode(errors="replace")).hexdigest()[:16]
    one = OneInstance(f"tunesmith-{mark}")
    if one.hand_over(absolute):
        return 0
    one.listen()
    window = make_window(application, store=store)

    def begin() -> None:
        """What takes long, after the first frame."""
        from tunesmith.gui.status import StatusWatch
        from tunesmith.gui.update_watch import UpdateWatch
        from tunesmith.services.updates import RELEASES

        window.show_page("models" if absolute else window.last_page())
        window.open_paths(absolute)
        StatusWatch(window)
        if RELEASES is not None:
            UpdateWatch(window, RELEASES)

    def raise_with(handed: list[str]) -> None:
        window.show()
        window.raise_()
        window.activateWindow()
        window.open_paths(handed)

    one.received = raise_with
    application.installEventFilter(_FileOpen(window))
    AfterFirstFrame(window, begin)
    window.show()
    return application.exec()
