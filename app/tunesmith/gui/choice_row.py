"""Own a few choices side by side, one of which holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QRadioButton, QWidget

from tunesmith.gui.theme import GRID

V = TypeVar("V", bound=str)


class ChoiceRow(QWidget, Generic[V]):
    """Radio buttons in a row."""

    def __init__(
        self,
        choices: Mapping[V, tuple[str, str]],
        chosen: V,
        *,
        spoken: Callable[[str], str],
        take: Callable[[V], object],
    ) -> None:
        """Show choices.

        Args:
            choices: by value, each one's text and tooltip; an empty tooltip is none.
            chosen: the value that holds.
            spoken: the accessible name of a choice, made of its text.
            take: told the value when the user chooses one.
        """
        super().__init__()
        self.buttons: dict[V, QRadioButton] = {}
        self._group = QButtonGroup(self)
        self._take = take
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID * 3)
        for value, (text, tip) in choices.items():
            one = QRadioButton(text)
            one.setAccessibleName(spoken(text))
            one.setToolTip(tip)
            one.setChecked(value == chosen)
            self._group.addButton(one)
            self.buttons[value] = one
            row.addWidget(one)
        row.addStretch()
        self._group.buttonClicked.connect(self._clicked)

    @property
    def value(self) -> V:
        """What is chosen."""
        return next(value for value, one in self.buttons.items() if one.isChecked())

    def _clicked(self) -> None:
        self._take(self.value)
