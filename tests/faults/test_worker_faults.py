"""Every way a worker can end badly becomes one error with its cause, and leaves no process behind."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gguf_writer import tiny_llama
from tests.support.processes import children, gone
from tunesmith.domain.measurement import Sample
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload
from tunesmith.errors import (
    WorkerCrashed,
    WorkerError,
    WorkerHung,
    WorkerOutOfMemory,
    WorkerProtocolError,
)
from tunesmith.worker.handle import WorkerHandle
from tunesmith.worker.patience import Patience
from tunesmith.worker.protocol import NoisePolicy

if sys.platform == "win32":
    pytest.skip("the faults are those of POSIX", allow_module_level=True)

SCRIPT = Path(__file__).with_name("worker_with_fault.py")
SETTINGS = Settings(threads=1, threads_batch=1, n_ctx=512)
WORKLOAD = Workload(prompt=40, generate=6)
SHORT = Patience(start=30.0, silence=3.0, stall=1.5)
SLACK = 3.0
"""What starting, dying and a busy machine may take beyond the patience given, seconds."""


@pytest.fixture(scope="module")
def tiny_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama().write(tmp_path_factory.mktemp("models") / "tiny.gguf")


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    processes, threads = children(), threading.active_count()
    yield
    assert children() == processes
    assert threading.active_count() == threads


def start(fault: str, patience: Patience = SHORT) -> WorkerHandle:
    return WorkerHandle(command=[sys.executable, str(SCRIPT), fault], patience=patience)


def measure(worker: WorkerHandle, path: Path, settings: Settings = SETTINGS) -> list[Sample]:
    return worker.measure(
        model_path=str(path), settings=settings, workload=WORKLOAD, noise=NoisePolicy(max_retries=0)
    )


CRASHES = [
    ("segfault", WorkerCrashed, "crashed with SIGSEGV"),
    ("assertion", WorkerCrashed, r"llama.cpp gave up: GGML_ASSERT\(.*n_batch\) failed \(llama-.*:\d+\)\.$"),
    ("freed_model", WorkerCrashed, "crashed with SIG(SEGV|ABRT|BUS)|gave up"),
    ("exit_3", WorkerCrashed, r"exit code 3: the last words\.$"),
    ("mistake", WorkerCrashed, "exit code 71: ZeroDivisionError: a mistake of ours"),
    ("kill", WorkerOutOfMemory, "The system killed the worker"),
    ("half_frame_and_death", WorkerCrashed, "crashed with SIGSEGV"),
]
GARBAGE = ["garbage", "oversized", "no_json", "unknown_type"]


@pytest.mark.parametrize(("fault", "kind", "what"), CRASHES, ids=[fault for fault, _, _ in CRASHES])
def test_a_crash_is_told_with_its_cause(
    tiny_path: Path, fault: str, kind: type[WorkerError], what: str
) -> None:
    worker = start(fault)
    begun = time.monotonic()
    with pytest.raises(WorkerError) as caught:
        measure(worker, tiny_path)
    assert time.monotonic() - begun < SLACK
    assert type(caught.value) is kind
    assert re.search(what, caught.value.what), caught.value.what
    assert caught.value.unharmed
    assert not worker.alive
    assert gone(worker.pid)
    with pytest.raises(type(caught.value), match=re.escape(caught.value.what)):
        measure(worker, tiny_path)  # a dead worker stays dead, of the same cause
    worker.close()


@pytest.mark.parametrize("fault", GARBAGE)
def test_what_is_no_message_ends_the_worker_at_once(tiny_path: Path, fault: str) -> None:
    worker = start(fault)
    begun = time.monotonic()
    with pytest.raises(WorkerProtocolError, match="something that is no message") as caught:
        measure(worker, tiny_path)
    assert time.monotonic() - begun < SLACK
    assert caught.value.unharmed
    assert gone(worker.pid)


@pytest.mark.parametrize(
    ("fault", "silence", "what"),
    [
        ("spin", 5.0, r"made no progress for 1\.5 s"),
        ("hold_the_interpreter", 1.5, r"no sign of life for 1\.5 s"),
        ("stop", 1.5, r"no sign of life for 1\.5 s"),
        ("half_frame", 1.5, r"no sign of life for 1\.5 s"),
    ],
)
def test_a_hang_is_ended_when_patience_is(tiny_path: Path, fault: str, silence: float, what: str) -> None:
    worker = start(fault, Patience(start=30.0, silence=silence, stall=1.5))
    begun = time.monotonic()
    with pytest.raises(WorkerHung, match=what) as caught:
        measure(worker, tiny_path)
    assert 1.5 <= time.monotonic() - begun < 1.5 + SLACK
    assert caught.value.unharmed
    assert gone(worker.pid)


def test_a_worker_that_closes_its_pipe_and_lives_on_is_killed(tiny_path: Path) -> None:
    worker = start("closed_pipe")
    with pytest.raises(WorkerCrashed, match="closed its pipe and lived on; it was killed"):
        measure(worker, tiny_path)
    assert gone(worker.pid)


def test_what_a_hung_worker_started_ends_with_it(tiny_path: Path) -> None:
    worker = start("offspring")
    with pytest.raises(WorkerHung):
        measure(worker, tiny_path)
    found = re.search(r"offspring (\d+)", worker.output())
    assert found
    assert gone(int(found[1]), within=1.0)


def test_a_worker_that_prints_without_end_is_read_and_only_its_last_words_kept(tiny_path: Path) -> None:
    with start("chatter") as worker:
        assert len(measure(worker, tiny_path)) == 1
        assert len(worker.output()) <= 64 * 2**10


# ---------------------------------------------------------------- memory


def test_a_lack_of_memory_in_python_is_told_and_the_worker_lives_on(tiny_path: Path) -> None:
    with start("memory_error") as worker:
        with pytest.raises(WorkerOutOfMemory, match="not enough memory"):
            measure(worker, tiny_path)
        assert worker.alive


@pytest.mark.model
@pytest.mark.skipif(sys.platform != "linux", reason="Linux limits an address space")
@pytest.mark.parametrize(
    ("fault", "n_ctx", "what"),
    [
        ("no_memory_to_load", 512, "There was not enough memory"),
        ("no_memory_for_context", 2**18, "There was not enough memory: .* for the context"),
    ],
)
def test_a_real_lack_of_memory_is_told(smollm2_path: Path, fault: str, n_ctx: int, what: str) -> None:
    with start(fault) as worker:
        with pytest.raises(WorkerOutOfMemory, match=what) as caught:
            measure(worker, smollm2_path, SETTINGS.replace(n_ctx=n_ctx))
        assert caught.value.todo
        assert worker.alive  # llama.cpp said so itself; nothing crashed


# ---------------------------------------------------------------- beginning and end


def test_a_worker_that_hears_nothing_is_killed_when_closed(tiny_path: Path) -> None:
    worker = start("deaf", Patience(cancel=0.3, terminate=0.3))
    measure(worker, tiny_path)
    begun = time.monotonic()
    worker.close()
    assert 0.6 <= time.monotonic() - begun < 0.6 + SLACK
    assert worker._process.returncode == -signal.SIGKILL
    assert gone(worker.pid)


def test_a_stopped_worker_is_killed_when_closed(tiny_path: Path) -> None:
    worker = start("none", Patience(cancel=0.3, terminate=0.3))
    os.kill(worker.pid, signal.SIGSTOP)
    worker.close()
    assert gone(worker.pid)


def test_a_worker_that_does_not_come_up_is_ended() -> None:
    before = children()
    with pytest.raises(WorkerHung, match="did not come up within 1 s"):
        start("never_ready", Patience(start=1.0))
    assert children() == before


def test_a_worker_that_dies_before_it_is_ready_tells_why() -> None:
    with pytest.raises(WorkerCrashed, match=r"exit code 1: libllama\.so: cannot open"):
        start("dies_young")


def test_a_worker_that_begins_with_nonsense_is_ended() -> None:
    with pytest.raises(WorkerProtocolError):
        start("says_nonsense_first")


def test_a_worker_killed_between_two_requests_is_told_at_the_second(tiny_path: Path) -> None:
    worker = start("none")
    measure(worker, tiny_path)
    os.kill(worker.pid, signal.SIGKILL)
    worker._process.wait(5)
    assert not worker.alive
    with pytest.raises(WorkerOutOfMemory, match="The system killed the worker"):
        measure(worker, tiny_path)
