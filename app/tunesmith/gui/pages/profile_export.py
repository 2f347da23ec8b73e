"""Own writing a profile's JSON file from the window: where to is asked, what came of it is told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QFileDialog, QWidget

from tunesmith.gui.context import AppContext
from tunesmith.gui.widgets.asking import Asker
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.profile import TunedProfile

JSON_FILES = tr("Profiles") + " (*.json)"


class ProfileExport(QObject):
    """Exports profiles on behalf of a page."""

    def __init__(self, page: QWidget, context: AppContext, asker: Asker) -> None:
        super().__init__(page)
        self._page = page
        self._context = context
        self._asker = asker

    def ask_where_to(self, profile: TunedProfile) -> None:
        """Ask where a profile's JSON file shall lie, and write it."""
        from tunesmith.services.profile_files import file_name

        dialog = QFileDialog(self._page, tr("Export profile"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters([JSON_FILES])
        dialog.setDefaultSuffix("json")
        dialog.selectFile(file_name(profile))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self.write(profile, path))
        dialog.open()

    def write(self, profile: TunedProfile, path: str) -> None:
        """Write a profile's JSON file."""
        from tunesmith.services.profile_files import write_profile

        self._asker.ask(
            lambda: write_profile(profile, Path(path)),
            lambda _none: self._context.bus.message.emit(tr("Exported to {path}.", path=path)),
        )
