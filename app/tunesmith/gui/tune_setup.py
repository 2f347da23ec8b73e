"""Own the form of a tune that is about to start."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError
from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QWidget,
)

from tunesmith.domain.digits import memory_scale
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.request import SearchRules, TuneRequest
from tunesmith.domain.workload import BUDGETS, Constraints, Objective, ObjectiveName, Preset, Workload
from tunesmith.errors import UsageError
from tunesmith.gui.columns import window_settings
from tunesmith.gui.context import AppContext
from tunesmith.gui.fields import Section, limit
from tunesmith.gui.model_field import ModelField
from tunesmith.gui.page import button, label
from tunesmith.gui.plan_form import PlanForm
from tunesmith.gui.price_form import remembered_prices
from tunesmith.gui.server_choice import ServerChoice
from tunesmith.gui.tune_choices import BudgetChoice, ChangesChoice, WorkloadFields
from tunesmith.gui.watts_given import WattsGiven
from tunesmith.gui.workload_memory import WorkloadMemory
from tunesmith.presentation.tune_setup_text import OBJECTIVES, plan_sentences, workload_text
from tunesmith.wording import tr, translated

_CUSTOM = "custom"
_BY_ENERGY = ("efficiency", "cost")


class TuneSetup(PlanForm):
    """Everything that decides how a tune goes; keeps its values whatever happens."""

    def __init__(self, context: AppContext, presets: dict[str, Preset], *, first: str) -> None:
        super().__init__()
        self._presets = presets
        self.projected = WorkloadMemory(context)
        self.servers = ServerChoice(context)
        self.servers.changed.connect(self._edited)
        self.watts = WattsGiven()
        self.watts.changed.connect(self._edited)
        self.settings = window_settings(context.folders.config, self)
        self._lay_out(
            (
                self._model_section(), self._use_section(), self._goal_section(), self.watts,
                self._how_section(), self.servers,
            )
        )  # fmt: skip
        self.preset.setCurrentIndex(max(0, self.preset.findData(first)))
        self._take_preset()

    # ------------------------------------------------------------- the form

    def _model_section(self) -> Section:
        section = Section(tr("Model"))
        self.file = ModelField()
        self.model = self.file.path
        self.file.changed.connect(self._edited)
        section.add(tr("File"), self.file)
        section.add_under(self.file.facts)
        section.add_under(self.projected)
        return section

    def _use_section(self) -> Section:
        section = Section(tr("What you do with it"))
        self.preset = QComboBox()
        for name, preset in self._presets.items():
            self.preset.addItem(translated(preset.title), name)
        self.preset.addItem(tr("My own numbers"), _CUSTOM)
        self.preset.currentIndexChanged.connect(self._take_preset)
        section.add(tr("Preset"), self.preset, tip=tr("A named workload: what a typical request looks like."))
        self.preset_text = label("", "small", wrap=True)
        section.add_under(self.preset_text)
        self.show_workload = button(
            tr("Change workload"), "quiet", tip=tr("Set the numbers of the workload yourself.")
        )
        self.show_workload.setCheckable(True)
        self.workload = WorkloadFields()
        self.workload.hide()
        self.show_workload.toggled.connect(self.workload.setVisible)
        self.workload.changed.connect(self._workload_edited)
        section.add_under(_left(self.show_workload))
        section.add_wide(self.workload)
        return section

    def _goal_section(self) -> Section:
        section = Section(tr("What should be best"))
        self.objective = QComboBox()
        for goal, (title, text) in OBJECTIVES.items():
            self.objective.addItem(title, goal)
            self.objective.setItemData(self.objective.count() - 1, text, Qt.ItemDataRole.ToolTipRole)
        self.objective.currentIndexChanged.connect(self._edited)
        section.add(tr("Goal"), self.objective)
        self.objective_text = label("", "small", wrap=True)
        section.add_under(self.objective_text)
        unit, self._unit_bytes = memory_scale("giga")
        self.memory = limit(4096, unit=unit, step=0.5, decimals=2)
        self.ttft = limit(3_600_000, unit="ms", step=50, decimals=0)
        self.itl = limit(600_000, unit="ms", step=5, decimals=0)
        for name, field, tip in (
            (tr("Memory at most"), self.memory, tr("Settings that need more main memory do not count.")),
            (
                tr("TTFT at most"),
                self.ttft,
                tr("Time to the first token, from when the prompt is handed over."),
            ),
            (
                tr("ITL at most"),
                self.itl,
                tr("Inter-token latency: the time between two tokens of the answer."),
            ),
        ):
            section.add(name, field, tip=tip)
            field.valueChanged.connect(self._edited)
        return section

    def _how_section(self) -> Section:
        section = Section(tr("How to look for it"))
        self.budget = BudgetChoice()
        self.budget.changed.connect(self._edited)
        section.add(tr("Time"), self.budget)
        self.changes = ChangesChoice()
        self.changes.changed.connect(self._edited)
        section.add(tr("May change"), self.changes)
        return section

    # ------------------------------------------------------------- values in

    def set_model(self, path: str) -> None:
        """Put a model's path in."""
        self.model.setText(path)

    def set_profile(self, profile: TunedProfile) -> None:
        """Put in what a profile was tuned for; its model's path only where it is still there."""
        path = profile.model.header.path
        self.model.setText(path if Path(path).exists() else "")
        self.set_workload(profile.workload, profile.objective, profile.constraints)

    def set_workload(self, workload: Workload, objective: Objective, constraints: Constraints) -> None:
        """Put in numbers; the preset that has them is chosen, if there is one."""
        same = (n for n, p in self._presets.items() if p.workload == workload and p.objective == objective)
        with QSignalBlocker(self.preset):
            self.preset.setCurrentIndex(self.preset.findData(next(same, _CUSTOM)))
        self._fill(workload, objective, constraints)

    def _take_preset(self) -> None:
        preset = self._presets.get(str(self.preset.currentData()))
        if preset is not None:
            self._fill(preset.workload, preset.objective, preset.constraints)
        else:
            self.show_workload.setChecked(True)
            self._edited()

    def _fill(self, workload: Workload, objective: Objective, constraints: Constraints) -> None:
        fields = (self.objective, self.memory, self.ttft, self.itl)
        blockers = [QSignalBlocker(field) for field in fields]
        self.workload.set_workload(workload)
        self.objective.setCurrentIndex(self.objective.findData(objective.name))
        self._max_slowdown = objective.max_slowdown
        self.memory.setValue((constraints.max_memory_bytes or 0) / self._unit_bytes)
        self.ttft.setValue(constraints.max_ttft_ms or 0)
        self.itl.setValue(constraints.max_itl_ms or 0)
        for blocker in blockers:
            blocker.unblock()
        self._edited()

    # ------------------------------------------------------------- values out

    def request(self) -> TuneRequest:
        """What the form asks for.

        Raises:
            UsageError: a value makes no sense; the words say which.
        """
        path = self.model.text().strip()
        if not path:
            raise UsageError(
                tr("No model is chosen."), todo=tr("Choose a GGUF file, or drop one on the window.")
            )
        workload = self._workload()
        name: ObjectiveName = self.objective.currentData()
        if name == "prefill" and not workload.prompt:
            raise UsageError(tr("The goal is reading fast, but the workload has no prompt."))
        if name == "decode" and not workload.generate:
            raise UsageError(tr("The goal is generating fast, but the workload generates nothing."))
        if self.changes.vary() == ():
            raise UsageError(
                tr("Nothing may be changed, so there is nothing to find."), todo=tr("Check a question.")
            )
        preset = self._presets.get(str(self.preset.currentData()))
        memory = round(self.memory.value() * self._unit_bytes)
        return TuneRequest(
            model_path=str(Path(path).expanduser()),
            workload=workload,
            objective=self._objective(name),
            constraints=Constraints(
                max_memory_bytes=memory or None,
                max_ttft_ms=self.ttft.value() or None,
                max_itl_ms=self.itl.value() or None,
            ),
            budget=BUDGETS[self.budget.chosen()],
            rules=SearchRules(vary=self.changes.vary(), cache_types=self.changes.cache_types()),
            preset=preset.name if preset is not None else None,
            seed=0,
            rpc=self.servers.chosen(),
            given_power=self.watts.given() if name in _BY_ENERGY else None,
        )

    def _objective(self, name: ObjectiveName) -> Objective:
        if name != "cost":
            return Objective(name=name, max_slowdown=self._max_slowdown)
        prices = remembered_prices(self.settings)
        if prices is None or not prices.costs_anything:
            raise UsageError(
                tr("What tokens cost is to be made best, but nothing has a price."),
                todo=tr("Enter prices first: What tokens cost, on the page of a profile."),
            )
        return Objective(name=name, max_slowdown=self._max_slowdown, prices=prices)

    def _workload(self) -> Workload:
        try:
            return self.workload.workload()
        except ValidationError as error:
            raise UsageError(tr("The workload has neither prompt nor generated tokens.")) from error

    # ------------------------------------------------------------- reacting

    def _workload_edited(self) -> None:
        preset = self._presets.get(str(self.preset.currentData()))
        if preset is not None:
            with QSignalBlocker(self.preset):
                self.preset.setCurrentIndex(self.preset.findData(_CUSTOM))
        self._edited()

    def _edited(self) -> None:
        preset = self._presets.get(str(self.preset.currentData()))
        said = translated(preset.description) if preset else tr("A workload of your own.")
        try:
            numbers = workload_text(self.workload.workload())
        except ValidationError:
            numbers = tr("no tokens")
        self.preset_text.setText(f"{said} {numbers[:1].upper()}{numbers[1:]}.")
        self.watts.setVisible(self.objective.currentData() in _BY_ENERGY)
        self.objective_text.setText(OBJECTIVES[self.objective.currentData()][1])
        request, problem = None, ""
        try:
            request = self.request()
        except UsageError as error:
            problem = error.what
            self.plan.setText(str(error))
        else:
            self.plan.setText("\n\n".join(plan_sentences(request, self.file.model_name)))
        self.projected.follow(self.model.text().strip(), request, self.servers.chosen(), problem)
        self.changed.emit()


def _left(widget: QWidget) -> QWidget:
    """A widget at the left of its row, no wider than it need be."""
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(widget)
    row.addStretch()
    return holder
