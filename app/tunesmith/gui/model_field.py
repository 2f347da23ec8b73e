"""Own the field for a model's file: its path, a dialog to choose it, and what its header says."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QWidget

from tunesmith.domain.model import ModelHeader
from tunesmith.errors import TunesmithError
from tunesmith.gui.background import Task
from tunesmith.gui.page import button, label
from tunesmith.gui.theme import GRID
from tunesmith.presentation.numbers import bytes_text
from tunesmith.wording import tr

_PATIENCE_MS = 300
"""How long the path must rest before the file is looked at."""


class ModelField(QWidget):
    """A path that may be typed, chosen or put in; the header is read off the UI thread."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._reading: Task | None = None
        self.model_name = ""
        """What the header calls the model; empty until it was read."""
        self.path = QLineEdit()
        self.path.setPlaceholderText(tr("Path of a GGUF file"))
        self.path.setAccessibleName(tr("Model file"))
        self.path.textChanged.connect(self._edited)
        choose = button(tr("Choose…"), tip=tr("Choose a GGUF file."))
        choose.clicked.connect(self._choose)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID)
        row.addWidget(self.path, 1)
        row.addWidget(choose)
        self.setFocusProxy(self.path)
        self.facts = label("", "small", wrap=True)
        """To be put below the field; hidden while there is nothing to say."""
        self.facts.hide()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_PATIENCE_MS)
        self._later.timeout.connect(self._read)

    def _edited(self) -> None:
        self.model_name = ""
        self._tell("")
        self._later.start()
        self.changed.emit()

    def _read(self) -> None:
        path = self.path.text().strip()
        if not path:
            return

        def read() -> tuple[str, ModelHeader]:
            from tunesmith.services.context import read_model

            return path, read_model(str(Path(path).expanduser()))

        self._reading = Task(read)
        self._reading.done.connect(self._show)
        self._reading.failed.connect(self._show_error)
        self._reading.start()

    def _show(self, found: tuple[str, ModelHeader]) -> None:
        path, header = found
        if path != self.path.text().strip():
            return
        self.model_name = header.name or Path(path).stem
        facts = (self.model_name, header.quantization, bytes_text(header.file_bytes))
        self._tell(" · ".join(fact for fact in facts if fact))
        self.changed.emit()

    def _show_error(self, error: TunesmithError) -> None:
        self._tell(str(error))

    def _tell(self, text: str) -> None:
        self.facts.setText(text)
        self.facts.setVisible(bool(text))

    def _choose(self) -> None:
        dialog = QFileDialog(self, tr("Choose a model"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([tr("GGUF models (*.gguf)"), tr("All files (*)")])
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.path.setText)
        dialog.open()
