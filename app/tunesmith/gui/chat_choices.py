"""Own the choices over a chat: under which settings, beside the defaults or not, and which words."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QSizePolicy, QWidget

from tunesmith.domain.profile import TunedProfile
from tunesmith.gui.theme import GRID
from tunesmith.gui.widgets.elided import ElidedChoice
from tunesmith.presentation.chat import ALTERNATION, profile_words
from tunesmith.presentation.numbers import number
from tunesmith.wording import tr

_WIDEST = 400
_VARIED = 0.8
"""Temperature of varied words; the other values of sampling are the worker's own defaults."""


class ChatChoices(QWidget):
    """The defaults and a model's profiles to choose from."""

    changed = Signal()
    """Other settings are to be talked under."""

    def __init__(self) -> None:
        super().__init__()
        self._first: TunedProfile | None = None
        self.settings_box = ElidedChoice()
        self.settings_box.setAccessibleName(tr("Settings"))
        self.settings_box.setMinimumContentsLength(18)
        self.settings_box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.settings_box.setMaximumWidth(_WIDEST)
        self.beside = QCheckBox(tr("Beside the defaults"))
        self.beside.setToolTip(ALTERNATION)
        self.words_box = QComboBox()
        self.words_box.setAccessibleName(tr("Choice of words"))
        self.words_box.addItem(tr("Varied words"), _VARIED)
        self.words_box.addItem(tr("Likeliest words"), 0.0)
        self.words_box.setToolTip(
            tr(
                "Varied: temperature {temperature}, top-k 40, top-p {top_p}. Likeliest: always the first.",
                temperature=number(_VARIED, spread=0.1),
                top_p=number(0.95, spread=0.01),
            )
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID * 2)
        for choice in (self.settings_box, self.beside, self.words_box):
            row.addWidget(choice, 4 if choice is self.settings_box else 0)
        row.addStretch(1)
        self.settings_box.currentIndexChanged.connect(self._choose)
        self.beside.toggled.connect(lambda _on: self.changed.emit())

    def begin(self, profile: TunedProfile | None) -> None:
        """Offer the defaults and a profile, which is chosen, for another model; without a signal."""
        self._first = profile
        self._fill([profile] if profile is not None else [], chosen=profile)

    def offer(self, profiles: Sequence[TunedProfile]) -> None:
        """Offer the defaults and these profiles, in this order; what is chosen stays so, without a signal.

        The profile it was begun with and the one that is chosen are offered even if they are not among
        these: the model may have been moved since, or a profile been deleted.
        """
        chosen = self.profile
        known = {one.id for one in profiles}
        kept = {one.id: one for one in (self._first, chosen) if one is not None and one.id not in known}
        self._fill([*kept.values(), *profiles], chosen=chosen)

    def _fill(self, profiles: Sequence[TunedProfile], *, chosen: TunedProfile | None) -> None:
        self.settings_box.blockSignals(True)  # noqa: FBT003 (Qt's name)
        self.settings_box.clear()
        self.settings_box.addItem(tr("llama.cpp's defaults"), None)
        for place, profile in enumerate(profiles, start=1):
            self.settings_box.addItem(profile.name, profile)
            self.settings_box.setItemData(place, profile_words(profile), Qt.ItemDataRole.ToolTipRole)
            if chosen is not None and profile.id == chosen.id:
                self.settings_box.setCurrentIndex(place)
        self.settings_box.blockSignals(False)  # noqa: FBT003 (Qt's name)
        self._enable()

    @property
    def profile(self) -> TunedProfile | None:
        """The profile that is chosen; None for the defaults."""
        chosen: TunedProfile | None = self.settings_box.currentData()
        return chosen

    @property
    def both(self) -> bool:
        """Whether the defaults are to answer as well."""
        return self.beside.isChecked() and self.profile is not None

    @property
    def temperature(self) -> float:
        """Of the choice of words; 0 takes the likeliest."""
        return float(self.words_box.currentData())

    def _choose(self) -> None:
        self._enable()
        self.changed.emit()

    def _enable(self) -> None:
        self.beside.setVisible(self.settings_box.count() > 1)
        self.beside.setEnabled(self.profile is not None)
        self.settings_box.setToolTip(
            profile_words(self.profile) if self.profile else tr("What llama.cpp does when it is told nothing")
        )
