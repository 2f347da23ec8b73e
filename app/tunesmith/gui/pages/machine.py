"""Own the Machine page: what was found, and whether all is well for measuring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from tunesmith import __version__
from tunesmith.errors import StoreError, TunesmithError
from tunesmith.gui.background import Tasks
from tunesmith.gui.context import AppContext
from tunesmith.gui.facts import Facts
from tunesmith.gui.icons import icon
from tunesmith.gui.page import Page, button, label
from tunesmith.gui.remeasure import Remeasure
from tunesmith.gui.server_list import ServerList
from tunesmith.gui.theme import GRID, TABLE_PX, Colours, tabular
from tunesmith.gui.waiting import Waiting
from tunesmith.presentation.device_text import reading_rows
from tunesmith.presentation.machine_facts import (
    DEVICE_COLUMNS,
    STATUS_WORDS,
    device_rows,
    machine_rows,
    report_text,
    sentence_case,
)
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.services.context import Surroundings
    from tunesmith.services.doctor import Check

_ICONS = {"ok": "check", "warning": "warning", "failed": "stop"}
_ROLES = {"ok": "better", "warning": "warning", "failed": "worse"}
_NUMERIC = (3, 4)
_NAMES = {
    "engine": "llama.cpp", "cpu": tr("Processor"), "threads": tr("Threads"), "amx": "AMX",
    "devices": tr("Devices"), "power": tr("Power"), "governor": tr("Frequency"), "swap": tr("Swap"),
    "backends": tr("Backends"), "gpu": "GPU",
    "build": tr("Build"),  "quiet": tr("Quietness"), "store": tr("Store"), "files": tr("Own files"),
    "energy": tr("Energy"),
}  # fmt: skip


class MachinePage(Page):
    """Facts, devices, checks, which can be copied; and the other machines that lend their devices."""

    name = "machine"
    title = tr("Machine")

    def __init__(self, context: AppContext) -> None:
        super().__init__(context)
        self._tasks = Tasks(self)
        self._found: Surroundings | None = None
        self._checks: list[Check] = []
        self._looking = False
        self.again = button(tr("Check again"), tip=tr("Look at the machine once more"))
        self.again.clicked.connect(self.look)
        self.copy = button(tr("Copy report"), "primary", tip=tr("Copy everything here as plain text"))
        self.copy.clicked.connect(self._copy)
        self.copy.setEnabled(False)
        self.remeasure = Remeasure(context, self)
        self.remeasure.measured.connect(self._remeasured)
        self.remeasure.failed.connect(self.message.show_error)
        self.add_action(self.remeasure.button)
        self.add_action(self.again)
        self.add_action(self.copy)
        self.waiting = Waiting(self, tr("Starting a worker to ask llama.cpp what it sees"))
        self.full = self.add_state(self._full())
        context.theme.changed.connect(self._recolour)

    def _full(self) -> QWidget:
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setAccessibleName(tr("What was found"))
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, GRID, GRID * 2)
        column.setSpacing(GRID)
        self.checks_title = label(tr("Checks"), "section")
        self.checks = QGridLayout()
        self.facts = Facts()
        self.devices = QGridLayout()
        self.servers = ServerList(self.context)
        for title, content in (
            (self.checks_title, self.checks),
            (label(tr("This machine"), "section"), self.facts),
            (label(tr("Devices llama.cpp can use"), "section"), self.devices),
            (label(tr("Other machines"), "section"), self.servers),
        ):
            column.addWidget(title)
            column.addWidget(_surface(content))
            column.addSpacing(GRID)
        column.addStretch()
        area.setWidget(inner)
        return area

    # ------------------------------------------------------------- life

    def shown(self) -> None:
        """Look when the page is first shown."""
        if self._found is None and not self._looking:
            self.look()

    def look(self) -> None:
        """Survey the machine and run the checks, in the background."""
        if self._looking:
            return
        self._looking = True
        self.again.setEnabled(False)
        self.remeasure.set_ready(False)
        self.message.hide()
        self.waiting.begin()
        context = self.context

        def survey() -> Surroundings:
            from tunesmith.services.context import survey_machine
            from tunesmith.services.limits import with_bandwidth

            found = survey_machine()
            try:
                return with_bandwidth(found, context.store, measure=False)
            except StoreError:  # the checks tell what is wrong with it
                return found

        def examine() -> list[Check]:
            from tunesmith.services import doctor

            return doctor.examine(str(context.store.path))

        self._examine = examine
        self._tasks.run(survey, self._surveyed, self._failed)

    def _surveyed(self, found: Surroundings) -> None:
        self._show_found(found)
        self._show_checks([], tr("Checking; this takes some seconds"))
        self._ready()
        self._tasks.run(self._examine, self._examined, self._failed)

    def _show_found(self, found: Surroundings) -> None:
        self._found = found
        self.context.machine = found.machine
        rows = machine_rows(found.machine, found.machine_class)
        self.facts.show_rows([*rows, *reading_rows(found.readings)])
        self._show_devices(device_rows(found.machine))

    def _remeasured(self, found: Surroundings) -> None:
        self.message.hide()
        self._show_found(found)

    def closing(self) -> None:
        """Measure no longer."""
        self.remeasure.stop()

    def _examined(self, checks: list[Check]) -> None:
        self._checks = checks
        self._show_checks(checks, "")
        self._over()

    def _failed(self, error: TunesmithError) -> None:
        self.message.show_error(error)
        if self._found is not None:
            self._show_checks([], tr("The checks did not come to an end"))
        self._over()

    def _over(self) -> None:
        self._looking = False
        self.waiting.end()
        self.again.setEnabled(True)
        self.remeasure.set_ready(self._found is not None)

    def _ready(self) -> None:
        self.waiting.end()
        self.copy.setEnabled(True)
        self.show_state(self.full)

    def _copy(self) -> None:
        found = self._found
        text = report_text(
            __version__,
            found.machine if found else None,
            found.machine_class if found else None,
            self._checks,
        )
        QGuiApplication.clipboard().setText(text)
        self.context.bus.message.emit(tr("The report is on the clipboard"))

    # ------------------------------------------------------------- drawing

    def _show_devices(self, rows: list[tuple[str, str, str, str, str]]) -> None:
        _clear(self.devices)
        for column, title in enumerate(DEVICE_COLUMNS):
            self.devices.addWidget(_cell(title[:1].upper() + title[1:], column, "small"), 0, column)
        for number, row in enumerate(rows, start=1):
            for column, text in enumerate(row):
                self.devices.addWidget(_cell(text, column, ""), number, column)
        self.devices.setColumnStretch(2, 1)

    def _show_checks(self, checks: list[Check], instead: str) -> None:
        _clear(self.checks)
        self.checks.setColumnStretch(2, 1)
        if instead:
            self.checks.addWidget(label(instead, "secondary"), 0, 0, 1, 3)
            return
        for number, check in enumerate(checks):
            mark = QLabel()
            mark.setProperty("mark", check.status)
            mark.setFixedWidth(18)
            word = label(STATUS_WORDS[check.status], _ROLES[check.status])
            row = QHBoxLayout()
            row.setSpacing(6)
            row.addWidget(mark)
            row.addWidget(word, 1)
            found = sentence_case(check.what)
            says = f"{found}\n{check.todo}" if check.todo else found
            what = label(says, wrap=True, selectable=True)
            what.setContentsMargins(0, 1, 0, 0)
            name = _NAMES.get(check.name, check.name.capitalize())
            what.setAccessibleName(f"{name}, {STATUS_WORDS[check.status]}: {says}")
            for column, widget in ((1, label(name, "secondary")), (2, what)):
                self.checks.addWidget(widget, number, column, Qt.AlignmentFlag.AlignTop)
            self.checks.addLayout(row, number, 0, Qt.AlignmentFlag.AlignTop)
        self._recolour(self.context.theme.colours)

    def _recolour(self, colours: Colours) -> None:
        tones = {"ok": colours.better, "warning": colours.warning, "failed": colours.worse}
        for mark in self.full.findChildren(QLabel):
            status = mark.property("mark")
            if status:
                mark.setPixmap(icon(_ICONS[status], tones[status]).pixmap(16, 16))


def _surface(content: QWidget | QGridLayout) -> QFrame:
    made = QFrame()
    made.setProperty("role", "surface")
    column = QVBoxLayout(made)
    column.setContentsMargins(GRID * 2, GRID * 2, GRID * 2, GRID * 2)
    if isinstance(content, QWidget):
        column.addWidget(content)
    else:
        content.setHorizontalSpacing(GRID * 2)
        content.setVerticalSpacing(GRID)
        column.addLayout(content)
    return made


def _cell(text: str, column: int, role: str) -> QLabel:
    made = label(text, role, wrap=column == 2, selectable=not role)
    if column in _NUMERIC:
        made.setAlignment(Qt.AlignmentFlag.AlignRight)
        made.setFont(tabular(made.font(), pixels=TABLE_PX))
    return made


def _clear(grid: QGridLayout) -> None:
    """Empty a grid, and the rows in it."""
    while (item := grid.takeAt(0)) is not None:
        nested = item.layout()
        inside = [] if nested is None else [nested.itemAt(number) for number in range(nested.count())]
        for one in (item, *inside):
            widget = one.widget() if one is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
