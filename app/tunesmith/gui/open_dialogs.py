"""Own the system's dialogs that ask for model files and folders."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget

from tunesmith.wording import tr


def ask_for_models(parent: QWidget, done: Callable[[list[str]], object]) -> None:
    """Ask for one or more model files; ``done`` gets their paths."""
    dialog = QFileDialog(parent, tr("Open model"))
    dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
    dialog.setNameFilters([tr("GGUF models (*.gguf)"), tr("All files (*)")])
    _open(dialog, done)


def ask_for_folder(parent: QWidget, done: Callable[[list[str]], object], *, title: str = "") -> None:
    """Ask for a folder, one to watch unless the title says otherwise; ``done`` gets its path in a list."""
    dialog = QFileDialog(parent, title or tr("Add folder"))
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    _open(dialog, done)


def _open(dialog: QFileDialog, done: Callable[[list[str]], object]) -> None:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.filesSelected.connect(done)
    dialog.open()
