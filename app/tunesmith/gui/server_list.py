"""Own the list of RPC servers on the Machine page: add, test, remove, and what each answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from tunesmith.errors import TunesmithError, UsageError
from tunesmith.gui.context import AppContext
from tunesmith.gui.icons import icon
from tunesmith.gui.page import button, label
from tunesmith.gui.servers import Servers
from tunesmith.gui.theme import GRID, Colours
from tunesmith.gui.widgets.undo_bar import UndoBar
from tunesmith.presentation.server_text import OPEN_CONNECTION, reached_text
from tunesmith.wording import tr

_MARK = 16
_NAME_WIDTH = 176


class _Row(QWidget):
    """One server."""

    def __init__(self, endpoint: str, test: Callable[[], None], remove: Callable[[], None]) -> None:
        super().__init__()
        self.endpoint = endpoint
        self.mark = QLabel()
        self.mark.setFixedWidth(_MARK)
        self.name = label(endpoint, selectable=True)
        self.name.setMinimumWidth(_NAME_WIDTH)
        self.state = label("", "secondary", wrap=True, selectable=True)
        self.test = button(tr("Test"), "quiet", tip=tr("Ask the server whether it answers, and how fast"))
        self.test.setAccessibleName(tr("Test {server}", server=endpoint))
        self.test.clicked.connect(test)
        self.remove = button(tr("Remove"), "quiet", tip=tr("Take the server from the list"))
        self.remove.setAccessibleName(tr("Remove {server}", server=endpoint))
        self.remove.clicked.connect(remove)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID)
        for widget, stretch in (
            (self.mark, 0), (self.name, 0), (self.state, 1), (self.test, 0), (self.remove, 0),
        ):  # fmt: skip
            row.addWidget(widget, stretch)

    def show_state(self, servers: Servers, colours: Colours, *, usable: bool) -> None:
        """Show what is known of the server."""
        answer = servers.answer(self.endpoint)
        under_test = servers.under_test(self.endpoint)
        role, mark, tone = "secondary", "", ""
        tip = ""
        if under_test:
            text = tr("Being asked")
        elif answer is None:
            text = tr("Not tested")
        elif answer.reached is not None:
            text, mark, tone = reached_text(answer.reached), "check", colours.better
        else:
            text, mark, tone, role, tip = answer.reason, "warning", colours.warning, "", answer.todo
        self.state.setText(text)
        self.state.setToolTip(tip)
        self.state.setAccessibleName(f"{self.endpoint}: {text}")
        self.state.setAccessibleDescription(tip)
        self.state.setProperty("role", role)
        self.state.style().polish(self.state)
        self.mark.clear()
        if mark:
            self.mark.setPixmap(icon(mark, tone).pixmap(_MARK, _MARK))
        self.test.setEnabled(usable and not under_test)


class ServerList(QWidget):
    """The servers one under the other, and a field for another one."""

    def __init__(self, context: AppContext) -> None:
        super().__init__()
        self._context, self._servers = context, context.servers
        self._rows: dict[str, _Row] = {}
        self.words = label(
            tr(
                "llama.cpp's RPC servers lend other machines' devices to this one. Nothing connects to a "
                "server before you test it here or tick it for a tune."
            ),
            "secondary", wrap=True,
        )  # fmt: skip
        self.warning = label(OPEN_CONNECTION, "secondary", wrap=True)
        self.why_not = label("", "warning", wrap=True, selectable=True)
        self.field = QLineEdit()
        self.field.setPlaceholderText(tr("host:port, such as 192.168.1.20:50052"))
        self.field.setAccessibleName(tr("Address of an RPC server"))
        self.field.textEdited.connect(self._edited)
        self.field.returnPressed.connect(self._add)
        self.add_button = button(tr("Add server"))
        self.add_button.setEnabled(False)
        self.add_button.clicked.connect(self._add)
        self.problem = label("", "worse", wrap=True)
        self.undo_bar = UndoBar()
        self._lay_out()
        self._servers.changed.connect(self._show)
        self._servers.failed.connect(self._tell)
        context.theme.changed.connect(self._show)
        context.bus.busy_changed.connect(self._show)
        context.bus.machine_known.connect(self._show)
        self._show()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        self._list = QVBoxLayout()
        self._list.setSpacing(GRID)
        adding = QHBoxLayout()
        adding.setSpacing(GRID)
        self.field.setMaximumWidth(_NAME_WIDTH * 2)
        adding.addWidget(self.field, 1)
        adding.addWidget(self.add_button)
        adding.addStretch(1)
        for widget in (self.words, self.warning, self.why_not):
            column.addWidget(widget)
        column.addLayout(self._list)
        column.addWidget(self.undo_bar)
        column.addLayout(adding)
        column.addWidget(self.problem)
        self.problem.hide()

    @property
    def rows(self) -> list[_Row]:
        """One for each server, in order."""
        return [self._rows[endpoint] for endpoint in self._servers.listed]

    # ------------------------------------------------------------- showing

    def _show(self) -> None:
        listed = self._servers.listed
        for endpoint in [one for one in self._rows if one not in listed]:
            gone = self._rows.pop(endpoint)
            self._list.removeWidget(gone)
            gone.hide()
            gone.deleteLater()
        for place, endpoint in enumerate(listed):
            if endpoint not in self._rows:
                row = _Row(endpoint, partial(self._servers.test, endpoint), partial(self._remove, endpoint))
                self._rows[endpoint] = row
                self._list.insertWidget(place, row)
        why_not = self._why_not()
        self.why_not.setText(why_not)
        self.why_not.setVisible(bool(why_not))
        for row in self.rows:
            row.show_state(self._servers, self._context.theme.colours, usable=not why_not)

    def _why_not(self) -> str:
        """Why no server can be tested; empty if one can."""
        if self._servers.broken is not None:
            return str(self._servers.broken)
        machine = self._context.machine
        if machine is not None and machine.build is not None and not machine.build.supports_rpc:
            return tr(
                "This llama.cpp was built without RPC, so no server can be used: build it anew with {flags}.",
                flags="CMAKE_ARGS='-DGGML_RPC=ON'",
            )
        if self._context.busy and self._servers.listed:
            return tr("A server can be tested when the run under way is over.")
        return ""

    # ------------------------------------------------------------- doing

    def _edited(self, text: str) -> None:
        self.add_button.setEnabled(bool(text.strip()))
        self.problem.hide()

    def _add(self) -> None:
        if not self.field.text().strip():
            return
        try:
            self._servers.add(self.field.text())
        except UsageError as error:
            self._tell(error)
            return
        self.field.clear()
        self._edited("")
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def _remove(self, endpoint: str) -> None:
        place = self._servers.remove(endpoint)
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)  # the button that had it is gone
        self.undo_bar.offer(
            tr("{server} was removed from the list.", server=endpoint),
            lambda: self._servers.restore(endpoint, place),
        )

    def _tell(self, error: TunesmithError) -> None:
        self.problem.setText(str(error))
        self.problem.show()
