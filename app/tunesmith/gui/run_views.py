"""Own the views of a run that a page opens in its own place: roofline, Pareto plot, energy."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeVar, assert_never, get_args

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from tunesmith.gui.energy import EnergyPanel
    from tunesmith.gui.page import Page
    from tunesmith.gui.roofline import RooflinePanel
    from tunesmith.gui.tradeoff import TradeoffPanel

    _Panel = TypeVar("_Panel", RooflinePanel, TradeoffPanel, EnergyPanel)

ViewName = Literal["roofline", "tradeoff", "energy"]
VIEW_NAMES: tuple[ViewName, ...] = get_args(ViewName)


class RunViews(QObject):
    """Makes each view, and imports what draws it, when it is first needed."""

    left = Signal()
    """Go back to what was shown before."""

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self._page = page
        self.made: list[QWidget] = []

    def view(self, name: ViewName) -> RooflinePanel | TradeoffPanel | EnergyPanel:
        """The view of a name."""
        match name:
            case "roofline":
                return self.roofline
            case "tradeoff":
                return self.tradeoff
            case "energy":
                return self.energy
            case _:
                assert_never(name)

    @cached_property
    def roofline(self) -> RooflinePanel:
        """Where candidates stand below the machine's roof."""
        from tunesmith.gui.roofline import RooflinePanel

        return self._add(RooflinePanel(self._page.context))

    @cached_property
    def tradeoff(self) -> TradeoffPanel:
        """Candidates' speed against what they take."""
        from tunesmith.gui.tradeoff import TradeoffPanel

        return self._add(TradeoffPanel(self._page.context))

    @cached_property
    def energy(self) -> EnergyPanel:
        """What defaults and winner took, part by part."""
        from tunesmith.gui.energy import EnergyPanel

        return self._add(EnergyPanel(self._page.context))

    def _add(self, panel: _Panel) -> _Panel:
        panel.left.connect(self.left)
        self._page.add_state(panel)
        self.made.append(panel)
        return panel
