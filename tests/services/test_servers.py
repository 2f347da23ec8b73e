"""Claims about the RPC servers that are written down, and what asking one tells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.domain.test_projection import device
from tunesmith.domain.endpoint import MAX_SERVERS
from tunesmith.domain.worker_events import ServerReached
from tunesmith.errors import RpcServerLost, RpcUnreachable, UsageError, WorkerHung
from tunesmith.services import context
from tunesmith.services.servers import (
    FILE_NAME,
    Answer,
    ask_server,
    devices_of,
    keep_servers,
    load_servers,
    with_server,
)
from tunesmith.services.session import Controls


def test_what_is_kept_is_read_back_in_its_order(tmp_path: Path) -> None:
    assert load_servers(tmp_path) == ()
    keep_servers(tmp_path, ("b.lan:50052", "10.0.0.2:1"))
    assert load_servers(tmp_path) == ("b.lan:50052", "10.0.0.2:1")


@pytest.mark.parametrize(
    "text",
    [
        "{", '{"servers": ["no port"]}', '{"servers": ["a:1"], "connect": true}',
        json.dumps({"servers": [f"a:{port}" for port in range(1, MAX_SERVERS + 2)]}),
    ],
)  # fmt: skip
def test_a_damaged_list_is_told_and_left(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(UsageError, match=FILE_NAME):
        load_servers(tmp_path)
    assert (tmp_path / FILE_NAME).read_text() == text


def test_a_server_is_added_as_llama_cpp_takes_it_and_only_once() -> None:
    listed = with_server((), " Box.LAN:50052 ")
    assert listed == ("box.lan:50052",)
    with pytest.raises(UsageError, match="already"):
        with_server(listed, "box.lan:50052")
    with pytest.raises(UsageError, match="no address"):
        with_server(listed, "::1")
    full = tuple(f"a:{port}" for port in range(1, MAX_SERVERS + 1))
    with pytest.raises(UsageError, match=str(MAX_SERVERS)):
        with_server(full, "b:1")


def test_devices_of_several_servers_are_counted_through() -> None:
    answers = [
        Answer(one, ServerReached(endpoint=one, devices=(device("RPC0", size),), latency_ns=1))
        for one, size in (("a:1", 5), ("b:1", 7))
    ]
    found = devices_of((answers[0], Answer("c:1", None, "silent"), answers[1]))
    assert [(one.name, one.total_bytes) for one in found] == [("RPC0", 5), ("RPC1", 7)]


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (WorkerHung("The worker did nothing for 6 s."), "gives no answer"),
        (RpcServerLost("The RPC server speaks version 2.0 of the protocol."), "speaks version 2.0"),
    ],
)
def test_why_a_server_cannot_be_used_is_told_without_its_address(
    monkeypatch: pytest.MonkeyPatch, cause: Exception, said: str
) -> None:
    def survey(_controls: Controls, *, rpc: tuple[str, ...]) -> context.Surroundings:
        raise RpcUnreachable(f"No RPC server could be used at {rpc[0]}", todo="Check it.") from cause

    monkeypatch.setattr(context, "survey_machine", survey)
    answer = ask_server("a:1", Controls())
    assert answer.reached is None
    assert said in answer.reason
    assert "a:1" not in answer.reason
    assert answer.todo == "Check it."
