"""Own the form of a soak that is about to start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError
from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QSizePolicy, QWidget

from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.soak import (
    DEFAULT_SOAK_SECONDS,
    DEFAULT_SOAK_WORKLOAD,
    LEAST_SOAK_SECONDS,
    MOST_SOAK_SECONDS,
)
from tunesmith.errors import UsageError
from tunesmith.gui.context import AppContext
from tunesmith.gui.fields import Section, limit
from tunesmith.gui.model_field import ModelField
from tunesmith.gui.page import label
from tunesmith.gui.plan_form import PlanForm
from tunesmith.gui.server_choice import ServerChoice
from tunesmith.gui.soak_run import SoakPlan
from tunesmith.gui.theme import GRID
from tunesmith.gui.tune_choices import WorkloadFields
from tunesmith.gui.widgets.elided import ElidedChoice
from tunesmith.presentation.numbers import duration_text
from tunesmith.presentation.tune_setup_text import workload_text
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.store import ProfileRow

_MINUTE, _HOUR = 60.0, 3600.0
_MOST_WATTS = 100_000


class SoakSetup(PlanForm):
    """A profile, or a model with llama.cpp's defaults; and how long."""

    profile_wanted = Signal(str)
    """A profile was chosen whose evidence is not here yet, by its id."""

    def __init__(self, context: AppContext) -> None:
        super().__init__()
        self._profile: TunedProfile | None = None
        self._settled = False
        """Whether something was chosen; until then the newest profile is."""
        self.servers = ServerChoice(context)
        self.servers.changed.connect(self._edited)
        self._lay_out((self._what_section(), self._time_section(), self.servers))
        self._choose()

    # ------------------------------------------------------------- the form

    def _what_section(self) -> Section:
        section = Section(tr("What to soak"))
        self.what = ElidedChoice()
        self.what.setMinimumContentsLength(24)
        self.what.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.what.addItem(tr("A model with llama.cpp's defaults"), "")
        self.what.currentIndexChanged.connect(self._choose)
        section.add(tr("Settings"), self.what, tip=tr("Of a saved profile, or llama.cpp's defaults."))
        self.about = label("", "small", wrap=True)
        section.add_under(self.about)
        self.file = ModelField()
        self.model = self.file.path
        self.file.changed.connect(self._edited)
        self.of_model = Section("")
        self.of_model.add(tr("Model"), self.file)
        self.of_model.add_under(self.file.facts)
        self.workload = WorkloadFields()
        self.workload.set_workload(DEFAULT_SOAK_WORKLOAD)
        self.workload.changed.connect(self._edited)
        self.of_model.add_wide(self.workload)
        section.add_wide(self.of_model)
        return section

    def _time_section(self) -> Section:
        section = Section(tr("How long"))
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID)
        self.time = TimeField()
        self.time.setAccessibleName(tr("How long"))
        self.time.valueChanged.connect(self._edited)
        self.unit = QComboBox()
        self.unit.setAccessibleName(tr("Minutes or hours"))
        self.unit.addItem(tr("minutes"), _MINUTE)
        self.unit.addItem(tr("hours"), _HOUR)
        self.unit.currentIndexChanged.connect(self._edited)
        row.addWidget(self.time)
        row.addWidget(self.unit)
        row.addStretch()
        holder.setFocusProxy(self.time)
        section.add(
            tr("Time"), holder,
            tip=tr("Turbo lasts for seconds, a laptop's case takes half an hour to warm up."),
        )  # fmt: skip
        self.power_limit = limit(_MOST_WATTS, unit="W", step=5, decimals=1)
        self.power_limit.setSpecialValueText(tr("Not named"))
        self.power_limit.valueChanged.connect(self._edited)
        section.add(
            tr("Power limit"), self.power_limit,
            tip=tr("That you have set yourself: it is written beside the result. None is ever set for you."),
        )  # fmt: skip
        return section

    # ------------------------------------------------------------- values in

    def offer(self, rows: Sequence[ProfileRow]) -> None:
        """Offer these profiles, newest first; what is chosen stays so if it is among them."""
        kept, settled = self.what.currentData(), self._settled
        with QSignalBlocker(self.what):
            self.what.clear()
            for row in rows:
                self.what.addItem(row.name, row.id)
                tip = f"{row.model_name} · {row.quantization} · {row.machine_label}"
                self.what.setItemData(self.what.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
            self.what.addItem(tr("A model with llama.cpp's defaults"), "")
            self.what.setCurrentIndex(max(0, self.what.findData(kept)) if settled else 0)
        self._settled = self._settled or bool(rows)
        self._choose()

    def set_profile(self, profile: TunedProfile) -> None:
        """Choose a profile; it is offered even if it was not before."""
        self._profile, self._settled = profile, True
        with QSignalBlocker(self.what):
            place = self.what.findData(profile.id)
            if place < 0:
                self.what.insertItem(0, profile.name, profile.id)
                place = 0
            self.what.setCurrentIndex(place)
        self._choose()

    def take_profile(self, profile: TunedProfile) -> None:
        """Take a profile that was asked for; nothing if another is chosen by now."""
        if self.what.currentData() == profile.id:
            self._profile = profile
            self._edited()

    def set_model(self, path: str) -> None:
        """Put a model's path in, to be soaked with llama.cpp's defaults."""
        self._settled = True
        self.model.setText(path)
        self.what.setCurrentIndex(self.what.findData(""))

    @property
    def offers_profiles(self) -> bool:
        """Whether there is any profile to choose."""
        return self.what.count() > 1

    # ------------------------------------------------------------- values out

    @property
    def seconds(self) -> float:
        """How long it is to take."""
        return float(self.time.value() * self.unit.currentData())

    def request(self) -> SoakPlan:
        """What the form asks for.

        Raises:
            UsageError: a value makes no sense; the words say which.
        """
        if not LEAST_SOAK_SECONDS <= self.seconds <= MOST_SOAK_SECONDS:
            raise UsageError(
                tr(
                    "A soak takes {least} seconds to {most} days.",
                    least=round(LEAST_SOAK_SECONDS), most=round(MOST_SOAK_SECONDS / 86_400),
                )
            )  # fmt: skip
        wanted, profile = str(self.what.currentData()), self._profile
        if wanted:
            if profile is None or profile.id != wanted:
                raise UsageError(tr("The profile is being read."))
            return SoakPlan(
                profile.name, profile.model.header.path, profile.workload, self.seconds, profile=profile,
                rpc=self.servers.chosen(), power_limit_watts=self.power_limit.value() or None,
            )  # fmt: skip
        path = self.model.text().strip()
        if not path:
            raise UsageError(
                tr("No model is chosen."), todo=tr("Choose a GGUF file, or drop one on the window.")
            )
        try:
            workload = self.workload.workload()
        except ValidationError as error:
            raise UsageError(tr("The workload has neither prompt nor generated tokens.")) from error
        name = self.file.model_name or Path(path).stem
        return SoakPlan(
            name, str(Path(path).expanduser()), workload, self.seconds, rpc=self.servers.chosen(),
            power_limit_watts=self.power_limit.value() or None,
        )  # fmt: skip

    # ------------------------------------------------------------- reacting

    def _choose(self) -> None:
        wanted = str(self.what.currentData())
        self.of_model.setVisible(not wanted)
        if wanted and (self._profile is None or self._profile.id != wanted):
            self._profile = None
            self.profile_wanted.emit(wanted)
        self._edited()

    def _edited(self) -> None:
        wanted, profile = str(self.what.currentData()), self._profile
        header = profile.model.header if wanted and profile is not None else None
        told = (header.name or Path(header.path).stem, header.quantization) if header is not None else ()
        self.about.setText(" · ".join(told))
        self.about.setVisible(bool(told))
        try:
            plan = self.request()
        except UsageError as error:
            self.plan.setText(str(error))
        else:
            self.plan.setText("\n\n".join(plan_sentences(plan)))
        self.changed.emit()


def plan_sentences(plan: SoakPlan) -> list[str]:
    """What will happen, a sentence each."""
    values = {"time": duration_text(plan.seconds), "workload": workload_text(plan.workload)}
    if plan.profile is not None:
        first = tr("Runs the profile's model and settings for {time}: {workload}.", **values)
        last = tr("What is found is kept in the profile, in place of an earlier soak.")
    else:
        first = tr("Runs {name} with llama.cpp's defaults for {time}: {workload}.", name=plan.name, **values)
        last = tr("Nothing is stored; the result can be saved and copied.")
    if len(plan.parts) > 1:
        how = tr("Prefill and decode take turns, each in samples of at most two seconds or so.")
    else:
        how = tr("It is measured in samples of at most two seconds or so.")
    heat = tr(
        "Use the machine as it will be used. One that is hot already shows no burst: let it cool first."
    )
    return [first, how, heat, last]


class TimeField(QDoubleSpinBox):
    """A length of time, without places that say nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.setDecimals(1)
        self.setRange(0.1, MOST_SOAK_SECONDS / _MINUTE)
        self.setSingleStep(5)
        self.setValue(DEFAULT_SOAK_SECONDS / _MINUTE)
        self.lineEdit().setTextMargins(6, 0, 0, 0)  # the style sheet's padding does not reach it
        self.setFixedWidth(GRID * 12)

    def textFromValue(self, value: float) -> str:  # noqa: N802 (Qt's name)
        """Such as ``10`` or ``2.5``."""
        return self.locale().toString(value, "g", 6)
