"""Own the words of what is proven of all candidates together."""

from __future__ import annotations

from tunesmith.domain.digits import percent
from tunesmith.domain.profile import Guarantee
from tunesmith.wording import tr


def guarantee_text(guarantee: Guarantee | None) -> str:
    """One sentence; empty where nothing was stated."""
    if guarantee is None or guarantee.candidates < 2:
        return ""
    count, sure = guarantee.candidates, percent(guarantee.confidence)
    if guarantee.bound is None:
        return tr(
            "How much better another of the {count} settings measured may be was not shown.", count=count
        )
    bound = percent(guarantee.bound, 1)
    if guarantee.bound < 0.0005:
        return tr("{sure} sure that none of the {count} settings measured is better.", sure=sure, count=count)
    if guarantee.holds:
        return tr(
            "{sure} sure that none of the {count} settings measured is better by more than {bound}.",
            sure=sure, count=count, bound=bound,
        )  # fmt: skip
    return tr(
        "{sure} sure that none of the {count} settings measured is better by more than {bound};"
        " the time did not allow to tell closer.",
        sure=sure, count=count, bound=bound,
    )  # fmt: skip
