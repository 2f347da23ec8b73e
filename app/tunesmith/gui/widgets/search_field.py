"""Own the field that a list is searched with: named, and emptied by its cross or by Escape."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QToolButton

from tunesmith.gui.widgets.page_keys import claimed
from tunesmith.wording import tr


class SearchField(QLineEdit):
    """What is typed narrows a list at once."""

    def __init__(self, placeholder: str, name: str, width_px: int) -> None:
        """An empty field.

        Args:
            placeholder: what it shows while it is empty.
            name: what it is for those who do not see it.
            width_px: its width, pixels.
        """
        super().__init__()
        self.setPlaceholderText(placeholder)
        self.setAccessibleName(name)
        self.setFixedWidth(width_px)
        self.setClearButtonEnabled(True)
        for cross in self.findChildren(QToolButton):
            cross.setAccessibleName(tr("Clear the search"))
            cross.setToolTip(tr("Clear the search (Esc)"))

    def event(self, event: QEvent) -> bool:
        """Leave to the page's commands what is theirs: X11 has Ctrl+D, Ctrl+E and others edit a line too."""
        if event.type() == QEvent.Type.ShortcutOverride and claimed(self, event):
            event.ignore()
            return False
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's name)
        """Escape empties it; one that is empty leaves the key to others."""
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
            event.accept()
            return
        super().keyPressEvent(event)
