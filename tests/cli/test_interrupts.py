"""Claims about Ctrl-C and SIGTERM while a command's session runs."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tunesmith.cli.tune import interruptible
from tunesmith.services.session import Controls, Session, Stream


def waiting(_stream: Stream, controls: Controls) -> str:
    """Work that ends when it is told to."""
    while not controls.cancelled:
        time.sleep(0.01)
    return "what was measured"


def twice(number: signal.Signals) -> None:
    """Send a signal to this process two times, each of which is taken."""
    for _ in range(2):
        signal.raise_signal(number)


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGTERM")
def test_a_second_sigterm_loses_nothing_since_timeout_sends_two() -> None:
    session = Session(waiting)
    with interruptible(session):
        twice(signal.SIGTERM)
    assert session.result() == "what was measured"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_a_second_ctrl_c_ends_at_once() -> None:
    session = Session(waiting)
    with pytest.raises(KeyboardInterrupt), interruptible(session):
        twice(signal.SIGINT)
    assert session.result() == "what was measured"
