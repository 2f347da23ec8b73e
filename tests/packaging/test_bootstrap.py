"""Claims about the script behind the README's two commands."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "packaging" / "bootstrap.py"

DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n'
MINT = 'NAME="Linux Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\n'
ROCKY = 'ID="rocky"\nID_LIKE="rhel centos fedora"\n'
ARCH = "# comment\nID=arch\n"
COMPILERS = ["a C compiler", "a C++ compiler"]
AMX_CPU = "processor\t: 0\nflags\t\t: fpu avx512f amx_bf16 amx_tile amx_int8\n"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tunesmith_bootstrap", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bootstrap = load()


def accept(_language: str, *_flags: str) -> bool:
    return True


def test_an_old_python_can_read_the_script() -> None:
    ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 8))


@pytest.mark.parametrize(
    ("os_release", "line"),
    [
        (DEBIAN, "sudo apt-get install -y --no-install-recommends gcc libc6-dev g++"),
        (MINT, "sudo apt-get install -y --no-install-recommends gcc libc6-dev g++"),
        (ROCKY, "sudo dnf install -y gcc glibc-devel gcc-c++"),
        (ARCH, "sudo pacman -S --needed gcc"),
        ("", "(by your system's package manager) a C compiler, a C++ compiler"),
    ],
)
def test_missing_compilers_are_named_by_the_systems_own_line(os_release: str, line: str) -> None:
    found = bootstrap.install_line(COMPILERS, platform="linux", os_release=os_release, root=False)
    assert found == line


def test_root_needs_no_sudo() -> None:
    line = bootstrap.install_line(["libGL.so.1"], platform="linux", os_release=DEBIAN, root=True)
    assert line == "apt-get install -y --no-install-recommends libgl1"


def test_macos_and_windows_have_lines_of_their_own() -> None:
    def line(missing: list[str], platform: str) -> str:
        return str(bootstrap.install_line(missing, platform=platform, os_release="", root=False))

    assert line(COMPILERS, "darwin") == "xcode-select --install"
    assert line(["Python 3.11 or newer"], "darwin").startswith("brew install python@")
    assert "VCTools" in line(["a C++ compiler"], "win32")


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 14, 1)])
def test_python_from_3_11_on_is_taken(version: tuple[int, ...]) -> None:
    bootstrap.check_python(version, [])


def test_an_older_python_is_told_which_other_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: name if name == "python3.12" else None)
    with pytest.raises(
        bootstrap.SetupError, match=r"3\.8\.10\. Try:\n  python3\.12 packaging/bootstrap\.py demo"
    ):
        bootstrap.check_python((3, 8, 10), ["demo"])


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("uv 0.13.9 (b39c1b2f5 2026-11-18 x86_64-unknown-linux-gnu)", (0, 13, 9)),
        ("uv 1.0.0", (1, 0, 0)),
        ("uvx 0.1", ()),
        ("", ()),
    ],
)
def test_uvs_version_is_read_and_no_version_is_too_old(text: str, version: tuple[int, ...]) -> None:
    assert bootstrap.uv_version(text) == version
    assert (version >= bootstrap.OLDEST_UV) == bool(version)


def setting(value: str) -> list[str]:
    return ["--config-settings-package", f"llama-cpp-python:cmake.define.{value}"]


RPC = [*setting("GGML_RPC=ON"), *setting("GGML_RPC_RDMA=OFF")]


def test_amx_is_left_out_where_the_cpu_has_it_and_the_compiler_knows_it() -> None:
    flags = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"
    assert bootstrap.build_options(AMX_CPU, accept, {"CFLAGS": "-g  -O1"}) == [
        *RPC,
        *setting(f"CMAKE_C_FLAGS=-g -O1 {flags}"),
        *setting(f"CMAKE_CXX_FLAGS={flags}"),
    ]


@pytest.mark.parametrize(
    "cpuinfo", ["", "flags\t\t: fpu avx512f\n", "model name\t: amx_tile\n", "Features\t: sve"]
)
def test_a_cpu_without_amx_is_built_for_with_rpc_alone(cpuinfo: str) -> None:
    assert bootstrap.build_options(cpuinfo, accept, {}) == RPC


def test_a_compiler_that_knows_no_amx_is_left_alone() -> None:
    assert bootstrap.build_options(AMX_CPU, lambda language, *_: language == "C", {}) == RPC


def test_a_portable_build_has_every_variant_and_nothing_of_this_machine() -> None:
    options = bootstrap.portable_options()
    assert options == [
        *RPC,
        *setting("GGML_BACKEND_DL=ON"),
        *setting("GGML_CPU_ALL_VARIANTS=ON"),
        *setting("GGML_NATIVE=OFF"),
    ]


def test_a_portable_environment_is_not_taken_for_a_native_one_nor_the_other_way_round(tmp_path: Path) -> None:
    portable, native = bootstrap.portable_options(), bootstrap.build_options("", accept, {})
    for venv, options in ((tmp_path / "portable", portable), (tmp_path / "native", native)):
        note = venv / "lib/python3.12/site-packages/llama_cpp_python-0.3.36.dist-info/uv_build.json"
        note.parent.mkdir(parents=True)
        settings = dict(one.partition(":")[2].split("=", 1) for one in options[1::2])
        note.write_text(json.dumps({"config_settings": settings}), encoding="utf-8")
    assert bootstrap.is_built_so(tmp_path / "portable", portable)
    assert bootstrap.is_built_so(tmp_path / "native", native)
    assert not bootstrap.is_built_so(tmp_path / "portable", native)
    assert not bootstrap.is_built_so(tmp_path / "native", portable)


@pytest.mark.parametrize("folder", ["lib/python3.12/site-packages", "Lib/site-packages"])
def test_an_environment_built_with_other_options_is_known_to_be_compiled_anew(
    tmp_path: Path, folder: str
) -> None:
    options = bootstrap.build_options(AMX_CPU, accept, {})
    assert not bootstrap.is_built_so(tmp_path, options)
    note = tmp_path / folder / "llama_cpp_python-0.3.36.dist-info" / "uv_build.json"
    note.parent.mkdir(parents=True)
    flags = "-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"
    noted = {"cmake.define.CMAKE_C_FLAGS": flags, "cmake.define.CMAKE_CXX_FLAGS": flags}
    note.write_text(json.dumps({"config_settings": noted}), encoding="utf-8")
    assert not bootstrap.is_built_so(tmp_path, options)
    noted |= {"cmake.define.GGML_RPC": "ON", "cmake.define.GGML_RPC_RDMA": "OFF"}
    note.write_text(json.dumps({"config_settings": noted}), encoding="utf-8")
    assert bootstrap.is_built_so(tmp_path, options)


def run_script(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(
        command, env={**os.environ, **env}, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.skipif(sys.platform == "win32", reason="on Windows CMake finds its compiler without PATH")
def test_without_compilers_nothing_is_begun(tmp_path: Path) -> None:
    done = run_script("demo", PATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stdout == ""
    assert "needs a C compiler and a C++ compiler. Install, then try again:\n  " in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="on Windows CMake finds its compiler without PATH")
def test_a_compiler_named_by_cc_is_the_one_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "/nowhere/cc -m64")
    assert not bootstrap.compiles("C")


def test_a_command_it_does_not_know_is_wrong_usage() -> None:
    assert run_script("tset").returncode == 2


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What is run on a Debian, as root, that has compilers and Qt's libraries and no X server."""
    found: list[list[str]] = []
    monkeypatch.setattr(bootstrap, "IS_ROOT", True)
    monkeypatch.setattr(bootstrap, "missing_compilers", list)
    monkeypatch.setattr(bootstrap, "missing_libraries", list)
    monkeypatch.setattr(bootstrap, "loads", lambda name: name != "libxcb-cursor.so.0")
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None if name == "Xvfb" else f"/bin/{name}")
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(bootstrap, "run", lambda command, must: found.append(command))
    monkeypatch.setenv("DEBIAN_FRONTEND", "noninteractive")
    return found


def test_what_a_real_window_is_tested_with_is_installed_for_tests_alone(commands: list[list[str]]) -> None:
    bootstrap.prepare(install=True, tests=False)
    bootstrap.prepare(install=False, tests=True)
    assert commands == []
    bootstrap.prepare(install=True, tests=True)
    assert commands[-1][-2:] == ["xvfb", "libxcb-cursor0"]


def test_a_window_test_that_lacks_something_names_packages_that_are_installed_here() -> None:
    from tests.e2e import x11
    from tunesmith.gui.requirements import X11

    assert {*x11.PROGRAMS, *X11} == set(bootstrap.WINDOW_TESTS)
    assert x11.PROGRAMS.items() <= bootstrap.WINDOW_TESTS.items()


def test_every_check_is_run_pytest_last_and_the_first_failure_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []

    def run(command: list[str]) -> int:
        names.append(Path(command[0]).stem)
        return {"mypy": 3, "pytest": 1}.get(names[-1], 0)

    monkeypatch.setattr(bootstrap, "sync", lambda *_: None)
    monkeypatch.setattr(bootstrap, "run", run)
    assert bootstrap.test([]) == 3
    assert names == ["ruff", "ruff", "mypy", "mypy", "lint-imports", "pytest"]


def test_a_step_that_must_succeed_ends_everything_with_its_exit_code(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        bootstrap.run([sys.executable, "-c", "print('chatter'); raise SystemExit(7)"], must=True)
    assert ended.value.code == 7
    out, err = capfd.readouterr()
    assert out == ""
    assert "chatter" in err
    assert "ended with exit code 7" in err
