"""What the library says: its logs, its version, its devices; and how it is told to stop."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conftest import Engine
from tunesmith.engine import library
from tunesmith.engine.errors import EngineError, LoadRefused, looks_out_of_memory
from tunesmith.engine.library import AbortFlag, L, LogBuffer

DEBUG, INFO, WARNING, ERROR, CONTINUED = 1, 2, 3, 4, 5


def test_a_line_that_comes_in_pieces_is_one_line() -> None:
    log = LogBuffer()
    assert log.feed(ERROR, "failed to ") == []
    assert log.feed(CONTINUED, "allocate") == []
    assert log.feed(CONTINUED, " 7 MiB\n") == [("error", "failed to allocate 7 MiB")]
    assert list(log.lines) == [("error", "failed to allocate 7 MiB")]


def test_a_piece_may_hold_several_lines_and_blank_ones_are_left_out() -> None:
    log = LogBuffer()
    log.feed(WARNING, "one\n\n  \ntwo  \nthr")
    log.feed(CONTINUED, "ee\n")
    assert list(log.lines) == [("warning", "one"), ("warning", "two"), ("warning", "three")]


def test_a_level_nobody_knows_is_information() -> None:
    log = LogBuffer()
    log.feed(0, "hello\n")
    log.feed(99, "again\n")
    assert [level for level, _ in log.lines] == ["info", "info"]


def test_only_the_last_lines_are_kept() -> None:
    log = LogBuffer(lines=3)
    for number in range(10):
        log.feed(INFO, f"{number}\n")
    assert [text for _, text in log.lines] == ["7", "8", "9"]
    assert len(log.unsent) == 3


def test_the_tail_holds_the_last_lines_of_its_levels() -> None:
    log = LogBuffer()
    log.feed(ERROR, "a\nb\nc\n")
    log.feed(INFO, "chatter\n")
    assert log.tail(2) == "b\nc"
    assert log.tail(9, levels=("info",)) == "chatter"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("llama_model_load: error loading model: tensor 'a' is bad", "tensor 'a' is bad"),
        ("llama_model_load: error loading model: llama_model_loader: no such key", "no such key"),
        ("load_all_data: tensor 'output.weight' has invalid data", "tensor 'output.weight' has invalid data"),
        ("no origin here", "no origin here"),
        ("", ""),
    ],
)
def test_the_complaint_is_what_was_the_matter_and_not_where(line: str, complaint: str) -> None:
    log = LogBuffer()
    log.feed(WARNING, "some warning\n")
    log.feed(ERROR, f"{line}\n")
    log.feed(ERROR, "llama_model_load_from_file_impl: failed to load model\n")
    expected = complaint or "failed to load model"
    assert log.complaint() == expected


def test_a_lack_of_memory_is_told_from_memory_that_could_not_be_locked() -> None:
    assert looks_out_of_memory("ggml_backend_cpu: failed to allocate buffer of size 99")
    assert looks_out_of_memory("terminate called after throwing 'std::bad_alloc'")
    assert not looks_out_of_memory("warning: failed to mlock 107-byte buffer: Cannot allocate memory")
    assert not looks_out_of_memory("tensor 'a' has wrong shape")


def test_the_abort_callback_says_go_on_until_the_flag_is_set() -> None:
    flag = AbortFlag()
    stops = ctypes.cast(flag.callback, ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p))

    def state() -> tuple[bool, bool]:
        return flag.is_set, bool(stops(flag.data.value))

    assert state() == (False, False)
    flag.set()
    assert state() == (True, True)
    flag.clear()
    assert state() == (False, False)


def test_two_abort_flags_are_apart() -> None:
    one, other = AbortFlag(), AbortFlag()
    one.set()
    assert not other.is_set


def test_the_cpu_is_among_the_devices(engine: Engine) -> None:
    cpus = [device for device in library.devices() if device.type == "cpu"]
    assert [device.backend for device in cpus] == ["CPU"]
    assert cpus[0].total_bytes > 2**28


def test_the_build_tells_its_versions_and_instruction_sets(engine: Engine) -> None:
    build = library.build(library.devices())
    assert "CPU" in build.backends
    assert build.llama_cpp_version != "unknown"
    assert build.ggml_version != "unknown"
    assert all(feature == feature.lower() for feature in build.cpu_features)
    assert build.binding_version in build.label


def test_a_native_build_has_no_variant_and_loads_nothing(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "libggml-cpu-x64.so").write_bytes(b"not a library")
    monkeypatch.setattr(L, "_base_path", tmp_path)
    before = library.build(library.devices())
    library.start(engine.log)
    assert library.build(library.devices()) == before
    assert before.cpu_variant is None


def portable(monkeypatch: pytest.MonkeyPatch, *, log: LogBuffer, said: str, cpu: bool = True) -> list[bytes]:
    """Let llama.cpp have nothing built in; the folders it is told to load from."""
    asked: list[bytes] = []

    def load(folder: bytes) -> None:
        asked.append(folder)
        log.feed(INFO, said)

    answers: dict[str, Any] = {
        "ggml_backend_reg_count": lambda: 0,
        "ggml_backend_reg_get": None,
        "ggml_backend_load_all_from_path": load,
        "ggml_backend_dev_by_type": lambda _type: int(cpu),
    }
    monkeypatch.setattr(library, "symbol", lambda name, *_: answers[name])
    monkeypatch.setattr(library, "_loaded_from", {})
    return asked


def test_a_portable_build_loads_its_variants_from_beside_itself_and_names_the_one_that_runs(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = LogBuffer()
    (tmp_path / "libggml-cpu-icelake.so").touch()
    monkeypatch.setattr(L, "_base_path", tmp_path)
    said = f"load_backend: loaded CPU backend from {tmp_path}/libggml-cpu-icelake.so\n"
    with monkeypatch.context() as patch:
        asked = portable(patch, log=log, said=said)
        library._load_backends(log)
        assert asked == [os.fsencode(tmp_path)]
        loaded = dict(library._loaded_from)
    monkeypatch.setattr(library, "_loaded_from", loaded)
    build = library.build(library.devices())
    assert build.cpu_variant == "icelake"
    assert "icelake" not in build.cpu_features


def test_a_portable_build_without_a_variant_that_runs_here_is_refused_and_looks_nowhere_else(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "current"
    here.mkdir()
    (here / "libggml-cpu-x64.so").touch()
    monkeypatch.chdir(here)
    monkeypatch.setattr(L, "_base_path", tmp_path / "lib")
    monkeypatch.setattr(L, "__file__", str(tmp_path / "llama_cpp/llama_cpp.py"))
    asked = portable(monkeypatch, log=engine.log, said="", cpu=False)
    with pytest.raises(EngineError, match="no backend for this processor"):
        library._load_backends(engine.log)
    assert asked == []


def test_a_function_that_is_not_there_is_named(engine: Engine) -> None:
    with pytest.raises(AttributeError, match="llama_make_coffee"):
        library.symbol("llama_make_coffee", None, [])


def test_errors_of_llama_cpp_reach_standard_error_too(
    engine: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(LoadRefused, match="No such file"):
        engine.load(Path("/nowhere/there is no such.gguf"))
    assert "No such file" in capfd.readouterr().err
