"""Own the Models page: the library as a table, its details, and what was dropped."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QHBoxLayout,
    QMenu,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from tunesmith.gui.columns import window_settings
from tunesmith.gui.context import AppContext
from tunesmith.gui.library_watch import LibraryWatch
from tunesmith.gui.models_details import DetailsPane
from tunesmith.gui.models_head import ModelsHead
from tunesmith.gui.models_table import ModelsTable
from tunesmith.gui.open_dialogs import ask_for_folder, ask_for_models
from tunesmith.gui.page import EmptyState, Page, button, label
from tunesmith.gui.theme import GRID, Colours
from tunesmith.gui.waiting import Waiting
from tunesmith.presentation.library import Row, count_sentence
from tunesmith.services.library import demo_model
from tunesmith.wording import tr, trn

_NARROW = 760
"""Below this page width the details open only when asked for."""
_FILTER_MS = 120
_LOOKING = tr("Looking for models")


class ModelsPage(Page):
    """Find a model, look at it, tune it."""

    name = "models"
    title = tr("Models")

    def __init__(self, context: AppContext) -> None:
        super().__init__(context)
        self._settings = window_settings(context.folders.config, self)
        self._wanted: str | None = None
        self._narrow_open = False
        self.library = LibraryWatch(context, self)
        self.table = ModelsTable(self._settings)
        self.details = DetailsPane(
            context, tune=self.tune, try_it=self.try_it, quantize=self.choose_quantization
        )
        self._add_head()
        self.waiting = Waiting(self, _LOOKING, self.library.cancel)
        self.blank, self.loading = self.waiting.blank, self.waiting.loading
        self.empty = self.add_state(self._empty())
        self.full = self.add_state(self._full())
        self._connect()
        self._recolour(context.theme.colours)

    # ------------------------------------------------------------- building

    def _add_head(self) -> None:
        """Nothing of it is of use before there is a table."""
        self.head = ModelsHead(
            open_models=self._ask_for_models, add_folder=self._ask_for_folder, look_again=self.library.rescan
        )
        self.head.hide()
        self.filter, self.group, self.add, self.panel = (
            self.head.filter, self.head.group, self.head.add, self.head.panel,
        )  # fmt: skip
        self.group.setChecked(str(self._settings.value("models/grouped", "false")) == "true")
        self.addAction(self.head.again)
        self.add_action(self.head)

    def _empty(self) -> QWidget:
        open_model = button(tr("Open model…"), "primary")
        open_model.clicked.connect(self._ask_for_models)
        add_folder = button(tr("Add folder…"))
        add_folder.clicked.connect(self._ask_for_folder)
        buttons: list[QPushButton] = [open_model, add_folder]
        demo = demo_model()
        if demo is not None:
            try_demo = button(
                tr("Try the demo model"), tip=tr("SmolLM2, a small model that came with Tunesmith")
            )
            try_demo.clicked.connect(lambda: self.library.add([str(demo)]))
            buttons.append(try_demo)
        return EmptyState(
            tr("No models yet"),
            tr(
                "Drop a GGUF file or a folder of them anywhere on this window. Models of LM Studio, Ollama, "
                "Hugging Face, llama.cpp, Jan and GPT4All are found by themselves."
            ),
            *buttons,
        )

    def _full(self) -> QWidget:
        made = QWidget()
        row = QHBoxLayout(made)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID * 2)
        left = QVBoxLayout()
        left.setSpacing(GRID)
        clear = button(tr("Clear the filter"))
        clear.clicked.connect(self.filter.clear)
        self.nothing = EmptyState(
            tr("Nothing matches"), tr("No model has all the words of the filter."), clear
        )
        self.stack = QStackedWidget()
        self.stack.addWidget(self.table)
        self.stack.addWidget(self.nothing)
        left.addWidget(self.stack, 1)
        foot = QHBoxLayout()
        foot.setSpacing(GRID)
        self.count, self.work = label("", "small"), label("", "small")
        self.stop = button(tr("Stop"), "quiet")
        self.stop.setToolTip(tr("Stop looking for models; what was found is kept"))
        self.stop.hide()
        foot.addWidget(self.count)
        foot.addStretch()
        foot.addWidget(self.work)
        foot.addWidget(self.stop)
        left.addLayout(foot)
        row.addLayout(left, 1)
        row.addWidget(self.details)
        return made

    def _connect(self) -> None:
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(_FILTER_MS)
        self._typing.timeout.connect(self._filter)
        self.filter.textChanged.connect(self._typing.start)
        self.filter.returnPressed.connect(self.table.setFocus)
        self.group.toggled.connect(self._group)
        self.panel.clicked.connect(self._toggle_details)
        self.stop.clicked.connect(self.library.cancel)
        self.table.chosen.connect(self._choose)
        self.table.opened.connect(self.tune)
        self.table.customContextMenuRequested.connect(self._context_menu)
        self.library.grouped = self.group.isChecked()
        self.library.rows_changed.connect(self._show_rows)
        self.library.progress.connect(self._show_progress)
        self.library.failed.connect(self.message.show_error)
        self.library.refused.connect(self.message.show_note)
        self.library.added.connect(self._want)
        self.context.bus.files_dropped.connect(self._dropped)
        self.context.theme.changed.connect(self._recolour)
        QShortcut(QKeySequence.StandardKey.Find, self, self.filter.setFocus)

    def _recolour(self, colours: Colours) -> None:
        self.table.library.set_colours(colours)
        self.head.recolour(colours)

    # ------------------------------------------------------------- life

    def shown(self) -> None:
        """Look for models when the page is first shown."""
        self._arrange_details()
        if self.library.scanning or (self.library.looked and not self.library.stale):
            return
        self.waiting.begin()
        self.library.rescan()

    def closing(self) -> None:
        """Stop looking."""
        self.library.close()

    def _show_progress(self, text: str) -> None:
        self.loading.say(text or _LOOKING)
        self.work.setText(self.work.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, 320))
        self.stop.setVisible(bool(text))

    def _show_rows(self, rows: list[Row]) -> None:
        if not rows and not self.library.looked:
            return
        self.waiting.end()
        self.table.show_rows(rows, select=self._wanted)
        current = self.table.current()
        self.details.show_row(current, self.library.available_bytes)
        if self._wanted is not None and current is not None and self._wanted in current.paths:
            self.details.select(self._wanted)
            self._wanted = None
        self._count()
        first = self.states.currentWidget() is not self.full
        self.show_state(self.full if rows else self.empty)
        self.head.setVisible(bool(rows))
        if rows and first and self.isVisible():
            self.table.setFocus()

    def _count(self) -> None:
        rows, shown = self.table.library.rows, self.table.filter.rowCount()
        problems = self.library.problems
        text = count_sentence(rows, shown)
        if problems:
            text += " · " + trn("{count} folder not read", "{count} folders not read", len(problems))
        self.count.setText(text)
        self.count.setToolTip("\n".join(problems))
        self.stack.setCurrentWidget(self.table if shown or not rows else self.nothing)

    # ------------------------------------------------------------- acts

    def tune(self) -> None:
        """Open the tune page on the chosen model."""
        entry = self.details.entry
        if entry is not None and entry.kind == "model":
            self.context.bus.tune_model.emit(entry.path)

    def try_it(self) -> None:
        """Open the chat on the chosen model."""
        entry = self.details.entry
        if entry is not None and entry.kind == "model":
            self.context.bus.try_model.emit(entry.path, None)

    def choose_quantization(self) -> None:
        """Open the quantization page on the chosen model."""
        entry = self.details.entry
        if entry is not None and entry.kind == "model":
            self.context.bus.choose_quantization.emit(entry.path)

    def _choose(self, row: Row | None) -> None:
        self.details.show_row(row, self.library.available_bytes)

    def _want(self, path: str) -> None:
        """Choose a file now, or when its row is made."""
        self.filter.clear()
        self._filter()
        if self.table.select(path):
            self.details.select(path)
        else:
            self._wanted = path

    def _filter(self) -> None:
        self.table.filter.set_text(self.filter.text())
        if self.table.current() is None:
            self.table.select_first()
        self._count()

    def _group(self, grouped: bool) -> None:  # noqa: FBT001 (a slot)
        self._settings.setValue("models/grouped", "true" if grouped else "false")
        entry = self.details.entry
        self._wanted = entry.path if entry is not None else None
        self.library.set_grouped(grouped)

    def _dropped(self, paths: list[str]) -> None:
        wanted = [path for path in paths if Path(path).suffix.lower() != ".json"]
        if wanted:
            self.context.bus.show_page.emit(self.name)
            self.library.add(wanted)

    def _ask_for_models(self) -> None:
        ask_for_models(self, self.library.add)

    def _ask_for_folder(self) -> None:
        ask_for_folder(self, self.library.add)

    def _context_menu(self, position: QPoint) -> None:
        menu = self.make_menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.table.viewport().mapToGlobal(position))

    def make_menu(self) -> QMenu:
        """What can be done with the chosen row."""
        menu = QMenu(self)
        entry = self.details.entry
        self.details.add_actions(menu)
        if entry is not None and entry.place == "Opened file":
            path = entry.path
            menu.addSeparator()
            menu.addAction(tr("Remove from the list"), lambda: self.library.forget(path))
        return menu

    # ------------------------------------------------------------- details

    def _toggle_details(self, wanted: bool) -> None:  # noqa: FBT001 (a slot)
        if self.width() < _NARROW:
            self._narrow_open = wanted
        else:
            self._settings.setValue("models/details", "true" if wanted else "false")
        self._arrange_details()

    def _arrange_details(self) -> None:
        remembered = str(self._settings.value("models/details", "true")) == "true"
        visible = self._narrow_open if self.width() < _NARROW else remembered
        self.details.setVisible(visible)
        self.panel.setChecked(visible)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Keep the table readable in a narrow window."""
        super().resizeEvent(event)
        self._arrange_details()
