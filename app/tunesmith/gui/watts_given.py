"""Own the fields for what the machine draws, where the user names it."""

from __future__ import annotations

from PySide6.QtCore import Signal

from tunesmith.domain.energy import GivenPower
from tunesmith.errors import UsageError
from tunesmith.gui.fields import Section, limit
from tunesmith.wording import tr

_MOST_WATTS = 100_000


class WattsGiven(Section):
    """Watts at work and idle; left alone, sensors are read."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__(tr("What the machine draws"))
        self.load, self.idle = (limit(_MOST_WATTS, unit="W", step=5, decimals=1) for _ in range(2))
        for words, field, tip in (
            (tr("At work"), self.load, tr("From the wall, as a wattmeter tells, while it makes tokens.")),
            (tr("Idle"), self.idle, tr("From the wall, on but waiting.")),
        ):
            field.setSpecialValueText(tr("By sensors"))
            self.add(words, field, tip=tip)
            field.valueChanged.connect(lambda _value: self.changed.emit())

    def given(self) -> GivenPower | None:
        """What is named; None where nothing is.

        Raises:
            UsageError: one of the two is missing, or the idle machine draws no less.
        """
        load, idle = self.load.value(), self.idle.value()
        if not load and not idle:
            return None
        if not idle or idle >= load:
            raise UsageError(tr("At work the machine draws more than when idle: name both watts."))
        return GivenPower(load_watts=load, idle_watts=idle)
