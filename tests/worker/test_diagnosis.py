"""What a dead worker is said to have died of."""

from __future__ import annotations

import signal

import pytest

from tunesmith.errors import DeviceLost, RpcServerLost, WorkerCrashed, WorkerOutOfMemory
from tunesmith.worker.diagnosis import diagnose

needs_signals = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="signals are a matter of POSIX")


@needs_signals
@pytest.mark.parametrize(
    ("number", "what"),
    [
        ("SIGSEGV", "llama.cpp crashed with SIGSEGV."),
        ("SIGABRT", "llama.cpp crashed with SIGABRT."),
        ("SIGILL", "llama.cpp crashed with SIGILL."),
        ("SIGTERM", "Something else ended the worker with SIGTERM."),
    ],
)
def test_a_signal_is_named_and_blamed_on_its_sender(number: str, what: str) -> None:
    error = diagnose(-getattr(signal, number), "some\noutput")
    assert type(error) is WorkerCrashed
    assert error.what == what
    assert error.unharmed
    assert error.details == "some\noutput"


@needs_signals
def test_a_kill_is_taken_for_want_of_memory() -> None:
    error = diagnose(-9, "")
    assert isinstance(error, WorkerOutOfMemory)
    assert "killed" in error.what
    assert error.todo


def test_a_signal_without_a_name_is_numbered() -> None:
    assert diagnose(-77, "").what == "llama.cpp crashed with signal 77."


@pytest.mark.parametrize("code", [-6, 3])
def test_an_assertion_is_told_without_the_folder_llama_cpp_was_built_in(code: int) -> None:
    output = (
        "noise\nggml abort: /home/x y/llama.cpp/src/llama-context.cpp:1785: GGML_ASSERT(n <= m) failed\n\n"
    )
    error = diagnose(code, output)
    assert type(error) is WorkerCrashed
    assert error.what == "llama.cpp gave up: GGML_ASSERT(n <= m) failed (llama-context.cpp:1785)."
    assert "/home/x y/" in error.details


def test_an_assertion_on_windows_is_told_alike() -> None:
    output = "ggml abort: C:\\build\\ggml.c:12: fatal error\r\n"
    assert diagnose(3, output).what == "llama.cpp gave up: fatal error (ggml.c:12)."


def test_the_last_assertion_counts() -> None:
    assert "second" in diagnose(-6, "ggml abort: first\nggml abort: second\n").what


@pytest.mark.parametrize(
    "line",
    [
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 123",
        "MemoryError",
    ],
)
@pytest.mark.parametrize("code", [-6, -11, 1])
def test_words_of_want_tell_a_lack_of_memory_however_it_ended(line: str, code: int) -> None:
    error = diagnose(code, f"before\n{line}\nafter")
    assert isinstance(error, WorkerOutOfMemory)
    assert line in error.details


def test_an_exit_code_comes_with_the_last_words() -> None:
    error = diagnose(3, "Traceback\nModuleNotFoundError: No module named 'llama_cpp'\n\n")
    assert (
        error.what == "The worker ended with exit code 3: ModuleNotFoundError: No module named 'llama_cpp'."
    )
    assert diagnose(0, "").what == "The worker ended with exit code 0."


@pytest.mark.parametrize(
    ("code", "kind", "word"),
    [
        (0xC0000005, WorkerCrashed, "access violation"),
        (0xC000012D, WorkerOutOfMemory, "ran out of memory"),
    ],
)
def test_what_windows_says_is_understood(code: int, kind: type[Exception], word: str) -> None:
    error = diagnose(code, "")
    assert type(error) is kind
    assert word in error.what


@needs_signals
def test_a_crash_of_a_build_with_amx_comes_with_the_way_out() -> None:
    todo = diagnose(-11, "", cpu_features=("avx2", "amx_int8")).todo
    for flag in ("-mno-amx-tile", "-mno-amx-int8", "-mno-amx-bf16"):  # the first alone leaves AMX in
        assert flag in todo
    assert not diagnose(-11, "", cpu_features=("avx2",)).todo
    assert not diagnose(-6, "", cpu_features=("amx_int8",)).todo


def test_only_the_end_of_a_long_output_is_kept() -> None:
    assert diagnose(1, "\n".join(map(str, range(1000)))).details.splitlines() == [*map(str, range(988, 1000))]


@needs_signals
@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("Remote RPC server crashed or returned malformed response", "The RPC server was lost: it ended"),
        ("Failed to connect to 10.0.0.2:50052", "No RPC server answers at 10.0.0.2:50052"),
        ("RPC handshake failed for box:1", "No RPC server answers at box:1"),
    ],
)
def test_a_lost_server_is_no_crash(said: str, what: str) -> None:
    error = diagnose(-signal.SIGABRT, f"ggml abort: /a/ggml-rpc.cpp:547: {said}\n")
    assert type(error) is RpcServerLost
    assert error.what.startswith(what)
    assert error.name == "rpc_server_lost"
    assert "same llama.cpp" in error.todo


@needs_signals
def test_a_server_of_another_version_is_told_by_it() -> None:
    said = "RPC server version mismatch: 2.0.1\nggml abort: RPC handshake failed for box:1\n"
    assert "version 2.0.1" in diagnose(-signal.SIGABRT, said).what


@pytest.mark.parametrize(
    "said",
    [
        "CUDA error: an illegal memory access was encountered\nggml abort: /src/ggml-cuda.cu:109: CUDA error",
        "ggml_vulkan: device lost on Radeon RX 7900 XTX\nterminate called after throwing vk::DeviceLostError",
        "ROCm error: unspecified launch failure\nggml abort: /src/ggml-cuda.cu:109: ROCm error",
    ],
)
def test_a_device_that_failed_is_lost_and_not_merely_a_crash(said: str) -> None:
    found = diagnose(-6, said)
    assert isinstance(found, DeviceLost)
    assert found.name == "device_lost"


def test_a_device_without_memory_left_is_a_lack_of_memory() -> None:
    said = "CUDA error: out of memory\n  current device: 0\nggml abort: /src/ggml-cuda.cu:109: CUDA error"
    assert isinstance(diagnose(-6, said), WorkerOutOfMemory)
    said = "alloc_buffer: allocating 9.00 MiB on device 0: cudaMalloc failed: out of memory"
    assert isinstance(diagnose(-6, said), WorkerOutOfMemory)
