"""Claims about the RPC servers in the window: written down, tested when asked to, ticked for a tune."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from tests.domain.test_projection import device
from tests.store.values import MACHINE
from tests.support.rpc_server import rpc_server
from tests.tuning.machines import BUILD
from tunesmith.domain.worker_events import ServerReached
from tunesmith.errors import WorkerCrashed
from tunesmith.gui.context import AppContext
from tunesmith.gui.server_choice import ServerChoice
from tunesmith.gui.server_list import ServerList
from tunesmith.services.servers import FILE_NAME, Answer, ask_server, keep_servers, load_servers
from tunesmith.services.session import Controls

A, B = "192.168.1.20:50052", "box.lan:50052"
GIB = 2**30


class Asked:
    """Answers for servers as it was told, and notes who was asked and in which thread."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.threads: set[threading.Thread] = set()
        self.go = threading.Event()
        self.go.set()
        self.answers = {
            A: Answer(A, ServerReached(endpoint=A, devices=(device("RPC0", 8 * GIB),), latency_ns=1_200_000)),
            B: Answer(B, None, "The RPC server speaks version 2.0 of the protocol.", "Check the build."),
        }

    def __call__(self, endpoint: str, _controls: Controls) -> Answer:
        self.asked.append(endpoint)
        self.threads.add(threading.current_thread())
        assert self.go.wait(10)
        return self.answers[endpoint]


@pytest.fixture
def asked(app_context: AppContext) -> Iterator[Asked]:
    made = Asked()
    app_context.servers.ask = made
    yield made
    made.go.set()


@pytest.fixture
def shown(app_context: AppContext, asked: Asked, qtbot: QtBot) -> ServerList:
    made = ServerList(app_context)
    qtbot.addWidget(made)
    made.resize(720, 400)
    made.show()
    return made


def add(shown: ServerList, *texts: str) -> None:
    for text in texts:
        shown.field.clear()
        shown.field.setFocus()
        _type(shown, text)
        shown.field.returnPressed.emit()


def _type(shown: ServerList, text: str) -> None:
    shown.field.setText(text)
    shown.field.textEdited.emit(text)


def states(shown: ServerList) -> dict[str, str]:
    return {row.endpoint: row.state.text() for row in shown.rows}


def said(widget: ServerList | ServerChoice) -> str:
    return "\n".join(one.text() for one in widget.findChildren(QLabel) if one.isVisibleTo(widget))


def test_a_server_is_written_down_as_llama_cpp_takes_it_and_nothing_connects(
    shown: ServerList, asked: Asked, qtbot: QtBot
) -> None:
    config = shown._context.folders.config
    assert not shown.add_button.isEnabled()
    add(shown, " Box.LAN:50052 ", A)
    assert list(states(shown).items()) == [(B, "Not tested"), (A, "Not tested")]
    assert shown.field.text() == ""
    qtbot.waitUntil(lambda: (config / FILE_NAME).exists() and load_servers(config) == (B, A))
    assert asked.asked == []
    assert "not encrypted" in said(shown)


@pytest.mark.parametrize(
    ("text", "why"), [("box", "no address"), ("::1", "no address"), (A.upper(), "already")]
)
def test_what_cannot_be_added_is_told_beside_the_field_until_it_is_edited(
    shown: ServerList, text: str, why: str
) -> None:
    add(shown, A, text)
    assert why in shown.problem.text()
    assert shown.problem.isVisible()
    assert shown.field.text() == text
    _type(shown, f"{text}1")
    assert not shown.problem.isVisible()


def test_a_server_is_tested_off_the_ui_thread_and_its_state_follows(
    shown: ServerList, asked: Asked, qtbot: QtBot
) -> None:
    add(shown, A, B)
    asked.go.clear()
    for row in shown.rows:
        row.test.click()
    assert set(states(shown).values()) == {"Being asked"}
    assert not any(row.test.isEnabled() for row in shown.rows)
    asked.go.set()
    qtbot.waitUntil(lambda: all(row.test.isEnabled() for row in shown.rows))
    assert states(shown) == {
        A: "Answers in 1.20 ms: 1 device, 8.0 GiB of 8.0 GiB free", B: asked.answers[B].reason,
    }  # fmt: skip
    assert asked.asked == [A, B], "one after the other"
    assert threading.current_thread() not in asked.threads
    first, second = shown.rows
    assert not first.mark.pixmap().isNull()
    assert second.state.toolTip() == "Check the build."
    assert second.state.accessibleName() == f"{B}: {asked.answers[B].reason}"
    shown._context.theme.set_mode("dark")


def test_a_removed_server_comes_back_to_its_place(shown: ServerList, qtbot: QtBot) -> None:
    add(shown, A, B, "c:1")
    shown.rows[1].remove.click()
    assert list(states(shown)) == [A, "c:1"]
    assert shown.undo_bar.isVisible()
    shown.undo_bar.undo_button.click()
    assert list(states(shown)) == [A, B, "c:1"]
    config = shown._context.folders.config
    qtbot.waitUntil(lambda: load_servers(config) == (A, B, "c:1"))


def test_a_list_is_there_again_in_another_window_and_asks_nobody(
    app_context: AppContext, asked: Asked, qtbot: QtBot
) -> None:
    keep_servers(app_context.folders.config, (A, B))
    made, choice = ServerList(app_context), ServerChoice(app_context)
    for widget in (made, choice):
        qtbot.addWidget(widget)
        widget.show()
    assert list(states(made)) == [A, B]
    assert choice.chosen() == (), "what is written down is not ticked"
    assert asked.asked == []


def test_a_damaged_list_is_told_and_left(app_context: AppContext, asked: Asked, qtbot: QtBot) -> None:
    config = app_context.folders.config
    config.mkdir(parents=True)
    (config / FILE_NAME).write_text("{")
    made = ServerList(app_context)
    qtbot.addWidget(made)
    made.show()
    assert FILE_NAME in made.why_not.text()
    add(made, A)
    assert FILE_NAME in made.problem.text()
    assert (config / FILE_NAME).read_text() == "{"


def test_a_build_without_rpc_says_so_and_tests_nothing(
    shown: ServerList, asked: Asked, app_context: AppContext
) -> None:
    add(shown, A)
    app_context.machine = MACHINE.model_copy(
        update={"build": BUILD.model_copy(update={"supports_rpc": False})}
    )
    assert "built without RPC" in shown.why_not.text()
    assert not shown.rows[0].test.isEnabled()
    app_context.machine = MACHINE.model_copy(
        update={"build": BUILD.model_copy(update={"supports_rpc": True})}
    )
    assert not shown.why_not.isVisible()
    assert shown.rows[0].test.isEnabled()


def test_nothing_is_tested_while_a_run_is_under_way(shown: ServerList, app_context: AppContext) -> None:
    add(shown, A)
    app_context.bus.busy_changed.emit(True)
    assert not shown.rows[0].test.isEnabled()
    app_context.bus.busy_changed.emit(False)
    assert shown.rows[0].test.isEnabled()


def test_a_run_that_begins_ends_the_tests_since_a_server_serves_one_at_a_time(
    shown: ServerList, app_context: AppContext, qtbot: QtBot
) -> None:
    asked: list[str] = []

    def ask(endpoint: str, controls: Controls) -> Answer:
        asked.append(endpoint)
        controls.sleep(30)
        return Answer(endpoint, None, "too late")

    app_context.servers.ask = ask
    add(shown, A, B)
    for row in shown.rows:
        row.test.click()
    qtbot.waitUntil(lambda: asked == [A])
    app_context.bus.busy_changed.emit(True)
    qtbot.waitUntil(lambda: set(states(shown).values()) == {"Not tested"})
    assert asked == [A]
    assert not shown.problem.isVisible(), "nothing went wrong"


def test_a_test_that_cannot_be_made_is_told_and_can_be_tried_again(
    shown: ServerList, app_context: AppContext, qtbot: QtBot
) -> None:
    def crash(_endpoint: str, _controls: Controls) -> Answer:
        raise WorkerCrashed("The worker died.", todo="Reinstall.")

    app_context.servers.ask = crash
    add(shown, A, B)
    shown.rows[0].test.click()
    qtbot.waitUntil(shown.problem.isVisible)
    assert "The worker died." in shown.problem.text()
    assert states(shown)[A] == "Not tested"
    assert shown.rows[0].test.isEnabled()


def test_everything_is_reached_by_keyboard_and_has_a_name(shown: ServerList) -> None:
    add(shown, A)
    assert [one.accessibleName() for one in (shown.field, shown.rows[0].test, shown.rows[0].remove)] == [
        "Address of an RPC server", f"Test {A}", f"Remove {A}",
    ]  # fmt: skip
    for widget in (shown.field, shown.rows[0].test, shown.rows[0].remove):
        assert widget.focusPolicy() & Qt.FocusPolicy.TabFocus


def test_the_choice_is_hidden_without_servers_and_follows_the_list(
    app_context: AppContext, asked: Asked, qtbot: QtBot
) -> None:
    choice = ServerChoice(app_context)
    qtbot.addWidget(choice)
    assert choice.isHidden()
    app_context.servers.add(A)
    app_context.servers.add(B)
    assert not choice.isHidden()
    with qtbot.waitSignal(choice.changed):
        choice.choose(B)
    assert choice.chosen() == (B,)
    assert choice.boxes[B].accessibleName() == f"Use {B}"
    choice.tests[A].click()
    qtbot.waitUntil(lambda: choice.states[A].text().startswith("Answers in"))
    with qtbot.waitSignal(choice.changed):
        app_context.servers.remove(B)
    assert choice.chosen() == ()


def test_a_build_without_rpc_offers_no_server_for_a_tune(
    app_context: AppContext, asked: Asked, qtbot: QtBot
) -> None:
    app_context.servers.add(A)
    choice = ServerChoice(app_context)
    qtbot.addWidget(choice)
    choice.choose(A)
    app_context.machine = MACHINE.model_copy(
        update={"build": BUILD.model_copy(update={"supports_rpc": False})}
    )
    assert choice.chosen() == ()
    assert "built without RPC" in choice.note.text()


def test_a_real_server_answers_and_one_that_is_gone_does_not(
    app_context: AppContext, tmp_path: Path, qtbot: QtBot
) -> None:
    with rpc_server() as server:
        app_context.servers.add(server.endpoint)
        app_context.servers.test(server.endpoint)
        qtbot.waitUntil(lambda: app_context.servers.answer(server.endpoint) is not None, timeout=20_000)
        answer = app_context.servers.answer(server.endpoint)
        assert answer is not None
        assert answer.reached is not None
        assert answer.reached.devices
    gone = ask_server(server.endpoint, Controls())  # as the window does, in a process that it ends
    assert gone.reached is None
    assert "No RPC server answers" in gone.reason
