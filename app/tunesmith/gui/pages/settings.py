"""Own the Settings page: the theme, where the store lies, which folders are watched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QRadioButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from tunesmith.errors import TunesmithError
from tunesmith.gui.background import Tasks
from tunesmith.gui.context import AppContext
from tunesmith.gui.open_dialogs import ask_for_folder
from tunesmith.gui.page import Page, button, label
from tunesmith.gui.theme import GRID
from tunesmith.settings import PREFERENCES_FILE, Theme, load_preferences, save_preferences

if TYPE_CHECKING:
    from tunesmith.services.model_places import Place
    from tunesmith.services.watched import Watched

_THEMES: dict[Theme, tuple[str, str]] = {
    "system": ("As the system", "Follow the system, also when it changes by the time of day"),
    "light": ("Light", "Always light"),
    "dark": ("Dark", "Always dark"),
}
_WIDTH = 720


class SettingsPage(Page):
    """What the user prefers; every change holds at once."""

    name = "settings"
    title = "Settings"

    def __init__(self, context: AppContext) -> None:
        super().__init__(context)
        self._tasks = Tasks(self)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        inner = QWidget()
        inner.setMaximumWidth(_WIDTH)
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(0, 0, GRID, GRID * 2)
        self._column.setSpacing(GRID)
        self._add_theme()
        self._add_folders()
        self._add_store()
        self._column.addStretch()
        area.setWidget(inner)
        self.add_state(area)

    # ------------------------------------------------------------- theme

    def _add_theme(self) -> None:
        box = self._section("Appearance")
        row = QHBoxLayout()
        row.setSpacing(GRID * 3)
        self.themes: dict[Theme, QRadioButton] = {}
        self._group = QButtonGroup(self)
        for mode, (text, tip) in _THEMES.items():
            choice = QRadioButton(text)
            choice.setAccessibleName(f"Theme: {text}")
            choice.setToolTip(tip)
            choice.setChecked(self.context.theme.mode == mode)
            self._group.addButton(choice)
            self.themes[mode] = choice
            row.addWidget(choice)
        row.addStretch()
        self._group.buttonClicked.connect(self._theme_chosen)
        box.addLayout(row)

    def _theme_chosen(self) -> None:
        mode = next(mode for mode in get_args(Theme) if self.themes[mode].isChecked())
        self.context.theme.set_mode(mode)
        config = self.context.folders.config

        def keep() -> None:
            save_preferences(config, replace(load_preferences(config), theme=mode))

        self._do(keep)

    # ------------------------------------------------------------- folders

    def _add_folders(self) -> None:
        box = self._section("Model folders")
        box.addWidget(
            label(
                "Tunesmith looks for GGUF files in these folders and in those below them.",
                "secondary",
                wrap=True,
            )
        )
        self.folders = QListWidget()
        self.folders.setAccessibleName("Watched folders")
        self.folders.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.folders.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.folders.setFixedHeight(128)
        self.folders.itemSelectionChanged.connect(self._selection_changed)
        box.addWidget(self.folders)
        row = QHBoxLayout()
        row.setSpacing(GRID)
        add = button("Add folder…")
        add.clicked.connect(lambda: ask_for_folder(self, self._add))
        self.remove = button("Remove", tip="Look there no more; nothing on the disk is deleted")
        self.remove.setEnabled(False)
        self.remove.clicked.connect(self._remove)
        row.addWidget(add)
        row.addWidget(self.remove)
        row.addStretch()
        box.addLayout(row)
        self.known = label("", "small", wrap=True, selectable=True)
        box.addWidget(self.known)

    def shown(self) -> None:
        """Read the folders anew."""
        self.refresh()

    def refresh(self) -> None:
        """Show what is watched."""
        self._show_store()
        config = self.context.folders.config

        def read() -> tuple[Watched, list[Place]]:
            from tunesmith.services.model_places import well_known_places
            from tunesmith.services.watched import load_watched

            return load_watched(config), well_known_places()

        self._tasks.run(read, self._show_folders, self._failed)

    def _show_folders(self, found: tuple[Watched, list[Place]]) -> None:
        watched, places = found
        self.folders.clear()
        for path in watched.folders:
            item = QListWidgetItem(path)
            item.setToolTip(path)
            self.folders.addItem(item)
        if not watched.folders:
            item = QListWidgetItem("No folders yet. Drop one on the window, or add it here.")
            item.setFlags(Qt.ItemFlag.NoItemFlags)
            self.folders.addItem(item)
        listed = "\n".join(f"{place.name}: {place.path}" for place in places)
        self.known.setText(f"Also looked through, since they are here:\n{listed}" if listed else "")
        self.known.setVisible(bool(listed))

    def _selection_changed(self) -> None:
        self.remove.setEnabled(bool(self.folders.selectedItems()))

    def _add(self, paths: list[str]) -> None:
        config = self.context.folders.config

        def call() -> None:
            from tunesmith.services.watched import watch

            watch(config, folders=paths)

        self._do(call)

    def _remove(self) -> None:
        config = self.context.folders.config
        paths = [item.text() for item in self.folders.selectedItems()]

        def call() -> None:
            from tunesmith.services.watched import forget

            forget(config, paths)

        self._do(call)

    # ------------------------------------------------------------- store

    def _add_store(self) -> None:
        box = self._section("Profiles and runs")
        box.addWidget(
            label(
                "Everything measured is kept in this file; nothing leaves the machine.",
                "secondary",
                wrap=True,
            )
        )
        row = QHBoxLayout()
        row.setSpacing(GRID)
        self.store = label("", selectable=True, wrap=True)
        row.addWidget(self.store, 1)
        reveal = button("Reveal", tip="Show the folder in the file manager")
        reveal.clicked.connect(self._reveal)
        row.addWidget(reveal, alignment=Qt.AlignmentFlag.AlignTop)
        box.addLayout(row)
        config = self.context.folders.config / PREFERENCES_FILE
        hint = label(
            f'To keep it elsewhere, set store = "path" in {config}.', "small", wrap=True, selectable=True
        )
        box.addWidget(hint)

    def _show_store(self) -> None:
        try:
            self.store.setText(self.context.store_location)
        except TunesmithError as error:
            self._failed(error)

    def _reveal(self) -> None:
        if self.store.text():
            path = Path(self.store.text().removeprefix("sqlite:///"))
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.expanduser().absolute().parent)))

    # ------------------------------------------------------------- shared

    def _section(self, title: str) -> QVBoxLayout:
        self._column.addWidget(label(title, "section"))
        frame = QFrame()
        frame.setProperty("role", "surface")
        box = QVBoxLayout(frame)
        box.setContentsMargins(GRID * 2, GRID * 2, GRID * 2, GRID * 2)
        box.setSpacing(GRID)
        self._column.addWidget(frame)
        self._column.addSpacing(GRID)
        return box

    def _do(self, call: Callable[[], None]) -> None:
        self._tasks.run(call, self._done, self._failed)

    def _done(self, _nothing: object) -> None:
        self.refresh()

    def _failed(self, error: TunesmithError) -> None:
        self.message.show_error(error)
