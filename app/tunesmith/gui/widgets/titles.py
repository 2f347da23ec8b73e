"""Own what a button is called once it does something else."""

from __future__ import annotations

from PySide6.QtWidgets import QAbstractButton


def retitle(button: QAbstractButton, text: str) -> None:
    """Say another text, also to those who do not see it."""
    button.setText(text)
    button.setAccessibleName(text)
