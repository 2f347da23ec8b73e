"""Own what the user pays and assumes: electricity, hardware, how much of its time is used."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field, model_validator

from tunesmith.domain.base import Value

DAYS_PER_YEAR = Decimal("365.25")
JOULES_PER_KWH = 3_600_000

Amount = Annotated[Decimal, Field(strict=False)]
"""Also a number of TOML or JSON."""


class Prices(Value):
    """What the user pays and assumes; None where nothing was said. Amounts are in one currency."""

    currency: str = Field(default="USD", pattern="^[A-Z]{3}$")
    """ISO 4217."""
    electricity: Amount | None = Field(default=None, ge=0, le=Decimal(10) ** 9)
    """A kilowatt-hour."""
    hardware: Amount | None = Field(default=None, ge=0, le=Decimal(10) ** 12)
    """The machine, or what is added to it for this."""
    years: Amount = Field(default=Decimal(4), ge=Decimal("0.001"), le=100)
    """How long the hardware is used until it is worth nothing."""
    hours_per_day: Amount = Field(default=Decimal(24), ge=Decimal("0.001"), le=24)
    """How long it is on."""
    utilisation: Amount = Field(default=Decimal(1), ge=Decimal("0.00001"), le=1)
    """The share of the time it is on in which it makes tokens."""
    load_watts: Amount | None = Field(default=None, ge=0, le=Decimal(10) ** 6)
    """What it draws while it makes tokens, as the user names it; else what the profile measured counts."""
    idle_watts: Amount | None = Field(default=None, ge=0, le=Decimal(10) ** 6)
    """What it draws while it is on and waits, as the user names it; else what the profile measured counts."""
    api_input: Amount | None = Field(default=None, ge=0, le=Decimal(10) ** 9)
    """What somebody else takes for a million input tokens."""
    api_output: Amount | None = Field(default=None, ge=0, le=Decimal(10) ** 9)
    """What somebody else takes for a million output tokens."""

    @model_validator(mode="after")
    def _check(self) -> Prices:
        if self.load_watts is not None and self.idle_watts is not None and self.idle_watts > self.load_watts:
            msg = "idle_watts is above load_watts"
            raise ValueError(msg)
        return self

    @property
    def busy_hours(self) -> Decimal:
        """Hours in which it makes tokens, over all its years."""
        return self.years * DAYS_PER_YEAR * self.hours_per_day * self.utilisation

    @property
    def idle_per_busy(self) -> Decimal:
        """Seconds it waits for each second that it makes tokens."""
        return (1 - self.utilisation) / self.utilisation

    @property
    def takes_energy(self) -> bool:
        """Whether what tokens cost depends on what the machine draws."""
        return bool(self.electricity)

    @property
    def takes_idle(self) -> bool:
        """Whether it depends on what the machine draws while it waits."""
        return self.takes_energy and self.utilisation < 1

    @property
    def costs_anything(self) -> bool:
        """Whether any price is above nothing."""
        return bool(self.electricity or self.hardware)

    def busy_second(self, load_watts: float, idle_watts: float) -> float:
        """What a second in which tokens are made costs, idle time and hardware that it has to bear included.

        The same three parts as in :mod:`tunesmith.domain.cost`.

        Args:
            load_watts: while tokens are made.
            idle_watts: while the machine waits; it counts only where utilisation is below one.
        """
        kilowatt_hours = (load_watts + idle_watts * float(self.idle_per_busy)) / JOULES_PER_KWH
        hardware = float((self.hardware or 0) / self.busy_hours) / 3600
        return kilowatt_hours * float(self.electricity or 0) + hardware
