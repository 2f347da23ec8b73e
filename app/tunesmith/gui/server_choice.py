"""Own the choice of RPC servers that a tune uses too: a tick for each that is written down."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from tunesmith.gui.context import AppContext
from tunesmith.gui.fields import Section
from tunesmith.gui.page import button, label
from tunesmith.gui.theme import GRID
from tunesmith.presentation.server_text import OPEN_CONNECTION, reached_text
from tunesmith.wording import tr

_INDENT = GRID * 3
"""What stands under a check box begins where its words do."""


class ServerChoice(Section):
    """Hidden while no server is known. Ticks are for this tune: none is there when the window opens."""

    changed = Signal()

    def __init__(self, context: AppContext) -> None:
        super().__init__(tr("Other machines"))
        self._context, self._servers = context, context.servers
        self._told: tuple[str, ...] = ()
        self._there = True
        self.boxes: dict[str, QCheckBox] = {}
        self.states: dict[str, QLabel] = {}
        self.tests: dict[str, QPushButton] = {}
        self._holders: dict[str, QWidget] = {}
        holder = QWidget()
        self._column = QVBoxLayout(holder)
        self._column.setContentsMargins(0, 4, 0, 0)
        self._column.setSpacing(GRID // 2)
        self.add(
            tr("RPC servers"), holder,
            tip=tr("Machines whose devices take part of the model; they are named on the page Machine."),
        )  # fmt: skip
        self.note = label("", "small", wrap=True)
        self.add_under(self.note)
        self._servers.changed.connect(self._show)
        context.bus.machine_known.connect(self._show)
        context.bus.busy_changed.connect(self._show)
        self._show()

    def chosen(self) -> tuple[str, ...]:
        """The servers that the user ticked for what is started next."""
        return tuple(
            endpoint
            for endpoint in self._servers.listed
            if endpoint in self.boxes
            and self.boxes[endpoint].isChecked()
            and self.boxes[endpoint].isEnabled()
        )

    def choose(self, endpoint: str) -> None:
        """Tick a server."""
        self.boxes[endpoint].setChecked(True)

    # ------------------------------------------------------------- showing

    def _show(self) -> None:
        listed = self._servers.listed
        for endpoint in [one for one in self.boxes if one not in listed]:
            del self.boxes[endpoint], self.states[endpoint], self.tests[endpoint]
            gone = self._holders.pop(endpoint)
            self._column.removeWidget(gone)
            gone.hide()
            gone.deleteLater()
        for place, endpoint in enumerate(listed):
            if endpoint not in self.boxes:
                self._column.insertWidget(place, self._row(endpoint))
        machine = self._context.machine
        usable = machine is None or machine.build is None or machine.build.supports_rpc
        self.note.setText(
            OPEN_CONNECTION
            if usable
            else tr("This llama.cpp was built without RPC, so a tune cannot use other machines.")
        )
        for endpoint, box in self.boxes.items():
            box.setEnabled(usable)
            self._show_state(endpoint, usable=usable)
        if self._there != bool(listed):  # a widget without a parent would be a window if it was shown now
            self._there = bool(listed)
            self.setVisible(self._there)
        self._tell()

    def _tell(self) -> None:
        chosen = self.chosen()
        if chosen != self._told:
            self._told = chosen
            self.changed.emit()

    def _show_state(self, endpoint: str, *, usable: bool) -> None:
        answer = self._servers.answer(endpoint)
        under_test = self._servers.under_test(endpoint)
        if under_test:
            state = tr("Being asked")
        elif answer is None:
            state = tr("Not tested")
        else:
            state = reached_text(answer.reached) if answer.reached is not None else answer.reason
        self.states[endpoint].setText(state)
        self.boxes[endpoint].setAccessibleDescription(state)
        test = self.tests[endpoint]
        test.setVisible(answer is None or answer.reached is None)
        test.setEnabled(usable and not under_test and not self._context.busy)

    def _row(self, endpoint: str) -> QWidget:
        box = QCheckBox(endpoint)
        box.setAccessibleName(tr("Use {server}", server=endpoint))
        box.toggled.connect(self._tell)
        test = button(tr("Test"), "quiet", tip=tr("Ask the server whether it answers, and how fast"))
        test.setAccessibleName(tr("Test {server}", server=endpoint))
        test.clicked.connect(partial(self._servers.test, endpoint))
        state = label("", "small", wrap=True)
        self.boxes[endpoint], self.states[endpoint], self.tests[endpoint] = box, state, test
        kept = test.sizePolicy()
        kept.setRetainSizeWhenHidden(True)  # rows stay as high as they are
        test.setSizePolicy(kept)
        state.setContentsMargins(_INDENT, 0, 0, 0)
        holder = self._holders[endpoint] = QWidget()
        grid = QGridLayout(holder)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(GRID)
        grid.setVerticalSpacing(0)
        grid.setColumnStretch(0, 1)
        grid.addWidget(box, 0, 0)
        grid.addWidget(state, 1, 0)
        grid.addWidget(test, 0, 1, 2, 1, Qt.AlignmentFlag.AlignVCenter)
        return holder
