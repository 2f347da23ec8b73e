"""Own the pane beside the models: what the header says, and what can be done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QMenu,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from tunesmith.domain.quantization import is_source
from tunesmith.gui.context import AppContext
from tunesmith.gui.facts import Facts
from tunesmith.gui.memory_pane import MemoryPane
from tunesmith.gui.page import button, label, line
from tunesmith.gui.theme import DETAILS_WIDTH, GRID
from tunesmith.presentation.library import Row, fit_sentence, reason, tidy
from tunesmith.presentation.model_facts import header_rows
from tunesmith.presentation.numbers import bytes_text
from tunesmith.services.library import LibraryEntry
from tunesmith.wording import tr

_FIT_ROLES = {"yes": "better", "tight": "warning", "no": "worse", None: "secondary"}


class DetailsPane(QFrame):
    """Facts of the chosen model, and its buttons."""

    def __init__(
        self,
        context: AppContext,
        *,
        tune: Callable[[], None],
        try_it: Callable[[], None],
        quantize: Callable[[], None],
    ) -> None:
        super().__init__()
        self.setProperty("role", "surface")
        self.setFixedWidth(DETAILS_WIDTH)
        self.setAccessibleName(tr("Details"))
        self._row: Row | None = None
        self._available_bytes: int | None = None
        self.name = label("", "section", wrap=True, selectable=True)
        self.state = label("", "secondary", wrap=True)
        self.choice = QComboBox()
        self.choice.setAccessibleName(tr("Quantization"))
        self.choice.currentIndexChanged.connect(self._show_entry)
        self.tune = button(
            tr("Tune"), "primary", tip=tr("Find the settings that run this model best (Enter)")
        )
        self.tune.clicked.connect(tune)
        self.try_it = button(tr("Try it"), tip=tr("Chat with this model"))
        self.try_it.clicked.connect(try_it)
        self.quantize = button(
            tr("Choose a quantization…"),
            tip=tr("Find the quantization of this model that is fastest here within a quality limit"),
        )
        self.quantize.clicked.connect(quantize)
        self.reveal = button(tr("Reveal in file manager"), "quiet")
        self.reveal.clicked.connect(self.reveal_file)
        self.copy = button(tr("Copy path"), "quiet")
        self.copy.clicked.connect(self.copy_path)
        self.memory = MemoryPane(context)
        self.facts = Facts()
        self._lay_out()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID * 2, GRID * 2, GRID * 2, GRID)
        column.setSpacing(GRID)
        for widget in (self.name, self.state, self.choice):
            column.addWidget(widget)
        doing = QHBoxLayout()
        doing.setSpacing(GRID)
        doing.addWidget(self.tune, 1)
        doing.addWidget(self.try_it, 1)
        column.addLayout(doing)
        column.addWidget(self.quantize)
        quiet = QHBoxLayout()
        quiet.addWidget(self.reveal)
        quiet.addStretch()
        quiet.addWidget(self.copy)
        column.addLayout(quiet)
        self.rule = line()
        column.addWidget(self.memory)
        column.addWidget(self.rule)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setAccessibleName(tr("Facts of the header"))
        inner = QWidget()
        rows = QVBoxLayout(inner)
        rows.setContentsMargins(0, GRID // 2, GRID, GRID)
        rows.addWidget(self.facts)
        rows.addStretch()
        area.setWidget(inner)
        column.addWidget(area, 1)

    @property
    def entry(self) -> LibraryEntry | None:
        """The model that is shown; of several quantizations the chosen one."""
        if self._row is None:
            return None
        return self._row.members[max(0, self.choice.currentIndex())]

    def show_row(self, row: Row | None, available_bytes: int | None) -> None:
        """Show a row of the table; of a group, the quantization to begin with."""
        same = row is not None and self._row is not None and row.paths == self._row.paths
        before = self.choice.currentIndex()
        self._row, self._available_bytes = row, available_bytes
        members = row.members if row is not None else ()
        self.choice.blockSignals(True)  # noqa: FBT003 (Qt's signature)
        self.choice.clear()
        for member in members:
            kind = tidy(member.header.quantization) if member.header else tr("cannot be used")
            self.choice.addItem(f"{kind} · {bytes_text(member.size_bytes)}")
        if row is not None and len(members) > 1:
            self.choice.setCurrentIndex(before if same else row.preferred)
        self.choice.blockSignals(False)  # noqa: FBT003 (Qt's signature)
        self.choice.setVisible(len(members) > 1)
        self._show_entry()

    def select(self, path: str) -> None:
        """Choose one of several quantizations by its path."""
        if self._row is not None and path in self._row.paths:
            self.choice.setCurrentIndex(self._row.paths.index(path))

    def _show_entry(self) -> None:
        row, entry = self._row, self.entry
        for one in (self.name, self.tune, self.try_it, self.reveal, self.copy, self.rule):
            one.setVisible(entry is not None)
        usable = entry is not None and entry.kind == "model"
        header = entry.header if entry is not None and usable else None
        self.quantize.setVisible(header is not None and is_source(header))
        self.memory.show_entry(entry)
        self.tune.setEnabled(usable)
        self.try_it.setEnabled(usable)
        if row is None or entry is None:
            self.name.setText("")
            self._say(tr("Choose a model to see what its file says."), "secondary")
            self.facts.show_rows([])
            return
        member = row.members.index(entry)
        self.name.setText(tidy(row.cells[0]))
        if usable:
            fits = row.fits[member]
            self._say(fit_sentence(row.needed[member], fits, self._available_bytes), _FIT_ROLES[fits])
        else:
            self._say(reason(entry), "warning" if entry.kind == "broken" else "secondary")
        place = (tr("Found in"), entry.place)
        if entry.header is None:
            self.facts.show_rows(
                [(tr("File"), entry.path), (tr("Size"), bytes_text(entry.size_bytes)), place]
            )
        else:
            self.facts.show_rows([*header_rows(entry.header)[2:], place, header_rows(entry.header)[0]])

    def _say(self, text: str, role: str) -> None:
        self.state.setVisible(bool(text))
        self.state.setText(text)
        self.state.setProperty("role", role)
        self.state.style().polish(self.state)

    def add_actions(self, menu: QMenu) -> None:
        """Offer what the buttons do in a menu."""
        doing = [self.tune, self.try_it, *([] if self.quantize.isHidden() else [self.quantize])]
        for one in (*doing, None, self.reveal, self.copy):
            if one is None:
                menu.addSeparator()
            else:
                action = menu.addAction(one.text(), one.click)
                action.setEnabled(one.isEnabled() and self.entry is not None)

    def reveal_file(self) -> None:
        """Show the model's folder in the system's file manager."""
        if self.entry is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(self.entry.path).parent)))

    def copy_path(self) -> None:
        """Put the model's path on the clipboard."""
        if self.entry is not None:
            QGuiApplication.clipboard().setText(self.entry.path)
