"""Own the form of a choice of a quantization that is about to start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QWidget,
)

from tunesmith.domain.quality import QualityLimits
from tunesmith.domain.request import SearchRules, TuneRequest
from tunesmith.domain.workload import BUDGETS, Preset
from tunesmith.errors import TunesmithError, UsageError
from tunesmith.gui.background import Task
from tunesmith.gui.fields import Section, limit, whole
from tunesmith.gui.model_field import ModelField
from tunesmith.gui.offer_rows import OfferRows
from tunesmith.gui.page import button, label
from tunesmith.gui.plan_form import PlanForm
from tunesmith.gui.theme import GRID
from tunesmith.gui.tune_choices import BudgetChoice
from tunesmith.presentation.choice_setup_text import choice_plan
from tunesmith.presentation.tune_setup_text import workload_text
from tunesmith.wording import tr, translated

if TYPE_CHECKING:
    from tunesmith.services.choose_files import Offer
    from tunesmith.services.choose_result import ChooseRequest

Look = Callable[[str], "Offer"]
_CHUNKS = 40
_MOST_CHUNKS = 4096
_CHUNKS_PX = 216
_LOOKING = tr("Looking for files of this model, and asking llama.cpp what others would take.")


def look_over(path: str) -> Offer:
    """Ask the service; what it needs is imported here, off the UI thread."""
    from tunesmith.services import choose_files

    return choose_files.look_over(path)


class ChoiceSetup(PlanForm):
    """Everything that decides how a choice goes; keeps its values whatever happens."""

    def __init__(self, presets: dict[str, Preset], *, first: str, look: Look = look_over) -> None:
        """An empty form.

        Args:
            presets: by name; those whose objective is no speed are left out.
            first: name of the one to begin with.
            look: says what there is to choose from; called off the UI thread with the source's path.
        """
        super().__init__(plan_joins_form=True)
        self._presets = {name: one for name, one in presets.items() if one.objective.of_speed}
        self._look = look
        self._looking: Task | None = None
        self.offer: Offer | None = None
        self._lay_out(
            (self._source_section(), self._files_section(), self._quality_section(), self._use_section())
        )
        self.preset.setCurrentIndex(max(0, self.preset.findData(first)))
        self._take_measure()

    # ------------------------------------------------------------- the form

    def _source_section(self) -> Section:
        section = Section(tr("Source"))
        self.file = ModelField()
        self.model = self.file.path
        self.file.changed.connect(self._source_edited)
        section.add(tr("File"), self.file, tip=tr("F16, BF16 or F32: the others are compared with it."))
        section.add_under(self.file.facts)
        self.warning = label("", "warning", wrap=True)
        self.warning.hide()
        section.add_under(self.warning)
        return section

    def _files_section(self) -> Section:
        section = Section(tr("Quantizations to compare"))
        self.looking = label("", "secondary", wrap=True)
        self.files = OfferRows()
        self.files.changed.connect(self._edited)
        section.add_under(self.looking)
        section.add(tr("Types"), self.files)
        self._say_looking(tr("Choose a source first."))
        return section

    def _quality_section(self) -> Section:
        section = Section(tr("What it may cost in quality"))
        self.measure = QComboBox()
        for name, title, tip in (
            ("kld", tr("Mean KLD at most"), tr("How far the predictions may be from the source's.")),
            ("ratio", tr("Perplexity ratio at most"), tr("Perplexity over the source's; 1 is as good.")),
            ("top1", tr("Top-1 agreement at least"), tr("How often both think the same token likeliest.")),
        ):
            self.measure.addItem(title, name)
            self.measure.setItemData(self.measure.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.kld = _number(0.001, 10.0, start=0.05, step=0.01, decimals=3)
        self.ratio = _number(1.0, 10.0, start=1.02, step=0.005, decimals=3)
        self.top1 = _number(1.0, 100.0, start=90.0, step=1.0, decimals=1, unit="%")
        section.add(tr("Measure"), self.measure, tip=tr("What the limit is about; all are measured."))
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        for field in (self.kld, self.ratio, self.top1):
            field.setAccessibleName(tr("Limit"))
            field.valueChanged.connect(self._edited)
            row.addWidget(field)
        row.addStretch()
        section.add(tr("Limit"), holder)
        self.measure.currentIndexChanged.connect(self._take_measure)
        self.text = QComboBox()
        self.text.addItem(tr("The text that comes with Tunesmith"), "shipped")
        self.text.addItem(tr("A text of my own"), "own")
        section.add(tr("Text"), self.text, tip=tr("Prose, code and German; or what your use is like."))
        self.own_text = self._own_text()
        self.own_text.hide()
        section.add_under(self.own_text)
        self.text.currentIndexChanged.connect(self._take_text)
        self.chunks = whole(_MOST_CHUNKS, least=1, unit=tr("chunks of 512 tokens"), step=8)
        self.chunks.setFixedWidth(_CHUNKS_PX)
        self.chunks.setValue(_CHUNKS)
        self.chunks.valueChanged.connect(self._edited)
        section.add(tr("Read"), self.chunks, tip=tr("At most; more tell smaller differences."))
        return section

    def _own_text(self) -> QWidget:
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID)
        self.text_path = QLineEdit()
        self.text_path.setPlaceholderText(tr("Path of a text file in UTF-8"))
        self.text_path.setAccessibleName(tr("Text file"))
        self.text_path.textChanged.connect(self._edited)
        choose = button(tr("Choose…"), tip=tr("Choose a text file."))
        choose.clicked.connect(self._choose_text)
        row.addWidget(self.text_path, 1)
        row.addWidget(choose)
        return holder

    def _use_section(self) -> Section:
        section = Section(tr("What you do with it"))
        self.preset = QComboBox()
        for name, preset in self._presets.items():
            self.preset.addItem(translated(preset.title), name)
        section.add(tr("Preset"), self.preset, tip=tr("A named workload: what a typical request looks like."))
        self.preset_text = label("", "small", wrap=True)
        section.add_under(self.preset_text)
        self.budget = BudgetChoice()
        self.budget.changed.connect(self._edited)
        section.add(tr("Time"), self.budget, tip=tr("For comparing speed and tuning the winner."))
        self.preset.currentIndexChanged.connect(self._edited)
        return section

    # ------------------------------------------------------------- the source

    def set_model(self, path: str) -> None:
        """Put a source's path in."""
        self.model.setText(path)

    def _source_edited(self) -> None:
        if self.file.model_name:  # its header was read
            self.look_again()
        else:
            self._forget_offer(tr("Choose a source first."))

    def look_again(self) -> None:
        """Ask what there is to choose from; files may have come or gone."""
        path = str(Path(self.model.text().strip()).expanduser())
        self._forget_offer(_LOOKING)
        self._looking = Task(lambda: (path, self._look(path)))
        self._looking.done.connect(self._show_offer)
        self._looking.failed.connect(self._refuse)
        self._looking.start()

    def _forget_offer(self, text: str) -> None:
        self.offer, self._looking = None, None
        self.warning.hide()
        self._say_looking(text)
        self._edited()

    def _show_offer(self, found: tuple[str, Offer]) -> None:
        path, offer = found
        if self._looking is not None and path == str(Path(self.model.text().strip()).expanduser()):
            self._show_found(offer)

    def _show_found(self, offer: Offer) -> None:
        self.offer, self._looking = offer, None
        self.warning.setText("\n".join(offer.warnings))
        self.warning.setVisible(bool(offer.warnings))
        self.files.show_files(offer.files)
        self._say_looking("")
        self._edited()

    def _refuse(self, error: TunesmithError) -> None:
        if self._looking is None:
            return
        self._looking = None
        self._say_looking(str(error))
        self._edited()

    def _say_looking(self, text: str) -> None:
        self.looking.setText(text)
        self.looking.setVisible(bool(text))
        self.files.setVisible(not text)

    # ------------------------------------------------------------- values out

    def request(self) -> ChooseRequest:
        """What the form asks for.

        Raises:
            UsageError: a value makes no sense; the words say which.
        """
        from tunesmith.services.choose_result import ChooseRequest

        if self.offer is None:
            raise UsageError(
                tr("No source is chosen."),
                todo=tr("Choose a GGUF file in F16, BF16 or F32, or drop one on the window."),
            )
        if not self.files.chosen:
            raise UsageError(tr("No quantization is chosen."), todo=tr("Check at least one."))
        text = self.text_path.text().strip() if self.text.currentData() == "own" else None
        if text == "":
            raise UsageError(tr("No text is chosen."), todo=tr("Choose a text file, or the shipped one."))
        preset = self._presets[str(self.preset.currentData())]
        return ChooseRequest(
            tune=TuneRequest(
                model_path=self.offer.header.path, workload=preset.workload, objective=preset.objective,
                constraints=preset.constraints, budget=BUDGETS[self.budget.chosen()], rules=SearchRules(),
                preset=preset.name, seed=0,
            ),
            types=tuple(one.kind for one in self.files.chosen), limits=self.limits,
            text_path=text and str(Path(text).expanduser()), chunks=self.chunks.value(), keep="within",
        )  # fmt: skip

    @property
    def limits(self) -> QualityLimits:
        """On quality."""
        match self.measure.currentData():
            case "ratio":
                return QualityLimits(max_perplexity_ratio=self.ratio.value())
            case "top1":
                return QualityLimits(min_top1=round(self.top1.value() / 100, 4))
            case _:
                return QualityLimits(max_kld=self.kld.value())

    # ------------------------------------------------------------- reacting

    def _take_measure(self) -> None:
        name = self.measure.currentData()
        for field, of in ((self.kld, "kld"), (self.ratio, "ratio"), (self.top1, "top1")):
            field.setVisible(name == of)
        self._edited()

    def _take_text(self) -> None:
        self.own_text.setVisible(self.text.currentData() == "own")
        self._edited()

    def _choose_text(self) -> None:
        dialog = QFileDialog(self, tr("Choose a text"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([tr("Texts (*.txt *.md)"), tr("All files (*)")])
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.text_path.setText)
        dialog.open()

    def _edited(self) -> None:
        preset = self._presets[str(self.preset.currentData())]
        numbers = workload_text(preset.workload)
        self.preset_text.setText(f"{translated(preset.description)} {numbers[:1].upper()}{numbers[1:]}.")
        try:
            request = self.request()
        except UsageError as error:
            waits = self._looking is not None
            self.plan.setText(_LOOKING if waits else str(error))
        else:
            assert self.offer is not None  # noqa: S101 (a request has a source)
            self.plan.setText(
                "\n\n".join(
                    choice_plan(
                        self.offer, self.files.chosen, request.limits, chunks=request.chunks,
                        budget=request.tune.budget, workload=request.tune.workload,
                    )
                )
            )  # fmt: skip
        self.changed.emit()


def _number(
    least: float, most: float, *, start: float, step: float, decimals: int, unit: str = ""
) -> QDoubleSpinBox:
    """A field for a limit that cannot be left open."""
    made = limit(most, unit=unit, step=step, decimals=decimals)
    made.setSpecialValueText("")
    made.setSuffix(f" {unit}" if unit else "")
    made.setMinimum(least)
    made.setValue(start)
    return made
