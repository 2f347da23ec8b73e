"""Own the Settings page: theme, language, units, folders that are watched, the store, newer versions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from PySide6.QtCore import QLocale, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from tunesmith import wording
from tunesmith.errors import TunesmithError
from tunesmith.gui.background import Tasks
from tunesmith.gui.choice_row import ChoiceRow
from tunesmith.gui.context import AppContext
from tunesmith.gui.language import SYSTEM, resolved
from tunesmith.gui.open_dialogs import ask_for_folder
from tunesmith.gui.page import Page, button, label
from tunesmith.gui.theme import GRID
from tunesmith.settings import (
    PREFERENCES_FILE,
    Preferences,
    Theme,
    load_preferences,
    save_preferences,
)
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.services.model_places import Place
    from tunesmith.services.watched import Watched

_WIDTH = 720


class SettingsPage(Page):
    """What the user prefers; every change holds at once."""

    name = "settings"
    title = tr("Settings")

    def __init__(self, context: AppContext) -> None:
        super().__init__(context)
        self._tasks = Tasks(self)
        self._keeping = threading.Lock()
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        inner = QWidget()
        inner.setMaximumWidth(_WIDTH)
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(0, 0, GRID, GRID * 2)
        self._column.setSpacing(GRID)
        preferences = self._preferences()
        self._add_theme()
        self._add_language(preferences.language)
        self._add_units(preferences.units)
        self._note_changes()
        self._add_folders()
        self._add_store()
        self._add_updates(wanted=preferences.update_notice)
        self._column.addStretch()
        area.setWidget(inner)
        self.add_state(area)

    # ------------------------------------------------------------- choices

    def _add_theme(self) -> None:
        themes: dict[Theme, tuple[str, str]] = {
            "system": (tr("As the system"), tr("Follow the system, also when it changes by the time of day")),
            "light": (tr("Light"), tr("Always light")),
            "dark": (tr("Dark"), tr("Always dark")),
        }
        row = ChoiceRow(
            themes, self.context.theme.mode, spoken=lambda text: tr("Theme: {name}", name=text),
            take=self._theme_chosen,
        )  # fmt: skip
        self.themes = row.buttons
        self._section(tr("Appearance")).addWidget(row)

    def _theme_chosen(self, mode: Theme) -> None:
        self.context.theme.set_mode(mode)
        self._keep(theme=mode)

    def _add_language(self, preferred: str) -> None:
        languages = {SYSTEM: (tr("As the system"), "")}
        languages |= {code: (name, "") for code, name in wording.LANGUAGES.items()}
        code = preferred if preferred == SYSTEM else wording.base_language(preferred)
        row = ChoiceRow(
            languages, code if code in languages else wording.SOURCE,
            spoken=lambda text: tr("Language: {name}", name=text), take=self._language_chosen,
        )  # fmt: skip
        self.languages = row.buttons
        self.language_note = self._add_choice(tr("Language"), row)

    def _language_chosen(self, code: str) -> None:
        self._keep(language=code)
        self._note_changes()

    def _add_units(self, preferred: wording.Units) -> None:
        units: dict[wording.Units, tuple[str, str]] = {
            "binary": ("GiB", tr("1 GiB is 1024³ bytes, as most systems count memory")),
            "decimal": ("GB", tr("1 GB is 1000³ bytes, as makers of disks count")),
        }
        row = ChoiceRow(
            units, preferred, spoken=lambda text: tr("Unit of memory: {name}", name=text),
            take=self._units_chosen,
        )  # fmt: skip
        self.units = row.buttons
        self.units_note = self._add_choice(tr("Unit of memory"), row)

    def _units_chosen(self, units: wording.Units) -> None:
        self._keep(units=units)
        self._note_changes()

    def _add_choice(self, title: str, row: QWidget) -> QLabel:
        box = self._section(title)
        box.addWidget(row)
        note = label(tr("Takes effect when Tunesmith is opened again."), "small")
        note.hide()
        box.addWidget(note)
        return note

    def _note_changes(self) -> None:
        chosen = next(code for code, one in self.languages.items() if one.isChecked())
        units = next(units for units, one in self.units.items() if one.isChecked())
        self.language_note.setVisible(resolved(chosen, QLocale.system().uiLanguages()) != wording.language())
        self.units_note.setVisible(units != wording.units())

    def _preferences(self) -> Preferences:
        try:
            return load_preferences(self.context.folders.config)
        except TunesmithError:  # told when it matters: when something is to be kept
            return Preferences()

    def _keep(self, **changed: str | bool) -> None:
        config = self.context.folders.config

        def keep() -> None:
            with self._keeping:  # two choices may follow each other quickly
                save_preferences(config, replace(load_preferences(config), **changed))  # type: ignore[arg-type]

        self._do(keep)

    # ------------------------------------------------------------- folders

    def _add_folders(self) -> None:
        box = self._section(tr("Model folders"))
        box.addWidget(
            label(
                tr("Tunesmith looks for GGUF files in these folders and in those below them."),
                "secondary",
                wrap=True,
            )
        )
        self.folders = QListWidget()
        self.folders.setAccessibleName(tr("Watched folders"))
        self.folders.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.folders.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.folders.setFixedHeight(128)
        self.folders.itemSelectionChanged.connect(self._selection_changed)
        box.addWidget(self.folders)
        row = QHBoxLayout()
        row.setSpacing(GRID)
        add = button(tr("Add folder…"))
        add.clicked.connect(lambda: ask_for_folder(self, self._add))
        self.remove = button(tr("Remove"), tip=tr("Look there no more; nothing on the disk is deleted"))
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
            item = QListWidgetItem(tr("No folders yet. Drop one on the window, or add it here."))
            item.setFlags(Qt.ItemFlag.NoItemFlags)
            self.folders.addItem(item)
        listed = "\n".join(f"{place.name}: {place.path}" for place in places)
        self.known.setText(f"{tr('Also looked through, since they are here:')}\n{listed}" if listed else "")
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
        box = self._section(tr("Profiles and runs"))
        box.addWidget(
            label(
                tr("Everything measured is kept in this file; nothing leaves the machine."),
                "secondary",
                wrap=True,
            )
        )
        row = QHBoxLayout()
        row.setSpacing(GRID)
        self.store = label("", selectable=True, wrap=True)
        row.addWidget(self.store, 1)
        reveal = button(tr("Reveal"), tip=tr("Show the folder in the file manager"))
        reveal.clicked.connect(self._reveal)
        row.addWidget(reveal, alignment=Qt.AlignmentFlag.AlignTop)
        box.addLayout(row)
        config = self.context.folders.config / PREFERENCES_FILE
        hint = tr('To keep it elsewhere, set store = "path" in {file}.', file=config)
        box.addWidget(label(hint, "small", wrap=True, selectable=True))

    def _show_store(self) -> None:
        try:
            self.store.setText(self.context.store_location)
        except TunesmithError as error:
            self._failed(error)

    def _reveal(self) -> None:
        if self.store.text():
            path = Path(self.store.text().removeprefix("sqlite:///"))
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.expanduser().absolute().parent)))

    # ------------------------------------------------------------- updates

    def _add_updates(self, *, wanted: bool) -> None:
        from tunesmith.services import updates

        box = self._section(tr("Newer versions"))
        self.updates = QCheckBox(tr("Tell me when a newer version is out"))
        self.updates.setChecked(wanted)
        self.updates.toggled.connect(self._updates_chosen)
        box.addWidget(self.updates)
        if updates.RELEASES is None:
            self.updates.setEnabled(False)
            told = updates.not_set_up()
        else:
            told = tr(
                "Then {host} is asked once a day for the list of releases, never during a run. Nothing but "
                "the request is sent. Otherwise nobody is asked.",
                host=urlsplit(updates.RELEASES.feed).hostname,
            )
        self.updates_note = label(told, "small", wrap=True)
        box.addWidget(self.updates_note)

    def _updates_chosen(self, on: bool) -> None:  # noqa: FBT001 (a slot)
        self._keep(update_notice=on)
        self.context.bus.update_notice_changed.emit(on)

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
