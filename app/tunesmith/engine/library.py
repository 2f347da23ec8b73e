"""Own the loaded llama.cpp library: its backends, its logs, its version, its devices, its last words."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
from collections import deque
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("GGML_NO_BACKTRACE", "1")  # else a failed assertion starts gdb on us

import llama_cpp.llama_cpp as L  # noqa: N812 (llama.cpp reads the variable as it loads)

from tunesmith.domain.machine import CPU_VARIANT, Build, Device, DeviceType
from tunesmith.engine.errors import EngineError

__all__ = ["AbortFlag", "L", "LogBuffer", "build", "describe", "devices", "start", "symbol"]

_SIBLINGS = ("ggml", "ggml-base", "ggml-cpu", "ggml-rpc")
_DEVICE_TYPES: Final[dict[int, DeviceType]] = {0: "cpu", 1: "gpu", 2: "igpu", 3: "accel", 4: "meta"}
_LEVELS: Final[dict[int, str]] = {1: "debug", 2: "info", 3: "warning", 4: "error"}
_CONTINUED: Final = 5
_ORIGIN: Final = re.compile(r"^(?:\w+: +)+(?:error loading model: +)?(?:\w+: +)*")
"""``llama_model_load: error loading model: llama_model_loader: `` before what was the matter."""
_LOADED: Final = re.compile(r"load_backend: loaded (\S+) backend from (.+)$")
_VARIANT: Final = re.compile(r"ggml-cpu-(.+)\.\w+$")
_kept_callbacks: list[object] = []  # ctypes callbacks die with their last Python reference
_loaded_from: dict[str, str] = {}
"""The files of the backends that a portable llama.cpp loaded, by their names; empty in a native one."""


class _DeviceProps(ctypes.Structure):
    """struct ggml_backend_dev_props of ggml-backend.h."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("description", ctypes.c_char_p),
        ("memory_free", ctypes.c_size_t),
        ("memory_total", ctypes.c_size_t),
        ("type", ctypes.c_int),
        ("device_id", ctypes.c_char_p),
        ("caps", ctypes.c_bool * 8),
    )


def symbol(name: str, restype: Any, argtypes: list[Any]) -> Any:
    """A function of the llama.cpp the binding loaded, ggml's included, never of a second copy.

    Raises:
        AttributeError: this build has no such function.
    """
    function = _exported(name)
    if function is None:
        address = _of_backends(name)
        if not address:
            msg = f"this llama.cpp has no {name}"
            raise AttributeError(msg)
        return ctypes.CFUNCTYPE(restype, *argtypes)(address)
    function.restype = restype
    function.argtypes = argtypes
    return function


def _exported(name: str) -> Any:
    libraries = [L._lib]  # noqa: SLF001 (the binding offers no public handle)
    if os.name == "nt":  # elsewhere dlsym looks through a library's own dependencies
        folder = Path(L._base_path)  # noqa: SLF001
        libraries += [
            ctypes.CDLL(str(path)) for sibling in _SIBLINGS for path in folder.glob(f"{sibling}.dll")
        ]
    found = (getattr(library, name, None) for library in libraries)
    return next((function for function in found if function is not None), None)


def _of_backends(name: str) -> int | None:
    """What a backend that was loaded at run time offers; the binding does not depend on its library."""
    if _exported("ggml_backend_reg_count") is None:
        return None
    ask = symbol("ggml_backend_reg_get_proc_address", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p])
    addresses = (ask(handle, name.encode()) for handle in _registered())
    return next(filter(None, addresses), None)


def _registered() -> list[int]:
    """The backends that are built in or loaded."""
    get = symbol("ggml_backend_reg_get", ctypes.c_void_p, [ctypes.c_size_t])
    return [get(number) for number in range(symbol("ggml_backend_reg_count", ctypes.c_size_t, [])())]


class LogBuffer:
    """The last lines llama.cpp logged, with their levels; written from C, read from Python."""

    def __init__(self, lines: int = 400) -> None:
        self.lines: deque[tuple[str, str]] = deque(maxlen=lines)
        self.unsent: deque[tuple[str, str]] = deque(maxlen=lines)
        """The same lines, for whoever passes them on and takes them out."""
        self.on_line: Callable[[str], None] | None = None
        """Told of each line as it is complete, in the thread that logs."""
        self._level = "info"
        self._partial = ""

    def feed(self, level: int, text: str) -> list[tuple[str, str]]:
        """Take one piece of log text and return the lines it completed; a line may come in pieces."""
        if level != _CONTINUED:
            self._level = _LEVELS.get(level, "info")
        self._partial += text
        *whole, self._partial = self._partial.split("\n")
        entries = [(self._level, line.rstrip()) for line in whole if line.strip()]
        self.lines.extend(entries)
        self.unsent.extend(entries)
        if self.on_line is not None:
            for _, line in entries:
                self.on_line(line)
        return entries

    def tail(self, count: int = 5, *, levels: tuple[str, ...] = ("warning", "error")) -> str:
        """The last ``count`` lines of the given levels, joined by newlines."""
        return "\n".join([text for level, text in self.lines if level in levels][-count:])

    def complaint(self) -> str:
        """The first error logged, without the names of the functions it came through; may be empty."""
        first = next((text for level, text in self.lines if level == "error"), "")
        return _ORIGIN.sub("", first).strip()


def start(log: LogBuffer) -> None:
    """Send llama.cpp's log to ``log``, its errors and a failed assertion's text to standard error too.

    What is in ``log`` dies with the process; standard error is read by whoever started it.

    Raises:
        EngineError: this llama.cpp has no backend that runs on this processor.
    """

    def on_log(level: int, text: bytes, _user: object) -> None:
        for kind, line in log.feed(level, text.decode("utf-8", "replace")):
            if kind == "error":
                os.write(2, line.encode("utf-8", "replace") + b"\n")

    def on_abort(text: bytes) -> None:
        os.write(2, b"\nggml abort: " + text + b"\n")

    abort_type = ctypes.CFUNCTYPE(None, ctypes.c_char_p)
    c_log, c_abort = L.llama_log_callback(on_log), abort_type(on_abort)
    _kept_callbacks.extend((c_log, c_abort))
    L.llama_log_set(c_log, ctypes.c_void_p(0))
    with contextlib.suppress(AttributeError):
        symbol("ggml_set_abort_callback", ctypes.c_void_p, [abort_type])(c_abort)
    _load_backends(log)
    L.llama_backend_init()


def _load_backends(log: LogBuffer) -> None:
    """Let a portable llama.cpp load its backends, and of the CPU's variants the best: docs/decisions/0020.

    A native one has them built in. Left alone, llama_backend_init of a portable one would look for them in
    the current directory.
    """
    if _registered():
        return
    folder = _backend_folder()
    if folder is not None:
        load_all = symbol("ggml_backend_load_all_from_path", None, [ctypes.c_char_p])
        load_all(os.fsencode(folder))
        found = (_LOADED.match(line) for _, line in log.lines)
        _loaded_from.update({match[1]: match[2] for match in found if match})
    if not _has_cpu():
        raise EngineError("this llama.cpp has no backend for this processor: its files are not complete")


def _backend_folder() -> Path | None:
    """Where a portable build's backends lie: beside the library, or where its installation puts them."""
    places = (Path(L._base_path), Path(L.__file__).parent.parent / "bin")  # noqa: SLF001
    return next((place for place in places if any(place.glob("*ggml-cpu*"))), None)


def _has_cpu() -> bool:
    return bool(symbol("ggml_backend_dev_by_type", ctypes.c_void_p, [ctypes.c_int])(0))


def _text(function: str) -> str:
    try:
        raw = symbol(function, ctypes.c_char_p, [])()
    except AttributeError:
        return "unknown"
    return raw.decode("utf-8", "replace") if raw else "unknown"


def devices() -> tuple[Device, ...]:
    """Every device llama.cpp can compute on, the CPU and those of connected RPC servers included.

    The CPU's free bytes equal its total here: main memory is the machine probe's to tell.
    """
    count = symbol("ggml_backend_dev_count", ctypes.c_size_t, [])()
    get = symbol("ggml_backend_dev_get", ctypes.c_void_p, [ctypes.c_size_t])
    return tuple(describe(get(index)) for index in range(count))


def describe(handle: Any) -> Device:
    """What llama.cpp says of one of its devices."""
    props_of = symbol("ggml_backend_dev_get_props", None, [ctypes.c_void_p, ctypes.POINTER(_DeviceProps)])
    memory_of = symbol(
        "ggml_backend_dev_memory",
        None,
        [ctypes.c_void_p, ctypes.POINTER(ctypes.c_size_t), ctypes.POINTER(ctypes.c_size_t)],
    )
    registry_of = symbol("ggml_backend_dev_backend_reg", ctypes.c_void_p, [ctypes.c_void_p])
    registry_name = symbol("ggml_backend_reg_name", ctypes.c_char_p, [ctypes.c_void_p])
    props = _DeviceProps()
    props_of(handle, ctypes.byref(props))
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    memory_of(handle, ctypes.byref(free), ctypes.byref(total))
    return Device(
        name=(props.name or b"").decode("utf-8", "replace"),
        description=(props.description or b"").decode("utf-8", "replace"),
        type=_DEVICE_TYPES.get(props.type, "unknown"),
        free_bytes=free.value,
        total_bytes=total.value,
        backend=(registry_name(registry_of(handle)) or b"").decode("utf-8", "replace"),
        device_id=(props.device_id or b"").decode("utf-8", "replace") or None,
    )


def build(found: tuple[Device, ...]) -> Build:
    """What this llama.cpp is and can do."""
    info = L.llama_print_system_info().decode("utf-8", "replace").strip().rstrip("|").strip()
    features = tuple(sorted({name.lower() for name in re.findall(r"([A-Z0-9_]+) = 1", info)}))
    if variant := _VARIANT.search(_loaded_from.get("CPU", "")):
        info += f" | {CPU_VARIANT} = {variant[1]}"
    return Build(
        binding_version=version("llama-cpp-python"),
        llama_cpp_version=_text("llama_version"),
        ggml_version=_text("ggml_version"),
        cpu_features=features,
        system_info=info,
        supports_gpu_offload=bool(L.llama_supports_gpu_offload()),
        supports_mmap=bool(L.llama_supports_mmap()),
        supports_mlock=bool(L.llama_supports_mlock()),
        supports_rpc=bool(L.llama_supports_rpc()),
        backends=_backends(found),
    )


def _backends(found: tuple[Device, ...]) -> tuple[str, ...]:
    """Those that are built in, also where they see no device."""
    name_of = symbol("ggml_backend_reg_name", ctypes.c_char_p, [ctypes.c_void_p])
    names = {device.backend for device in found}
    names |= {(name_of(handle) or b"").decode("utf-8", "replace") for handle in _registered()}
    return tuple(sorted(names - {""}))


class AbortFlag:
    """Make a running llama_decode return early, at no cost while it runs.

    llama.cpp asks a callback between graph nodes. A Python callback would take the interpreter lock
    there hundreds of times a token, so the callback is the C library's own ``strlen`` on a buffer
    that is empty until the flag is set: zero means go on.
    """

    def __init__(self) -> None:
        self._buffer = ctypes.create_string_buffer(2)
        libc = ctypes.cdll.msvcrt if os.name == "nt" else ctypes.CDLL(None)
        self.callback = ctypes.cast(libc.strlen, L.ggml_abort_callback)
        self.data = ctypes.cast(self._buffer, ctypes.c_void_p)

    def set(self) -> None:
        """Ask the running computation to stop; safe from any thread."""
        self._buffer[0] = b"x"

    def clear(self) -> None:
        """Let computations run again."""
        self._buffer[0] = b"\0"

    @property
    def is_set(self) -> bool:
        """Whether a stop was asked for."""
        return bool(self._buffer[0] != b"\0")
