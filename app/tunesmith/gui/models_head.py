"""Own the controls at the right of the models page's title."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QMenu, QToolButton, QWidget

from tunesmith.gui.icons import icon
from tunesmith.gui.page import button
from tunesmith.gui.theme import GRID, Colours
from tunesmith.gui.widgets.search_field import SearchField
from tunesmith.wording import tr


class ModelsHead(QWidget):
    """Filter, grouping, adding, and whether details are shown."""

    def __init__(
        self,
        *,
        open_models: Callable[[], None],
        add_folder: Callable[[], None],
        look_again: Callable[[], None],
    ) -> None:
        super().__init__()
        self.filter = SearchField(tr("Filter by name, type, folder"), tr("Filter"), 208)
        self.group = QCheckBox(tr("Group quantizations"))
        self.group.setToolTip(tr("Show the quantizations of one model on one line"))
        self.add = button(tr("Add"))
        self.add.setAccessibleName(tr("Add models"))
        menu = QMenu(self.add)
        menu.addAction(tr("Open model…"), open_models)
        menu.addAction(tr("Add folder…"), add_folder)
        menu.addSeparator()
        self.again = menu.addAction(tr("Look again"), QKeySequence("F5"), look_again)
        self.add.setMenu(menu)
        self.panel = QToolButton()
        self.panel.setProperty("role", "icon")
        self.panel.setCheckable(True)
        self.panel.setIconSize(QSize(20, 20))
        self.panel.setFixedSize(32, 32)  # as high as a button
        self.panel.setAccessibleName(tr("Show details"))
        self.panel.setToolTip(tr("Show or hide the details (Ctrl+D)"))
        self.panel.setShortcut("Ctrl+D")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID)
        for widget in (self.filter, self.group, self.add, self.panel):
            row.addWidget(widget)

    def recolour(self, colours: Colours) -> None:
        """Draw the icon in the theme's colours."""
        self.panel.setIcon(icon("panel", colours.secondary, colours.accent))
