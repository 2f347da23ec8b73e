"""Own the dialog that exports profiles: format, preview, what gets lost, copy and save."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from tunesmith.errors import TunesmithError
from tunesmith.export.job import Options, Shell
from tunesmith.export.targets import TARGETS
from tunesmith.gui.fields import Section
from tunesmith.gui.page import button, label
from tunesmith.gui.theme import GRID
from tunesmith.presentation.export_text import loss_lines
from tunesmith.services.export import export
from tunesmith.wording import tr, trn

if TYPE_CHECKING:
    from tunesmith.domain.prices import Prices
    from tunesmith.domain.profile import TunedProfile
    from tunesmith.export.job import Exported

FIRST = "json"
_SHELLS: dict[Shell, str] = {"posix": tr("POSIX shell"), "powershell": "PowerShell", "cmd": "cmd.exe"}
_FOR_SHELLS = ("llama-server", "docker-run", "llama-swap")
_last_format = [FIRST]
"""What was exported last, offered first."""

Save = Callable[["Exported", str], None]


class ExportDialog(QDialog):
    """Shows an export before it is saved or copied; Escape closes it."""

    def __init__(
        self,
        parent: QWidget,
        profiles: Sequence[TunedProfile],
        *,
        save: Save,
        say: Callable[[str], None],
        prices: Prices | None = None,
    ) -> None:
        """The dialog over one profile, or over several for the formats that hold several.

        Args:
            parent: the window or page it belongs to.
            profiles: what is exported, at least one.
            save: writes an export to a path.
            say: tells what was done.
            prices: what tokens cost can be noted at these; None where nobody entered any.
        """
        super().__init__(parent)
        self._profiles = profiles
        self._save = save
        self._say = say
        self._prices = prices if prices is not None and prices.costs_anything else None
        self.exported: Exported | None = None
        self.setWindowTitle(tr("Export"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(720, 600)
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID * 2, GRID * 2, GRID * 2, GRID * 2)
        column.setSpacing(GRID)
        column.addWidget(self._heading())
        column.addWidget(self._choices())
        self.preview = QPlainTextEdit()
        self.preview.setReadOnly(True)
        self.preview.setAccessibleName(tr("Preview"))
        self.preview.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.preview.setTabChangesFocus(True)
        self.preview.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        column.addWidget(self.preview, 1)
        self.note = label("", "secondary", wrap=True, selectable=True)
        column.addWidget(self.note)
        column.addLayout(self._buttons())
        self._show()

    @property
    def _several(self) -> bool:
        return len(self._profiles) > 1

    def _heading(self) -> QLabel:
        if not self._several:
            return label(self._profiles[0].name, "section", wrap=True)
        count = len(self._profiles)
        made = label(
            trn("{count} profile in one file", "{count} profiles in one file", count), "section", wrap=True
        )
        made.setToolTip("\n".join(one.name for one in self._profiles))
        return made

    def _choices(self) -> Section:
        section = Section("")
        self.format = QComboBox()
        for name, target in TARGETS.items():
            if target.SEVERAL or not self._several:
                self.format.addItem(target.TITLE, name)
        self.format.setCurrentIndex(max(0, self.format.findData(_last_format[0])))
        self.shell = QComboBox()
        for shell, title in _SHELLS.items():
            self.shell.addItem(title, shell)
        self.model = QLineEdit("" if self._several else self._profiles[0].model.header.path)
        self.model.setClearButtonEnabled(False)
        if self._several:
            self.model.setPlaceholderText(tr("Each where it lies here"))
        section.add(tr("Format"), self.format)
        section.add(tr("Shell"), self.shell, tip=tr("Whose rules the command is quoted by."))
        section.add(
            tr("Model there"), self.model, tip=tr("Where the model lies on the machine that will use this.")
        )
        self.cost = QCheckBox(tr("Note what tokens cost"))
        self.cost.setEnabled(self._prices is not None)
        self.cost.setToolTip(
            tr("At the prices of What tokens cost, as a comment or metadata")
            if self._prices is not None
            else tr("Enter prices first: What tokens cost, on a profile")
        )
        section.add_under(self.cost)
        self.cost.toggled.connect(self._show)
        self.format.currentIndexChanged.connect(self._show)
        self.shell.currentIndexChanged.connect(self._show)
        self.model.textChanged.connect(self._show)
        return section

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(GRID)
        self.close_button = button(tr("Close"), "quiet")
        self.close_button.clicked.connect(self.close)
        self.copy_button = button(tr("Copy"), tip=tr("Copy what is shown."))
        self.copy_button.clicked.connect(self._copy)
        self.save_button = button(tr("Save…"), "primary", tip=tr("Write what is shown to a file."))
        self.save_button.clicked.connect(self.ask_where_to)
        self.save_button.setDefault(True)
        for made in (self.close_button, self.copy_button):
            made.setAutoDefault(False)
        row.addWidget(self.close_button)
        row.addStretch()
        row.addWidget(self.copy_button)
        row.addWidget(self.save_button)
        return row

    def _show(self) -> None:
        """Make the export anew; what cannot be written is said in its place."""
        name = str(self.format.currentData())
        self.shell.setEnabled(name in _FOR_SHELLS)
        self.model.setEnabled(name != "json" and not self._several)
        options = Options(shell=self.shell.currentData())
        self.exported = None
        try:
            self.exported = export(
                self._profiles, TARGETS[name], options, model_path=self.model.text() or None,
                prices=self._prices if self.cost.isChecked() else None,
            )  # fmt: skip
        except TunesmithError as error:
            self.preview.setPlainText("")
            self.note.setText(str(error))
        else:
            self.preview.setPlainText(self.exported.text)
            self.note.setText("\n".join((*loss_lines(self.exported), *self.exported.notes)))
        self.note.setVisible(bool(self.note.text()))
        self.copy_button.setEnabled(self.exported is not None)
        self.save_button.setEnabled(self.exported is not None)

    def _copy(self) -> None:
        if self.exported is not None:
            _last_format[0] = str(self.format.currentData())
            QGuiApplication.clipboard().setText(self.exported.text)
            self._say(tr("What was exported is on the clipboard."))

    def ask_where_to(self) -> None:
        """Ask for a file and write what is shown."""
        if self.exported is None:
            return
        exported = self.exported
        dialog = QFileDialog(self, tr("Export profiles") if self._several else tr("Export profile"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters([tr("All files") + " (*)"])
        dialog.selectFile(exported.file_name)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self._saved(exported, path))
        dialog.open()

    def _saved(self, exported: Exported, path: str) -> None:
        _last_format[0] = str(self.format.currentData())
        self._save(exported, path)
        self.close()
