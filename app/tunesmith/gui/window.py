"""Own the main window: the rail, the pages, the status bar, drops and shortcuts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QByteArray, QSettings, QSize, Qt, SignalInstance
from PySide6.QtGui import (
    QAction,
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QKeySequence,
    QShortcut,
)
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from tunesmith import __version__
from tunesmith.errors import TunesmithError
from tunesmith.gui.context import AppContext
from tunesmith.gui.guide import open_guide
from tunesmith.gui.icons import application_icon, icon
from tunesmith.gui.open_dialogs import ask_for_folder, ask_for_models
from tunesmith.gui.page import Page, button
from tunesmith.gui.theme import GRID, RAIL_WIDTH, Colours
from tunesmith.gui.widgets.elided import ElidedLabel
from tunesmith.wording import tr

PAGES: tuple[tuple[str, str], ...] = (
    ("models", tr("Models")),
    ("tune", tr("Tune")),
    ("quantization", tr("Quantization")),
    ("chat", tr("Try it")),
    ("profiles", tr("Profiles")),
    ("compare", tr("Compare")),
    ("soak", tr("Soak")),
    ("machine", tr("Machine")),
    ("fleet", tr("Fleet")),
)
MINIMUM = QSize(900, 600)
FIRST = QSize(1280, 800)


class Rail(QFrame):
    """The pages' names with icons, one under the other; settings at the foot."""

    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__()
        self.setObjectName("rail")
        self.setFixedWidth(RAIL_WIDTH)
        self.setAccessibleName(tr("Pages"))
        self._buttons: dict[str, QToolButton] = {}
        self._group = QButtonGroup(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID, GRID * 2, GRID, GRID * 2)
        column.setSpacing(2)
        for number, (name, title) in enumerate(PAGES, start=1):
            column.addWidget(self._button(name, title, show, f"Ctrl+{number}"))
        column.addStretch()
        column.addWidget(self._button("settings", tr("Settings"), show, "Ctrl+,"))

    def _button(self, name: str, title: str, show: Callable[[str], None], keys: str) -> QToolButton:
        made = QToolButton()
        made.setText(title)
        made.setAccessibleName(title)
        made.setObjectName(f"rail-{name}")
        made.setCheckable(True)
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        made.setIconSize(QSize(20, 20))
        made.setFixedWidth(RAIL_WIDTH - 2 * GRID)
        made.setToolTip(QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText))
        made.clicked.connect(lambda: show(name))
        self._group.addButton(made)
        self._buttons[name] = made
        return made

    def select(self, name: str) -> None:
        """Mark the page that is shown; the focus does not stay behind on another one."""
        self._buttons[name].setChecked(True)
        focused: QWidget | None = self.window().focusWidget()
        if focused is None or focused in self._buttons.values():
            self._buttons[name].setFocus()

    def recolour(self, colours: Colours) -> None:
        """Draw the icons in the theme's colours."""
        for name, made in self._buttons.items():
            made.setIcon(icon(name, colours.secondary, colours.accent))


class StatusText(ElidedLabel):
    """A read-out of the status bar: read aloud with what it is, and given way to by a longer one."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.setAccessibleName(name)

    def tell(self, text: str) -> None:
        """Say another value, only if it is one: a repaint costs."""
        if self.text() != text:
            self.setText(text)
            self.setAccessibleName(tr("{name}: {value}", name=self._name, value=text))


class MainWindow(QMainWindow):
    """Tunesmith's one window."""

    def __init__(
        self, context: AppContext, pages: dict[str, Callable[[AppContext], Page]], settings: QSettings
    ) -> None:
        """Show the frame; pages are made when they are first shown.

        Args:
            pages: how to make each page, by name.
            settings: where geometry and the last page are remembered.
        """
        super().__init__()
        self.context = context
        self._factories = pages
        self._settings = settings
        self._pages: dict[str, Page] = {}
        self._to_tell: TunesmithError | None = None
        self.setWindowTitle("Tunesmith")
        self.setWindowIcon(application_icon())
        self.setMinimumSize(MINIMUM)
        self.setAcceptDrops(True)
        body = QWidget()
        row = QHBoxLayout(body)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self.rail = Rail(self.show_page)
        self.stack = QStackedWidget()
        row.addWidget(self.rail)
        row.addWidget(self.stack, 1)
        self.setCentralWidget(body)
        self._add_status_bar()
        self._add_menus()
        self._restore()
        context.theme.changed.connect(self.rail.recolour)
        self.rail.recolour(context.theme.colours)
        context.bus.show_page.connect(self.show_page)
        self._bring_pages()
        context.bus.message.connect(lambda text: self.statusBar().showMessage(text, 6000))

    # ------------------------------------------------------------- pages

    def show_page(self, name: str) -> None:
        """Bring a page to the front, making it if need be."""
        if name not in self._factories:
            return
        page, before = self.page(name), self.stack.currentWidget()
        self.stack.setCurrentWidget(page)
        if isinstance(before, Page) and before is not page:
            before.left()
        self.rail.select(name)
        self._settings.setValue("page", name)
        page.shown()
        if self._to_tell is not None:
            page.message.show_error(self._to_tell)
            self._to_tell = None

    def tell_when_shown(self, error: TunesmithError) -> None:
        """Tell of an error in place, on the page that is shown next."""
        self._to_tell = error

    def _bring_pages(self) -> None:
        """Show the page that a signal is for; one that had to be made hears the signal again."""
        bus = self.context.bus
        for signal, name in (
            (bus.tune_model, "tune"),
            (bus.choose_quantization, "quantization"),
            (bus.tune_again, "tune"),
            (bus.show_run, "tune"),
            (bus.try_model, "chat"),
            (bus.soak_profile, "soak"),
            (bus.show_profile, "profiles"),
            (bus.compare_profiles, "compare"),
        ):
            signal.connect(partial(self._bring, signal, name))

    def _bring(self, signal: SignalInstance, name: str, *values: object) -> None:
        fresh = name not in self._pages
        self.show_page(name)
        if fresh:
            signal.emit(*values)

    def page(self, name: str) -> Page:
        """A page by name; made when first asked for."""
        if name not in self._pages:
            self._pages[name] = self._factories[name](self.context)
            self.stack.addWidget(self._pages[name])
        return self._pages[name]

    def last_page(self) -> str:
        """The page to start with."""
        name = str(self._settings.value("page", "models"))
        return name if name in self._factories else "models"

    def open_paths(self, paths: list[str]) -> None:
        """Take files or folders that were dropped, opened or handed over by a second start."""
        takers = {"profiles" if path.lower().endswith(".json") else "models" for path in paths}
        for name in sorted(takers & self._factories.keys()):
            self.page(name)  # it listens only once it is made
        models = [path for path in paths if path.lower().endswith(".gguf")]
        if models:
            self.context.opened_model = models[-1]
        if paths:
            self.context.bus.files_dropped.emit(paths)

    # ------------------------------------------------------------- frame

    def _add_status_bar(self) -> None:
        bar = self.statusBar()
        bar.setSizeGripEnabled(False)
        self.machine_label = StatusText(tr("Machine class"))
        self.memory_label = StatusText(tr("Free memory"))
        self.quiet_label = StatusText(tr("How quiet the machine is"))
        bar.addWidget(self.machine_label, 1)
        self.update_button = button("", "quiet")
        self.update_button.setAccessibleName(tr("Newer versions"))
        self.update_button.setStyleSheet("padding: 0 8px; min-height: 0")
        self.update_button.setFixedHeight(self.memory_label.sizeHint().height())  # the bar keeps its height
        self.update_button.hide()
        bar.addPermanentWidget(self.update_button)
        bar.addPermanentWidget(self.memory_label)
        bar.addPermanentWidget(self.quiet_label)

    def _add_menus(self) -> None:
        file_menu = self.menuBar().addMenu(tr("&File"))
        self._action(file_menu, tr("&Open model…"), QKeySequence.StandardKey.Open, self._ask_for_model)
        self._action(file_menu, tr("Add &folder…"), "Ctrl+Shift+O", self._ask_for_folder)
        file_menu.addSeparator()
        self._action(file_menu, tr("&Quit"), QKeySequence.StandardKey.Quit, self.close)
        view = self.menuBar().addMenu(tr("&View"))
        for number, (name, title) in enumerate(PAGES, start=1):
            self._action(view, title, f"Ctrl+{number}", partial(self.show_page, name))
        view.addSeparator()
        self._action(view, tr("Settings"), "Ctrl+,", lambda: self.show_page("settings"))
        help_menu = self.menuBar().addMenu(tr("&Help"))
        self._action(help_menu, tr("Settings &guide"), "F1", lambda: open_guide(self))
        about = QAction(f"Tunesmith {__version__}", self)
        about.setEnabled(False)
        help_menu.addAction(about)
        QShortcut(QKeySequence.StandardKey.Close, self, self.close)

    def _action(
        self, menu: object, text: str, keys: QKeySequence.StandardKey | str, call: Callable[[], object]
    ) -> None:
        action = QAction(text, self)
        action.setShortcut(QKeySequence(keys))
        action.triggered.connect(lambda _checked=False: call())
        menu.addAction(action)  # type: ignore[attr-defined]

    def _ask_for_model(self) -> None:
        ask_for_models(self, self.open_paths)

    def _ask_for_folder(self) -> None:
        ask_for_folder(self, self.open_paths)

    def _restore(self) -> None:
        self.resize(FIRST)
        geometry = self._settings.value("geometry")
        if isinstance(geometry, QByteArray) and not geometry.isEmpty():
            self.restoreGeometry(geometry)

    # ------------------------------------------------------------- events

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 (Qt's name)
        """Accept files."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 (Qt's name)
        """Take files and folders, anywhere on the window."""
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.open_paths(paths)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 (Qt's name)
        """Remember where the window was and end what runs."""
        self._settings.setValue("geometry", self.saveGeometry())
        for page in self._pages.values():
            page.closing()
        self.context.close()
        super().closeEvent(event)
