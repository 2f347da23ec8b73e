"""Own what is asked of a worker process, and which of its ways to end it was."""

from __future__ import annotations

import math
import queue
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self, TypeVar

from pydantic import ValidationError

from tunesmith.domain.bandwidth import DeviceBandwidth, MemoryBandwidth
from tunesmith.domain.endpoint import refuse_unnamed
from tunesmith.domain.event_base import Stamped
from tunesmith.domain.measurement import Sample
from tunesmith.domain.reserve import Reserve
from tunesmith.domain.settings import Settings
from tunesmith.domain.speculation import SpeculationResult
from tunesmith.domain.throughput import MatrixThroughput
from tunesmith.domain.worker_events import (
    WORKER_EVENTS,
    DeviceMemoryRead,
    MatricesMultiplied,
    MemoryRead,
    MemoryTold,
    RequestDone,
    RequestFailed,
    SampleTaken,
    SpeculationTaken,
    WorkerEvent,
    WorkerReady,
)
from tunesmith.errors import (
    Interrupted,
    WorkerCrashed,
    WorkerError,
    WorkerHung,
    WorkerProtocolError,
)
from tunesmith.wording import tr
from tunesmith.worker.diagnosis import UNHARMED, diagnose, request_error
from tunesmith.worker.patience import Patience, Watch
from tunesmith.worker.process import WorkerProcess, default_command
from tunesmith.worker.protocol import (
    Cancel,
    CollectImportance,
    Command,
    Generate,
    Measure,
    MultiplyMatrices,
    Quantize,
    Reach,
    ReadDevice,
    ReadMemory,
    Score,
    Speculate,
    TellMemory,
    Work,
    servers_of,
)

_POLL_SECONDS = 0.1
_Event = TypeVar("_Event", bound=Stamped)


class WorkerHandle:
    """A worker process. Every way it can end turns into one exception with its cause."""

    def __init__(
        self,
        *,
        command: Sequence[str] | None = None,
        patience: Patience | None = None,
        on_event: Callable[[WorkerEvent], None] = lambda _event: None,
        interrupted: Callable[[], bool] = lambda: False,
        rpc: Sequence[str] = (),
    ) -> None:
        """Start the process and wait until it is ready.

        Args:
            command: what to run; the pipe's handle is added as last argument.
            on_event: called with every event, heartbeats included, in this thread.
            interrupted: asked often; True cancels what is being done.
            rpc: the RPC servers that the user named: it is asked to connect to no other.

        Raises:
            WorkerError: it did not come up.
        """
        self.patience = patience or Patience()
        self._on_event = on_event
        self._interrupted = interrupted
        self._rpc = tuple(rpc)
        self._requests = 0
        self._unanswered = False
        try:
            self._process = WorkerProcess(command or default_command(), self.patience)
        except OSError as error:
            raise WorkerCrashed(
                tr("The worker could not be started: {reason}.", reason=error), unharmed=UNHARMED
            ) from error
        self.ready = self._wait_until_ready()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.alive

    def output(self) -> str:
        """The end of what the process printed."""
        return self._process.output()

    # ------------------------------------------------------------- asking

    def measure(self, **arguments: object) -> list[Sample]:
        """Send a :class:`Measure` and return its samples.

        Raises:
            ModelRefused: llama.cpp would not load the model or run it so.
            WorkerOutOfMemory: there was not enough memory; the worker may live on.
            WorkerCrashed, WorkerHung, WorkerProtocolError: the worker is gone.
            UsageError: the settings name an RPC server that the user did not.
            Interrupted: the user stopped it; the worker lives on.
        """
        self._requests += 1
        events = self._ask(Measure.model_validate({**arguments, "request": self._requests}))
        return [event.sample for event in events if isinstance(event, SampleTaken)]

    def generate(self, **arguments: object) -> None:
        """Send a :class:`Generate` and return when the answer is over; its text comes as events.

        Raises:
            As :meth:`measure`.
        """
        self._requests += 1
        self._ask(Generate.model_validate({**arguments, "request": self._requests}))

    def speculate(self, **arguments: object) -> SpeculationResult:
        """Send a :class:`Speculate` and return its answer.

        Raises:
            As :meth:`measure`.
        """
        self._requests += 1
        command = Speculate.model_validate({**arguments, "request": self._requests})
        answers = [event.result for event in self._ask(command) if isinstance(event, SpeculationTaken)]
        if len(answers) != 1:
            raise self._garbage(tr("it gave {count} answers to one question", count=len(answers)))
        return answers[0]

    def score(self, **arguments: object) -> None:
        """Send a :class:`Score` and return when all chunks are read; what they gave comes as events.

        Raises:
            As :meth:`measure`, and:
            UsageError: the text or the model cannot be scored in this way.
            StoreError: what the source predicts cannot be kept.
        """
        self._requests += 1
        self._ask(Score.model_validate({**arguments, "request": self._requests}))

    def reach(self, endpoint: str) -> None:
        """Have an RPC server answer; what it says comes as a :class:`ServerReached` event.

        Raises:
            As :meth:`measure`: a dead server ends the worker.
        """
        self._requests += 1
        self._ask(Reach(request=self._requests, endpoint=endpoint))

    def quantize(self, **arguments: object) -> None:
        """Send a :class:`Quantize` and return when it is done; what became of it comes as an event.

        Raises:
            As :meth:`score`; if it is interrupted, the worker is gone, for llama.cpp cannot stop in this.
        """
        self._requests += 1
        self._ask(Quantize.model_validate({**arguments, "request": self._requests}))

    def collect_importance(self, **arguments: object) -> None:
        """Send a :class:`CollectImportance` and return when the file is there.

        Raises:
            As :meth:`score`.
        """
        self._requests += 1
        self._ask(CollectImportance.model_validate({**arguments, "request": self._requests}))

    def read_memory(self, *, threads: Sequence[int], free_bytes: int) -> MemoryBandwidth:
        """Measure how fast memory is read; takes some seconds.

        Args:
            threads: numbers of threads to try, the most useful first.
            free_bytes: main memory that is free; a part of it is used.

        Raises:
            As :meth:`measure`.
        """
        self._requests += 1
        command = ReadMemory(request=self._requests, threads=tuple(threads), free_bytes=free_bytes)
        return self._answer(command, MemoryRead).bandwidth

    def read_device(self, device: str) -> DeviceBandwidth:
        """Measure how fast a device beside the CPU reads its memory; takes some seconds.

        Args:
            device: llama.cpp's name of it.

        Raises:
            As :meth:`measure`.
        """
        self._requests += 1
        command = ReadDevice(request=self._requests, device=device)
        return self._answer(command, DeviceMemoryRead).bandwidth

    def multiply(self, *, weights_type: str, type_id: int, threads: Sequence[int]) -> MatrixThroughput:
        """Measure how fast weights of a type are multiplied on the CPU; takes a second or so.

        Args:
            weights_type: ggml's name of the type.
            type_id: its number in ``enum ggml_type``.
            threads: numbers of threads to try, the most useful first.

        Raises:
            As :meth:`measure`.
        """
        self._requests += 1
        command = MultiplyMatrices(
            request=self._requests, weights_type=weights_type, type_id=type_id, threads=tuple(threads)
        )
        return self._answer(command, MatricesMultiplied).throughput

    def tell_memory(self, model_path: str, settings: Settings) -> Reserve:
        """Have llama.cpp say what memory a model would take; takes some tenths of a second.

        Raises:
            As :meth:`measure`.
        """
        self._requests += 1
        command = TellMemory(request=self._requests, model_path=model_path, settings=settings)
        return self._answer(command, MemoryTold).reserve

    def _answer(self, command: Work, kind: type[_Event]) -> _Event:
        """Ask what has one answer of a kind."""
        answers = [event for event in self._ask(command) if isinstance(event, kind)]
        if len(answers) != 1:
            raise self._garbage(tr("it gave {count} answers to one question", count=len(answers)))
        return answers[0]

    def _ask(self, command: Work) -> list[WorkerEvent]:
        """Send a command and return the answers to it."""
        refuse_unnamed(servers_of(command), self._rpc)
        if self.alive:
            self._process.forget_output()  # a later crash is none of what was said before
        self._unanswered = True
        try:
            self._send(command)
            return self._collect(command.request)
        finally:
            if self._unanswered:  # whatever comes now would be taken for the next request's
                self.kill()

    def _collect(self, request: int) -> list[WorkerEvent]:
        answers: list[WorkerEvent] = []
        cancelled_at: float | None = None
        watch = Watch(self.patience)
        while True:
            event = self._next_event(watch)
            if cancelled_at is None and self._interrupted():
                cancelled_at = time.monotonic()
                self._send(Cancel(request=request))
            if cancelled_at is not None and time.monotonic() - cancelled_at > self.patience.cancel:
                raise Interrupted(tr("The run was interrupted; what was measured is kept."))
            match event:
                case (
                    SampleTaken() | SpeculationTaken() | MemoryTold() | MatricesMultiplied()
                    | MemoryRead() | DeviceMemoryRead()
                ):  # fmt: skip
                    answers.append(event)
                case RequestDone(request=number) if number == request:
                    self._unanswered = False
                    return answers
                case RequestFailed(request=number) as failed if number == request:
                    self._unanswered = False
                    raise request_error(failed)
                case _:
                    pass

    def _next_event(self, watch: Watch) -> WorkerEvent | None:
        """The next event, or None after a short while without one.

        Raises:
            WorkerError: the worker died, hung or sent garbage; it has been killed.
        """
        try:
            frame = self._process.frame(_POLL_SECONDS)
        except queue.Empty:
            # only now: if this very program was stopped for a while, there is news to hear first
            self._complain(watch.complaint(time.monotonic()))
            return None
        if isinstance(frame, EOFError):
            raise self._died()
        if isinstance(frame, OSError):  # a frame too large, or one cut short by the worker's death
            if self._process.wait(_POLL_SECONDS):
                raise self._died()
            raise self._garbage(tr("its frame could not be read ({reason})", reason=frame))
        try:
            event = WORKER_EVENTS.validate_json(frame)
        except ValidationError as error:
            raise self._garbage(tr("a frame of {bytes} bytes is no event", bytes=len(frame))) from error
        watch.saw(event, time.monotonic())
        self._on_event(event)
        return event

    def _complain(self, complaint: str | None) -> None:
        if complaint is not None:
            self.kill()
            raise WorkerHung(complaint, unharmed=UNHARMED, details=self.output()[-2000:])

    def _wait_until_ready(self) -> WorkerReady:
        deadline = time.monotonic() + self.patience.start
        watch = Watch(Patience(silence=math.inf))
        try:
            while time.monotonic() < deadline:
                event = self._next_event(watch)
                if isinstance(event, WorkerReady):
                    return event
                if self._interrupted():
                    raise Interrupted(tr("The run was interrupted."))
        except BaseException:
            self.close()
            raise
        self.kill()
        raise WorkerHung(
            tr(
                "The worker did not come up within {seconds} s and was killed.",
                seconds=f"{self.patience.start:g}",
            ),
            unharmed=UNHARMED,
            details=self.output()[-2000:],
        )

    def _send(self, command: Command) -> None:
        try:
            self._process.send(command)
        except OSError:
            raise self._died() from None

    def _died(self) -> WorkerError:
        if not self._process.wait(self.patience.terminate):
            self.kill()
            return WorkerCrashed(
                tr("The worker closed its pipe and lived on; it was killed."),
                unharmed=UNHARMED,
                details=self.output()[-2000:],
            )
        self._process.reap()
        ready = getattr(self, "ready", None)
        features = ready.build.cpu_features if ready else ()
        return diagnose(self._process.returncode, self.output(), cpu_features=features)

    def _garbage(self, what: str) -> WorkerProtocolError:
        self.kill()
        return WorkerProtocolError(
            tr("The worker sent something that is no message: {what}.", what=what),
            unharmed=UNHARMED,
            details=self.output()[-2000:],
        )

    # ------------------------------------------------------------- ending

    def close(self) -> None:
        """End the process: ask, then terminate, then kill. Harmless when it is gone."""
        self._process.close()

    def kill(self) -> None:
        """End the process and all it started, at once."""
        self._process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
