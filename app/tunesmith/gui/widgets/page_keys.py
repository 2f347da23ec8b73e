"""Own which keys are commands of the page around a field, so that the field does not edit with them."""

from __future__ import annotations

from PySide6.QtCore import QEvent
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractButton, QWidget


def claimed(field: QWidget, event: QEvent) -> bool:
    """Whether a key belongs to a command of what the field lies in, rather than to the field.

    Qt asks the field first, by a ShortcutOverride, and on X11 fields take Emacs' keys as well.
    """
    if not isinstance(event, QKeyEvent):
        return False
    keys = QKeySequence(event.keyCombination())
    around = field.parentWidget()
    while around is not None:
        if any(keys in action.shortcuts() and action.isEnabled() for action in around.actions()):
            return True
        buttons = around.findChildren(QAbstractButton)
        if any(one.shortcut() == keys and one.isVisible() and one.isEnabled() for one in buttons):
            return True
        around = around.parentWidget()
    return False
