"""Own setting what a widget shows only where it differs, which spares a layout and a repaint."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel, QProgressBar


def say(widget: QLabel, text: str) -> None:
    """Set a label's text."""
    if widget.text() != text:
        widget.setText(text)


def fill(bar: QProgressBar, value: int) -> None:
    """Set a bar's value, and let it be drawn with the rest, not at once by itself."""
    if bar.value() != value:
        bar.setUpdatesEnabled(False)
        bar.setValue(value)
        bar.setUpdatesEnabled(True)
