"""Claims about which processes listen at an address."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from tunesmith.machine.listeners import listening_pids


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS shows connections to root only")
def test_a_process_of_this_machine_is_found_by_its_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert listening_pids((f"127.0.0.1:{port}",)) == {os.getpid()}
        assert listening_pids((f"localhost:{port}",)) == {os.getpid()}
    assert listening_pids((f"127.0.0.1:{port}",)) == frozenset()


def test_a_server_elsewhere_is_no_process_of_ours() -> None:
    assert listening_pids(("192.0.2.1:50052",)) == frozenset()
    assert listening_pids(("no-such-host.invalid:50052",)) == frozenset()
    assert listening_pids(()) == frozenset()
