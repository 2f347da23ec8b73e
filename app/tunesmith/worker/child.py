"""Own the life of the worker process: its two threads, its pipe and its end."""

from __future__ import annotations

import collections
import contextlib
import os
import queue
import signal
import sys
import threading
import time
import traceback
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait

from tunesmith.domain.bandwidth import DeviceBandwidth, memory_bandwidth
from tunesmith.domain.event_base import Part
from tunesmith.domain.reserve import Reserve
from tunesmith.domain.settings import Settings
from tunesmith.domain.throughput import MatrixThroughput
from tunesmith.domain.worker_events import (
    WORKER_EVENTS,
    DeviceMemoryRead,
    Heartbeat,
    LogLine,
    MatricesMultiplied,
    MemoryRead,
    MemoryTold,
    RequestDone,
    RequestFailed,
    ServerReached,
    TokensTimed,
    WorkerEvent,
    WorkerReady,
)
from tunesmith.engine import library, rpc
from tunesmith.engine.bandwidth import read_bandwidth
from tunesmith.engine.device_bandwidth import read_device
from tunesmith.engine.errors import Cancelled, DiskFault, EngineError, InputRefused, LoadRefused, OutOfMemory
from tunesmith.engine.matmul import multiply
from tunesmith.engine.memory import reserve
from tunesmith.engine.timing import LiveTiming
from tunesmith.worker.bench import Bench
from tunesmith.worker.importance import ImportanceReader
from tunesmith.worker.probe import Probe
from tunesmith.worker.protocol import (
    COMMANDS,
    FLUSH_SECONDS,
    HEARTBEAT_SECONDS,
    MAX_FRAME_BYTES,
    Cancel,
    CollectImportance,
    Generate,
    Measure,
    MultiplyMatrices,
    Quantize,
    Reach,
    ReadDevice,
    ReadMemory,
    Score,
    Shutdown,
    Speculate,
    TellMemory,
    Work,
)
from tunesmith.worker.quantizing import Quantizer
from tunesmith.worker.scoring import Scorer
from tunesmith.worker.speculation import SpeculationBench

EXIT_ORPHANED = 70
"""The parent went away."""
EXIT_CONFUSED = 71
"""The parent sent what is no command, or this code is at fault; standard error tells."""


class Child:
    """A worker: the main thread computes, a second one talks.

    The second thread reads commands, sends what the first has queued, live timings and heartbeats,
    and ends the process when the parent is gone. The first never touches the pipe. An idle worker is
    silent: another worker of the same parent may be measuring.
    """

    def __init__(self, connection: Connection, probe: Probe) -> None:
        self._connection = connection
        self._probe = probe
        self._log = library.LogBuffer()
        self._abort = library.AbortFlag()
        self._live = LiveTiming()
        self._commands: queue.SimpleQueue[Work | Shutdown] = queue.SimpleQueue()
        self._outbox: collections.deque[WorkerEvent] = collections.deque()
        self._busy_with: int | None = None
        self._cancelled: set[int] = set()
        self._ending = False
        self._open: set[int] = set()
        """Requests taken and not yet answered; the second thread's own."""
        self._sent_of = self._live.running
        self._sent_chunks = self._sent_steps = 0
        self._wake_reader, self._wake_writer = Pipe(duplex=False)
        self.bench = Bench(log=self._log, abort=self._abort, live=self._live, probe=probe, emit=self._emit)
        self._scorer = Scorer(log=self._log, abort=self._abort, live=self._live, emit=self._emit)
        self._quantizer = Quantizer(log=self._log, live=self._live, emit=self._emit)
        self._importance = ImportanceReader(
            log=self._log, abort=self._abort, live=self._live, emit=self._emit
        )
        self.speculation = SpeculationBench(
            log=self._log, abort=self._abort, live=self._live, probe=probe, emit=self._emit,
            affinity=self.bench.affinity,
        )  # fmt: skip

    def run(self) -> None:
        """Serve commands until told to stop. Ends the process if the parent dies."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the parent's to handle
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # nothing here is worth a delay
        library.start(self._log)
        found = library.devices()
        self._emit(WorkerReady(pid=os.getpid(), build=library.build(found), devices=found))
        talker = threading.Thread(target=self._talk, name="talker", daemon=True)
        talker.start()
        try:
            while not isinstance(command := self._commands.get(), Shutdown):
                self._serve(command)
            self.bench.close()
            self.speculation.close()
        except BaseException:  # noqa: BLE001 (the process ends here, and says why)
            traceback.print_exc()
            os._exit(EXIT_CONFUSED)
        os._exit(0)  # nothing is left to flush, and llama.cpp's static destructors may hang

    def _serve(self, command: Work) -> None:
        self._abort.clear()
        self._busy_with = command.request
        if self._ending or command.request in self._cancelled:
            self._abort.set()
        try:
            match command:
                case Measure():
                    self.speculation.close()
                    self.bench.measure(command)
                case Generate():
                    self.speculation.close()
                    self.bench.generate(command)
                case Score():
                    self.bench.close()  # memory is for the models that are compared
                    self.speculation.close()
                    self._scorer.score(command)
                case Reach(endpoint=endpoint):
                    found, latency_ns = rpc.reach(endpoint)
                    self._emit(ServerReached(endpoint=endpoint, devices=found, latency_ns=latency_ns))
                case Quantize():
                    self.bench.close()
                    self.speculation.close()
                    self._quantizer.quantize(command)
                case CollectImportance():
                    self.bench.close()
                    self.speculation.close()
                    self._importance.collect(command)
                case ReadMemory():
                    self._read_memory(command)
                case ReadDevice():
                    self._read_device(command)
                case MultiplyMatrices():
                    self._multiply(command)
                case TellMemory(model_path=path, settings=settings):
                    self._emit(MemoryTold(reserve=self._reserve(path, settings)))
                case Speculate():
                    self.bench.close()
                    self.speculation.serve(command)
            self._emit(RequestDone(request=command.request))
        except Cancelled as error:
            self._fail(command, "cancelled", error)
        except OutOfMemory as error:
            self._fail(command, "out_of_memory", error)
        except LoadRefused as error:
            self._fail(command, "refused", error)
        except InputRefused as error:
            self._fail(command, "input", error)
        except DiskFault as error:
            self._fail(command, "disk", error)
        except EngineError as error:
            self._fail(command, "engine", error)
        except MemoryError as error:
            self.bench.close()
            self.speculation.close()
            message = str(error) or "Python could not allocate memory"
            self._emit(RequestFailed(request=command.request, error="out_of_memory", message=message))
        finally:
            self._busy_with = None

    def _read_memory(self, command: ReadMemory) -> None:
        self._probe.begin()
        readings = read_bandwidth(
            command.threads, free_bytes=command.free_bytes, stopped=lambda: self._abort.is_set
        )
        conditions = self._probe.end()
        bandwidth = memory_bandwidth(
            readings, foreign_cores=conditions.foreign_cores, noisy=command.noise.disturbed(conditions)
        )
        self._emit(MemoryRead(bandwidth=bandwidth))

    def _read_device(self, command: ReadDevice) -> None:
        try:
            size_bytes, figures = read_device(command.device, stopped=lambda: self._abort.is_set)
            why = ""
        except Cancelled:
            raise
        except EngineError as error:
            size_bytes, figures, why = 0, (), error.message[:400]
        bandwidth = DeviceBandwidth(
            device=command.device, size_bytes=size_bytes, bytes_per_s=figures, why=why
        )  # fmt: skip
        self._emit(DeviceMemoryRead(bandwidth=bandwidth))

    def _multiply(self, command: MultiplyMatrices) -> None:
        self._probe.begin()
        readings = multiply(command.type_id, command.threads, stopped=lambda: self._abort.is_set)
        conditions = self._probe.end()
        throughput = MatrixThroughput(
            type=command.weights_type, readings=readings, foreign_cores=conditions.foreign_cores,
            noisy=command.noise.disturbed(conditions),
        )  # fmt: skip
        self._emit(MatricesMultiplied(throughput=throughput))

    def _reserve(self, path: str, settings: Settings) -> Reserve:
        rpc.connect(settings.rpc)
        return reserve(path, settings, log=self._log, abort=self._abort)

    def _fail(self, command: Work, kind: str, error: EngineError) -> None:
        text = f"{error.message}\n{error.log}" if error.log else error.message
        fields = {"request": command.request, "error": kind, "message": text[:4000]}
        self._emit(RequestFailed.model_validate(fields))

    def _emit(self, event: WorkerEvent) -> None:
        self._outbox.append(event.model_copy(update={"mono_ns": time.monotonic_ns()}))
        self._wake_writer.send_bytes(b".")

    # ------------------------------------------------------------- second thread

    def _talk(self) -> None:
        """Read, flush, beat; any failure of the pipe means that the parent is gone."""
        try:
            self._talk_until_broken()
        except (OSError, EOFError):
            self._abort.set()
        except BaseException as error:  # noqa: BLE001 (a silent talker would look like a hang)
            os.write(2, f"worker: {type(error).__name__}: {error}\n".encode())
            os._exit(EXIT_CONFUSED)
        self._quantizer.abandon()
        os._exit(EXIT_ORPHANED)

    def _talk_until_broken(self) -> None:
        last_beat = 0.0
        while True:
            timeout = FLUSH_SECONDS if self._open else None
            for ready in wait([self._connection, self._wake_reader], timeout):
                if ready is self._connection:
                    self._take(self._connection.recv_bytes(MAX_FRAME_BYTES))
                else:
                    self._wake_reader.recv_bytes()
            self._send_live()
            while self._outbox:
                self._send_in_order(self._outbox.popleft())
            now = time.monotonic()
            if self._open and now - last_beat >= HEARTBEAT_SECONDS:
                last_beat = now
                self._send(Heartbeat(progress=self._live.progress, busy=True))
                self._send_log()

    def _send_in_order(self, event: WorkerEvent) -> None:
        """Send an event after the timings and log lines that came before it."""
        self._send_live()
        if isinstance(event, RequestDone | RequestFailed):
            self._send_log()
            self._open.discard(event.request)
            self._cancelled.discard(event.request)
        self._send(event)

    def _take(self, frame: bytes) -> None:
        match COMMANDS.validate_json(frame):
            case Cancel(request=request):
                self._cancelled.add(request)
                if self._busy_with == request:
                    self._abort.set()
            case Shutdown() as command:
                self._ending = True
                self._abort.set()
                self._commands.put(command)
            case command:
                self._open.add(command.request)
                self._commands.put(command)

    def _send_live(self) -> None:
        """Send what was timed since the last call; the repetition's rest comes with its sample."""
        running = self._live.running
        if running is not self._sent_of:
            self._sent_of, self._sent_chunks, self._sent_steps = running, 0, 0
        chunks = running.prefill_chunks
        fresh_chunks, fresh_steps = chunks[self._sent_chunks :], running.step_ns[self._sent_steps :]
        if fresh_chunks:
            before = chunks[self._sent_chunks - 1][1] if self._sent_chunks else running.prefill_started_ns
            tokens = sum(count for count, _ in fresh_chunks)
            self._send_timed("prefill", tokens, fresh_chunks[-1][1] - before)
        if fresh_steps:
            self._send_timed("decode", len(fresh_steps) * running.sequences, sum(fresh_steps))
        self._sent_chunks += len(fresh_chunks)
        self._sent_steps += len(fresh_steps)

    def _send_timed(self, part: Part, tokens: int, elapsed_ns: int) -> None:
        rss = self._probe.resident_bytes()
        self._send(TokensTimed(part=part, tokens=tokens, elapsed_ns=elapsed_ns, rss_bytes=rss))

    def _send_log(self) -> None:
        with contextlib.suppress(IndexError):
            while True:
                level, text = self._log.unsent.popleft()
                if level in ("warning", "error"):
                    self._send(LogLine.model_validate({"level": level, "text": text[:2000]}))

    def _send(self, event: WorkerEvent) -> None:
        if not event.mono_ns:
            event = event.model_copy(update={"mono_ns": time.monotonic_ns()})
        self._connection.send_bytes(WORKER_EVENTS.dump_json(event))


def connection_from_argument(argument: str) -> Connection:
    """The pipe whose handle the parent put on the command line."""
    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection

        return PipeConnection(int(argument))
    os.set_inheritable(int(argument), False)  # noqa: FBT003 (a system call)
    return Connection(int(argument))
