"""Own just enough D-Bus for a test: one connection over a Unix socket, calls out and calls in."""

from __future__ import annotations

import itertools
import os
import re
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

CALL, REPLY, ERROR = 1, 2, 3
_PATH, _INTERFACE, _MEMBER, _ERROR_NAME, _REPLY_TO, _TO, _FROM, _SIGNATURE = range(1, 9)
_KINDS = {_PATH: "o", _INTERFACE: "s", _MEMBER: "s", _REPLY_TO: "u", _TO: "s", _SIGNATURE: "g"}
_PLAIN = {
    "y": ("B", 1), "n": ("h", 2), "q": ("H", 2), "i": ("i", 4), "u": ("I", 4), "b": ("I", 4),
    "x": ("q", 8), "t": ("Q", 8), "d": ("d", 8),
}  # fmt: skip
_ALIGNMENT = {kind: size for kind, (_, size) in _PLAIN.items()} | {
    "s": 4, "o": 4, "a": 4, "g": 1, "v": 1, "(": 8, "{": 8
}  # fmt: skip
_CLOSING = {"(": ")", "{": "}"}

Answer = Callable[[str, str], tuple[str, tuple[Any, ...]] | None]
"""Given the sender and the member of a call that came in: signature and values of the reply, or None."""


class DBusError(Exception):
    """The other side answered with an error; its name and words."""


def split(signature: str) -> list[str]:
    """The complete types that a signature is made of."""
    found: list[str] = []
    place = 0
    while place < len(signature):
        end = _end(signature, place)
        found.append(signature[place:end])
        place = end
    return found


def _end(signature: str, place: int) -> int:
    kind = signature[place]
    if kind == "a":
        return _end(signature, place + 1)
    if kind in _CLOSING:
        place += 1
        while signature[place] != _CLOSING[kind]:
            place = _end(signature, place)
    return place + 1


def write(kind: str, value: Any, out: bytearray) -> None:
    """Append a value of one complete type, little-endian."""
    out += bytes(-len(out) % _ALIGNMENT[kind[0]])
    if kind in _PLAIN:
        out += struct.pack(f"<{_PLAIN[kind][0]}", value)
    elif kind in ("s", "o", "g"):
        raw = value.encode()
        out += (bytes([len(raw)]) if kind == "g" else struct.pack("<I", len(raw))) + raw + b"\0"
    elif kind == "v":
        write("g", value[0], out)
        write(value[0], value[1], out)
    elif kind[0] == "a":
        place = len(out)
        out += bytes(4)
        out += bytes(-len(out) % _ALIGNMENT[kind[1]])
        begin = len(out)
        for each in value:
            write(kind[1:], each, out)
        out[place : place + 4] = struct.pack("<I", len(out) - begin)
    else:
        for part, each in zip(split(kind[1:-1]), value, strict=True):
            write(part, each, out)


def read(kind: str, data: bytes, place: int) -> tuple[Any, int]:
    """A value of one complete type, and where the next one begins."""
    place += -place % _ALIGNMENT[kind[0]]
    if kind in _PLAIN:
        code, size = _PLAIN[kind]
        return struct.unpack_from(f"<{code}", data, place)[0], place + size
    if kind in ("s", "o"):
        (length,) = struct.unpack_from("<I", data, place)
        return data[place + 4 : place + 4 + length].decode(), place + length + 5
    if kind == "g":
        return data[place + 1 : place + 1 + data[place]].decode(), place + data[place] + 2
    if kind == "v":
        signature, place = read("g", data, place)
        return read(signature, data, place)
    if kind[0] == "a":
        (length,) = struct.unpack_from("<I", data, place)
        place += 4
        place += -place % _ALIGNMENT[kind[1]]
        end = place + length
        items = []
        while place < end:
            item, place = read(kind[1:], data, place)
            items.append(item)
        return items, end
    parts = []
    for part in split(kind[1:-1]):
        value, place = read(part, data, place)
        parts.append(value)
    return tuple(parts), place


class Connection:
    """A client of a bus; answers calls in a thread of its own."""

    def __init__(self, address: str, answer: Answer) -> None:
        """Connect to an address such as ``unix:path=/tmp/dbus-abc,guid=12``."""
        found = re.search(r"unix:(path|abstract)=([^,]+)", address)
        assert found is not None, address
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(("\0" if found[1] == "abstract" else "") + found[2])
        self._file = self._socket.makefile("rb")
        self._socket.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
        assert self._file.readline().startswith(b"OK"), "the bus does not know this user"
        self._socket.sendall(b"BEGIN\r\n")
        self._answer = answer
        self._serials = itertools.count(1)
        self._sending = threading.Lock()
        self._replies: dict[int, tuple[int, tuple[Any, ...]]] = {}
        self._arrived = threading.Condition()
        self._thread = threading.Thread(target=self._listen, name="dbus", daemon=True)
        self._thread.start()
        self.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.Hello")

    def call(self, to: str, path: str, method: str, signature: str = "", *values: Any) -> tuple[Any, ...]:
        """Call ``INTERFACE.MEMBER`` and wait for the values of its reply.

        Raises:
            DBusError: the other side says so.
            TimeoutError: it says nothing for ten seconds.
        """
        interface, member = method.rsplit(".", 1)
        fields = {_PATH: path, _INTERFACE: interface, _MEMBER: member, _TO: to, _SIGNATURE: signature}
        serial = self._send(CALL, fields, values)
        with self._arrived:
            if not self._arrived.wait_for(lambda: serial in self._replies, timeout=10):
                raise TimeoutError(f"{method} of {path}")
            kind, found = self._replies.pop(serial)
        if kind == ERROR:
            raise DBusError(f"{method} of {path}: {found}")
        return found

    def close(self) -> None:
        """Leave the bus."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._file.close()
        self._socket.close()

    def _send(self, kind: int, fields: dict[int, Any], values: tuple[Any, ...]) -> int:
        body, head = bytearray(), bytearray()
        for part, value in zip(split(str(fields.get(_SIGNATURE, ""))), values, strict=True):
            write(part, value, body)
        serial = next(self._serials)
        write("y", ord("l"), head)
        for number in (kind, 0, 1):
            write("y", number, head)
        write("u", len(body), head)
        write("u", serial, head)
        named = [(key, (_KINDS[key], value)) for key, value in fields.items() if value != ""]
        write("a(yv)", named, head)
        head += bytes(-len(head) % 8)
        with self._sending:
            self._socket.sendall(head + body)
        return serial

    def _listen(self) -> None:
        while len(start := self._file.read(16)) == 16:
            body_length, _, fields_length = struct.unpack_from("<III", start, 4)
            rest = self._file.read(fields_length + -fields_length % 8 + body_length)
            fields = dict(read("a(yv)", start + rest, 12)[0])
            body = rest[len(rest) - body_length :]
            values, place = [], 0
            for part in split(fields.get(_SIGNATURE, "")):
                value, place = read(part, body, place)
                values.append(value)
            self._take(start[1], struct.unpack_from("<I", start, 8)[0], fields, tuple(values))

    def _take(self, kind: int, serial: int, fields: dict[int, Any], values: tuple[Any, ...]) -> None:
        if kind in (REPLY, ERROR):
            with self._arrived:
                self._replies[fields[_REPLY_TO]] = (kind, values)
                self._arrived.notify_all()
        elif kind == CALL:
            answer = self._answer(fields[_FROM], fields[_MEMBER])
            if answer is not None:
                signature, reply = answer
                back = {_REPLY_TO: serial, _TO: fields[_FROM], _SIGNATURE: signature}
                self._send(REPLY, back, reply)
