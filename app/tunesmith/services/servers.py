"""Own the RPC servers that the user wrote down, and the asking of one whether it answers.

What is written down is an address and no leave to connect: nothing does before the user asks for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError, field_validator

from tunesmith.domain.base import Value
from tunesmith.domain.endpoint import MAX_SERVERS, parse_endpoint
from tunesmith.domain.machine import Device
from tunesmith.domain.worker_events import ServerReached
from tunesmith.errors import RpcUnreachable, UsageError, WorkerError, WorkerHung
from tunesmith.services.session import Controls
from tunesmith.settings import write_atomically
from tunesmith.wording import tr

FILE_NAME = "servers.json"
_MAX_BYTES = 1 << 16


class KnownServers(Value):
    """The servers in the order they were written down, each as llama.cpp takes it."""

    version: int = 1
    servers: tuple[str, ...] = ()

    @field_validator("servers")
    @classmethod
    def _as_llama_cpp_takes_them(cls, servers: tuple[str, ...]) -> tuple[str, ...]:
        try:
            known = tuple(dict.fromkeys(parse_endpoint(one) for one in servers))
        except UsageError as error:
            raise ValueError(error.what) from None
        if len(known) > MAX_SERVERS:
            raise ValueError(f"more than {MAX_SERVERS} servers")
        return known


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of asking a server."""

    endpoint: str
    reached: ServerReached | None
    reason: str = ""
    """Why it cannot be used; empty if it can."""
    todo: str = ""


Ask = Callable[[str, Controls], Answer]


def load_servers(config: Path) -> tuple[str, ...]:
    """What was written down; nothing if there is no such file.

    Raises:
        UsageError: the file cannot be read or is damaged.
    """
    path = config / FILE_NAME
    try:
        with path.open("rb") as file:
            return KnownServers.model_validate_json(file.read(_MAX_BYTES)).servers
    except FileNotFoundError:
        return ()
    except (OSError, ValidationError) as error:
        raise UsageError(
            tr("The list of RPC servers {path} cannot be read.", path=path),
            unharmed=tr("It was left as it is."),
            todo=tr("Mend it or remove it."), details=str(error),
        ) from error  # fmt: skip


def keep_servers(config: Path, servers: Sequence[str]) -> None:
    """Write the list down, whole and at once.

    Raises:
        UsageError: it cannot be written.
    """
    known = KnownServers(servers=tuple(servers))
    write_atomically(config / FILE_NAME, json.dumps(known.model_dump(), indent=2) + "\n")


def with_server(servers: Sequence[str], text: str) -> tuple[str, ...]:
    """The list with one more at its end.

    Raises:
        UsageError: it is no address, is there already, or llama.cpp takes no more.
    """
    endpoint = parse_endpoint(text)
    if endpoint in servers:
        raise UsageError(tr("{server} is in the list already.", server=endpoint))
    if len(servers) >= MAX_SERVERS:
        raise UsageError(tr("llama.cpp takes at most {count} RPC servers.", count=MAX_SERVERS))
    return (*servers, endpoint)


def ask_server(endpoint: str, controls: Controls) -> Answer:
    """Ask a server in a process that is thrown away, since one that does not answer ends it.

    Raises:
        UsageError: this build has no RPC.
        WorkerError: llama.cpp itself does not start.
        Interrupted: the user stopped it.
    """
    from tunesmith.services import context

    try:
        found = context.survey_machine(controls, rpc=(endpoint,))
    except RpcUnreachable as error:
        return Answer(endpoint, None, _reason(error), error.todo)
    return Answer(endpoint, found.servers[0])


def _reason(error: RpcUnreachable) -> str:
    """Why a server could not be used, without its address, which stands beside it."""
    cause = error.__cause__
    if isinstance(cause, WorkerHung):
        return tr("It gives no answer: it serves another program, or is no RPC server.")
    return cause.what if isinstance(cause, WorkerError) else error.what


def devices_of(answers: Sequence[Answer]) -> tuple[Device, ...]:
    """The devices of servers that answered, named as llama.cpp names them when used in this order."""
    found = [device for answer in answers if answer.reached for device in answer.reached.devices]
    return tuple(device.model_copy(update={"name": f"RPC{number}"}) for number, device in enumerate(found))
