"""A run in a thread of its own: its events, its result, and the ways to stop it."""

from __future__ import annotations

import threading
import time

import pytest

from tunesmith.domain.events import Event, Progress
from tunesmith.domain.worker_events import Heartbeat, LogLine
from tunesmith.errors import Interrupted
from tunesmith.services.session import TURN_EVERY_SECONDS, TURN_SECONDS, Controls, Session, Stream


def progress(step: str) -> Progress:
    return Progress(step=step, fraction=0.5, eta_seconds=None)


class Kept:
    """A recorder that remembers, and in which order it was told."""

    def __init__(self, order: list[str]) -> None:
        self.order = order
        self.events: list[Event] = []

    def take(self, event: Event) -> None:
        self.order.append("recorder")
        self.events.append(event)

    def flush(self) -> None:
        self.order.append("flush")


# ---------------------------------------------------------------- the stream


def test_events_are_numbered_stamped_and_recorded_before_anyone_hears_of_them() -> None:
    order: list[str] = []
    heard: list[Event] = []

    def listen(event: Event) -> None:
        order.append("listener")
        heard.append(event)

    stream = Stream(listen, first_seq=7)
    recorder = Kept(order)
    stream.run_id, stream.recorder = "r1", recorder
    stream.emit(progress("a"))
    stream.emit(LogLine(level="info", text="b", mono_ns=5))
    assert order == ["recorder", "listener"] * 2
    assert [(event.run_id, event.seq) for event in heard] == [("r1", 8), ("r1", 9)]
    assert heard[0].mono_ns > 0
    assert heard[1].mono_ns == 5  # the worker knows better when it happened
    assert recorder.events == heard


def test_heartbeats_end_at_the_stream_and_take_no_number() -> None:
    heard: list[Event] = []
    stream = Stream(heard.append)
    stream.emit(Heartbeat(progress=1, busy=True))
    stream.emit(progress("a"))
    assert [event.seq for event in heard] == [1]


def test_a_resumed_run_counts_on() -> None:
    heard: list[Event] = []
    stream = Stream(heard.append)
    stream.count_on_from(40)
    stream.emit(progress("a"))
    stream.count_on_from(3)  # never back
    stream.emit(progress("b"))
    assert [event.seq for event in heard] == [41, 42]


# ---------------------------------------------------------------- the session


def test_a_session_hands_out_events_then_the_result() -> None:
    def run(stream: Stream, _controls: Controls) -> int:
        for step in "abc":
            stream.emit(progress(step))
        return 42

    session = Session(run)
    assert [event.step for event in session.events() if isinstance(event, Progress)] == ["a", "b", "c"]
    assert session.result(5) == 42
    assert list(session.events()) == []  # asked again, it does not wait for ever
    assert session.drain() == ([], True)
    assert session.drain() == ([], True)


def test_draining_never_waits() -> None:
    go = threading.Event()

    def run(stream: Stream, _controls: Controls) -> None:
        stream.emit(progress("a"))
        go.wait(10)
        stream.emit(progress("b"))

    session = Session(run)
    found: list[Event] = []
    while not found:
        found, over = session.drain()
        assert not over
    with pytest.raises(TimeoutError):
        session.result(0.01)
    go.set()
    session.result(5)
    found, over = session.drain()
    assert len(found) == 1
    assert over


def test_an_error_of_the_run_is_raised_where_its_result_is_asked_for() -> None:
    def run(stream: Stream, _controls: Controls) -> None:
        stream.emit(progress("a"))
        raise ZeroDivisionError("in the run")

    session = Session(run)
    assert len(list(session.events())) == 1
    for _ in range(2):
        with pytest.raises(ZeroDivisionError, match="in the run"):
            session.result(5)


# ---------------------------------------------------------------- stopping


@pytest.mark.parametrize("wait", ["sleep", "pause"])
def test_a_cancel_wakes_a_run_that_waits(wait: str) -> None:
    def run(_stream: Stream, controls: Controls) -> None:
        if wait == "sleep":
            controls.sleep(60)
        else:
            controls.pause()
            controls.wait_if_paused()

    session = Session(run)
    with pytest.raises(TimeoutError):
        session.result(0.05)
    session.cancel()
    with pytest.raises(Interrupted):
        session.result(5)
    assert session.controls.cancelled


def test_a_run_waits_between_two_samples_for_who_draws_it_but_not_long_and_not_often() -> None:
    controls = Controls()
    asked: list[float] = []

    def draw() -> None:
        asked.append(time.monotonic())
        controls.drawn()

    controls.draw_between(draw)
    controls.wait_if_paused()
    controls.wait_if_paused()
    assert len(asked) == 1, "a turn so soon after another would hold short samples up"
    time.sleep(TURN_EVERY_SECONDS)
    controls.draw_between(lambda: None)  # a window that hangs
    begun = time.monotonic()
    controls.wait_if_paused()
    assert TURN_SECONDS <= time.monotonic() - begun < 50 * TURN_SECONDS


def test_a_cancel_does_not_wait_for_who_draws() -> None:
    controls = Controls()
    controls.draw_between(controls.cancel)
    with pytest.raises(Interrupted):
        controls.wait_if_paused()


def test_a_paused_run_goes_on_when_told_to() -> None:
    controls = Controls()
    controls.wait_if_paused()
    controls.pause()
    went = threading.Event()

    def wait() -> None:
        controls.wait_if_paused()
        went.set()

    thread = threading.Thread(target=wait)
    thread.start()
    assert not went.wait(0.05)
    controls.proceed()
    assert went.wait(5)
    thread.join()
    controls.sleep(0)
