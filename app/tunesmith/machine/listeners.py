"""Own which processes of this machine listen at an address."""

from __future__ import annotations

import socket
from collections.abc import Iterable

import psutil

from tunesmith.machine.host import UNREADABLE


def listening_pids(endpoints: Iterable[str]) -> frozenset[int]:
    """The processes of this machine that listen at any of these ``host:port``; none where hidden.

    Other users' processes are hidden from all but root, and on macOS all are.
    """
    local = [_port(endpoint) for endpoint in endpoints if _is_here(endpoint)]
    if not local:
        return frozenset()
    try:
        found = psutil.net_connections(kind="tcp4")
    except UNREADABLE:
        return frozenset()
    return frozenset(
        one.pid
        for one in found
        if one.status == psutil.CONN_LISTEN and one.pid is not None and one.laddr and one.laddr.port in local
    )


def _port(endpoint: str) -> int:
    return int(endpoint.rpartition(":")[2])


def _is_here(endpoint: str) -> bool:
    try:
        address = socket.gethostbyname(endpoint.rpartition(":")[0])
    except OSError:
        return False
    if address.startswith("127."):
        return True
    try:
        links = psutil.net_if_addrs()
    except UNREADABLE:
        return False
    return any(link.address == address for addresses in links.values() for link in addresses)
