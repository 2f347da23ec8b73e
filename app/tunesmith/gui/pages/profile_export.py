"""Own exporting profiles from a page: the dialog, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from tunesmith.gui.columns import window_settings
from tunesmith.gui.context import AppContext
from tunesmith.gui.widgets.asking import Asker
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.profile import TunedProfile
    from tunesmith.export.job import Exported

JSON_FILES = tr("Profiles") + " (*.json)"


class ProfileExport(QObject):
    """Exports profiles on behalf of a page."""

    def __init__(self, page: QWidget, context: AppContext, asker: Asker) -> None:
        super().__init__(page)
        self._page = page
        self._context = context
        self._asker = asker

    def show(self, profile: TunedProfile) -> None:
        """Open the dialog over a profile."""
        self._open([profile])

    def show_several(self, ids: Sequence[str]) -> None:
        """Open the dialog over several stored profiles, for the formats that hold several."""
        self._asker.ask(lambda: [self._context.store.profile(one) for one in ids], self._open)

    def _open(self, profiles: Sequence[TunedProfile]) -> None:
        from tunesmith.gui.export_dialog import ExportDialog
        from tunesmith.gui.price_form import remembered_prices

        prices = remembered_prices(window_settings(self._context.folders.config, self))
        dialog = ExportDialog(
            self._page, profiles, save=self.write, say=self._context.bus.message.emit, prices=prices
        )
        dialog.open()

    def write(self, exported: Exported, path: str) -> None:
        """Write an export to a file."""
        from tunesmith.services.export import write_export

        self._asker.ask(
            lambda: write_export(exported, Path(path)),
            lambda _none: self._context.bus.message.emit(tr("Exported to {path}.", path=path)),
        )
