"""Own forbidding the network to a test."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def no_network() -> Iterator[list[str]]:
    """Let nothing look up a name or connect; what was tried is in the list, whoever caught the error."""
    tried: list[str] = []

    def forbidden(*arguments: object, **_: object) -> None:
        tried.append(repr(arguments))
        raise OSError("the network is forbidden here")

    with pytest.MonkeyPatch.context() as patch:
        for name in ("getaddrinfo", "gethostbyname", "create_connection"):
            patch.setattr(socket, name, forbidden)
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, forbidden)
        yield tried
