"""Own the choices of a tune's form that need more than one field: workload, time, what may change."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, QSize, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QGridLayout, QRadioButton, QVBoxLayout, QWidget

from tunesmith.domain.request import SearchRules
from tunesmith.domain.settings import CACHE_TYPES_BY_PRECISION, CacheType
from tunesmith.domain.workload import BUDGETS, Workload
from tunesmith.gui.fields import Section, whole
from tunesmith.gui.guide import HelpButton
from tunesmith.gui.page import label
from tunesmith.gui.theme import GRID
from tunesmith.presentation.numbers import duration_text
from tunesmith.presentation.setting_help import SETTING_HELP
from tunesmith.presentation.tune_setup_text import QUESTIONS, Question
from tunesmith.wording import tr

_BUDGET_TEXTS = {
    "quick": (tr("Quick"), tr("The questions that matter most.")),
    "standard": (tr("Standard"), tr("Every question that is likely to matter.")),
    "thorough": (tr("Thorough"), tr("Every question, twice, with narrower intervals.")),
}
_CONSENTS: tuple[tuple[CacheType, str, str], ...] = (
    (
        "q8_0",
        tr("accept an 8-bit cache"),
        tr("Past tokens are kept in 8 bits instead of 16: answers hardly differ."),
    ),
    (
        "q4_0",
        tr("accept a 4-bit cache"),
        tr("Past tokens are kept in 4 bits instead of 16: answers may get worse."),
    ),
)


class WorkloadFields(QWidget):
    """The four numbers of a workload."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        section = Section("")
        self.prompt, self.generate = whole(2**20), whole(2**20)
        self.context_before = whole(2**20, step=256)
        self.parallel = whole(256, least=1, unit=tr("at a time"), step=1)
        for name, field, tip in (
            (tr("Prompt"), self.prompt, tr("New tokens to read before the answer begins.")),
            (tr("Answer"), self.generate, tr("Tokens to generate after the prompt.")),
            (
                tr("Context before"),
                self.context_before,
                tr("Tokens already in the context, such as an earlier conversation."),
            ),
            (tr("Requests"), self.parallel, tr("How many requests run at once.")),
        ):
            section.add(name, field, tip=tip)
            field.valueChanged.connect(lambda _value: self.changed.emit())
        column.addWidget(section)

    def set_workload(self, workload: Workload) -> None:
        """Show a workload, without telling."""
        with QSignalBlocker(self):
            self.prompt.setValue(workload.prompt)
            self.generate.setValue(workload.generate)
            self.context_before.setValue(workload.depth)
            self.parallel.setValue(workload.parallel)

    def workload(self) -> Workload:
        """The workload.

        Raises:
            pydantic.ValidationError: it has no tokens.
        """
        return Workload(
            prompt=self.prompt.value(), generate=self.generate.value(), depth=self.context_before.value(),
            parallel=self.parallel.value(),
        )  # fmt: skip


class BudgetChoice(QWidget):
    """How long a tune may take."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 6, 0, 2)
        column.setSpacing(6)
        self._group = QButtonGroup(self)
        self.buttons: dict[str, QRadioButton] = {}
        for name, (title, text) in _BUDGET_TEXTS.items():
            made = QRadioButton(
                tr("{budget}, about {duration}", budget=title, duration=duration_text(BUDGETS[name].seconds))
            )
            made.setToolTip(text)
            made.setAccessibleName(tr("{budget} budget", budget=title))
            self._group.addButton(made)
            self.buttons[name] = made
            column.addWidget(made)
        self.buttons["standard"].setChecked(True)
        self._group.buttonClicked.connect(lambda _button: self.changed.emit())

    def choose(self, name: str) -> None:
        """Choose a budget by its name."""
        self.buttons[name].setChecked(True)
        self.changed.emit()

    def chosen(self) -> str:
        """Name of the chosen budget."""
        return next(name for name, made in self.buttons.items() if made.isChecked())


class ChangesChoice(QWidget):
    """What may be changed, a check box per question; and which cache types are accepted."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._across = 0
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 6, 0, 2)
        column.setSpacing(6)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(GRID)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(5, 1)
        column.addLayout(self._grid)
        self.boxes: dict[str, QCheckBox] = {}
        self.helps: dict[str, HelpButton] = {}
        for question in QUESTIONS:
            self.boxes[question.title] = self._box(question.title, question.explanation, checked=True)
            self.helps[question.title] = _help(question)
        self._arrange(across=2)
        self.consents: dict[CacheType, QCheckBox] = {}
        consents = self._consents()
        for question in QUESTIONS:
            if "type_k" in question.settings:
                self.boxes[question.title].toggled.connect(consents.setEnabled)
        column.addWidget(consents)
        note = tr("All checked: Tunesmith asks the most telling questions first.")
        column.addWidget(label(note, "small", wrap=True))

    def _arrange(self, *, across: int) -> None:
        """Put the questions side by side, or one under the other."""
        if across == self._across:
            return
        self._across = across
        self._grid.setColumnMinimumWidth(2, GRID * 2 if across > 1 else 0)
        for place, title in enumerate(self.boxes):
            row, column = place // across, place % across * 3
            self._grid.addWidget(self.boxes[title], row, column)
            self._grid.addWidget(self.helps[title], row, column + 1)

    def _width(self, *, across: int) -> int:
        """What the questions need, in pixels."""
        boxes, helps = list(self.boxes.values()), list(self.helps.values())
        widest = [max(box.sizeHint().width() for box in boxes[first::across]) for first in range(across)]
        return sum(widest) + across * (GRID + helps[0].sizeHint().width()) + (across - 1) * GRID * 4

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Side by side where there is room."""
        super().resizeEvent(event)
        self._arrange(across=2 if self._width(across=2) <= self.width() else 1)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """No wider than the questions one under the other."""
        return QSize(self._width(across=1), super().minimumSizeHint().height())

    def _consents(self) -> QWidget:
        """The cache types one has to accept."""
        accepted = SearchRules().cache_types
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(GRID * 3, 0, 0, 0)
        column.setSpacing(4)
        for cache, title, text in _CONSENTS:
            box = self._box(title, text, checked=cache in accepted)
            self.consents[cache] = box
            column.addWidget(box)
        return holder

    def _box(self, title: str, tip: str, *, checked: bool) -> QCheckBox:
        box = QCheckBox(title)
        box.setToolTip(tip)
        box.setChecked(checked)
        box.toggled.connect(lambda _on: self.changed.emit())
        return box

    def vary(self) -> tuple[str, ...] | None:
        """Names of the settings that may change; None for all."""
        chosen = [question for question in QUESTIONS if self.boxes[question.title].isChecked()]
        if len(chosen) == len(QUESTIONS):
            return None
        return tuple(name for question in chosen for name in question.settings)

    def cache_types(self) -> tuple[CacheType, ...]:
        """Cache types that are accepted, most precise first."""
        accepted = {cache for cache, box in self.consents.items() if box.isChecked()} | {"f16"}
        return tuple(cache for cache in CACHE_TYPES_BY_PRECISION if cache in accepted)


def _help(question: Question) -> HelpButton:
    """What a question is about, in the guide; its first setting is the one it is named for."""
    first = question.settings[0]
    return HelpButton(question.title, f"{first}: {SETTING_HELP[first].sentence}", SETTING_HELP[first].anchor)
