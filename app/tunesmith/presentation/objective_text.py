"""Own what is said of an objective beside its name: what given watts mean for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunesmith.presentation.numbers import figures
from tunesmith.tuning.expense import Expense
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.energy import GivenPower
    from tunesmith.domain.workload import Objective


def given_note(objective: Objective, given: GivenPower | None) -> str:
    """That watts which were named tell candidates apart by time alone; empty where they do not decide."""
    if objective.name not in ("efficiency", "cost"):
        return ""
    if objective.name == "cost" and (objective.prices is None or not objective.prices.costs_anything):
        return ""  # it is refused
    if not objective.takes_energy:
        return tr("Without a price of electricity, what tokens cost orders candidates as speed does.")
    watts = Expense(objective, given).load_watts
    if watts is None:
        return ""
    values = {"watts": figures(watts, 3)}
    if objective.name == "cost":
        return tr(
            "Every candidate counts with the {watts} W that were given, so that what tokens cost orders them "
            "as speed does.",
            **values,
        )
    return tr(
        "Every candidate counts with the {watts} W that were given, so that tokens per joule order them as "
        "speed does.",
        **values,
    )
