"""Own a form of sections that scrolls, and the frame beside it that says what will happen."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from tunesmith.errors import UsageError
from tunesmith.gui.page import label
from tunesmith.gui.theme import GRID
from tunesmith.wording import tr

NARROW_PX = 760
_WIDE_PLAN, _NARROW_PLAN = GRID * 36, GRID * 28
_ANY_WIDTH = 16777215
"""QWIDGETSIZE_MAX of Qt."""


class PlanForm(QWidget):
    """Sections under each other, and a plan that follows what is filled in."""

    changed = Signal()

    def __init__(self, *, plan_joins_form: bool = False) -> None:
        """An empty form; its heir lays it out with :meth:`_lay_out`.

        Args:
            plan_joins_form: whether the plan goes to the end of the form where there is little width; else
                it makes room for the form.
        """
        super().__init__()
        self._joins, self._joined = plan_joins_form, False
        self.plan = label("", "secondary", wrap=True)

    def _lay_out(self, sections: Sequence[QWidget]) -> None:
        body = QWidget()
        self._column = QVBoxLayout(body)
        self._column.setContentsMargins(0, 0, GRID, GRID * 2)
        self._column.setSpacing(GRID * 3)
        for section in sections:
            self._column.addWidget(section)
        self._column.addStretch()
        area = self.area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(body)
        self._frame = self._plan_frame()
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(GRID * 2)
        self._row.addWidget(area, 1)
        self._row.addWidget(self._frame, 0, Qt.AlignmentFlag.AlignTop)

    def _plan_frame(self) -> QFrame:
        frame = QFrame()
        frame.setProperty("role", "surface")
        frame.setFixedWidth(_WIDE_PLAN)
        column = QVBoxLayout(frame)
        column.setContentsMargins(GRID * 2, GRID * 2, GRID * 2, GRID * 2)
        column.setSpacing(GRID)
        column.addWidget(label(tr("What will happen"), "section"))
        column.addWidget(self.plan)
        return frame

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Keep the form readable where there is little width."""
        narrow = self.width() < NARROW_PX
        if not self._joins:
            self._frame.setFixedWidth(_NARROW_PLAN if narrow else _WIDE_PLAN)
        elif narrow and not self._joined:
            self._column.insertWidget(self._column.count() - 1, self._frame)
            self._frame.setMinimumWidth(0)
            self._frame.setMaximumWidth(_ANY_WIDTH)
        elif self._joined and not narrow:
            self._row.addWidget(self._frame, 0, Qt.AlignmentFlag.AlignTop)
            self._frame.setFixedWidth(_WIDE_PLAN)
        self._joined = self._joins and narrow
        super().resizeEvent(event)

    def request(self) -> object:
        """What the form asks for.

        Raises:
            UsageError: a value makes no sense; the words say which.
        """
        raise NotImplementedError

    @property
    def ready(self) -> bool:
        """Whether the form says enough to start."""
        try:
            self.request()
        except UsageError:
            return False
        return True
