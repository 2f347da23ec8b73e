"""Own what macOS's powermetrics tells of an Apple chip's power, where it may be run."""

from __future__ import annotations

import os
import plistlib
import subprocess
import threading
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

from tunesmith.domain.power import PowerReading, PowerSensor
from tunesmith.machine.energy_reader import ONLY_ROOT
from tunesmith.wording import tr

if TYPE_CHECKING:
    from collections.abc import Callable

SENSOR = "powermetrics:combined"
PERIOD_MS = 500
_COMMAND = ("/usr/bin/powermetrics", "--samplers", "cpu_power", "-f", "plist", "-i", str(PERIOD_MS))
_END_SECONDS = 2.0
_MOST_BYTES = 4 * 2**20
GRANT = tr("Run this one command with `sudo`, or name the watts with --load-watts and --idle-watts.")


def combined_millijoules(document: bytes) -> float:
    """The energy of processors, graphics and neural engine in one document of powermetrics, mJ.

    It tells the mean power of an interval, mW, and how long that was. Since macOS 13 there is a
    ``combined_power``; where there is none its parts are added.

    Raises:
        ValueError: it does not tell it.
    """
    try:
        told = plistlib.loads(document)
    except Exception as error:
        raise ValueError(tr("it tells no number")) from error
    processor = told.get("processor") if isinstance(told, dict) else None
    if not isinstance(processor, dict):
        raise ValueError(tr("it tells no number"))
    elapsed_ns = _number(told.get("elapsed_ns"))
    milliwatts = _number(processor.get("combined_power"))
    if milliwatts is None:
        parts = [_number(processor.get(name)) for name in ("cpu_power", "gpu_power", "ane_power")]
        if parts[0] is None:
            raise ValueError(tr("it tells no number"))
        milliwatts = sum(part or 0.0 for part in parts)
    if elapsed_ns is None:
        raise ValueError(tr("it tells no number"))
    return milliwatts * elapsed_ns / 1e9


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _may_run() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        _COMMAND, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


class PowermetricsReader:
    """Adds up what powermetrics writes twice a second, as a counter of energy.

    It runs only where this process is root already: nothing here calls sudo.
    """

    def __init__(
        self,
        *,
        may_run: Callable[[], bool] = _may_run,
        start: Callable[[], subprocess.Popen[bytes]] = _start,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Start it, if that is allowed."""
        self._clock_ns = clock_ns
        self._millijoules = 0.0
        self._last: PowerReading | None = None
        self._process: subprocess.Popen[bytes] | None = None
        why, todo = (ONLY_ROOT, GRANT) if not may_run() else ("", "")
        if not why:
            try:
                self._process = start()
            except OSError as error:
                why = tr("the system says: {words}", words=error.strerror or type(error).__name__)
        if self._process is not None and self._process.stdout is not None:
            threading.Thread(
                target=self._follow, args=(self._process.stdout,), name="powermetrics", daemon=True
            ).start()
        self._sensor = PowerSensor(
            id=SENSOR, name=tr("processors, graphics and neural engine"), source="powermetrics",
            covers="processors", counts=True, why=why, todo=todo,
        )  # fmt: skip

    def sensors(self) -> tuple[PowerSensor, ...]:
        """One for the whole chip."""
        return (self._sensor,)

    def power(self) -> tuple[PowerReading, ...]:
        """The last that was written, with the instant when it came."""
        return () if self._last is None else (self._last,)

    def close(self) -> None:
        """End it."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _follow(self, stream: IO[bytes]) -> None:
        """Documents are divided by a NUL, which comes when the next one begins."""
        kept = b""
        with suppress(OSError, ValueError):  # closed under our hands
            while chunk := stream.read1(2**16) if hasattr(stream, "read1") else stream.read(2**16):
                *whole, kept = (kept + chunk).split(b"\0")
                for document in whole:
                    self._take(document)
                if b"</plist>" in kept:  # the newest is whole already
                    self._take(kept)
                    kept = b""
                if len(kept) > _MOST_BYTES:
                    kept = b""

    def _take(self, document: bytes) -> None:
        if not document.strip():
            return
        try:
            self._millijoules += combined_millijoules(document)
        except ValueError:
            return
        self._last = PowerReading(sensor=SENSOR, mono_ns=self._clock_ns(), joules=self._millijoules / 1e3)
