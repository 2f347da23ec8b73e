"""Own the calls into Windows: processor records and registry values."""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING

from tunesmith.machine.windows import parse_records

if TYPE_CHECKING:
    from tunesmith.machine.windows import ProcessorRecord

_RELATION_ALL = 0xFFFF

if sys.platform == "win32":
    import winreg

    def processor_records() -> tuple[ProcessorRecord, ...]:
        """Return the records of GetLogicalProcessorInformationEx; empty where it fails."""
        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        size = ctypes.c_ulong(0)
        kernel32.GetLogicalProcessorInformationEx(_RELATION_ALL, None, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        if not kernel32.GetLogicalProcessorInformationEx(_RELATION_ALL, buffer, ctypes.byref(size)):
            return ()
        return parse_records(buffer.raw[: size.value])

    def registry_value(key: str, name: str) -> str | None:
        """Return a value of HKEY_LOCAL_MACHINE as text, or None."""
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
                return str(winreg.QueryValueEx(opened, name)[0])
        except OSError:
            return None

else:

    def processor_records() -> tuple[ProcessorRecord, ...]:
        """Return nothing: this is not Windows."""
        return ()

    def registry_value(key: str, name: str) -> str | None:  # noqa: ARG001
        """Return nothing: this is not Windows."""
        return None
