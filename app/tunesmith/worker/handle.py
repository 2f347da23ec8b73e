"""Own one worker process from the parent's side: start it, ask it, watch it, end it."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from tunesmith.domain.events import (
    WORKER_EVENTS,
    Heartbeat,
    RequestDone,
    RequestFailed,
    SampleTaken,
    WorkerEvent,
    WorkerReady,
)
from tunesmith.domain.measurement import Sample
from tunesmith.errors import (
    Interrupted,
    ModelRefused,
    WorkerCrashed,
    WorkerError,
    WorkerHung,
    WorkerOutOfMemory,
    WorkerProtocolError,
)
from tunesmith.worker.diagnosis import UNHARMED, diagnose
from tunesmith.worker.protocol import COMMANDS, MAX_FRAME_BYTES, Cancel, Command, Generate, Measure, Shutdown

_LOG = logging.getLogger(__name__)
_POLL_SECONDS = 0.1
_KEPT_OUTPUT_BYTES = 64 * 2**10
_JOIN_SECONDS = 1.0
_REAP_SECONDS = 30.0
"""After SIGKILL: a process that holds tens of GiB takes seconds to be taken apart."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a worker may take before it is taken for dead, seconds."""

    start: float = 60.0
    """Until it says that it is ready."""
    silence: float = 20.0
    """Between two heartbeats while it is at work."""
    stall: float = 600.0
    """Without any progress while busy; the longest single llama_decode must fit in."""
    cancel: float = 0.8
    """After a cancel, before it is terminated."""
    terminate: float = 1.0
    """After SIGTERM, before it is killed."""


def default_command() -> list[str]:
    """How a worker is started: this program, frozen or not, with the worker's flag."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "--worker"]
    # -P: a random.py where the user happens to stand is none of ours
    return [sys.executable, "-P", "-m", "tunesmith", "--worker"]


class WorkerHandle:
    """A worker process. Every way it can end turns into one exception with its cause."""

    def __init__(
        self,
        *,
        command: Sequence[str] | None = None,
        patience: Patience | None = None,
        on_event: Callable[[WorkerEvent], None] = lambda _event: None,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        """Start the process and wait until it is ready.

        Args:
            command: what to run; the pipe's handle is added as last argument.
            on_event: called with every event, heartbeats included, in this thread.
            interrupted: asked often; True cancels what is being done.

        Raises:
            WorkerError: it did not come up.
        """
        self.patience = patience or Patience()
        self._on_event = on_event
        self._interrupted = interrupted
        self._requests = 0
        self._unanswered = False
        self._output = bytearray()
        self._frames: queue.SimpleQueue[bytes | EOFError | OSError] = queue.SimpleQueue()
        self._connection, theirs = Pipe(duplex=True)
        try:
            self._process = self._spawn([*(command or default_command())], theirs)
        except OSError as error:
            self._connection.close()
            raise WorkerCrashed(f"The worker could not be started: {error}.", unharmed=UNHARMED) from error
        finally:
            theirs.close()
        self._readers = [
            threading.Thread(target=self._read_output, name="worker-output", daemon=True),
            threading.Thread(target=self._read_frames, name="worker-frames", daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        self.ready = self._wait_until_ready()

    def _spawn(self, command: list[str], theirs: Connection) -> subprocess.Popen[bytes]:
        handle = theirs.fileno()
        command.append(str(handle))
        environment = os.environ | {"GGML_NO_BACKTRACE": "1", "PYTHONUNBUFFERED": "1"}
        if sys.platform == "win32":
            os.set_handle_inheritable(handle, True)  # noqa: FBT003 (a system call)
            startup = subprocess.STARTUPINFO(lpAttributeList={"handle_list": [handle]})
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                env=environment, startupinfo=startup, close_fds=True,
            )  # fmt: skip
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=environment, pass_fds=(handle,), start_new_session=True,
        )  # fmt: skip

    def _read_output(self) -> None:
        stream = self._process.stdout
        assert stream is not None  # noqa: S101 (we asked for a pipe)
        with stream:
            while piece := os.read(stream.fileno(), _KEPT_OUTPUT_BYTES):
                self._output.extend(piece)
                del self._output[:-_KEPT_OUTPUT_BYTES]

    def _read_frames(self) -> None:
        """Take frames off the pipe as they come: half a frame must not stop whoever waits for one."""
        while True:
            try:
                frame = self._connection.recv_bytes(MAX_FRAME_BYTES)
            except (EOFError, OSError) as error:
                self._frames.put(error)
                return
            self._frames.put(frame)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def output(self) -> str:
        """The end of what the process printed."""
        return bytes(self._output).decode("utf-8", "replace")

    # ------------------------------------------------------------- asking

    def measure(self, **arguments: object) -> list[Sample]:
        """Send a :class:`Measure` and return its samples.

        Raises:
            ModelRefused: llama.cpp would not load the model or run it so.
            WorkerOutOfMemory: there was not enough memory; the worker may live on.
            WorkerCrashed, WorkerHung, WorkerProtocolError: the worker is gone.
            Interrupted: the user stopped it; the worker lives on.
        """
        self._requests += 1
        return self._ask(Measure.model_validate({**arguments, "request": self._requests}))

    def generate(self, **arguments: object) -> None:
        """Send a :class:`Generate` and return when the answer is over; its text comes as events.

        Raises:
            As :meth:`measure`.
        """
        self._requests += 1
        self._ask(Generate.model_validate({**arguments, "request": self._requests}))

    def _ask(self, command: Measure | Generate) -> list[Sample]:
        if self.alive:
            self._output.clear()  # a later crash is none of what was said before
        self._unanswered = True
        try:
            self._send(command)
            return self._collect(command.request)
        finally:
            if self._unanswered:  # whatever comes now would be taken for the next request's
                self.kill()

    def _collect(self, request: int) -> list[Sample]:
        samples: list[Sample] = []
        cancelled_at: float | None = None
        watch = _Watch(self.patience)
        while True:
            event = self._next_event(watch)
            if cancelled_at is None and self._interrupted():
                cancelled_at = time.monotonic()
                self._send(Cancel(request=request))
            if cancelled_at is not None and time.monotonic() - cancelled_at > self.patience.cancel:
                raise Interrupted("The run was interrupted; what was measured is kept.")
            match event:
                case SampleTaken(sample=sample):
                    samples.append(sample)
                case RequestDone(request=number) if number == request:
                    self._unanswered = False
                    return samples
                case RequestFailed(request=number) as failed if number == request:
                    self._unanswered = False
                    raise _request_error(failed)
                case _:
                    pass

    def _next_event(self, watch: _Watch) -> WorkerEvent | None:
        """The next event, or None after a short while without one.

        Raises:
            WorkerError: the worker died, hung or sent garbage; it has been killed.
        """
        try:
            frame = self._frames.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            # only now: if this very program was stopped for a while, there is news to hear first
            self._complain(watch.complaint(time.monotonic()))
            return None
        if isinstance(frame, EOFError):
            raise self._died()
        if isinstance(frame, OSError):  # a frame too large, or one cut short by the worker's death
            if self._wait(_POLL_SECONDS):
                raise self._died()
            raise self._garbage(f"its frame could not be read ({frame})")
        try:
            event = WORKER_EVENTS.validate_json(frame)
        except ValidationError as error:
            raise self._garbage(f"a frame of {len(frame)} bytes is no event") from error
        watch.saw(event, time.monotonic())
        self._on_event(event)
        return event

    def _complain(self, complaint: str | None) -> None:
        if complaint is not None:
            self.kill()
            raise WorkerHung(complaint, unharmed=UNHARMED, details=self.output()[-2000:])

    def _wait_until_ready(self) -> WorkerReady:
        deadline = time.monotonic() + self.patience.start
        watch = _Watch(Patience(silence=math.inf))
        try:
            while time.monotonic() < deadline:
                event = self._next_event(watch)
                if isinstance(event, WorkerReady):
                    return event
                if self._interrupted():
                    raise Interrupted("The run was interrupted.")
        except BaseException:
            self.close()
            raise
        self.kill()
        raise WorkerHung(
            f"The worker did not come up within {self.patience.start:g} s and was killed.",
            unharmed=UNHARMED,
            details=self.output()[-2000:],
        )

    def _send(self, command: Command) -> None:
        try:
            self._connection.send_bytes(COMMANDS.dump_json(command))
        except OSError:
            raise self._died() from None

    def _died(self) -> WorkerError:
        if not self._wait(self.patience.terminate):
            self.kill()
            return WorkerCrashed(
                "The worker closed its pipe and lived on; it was killed.",
                unharmed=UNHARMED,
                details=self.output()[-2000:],
            )
        self._reap()
        ready = getattr(self, "ready", None)
        features = ready.build.cpu_features if ready else ()
        return diagnose(self._process.returncode, self.output(), cpu_features=features)

    def _garbage(self, what: str) -> WorkerProtocolError:
        self.kill()
        return WorkerProtocolError(
            f"The worker sent something that is no message: {what}.",
            unharmed=UNHARMED,
            details=self.output()[-2000:],
        )

    # ------------------------------------------------------------- ending

    def close(self) -> None:
        """End the process: ask, then terminate, then kill. Harmless when it is gone."""
        if self.alive:
            with contextlib.suppress(OSError, ValueError):
                self._connection.send_bytes(COMMANDS.dump_json(Shutdown()))
            if not self._wait(self.patience.cancel):
                self._process.terminate()
                if not self._wait(self.patience.terminate):
                    self._kill_group()
        self._reap()

    def kill(self) -> None:
        """End the process and all it started, at once."""
        if self.alive:
            self._kill_group()
        self._reap()

    def _kill_group(self) -> None:
        if sys.platform != "win32":
            with contextlib.suppress(OSError):  # it leads a group, and is not waited for yet
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()

    def _wait(self, seconds: float) -> bool:
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _reap(self) -> None:
        if not self._wait(_REAP_SECONDS):
            _LOG.error("worker %d was killed and is not gone: a driver holds it", self.pid)
        for reader in self._readers:
            reader.join(_JOIN_SECONDS)
        if not self._readers[1].is_alive():
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Watch:
    """Decides from heartbeats whether a worker hangs."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._heard = self._moved = time.monotonic()
        self._progress = -1

    def saw(self, event: WorkerEvent, now: float) -> None:
        """Take note of a sign of life."""
        self._heard = now
        if not isinstance(event, Heartbeat):
            self._moved = now
        elif event.progress != self._progress or not event.busy:
            self._progress = event.progress
            self._moved = now

    def complaint(self, now: float) -> str | None:
        """What is wrong, or None."""
        if now - self._heard > self._patience.silence:
            return f"The worker gave no sign of life for {self._patience.silence:g} s and was killed."
        if self._heard - self._moved > self._patience.stall:  # in silence nothing is known of progress
            return f"The worker made no progress for {self._patience.stall:g} s and was killed."
        return None


def _request_error(failed: RequestFailed) -> Exception:
    what = failed.message.partition("\n")[0].rstrip(".")
    match failed.error:
        case "refused":
            return ModelRefused(
                f"{what}.",
                unharmed="The file and everything stored are unharmed.",
                todo="Check that the file is complete and that this llama.cpp knows its architecture.",
                details=failed.message,
            )
        case "out_of_memory":
            return WorkerOutOfMemory(
                f"There was not enough memory: {what}.",
                unharmed=UNHARMED,
                todo="Choose a smaller context, a smaller model or a smaller cache type.",
                details=failed.message,
            )
        case "cancelled":
            return Interrupted("The run was interrupted; what was measured is kept.")
        case "engine":
            return ModelRefused(
                f"llama.cpp would not run the model with these settings: {what}.",
                unharmed=UNHARMED,
                details=failed.message,
            )
