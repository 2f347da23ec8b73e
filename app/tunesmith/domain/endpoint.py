"""Own the address of an RPC server: how it is written, and that only the user names one."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tunesmith.errors import UsageError
from tunesmith.wording import tr

MAX_SERVERS = 16
"""GGML_RPC_MAX_SERVERS of ggml-rpc.h."""
MAX_HOST = 253
"""The longest name that DNS knows."""
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?)*")
_LAST_PORT = 2**16 - 1


def parse_endpoint(text: str) -> str:
    """Read ``host:port`` and give it back as llama.cpp takes it: the host in lower case, the port plain.

    llama.cpp divides at the first colon and speaks IPv4 only, so an IPv6 address is none.

    Raises:
        UsageError: it is no such address.
    """
    host, _, port = text.strip().partition(":")
    number = int(port) if re.fullmatch(r"[0-9]{1,5}", port) else 0
    if len(host) > MAX_HOST or not _HOST.fullmatch(host) or not 1 <= number <= _LAST_PORT:
        raise UsageError(
            tr("{words} is no address of an RPC server.", words=repr(text)),
            todo=tr("Write it as host:port, such as 192.168.1.20:50052; IPv6 is not known to llama.cpp."),
        )
    return f"{host.lower()}:{number}"


def refuse_unnamed(wanted: Iterable[str], named: Iterable[str]) -> None:
    """Let nobody but the user decide where to connect to: neither a profile nor a stored run.

    Args:
        wanted: the servers that some settings name.
        named: those that the user named for what is done now.

    Raises:
        UsageError: there are others among the wanted ones.
    """
    unnamed = [endpoint for endpoint in wanted if endpoint not in set(named)]
    if unnamed:
        servers = ", ".join(unnamed)
        raise UsageError(
            tr("These settings use an RPC server that you did not name: {servers}.", servers=servers),
            unharmed=tr("No connection was made."),
            todo=tr(
                "If you trust it and the network to it, name it yourself: {option}.",
                option=" ".join(f"--rpc {endpoint}" for endpoint in unnamed),
            ),
        )  # fmt: skip
