"""Own one run in progress: its thread, its stream of events, and the ways to stop it."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from tunesmith.domain.events import Event
from tunesmith.domain.worker_events import Heartbeat
from tunesmith.errors import Interrupted
from tunesmith.wording import tr


class Recorder(Protocol):
    """Keeps events; called in the run's thread, never while a sample is being timed."""

    def take(self, event: Event) -> None:
        """Keep an event, now or with the next sample."""

    def flush(self) -> None:
        """Write what is kept."""


class Stream:
    """Numbers events and hands each first to the recorder, then to whoever listens."""

    def __init__(self, listener: Callable[[Event], None], *, first_seq: int = 0) -> None:
        self._listener = listener
        self._seq = first_seq
        self.run_id = ""
        self.recorder: Recorder | None = None

    def emit(self, event: Event) -> None:
        """Stamp and pass on; heartbeats end here."""
        if isinstance(event, Heartbeat):
            return
        self._seq += 1
        stamped = event.model_copy(
            update={
                "run_id": self.run_id,
                "seq": self._seq,
                "mono_ns": event.mono_ns or time.monotonic_ns(),
            }
        )
        if self.recorder is not None:
            self.recorder.take(stamped)
        self._listener(stamped)

    def relay(self, event: Event) -> None:
        """Pass on what another run has recorded already: only to whoever listens."""
        self._seq += 1
        self._listener(event.model_copy(update={"seq": self._seq}))

    def count_on_from(self, seq: int) -> None:
        """Continue the numbering of a resumed run."""
        self._seq = max(self._seq, seq)


TURN_SECONDS = 0.1
"""So long a run waits at most for who draws it."""
TURN_EVERY_SECONDS = 0.2
"""Turns come no more often: short samples would wait more than they measure."""


class Controls:
    """How a run is asked to stop or to wait; safe from any thread."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._go = threading.Event()
        self._go.set()
        self._ask: Callable[[], None] | None = None
        self._drawn = threading.Event()
        self._last_turn = -math.inf
        self.hopeless: Callable[[], bool] = lambda: False
        """Whether the sample under way is not worth waiting for; the run says what that is."""

    def cancel(self) -> None:
        """Stop as soon as possible, keeping what was measured."""
        self._stop.set()
        self._go.set()
        self._drawn.set()

    def draw_between(self, ask: Callable[[], None]) -> None:
        """Draw the run while nothing is measured.

        Args:
            ask: called in the run's thread between two samples; the run goes on after :meth:`drawn`, or soon.
        """
        self._ask = ask

    def drawn(self) -> None:
        """What was to be drawn between two samples is drawn."""
        self._drawn.set()

    def _give_turn(self) -> None:
        if self._ask is None or self._stop.is_set():
            return
        if time.monotonic() - self._last_turn < TURN_EVERY_SECONDS:
            return
        self._drawn.clear()
        self._ask()
        self._drawn.wait(TURN_SECONDS)
        self._last_turn = time.monotonic()

    def pause(self) -> None:
        """Wait before the next sample."""
        self._go.clear()

    def proceed(self) -> None:
        """Go on after a pause."""
        self._go.set()

    @property
    def cancelled(self) -> bool:
        """Whether a stop was asked for."""
        return self._stop.is_set()

    @property
    def interrupted(self) -> bool:
        """Whether a sample under way is to be stopped; asked often."""
        return self.cancelled or self.hopeless()

    def wait_if_paused(self) -> float:
        """Return when the run may go on; called before each sample.

        Returns:
            For how long it was paused, seconds; without the time that drawing took.

        Raises:
            Interrupted: it was cancelled.
        """
        self._give_turn()
        paused = 0.0
        if not self._go.is_set():
            begun = time.monotonic()
            self._go.wait()
            paused = time.monotonic() - begun
        if self._stop.is_set():
            raise Interrupted(tr("The run was interrupted; what was measured is kept."))
        return paused

    def sleep(self, seconds: float) -> None:
        """Sleep, but not through a cancel.

        Raises:
            Interrupted: it was cancelled meanwhile.
        """
        if self._stop.wait(seconds):
            raise Interrupted(tr("The run was interrupted; what was measured is kept."))


T = TypeVar("T")


class Session(Generic[T]):
    """A run in a thread of its own; the terminal iterates its events, a window drains them."""

    def __init__(self, run: Callable[[Stream, Controls], T]) -> None:
        """Start at once."""
        self.controls = Controls()
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._result: T | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._main, args=(run,), name="run", daemon=True)
        self._thread.start()

    def _main(self, run: Callable[[Stream, Controls], T]) -> None:
        try:
            self._result = run(Stream(self._events.put), self.controls)
        except BaseException as error:  # noqa: BLE001 (raised again where the result is asked for)
            self._error = error
        finally:
            self._events.put(None)

    def events(self) -> Iterator[Event]:
        """Every event as it comes, until the run is over."""
        while (event := self._events.get()) is not None:
            yield event
        self._events.put(None)  # who asks again shall not wait for ever

    def drain(self) -> tuple[list[Event], bool]:
        """What has come since the last call, without waiting, and whether the run is over."""
        found: list[Event] = []
        while True:
            try:
                event = self._events.get_nowait()
            except queue.Empty:
                return found, False
            if event is None:
                self._events.put(None)
                return found, True
            found.append(event)

    def cancel(self) -> None:
        """Stop as soon as possible; the result then raises Interrupted."""
        self.controls.cancel()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end; whether it came."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def result(self, timeout: float | None = None) -> T:
        """What the run returned; waits for it.

        Raises:
            TimeoutError: it is not over yet.
            BaseException: whatever ended the run.
        """
        if not self.wait(timeout):
            raise TimeoutError
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]
