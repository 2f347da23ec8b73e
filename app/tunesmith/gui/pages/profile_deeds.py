"""Own what can be done with profiles: each deed one call to a service, told of in place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from tunesmith.gui.context import AppContext
from tunesmith.gui.pages.profile_export import JSON_FILES, ProfileExport
from tunesmith.gui.widgets.asking import Asker
from tunesmith.gui.widgets.undo_bar import UndoBar
from tunesmith.wording import tr, trn

if TYPE_CHECKING:
    from tunesmith.domain.profile import TunedProfile
    from tunesmith.services.profile_files import Imported


class ProfileDeeds(QObject):
    """Changes profiles and says when the list is to be read again."""

    changed = Signal()
    noted = Signal(object)
    """A profile with its new notes."""
    made = Signal(list)
    """Ids of profiles that came or came back: worth showing."""

    def __init__(self, page: QWidget, context: AppContext, asker: Asker, undo_bar: UndoBar) -> None:
        super().__init__(page)
        self._page = page
        self._context = context
        self._asker = asker
        self._undo_bar = undo_bar
        self.export = ProfileExport(page, context, asker)

    def rename(self, profile_id: str, name: str) -> None:
        """Give a profile another name."""
        self._asker.ask(lambda: self._context.store.rename_profile(profile_id, name), change=True)
        self.changed.emit()  # also puts the old name back if it cannot be changed

    def set_notes(self, profile_id: str, notes: str) -> None:
        """Replace a profile's notes."""
        self._asker.ask(
            lambda: self._context.store.set_notes(profile_id, notes), self.noted.emit, change=True
        )

    def duplicate(self, profile: TunedProfile) -> None:
        """Make a copy with a name of its own."""
        from tunesmith.services.profile_files import duplicate_profile

        self._asker.ask(
            lambda: duplicate_profile(self._context.store, profile.id),
            lambda copy: self.made.emit([copy.id]),
        )

    def delete(self, profiles: Sequence[tuple[str, str]]) -> None:
        """Delete profiles, given by id and name, and offer to undo it."""
        if not profiles:
            return
        ids = [profile_id for profile_id, _name in profiles]

        def delete() -> None:
            for profile_id in ids:
                self._context.store.delete_profile(profile_id)

        text = (
            tr("Deleted {name}.", name=profiles[0][1])
            if len(ids) == 1
            else trn("Deleted {count} profile.", "Deleted {count} profiles.", len(ids))
        )
        self._asker.ask(
            delete,
            lambda _none: self._undo_bar.offer(text, lambda: self._bring_back(ids)),
            change=True,
        )
        self.changed.emit()

    def _bring_back(self, ids: list[str]) -> None:
        def undelete() -> None:
            for profile_id in ids:
                self._context.store.undelete_profile(profile_id)

        self._asker.ask(undelete, lambda _none: self.made.emit(ids), change=True)

    def copy_command(self, profile: TunedProfile) -> None:
        """Put the llama-server command of a profile on the clipboard."""
        from tunesmith.presentation.server_command import server_command

        QGuiApplication.clipboard().setText(server_command(profile.settings, profile.model.header.path))
        self._context.bus.message.emit(tr("The llama-server command is on the clipboard."))

    # ------------------------------------------------------------- elsewhere

    def try_it(self, profile: TunedProfile) -> None:
        """Chat under the profile's settings."""
        self._context.bus.show_page.emit("chat")  # makes the page, which then hears the rest
        self._context.bus.try_model.emit(profile.model.header.path, profile)

    def tune_again(self, profile: TunedProfile) -> None:
        """Set up another tune from this profile."""
        self._context.bus.show_page.emit("tune")
        self._context.bus.tune_again.emit(profile)

    def soak(self, profile: TunedProfile) -> None:
        """Set up a soak of the profile."""
        self._context.bus.show_page.emit("soak")
        self._context.bus.soak_profile.emit(profile)

    def show_history(self, profile: TunedProfile) -> None:
        """Replay the run that the profile came from."""
        self._context.bus.show_page.emit("tune")
        self._context.bus.show_run.emit(profile.run_id)

    # ------------------------------------------------------------- files

    def ask_what(self) -> None:
        """Ask for JSON files to import."""
        dialog = QFileDialog(self._page, tr("Import profiles"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.setNameFilters([JSON_FILES, tr("All files") + " (*)"])
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(self.import_files)
        dialog.open()

    def import_files(self, paths: list[str]) -> None:
        """Keep the profiles of some JSON files; what is wrong with one does not hinder the others."""
        for path in paths:
            self._import(Path(path))

    def _import(self, path: Path) -> None:
        from tunesmith.services.profile_files import import_profile

        self._asker.ask(lambda: import_profile(path, self._context.store), self._imported)

    def _imported(self, imported: Imported) -> None:
        profile = imported.profile
        text = tr("Imported {name}.", name=profile.name)
        if imported.known:
            text = tr("{name} was there already, and the same.", name=profile.name)
        elif imported.renumbered:
            text = tr("Imported {name} beside the profile that has its id.", name=profile.name)
        self._context.bus.message.emit(text)
        if not imported.known:
            self._context.bus.profile_saved.emit(profile.id)
        self.made.emit([profile.id])
