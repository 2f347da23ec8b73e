"""Own the reading of small system files, which may be missing, unreadable or hold anything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MAX_CPUS = 8192
"""No list of CPUs is believed beyond this; Linux's own limit (NR_CPUS) is 8192."""
_MAX_BYTES = 64 * 1024
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
_RANGE = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", re.ASCII)


def load_text(path: Path, max_bytes: int = 64) -> str:
    """Return the beginning of a small file without surrounding white space.

    Raises:
        OSError: it cannot be read, PermissionError among it.
    """
    with path.open("rb") as file:
        return file.read(max_bytes).decode("utf-8", errors="replace").strip("\0 \t\r\n")


def read_text(path: Path, max_bytes: int = _MAX_BYTES) -> str | None:
    """Return the beginning of a file without surrounding white space, or None; never raises.

    Bytes that are no UTF-8 become U+FFFD.
    """
    try:
        return load_text(path, max_bytes)
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return None


def parse_int(text: str | None) -> int | None:
    """Return a decimal integer of at most 20 digits, or None."""
    return int(text) if text is not None and _INTEGER.fullmatch(text.strip()) else None


def read_int(path: Path) -> int | None:
    """Return the decimal integer a file holds, or None."""
    return parse_int(read_text(path, 64))


def parse_cpu_list(text: str | None) -> frozenset[int] | None:
    """Return the CPUs of a list such as ``0-3,8``; None if it is empty or malformed.

    The kernel's format: Documentation/admin-guide/cputopology.rst.
    """
    cpus: set[int] = set()
    for part in (text or "").split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            return None
        first, last = int(match[1]), int(match[2] or match[1])
        if not first <= last < MAX_CPUS:
            return None
        cpus.update(range(first, last + 1))
    return frozenset(cpus)


def one_line(text: str | None, max_chars: int = 200) -> str | None:
    """Return printable text on one line, or None if nothing is left of it."""
    cleaned = "".join(c if c.isprintable() else " " for c in (text or "")[: 4 * max_chars])
    return " ".join(cleaned.split())[:max_chars].rstrip() or None
