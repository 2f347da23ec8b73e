"""Own a worker's process and its pipe: start it, hear it, end it with all that it started."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from tunesmith.worker.patience import Patience
from tunesmith.worker.protocol import COMMANDS, MAX_FRAME_BYTES, Command, Shutdown

_LOG = logging.getLogger(__name__)
_KEPT_OUTPUT_BYTES = 64 * 2**10
_JOIN_SECONDS = 1.0
_REAP_SECONDS = 30.0
"""After SIGKILL: a process that holds tens of GiB takes seconds to be taken apart."""


def program() -> list[str]:
    """How this program is started once more, frozen or not; arguments follow."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    # -P: a random.py where the user happens to stand is none of ours
    return [sys.executable, "-P", "-m", "tunesmith"]


def default_command() -> list[str]:
    """How a worker is started: this program with the worker's flag."""
    return [*program(), "--worker"]


class WorkerProcess:
    """A process with a pipe to it; knows nothing of what is said."""

    def __init__(self, command: Sequence[str], patience: Patience) -> None:
        """Start it.

        Args:
            command: what to run; the pipe's handle is added as last argument.
            patience: how long it is given to end.

        Raises:
            OSError: it cannot be started.
        """
        self._patience = patience
        self._output = bytearray()
        self._frames: queue.SimpleQueue[bytes | EOFError | OSError] = queue.SimpleQueue()
        self._connection, theirs = Pipe(duplex=True)
        try:
            self._process = self._spawn([*command], theirs)
        except OSError:
            self._connection.close()
            raise
        finally:
            theirs.close()
        self._readers = [
            threading.Thread(target=self._read_output, name="worker-output", daemon=True),
            threading.Thread(target=self._read_frames, name="worker-frames", daemon=True),
        ]
        for reader in self._readers:
            reader.start()

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

    @property
    def returncode(self) -> int | None:
        """As :attr:`subprocess.Popen.returncode`."""
        return self._process.returncode

    def forget_output(self) -> None:
        """Begin anew to keep what the process prints."""
        self._output.clear()

    # ------------------------------------------------------------- talking

    def send(self, command: Command) -> None:
        """Send a command.

        Raises:
            OSError: nobody listens.
        """
        self._connection.send_bytes(COMMANDS.dump_json(command))

    def frame(self, timeout_s: float) -> bytes | EOFError | OSError:
        """What came next: a frame, or how the pipe ended.

        Raises:
            queue.Empty: nothing came within ``timeout_s`` seconds.
        """
        return self._frames.get(timeout=timeout_s)

    # ------------------------------------------------------------- ending

    def close(self) -> None:
        """End the process: ask, then terminate, then kill. Harmless when it is gone."""
        if self.alive:
            with contextlib.suppress(OSError, ValueError):
                self.send(Shutdown())
            if not self.wait(self._patience.cancel):
                self._process.terminate()
                if not self.wait(self._patience.terminate):
                    self._kill_group()
        self.reap()

    def kill(self) -> None:
        """End the process and all it started, at once."""
        if self.alive:
            self._kill_group()
        self.reap()

    def _kill_group(self) -> None:
        if sys.platform != "win32":
            with contextlib.suppress(OSError):  # it leads a group, and is not waited for yet
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()

    def wait(self, seconds: float) -> bool:
        """Wait for its end; whether it came."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def reap(self) -> None:
        """Let go of a process that has ended."""
        if not self.wait(_REAP_SECONDS):
            _LOG.error("worker %d was killed and is not gone: a driver holds it", self.pid)
        for reader in self._readers:
            reader.join(_JOIN_SECONDS)
        if not self._readers[1].is_alive():
            self._connection.close()
