"""Own what pages with a run share: presets for their form, their buttons, pause and stop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from PySide6.QtWidgets import QPushButton

from tunesmith.errors import TunesmithError
from tunesmith.gui.page import Page, button
from tunesmith.gui.plan_form import PlanForm
from tunesmith.gui.session_run import SessionRun
from tunesmith.gui.widgets.titles import retitle
from tunesmith.services.presets import DEFAULT_PRESET, load_preset, load_presets
from tunesmith.wording import tr


class RunPage(Page):
    """A form, a run that is started from it, and what comes of it."""

    state: str
    setup: PlanForm
    run: SessionRun
    back_button: QPushButton
    start_button: QPushButton

    def _load_presets(self) -> dict[str, Any]:
        try:
            return load_presets()
        except TunesmithError as error:  # a bad file among the user's own does no harm
            self.message.show_error(error)
            return {DEFAULT_PRESET: load_preset(DEFAULT_PRESET)}

    def _make_run_buttons(self, *, pause_tip: str, stop_tip: str) -> None:
        self.pause_button = button(tr("Pause"), tip=pause_tip)
        self.stop_button = button(tr("Stop"), tip=stop_tip)

    def _place_buttons(self, buttons: Iterable[tuple[QPushButton, Callable[[], object]]]) -> None:
        """Put buttons into the page's head, from the left, each with what it does."""
        for made, call in buttons:
            made.clicked.connect(lambda _checked=False, call=call: call())
            self.add_action(made)

    def _set_busy(self, _on: bool) -> None:  # noqa: FBT001 (a slot)
        self._enable()

    def _enable(self) -> None:
        """Show the buttons that make sense now."""
        going = self.state == "running"
        self.start_button.setVisible(self.state == "setup")
        self.start_button.setEnabled(self.setup.ready and not self.context.busy)
        self.pause_button.setVisible(going)
        retitle(self.pause_button, tr("Resume") if self.run.paused else tr("Pause"))
        self.stop_button.setVisible(going)

    def _toggle_pause(self) -> None:
        if self.run.paused:
            self.run.proceed()
        else:
            self.run.pause()
        self._enable()
        self._refresh()

    def _stop(self) -> None:
        self.stop_button.setEnabled(False)
        self.run.cancel()

    def _refresh(self) -> None:
        """Draw what is new."""
        raise NotImplementedError
