"""Own how sizes, times and workloads are read from a command line."""

from __future__ import annotations

import re

from pydantic import ValidationError

from tunesmith.domain.endpoint import MAX_SERVERS, parse_endpoint
from tunesmith.domain.energy import GivenPower
from tunesmith.domain.settings import are_device_names
from tunesmith.domain.workload import BUDGETS, Budget, Workload
from tunesmith.errors import UsageError

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?b?)", re.IGNORECASE)
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h|)", re.IGNORECASE)
MOST_GIVEN_WATTS = 1e6
_MS = {"ms": 1.0, "s": 1e3, "min": 6e4, "h": 3.6e6}


def parse_size(text: str) -> int:
    """Read ``6GiB``, ``6 GB``, ``512M`` or plain bytes; M and MiB are 1024², MB is 1000².

    Raises:
        UsageError: it is no positive size.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text!r} is no size.", todo="Write it as 6GiB or 512MiB.")
    value, unit, suffix = float(match[1]), match[2].lower(), match[3].lower()
    base = 1000 if suffix == "b" and unit else 1024
    size = int(value * base ** " kmgt".index(unit or " "))
    if size <= 0:
        raise UsageError(f"{text!r} is no positive size.")
    return size


def parse_ms(text: str) -> float:
    """Read ``500ms`` or ``0.5s`` as milliseconds; a number alone is milliseconds.

    Raises:
        UsageError: it is no positive time.
    """
    match = _TIME.fullmatch(text.strip())
    value = float(match[1]) * _MS[match[2].lower() or "ms"] if match else 0.0
    if value <= 0:
        raise UsageError(f"{text!r} is no positive time.", todo="Write it as 500ms or 2s.")
    return value


def parse_share(text: str) -> float:
    """Read ``0.05`` or ``5%``.

    Raises:
        UsageError: it is no share of 0 to 10.
    """
    cleaned = text.strip()
    try:
        value = float(cleaned.removesuffix("%")) / (100 if cleaned.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 10:
        raise UsageError(f"{text!r} is no share.", todo="Write it as 0.05 or 5%.")
    return value


def parse_workload(text: str) -> Workload:
    """Read ``prompt=512,generate=128,depth=2048,parallel=1``; what is left out is 0, or 1 sequence.

    Raises:
        UsageError: a name or a number is wrong.
    """
    values: dict[str, int] = {"prompt": 0, "generate": 0}
    for piece in text.split(","):
        name, sign, number = piece.partition("=")
        name = name.strip()
        if not sign or name not in Workload.model_fields:
            raise UsageError(
                f"{piece!r} is no part of a workload.",
                todo="Write it as prompt=512,generate=128,depth=0,parallel=1.",
            )
        try:
            values[name] = int(number)
        except ValueError:
            raise UsageError(f"The workload's {name} is a whole number, not {number!r}.") from None
    return make_workload(**values)


def make_workload(**values: int) -> Workload:
    """A workload, or words for what is wrong with it.

    Raises:
        UsageError: a number is out of range.
    """
    try:
        return Workload(**values)
    except ValidationError as error:
        raise UsageError(f"The workload makes no sense: {first_problem(error)}.") from None


def parse_budget(text: str) -> Budget:
    """Read ``quick``, ``standard``, ``thorough`` or seconds.

    Raises:
        UsageError: it is none of these.
    """
    if text in BUDGETS:
        return BUDGETS[text]
    try:
        seconds = parse_ms(text if text[-1:].isalpha() else f"{text}s") / 1e3
    except UsageError:
        raise UsageError(f"{text!r} is no budget.", todo=f"Choose {', '.join(BUDGETS)} or seconds.") from None
    nearest = min(BUDGETS.values(), key=lambda budget: abs(budget.seconds - seconds))
    return nearest.model_copy(update={"name": "custom", "seconds": seconds})


def parse_servers(texts: list[str]) -> tuple[str, ...]:
    """The RPC servers that were named, each once; a comma divides, as in llama.cpp's own flag.

    Raises:
        UsageError: one is no host:port, or there are more than llama.cpp takes.
    """
    named = tuple(dict.fromkeys(parse_endpoint(piece) for text in texts for piece in text.split(",")))
    if len(named) > MAX_SERVERS:
        raise UsageError(f"--rpc names at most {MAX_SERVERS} servers.")
    return named


def parse_devices(texts: list[str]) -> tuple[str, ...]:
    """The names of devices, each once; a comma divides, as in llama.cpp's own flag.

    Raises:
        UsageError: a name is none, there are too many, or ``none`` is not alone.
    """
    names = tuple(dict.fromkeys(piece.strip() for text in texts for piece in text.split(",")))
    if not are_device_names(names):
        raise UsageError("--device takes names of devices, or none alone.", todo="See `tunesmith devices`.")
    return names


def first_problem(error: ValidationError) -> str:
    """The first thing a validation found wrong, in one phrase."""
    problem = error.errors(include_url=False)[0]
    where = ".".join(str(step) for step in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    return f"{where}: {message}" if where else message


def parse_given_power(load_watts: float | None, idle_watts: float | None) -> GivenPower | None:
    """The watts that the user names; None where none are named.

    Raises:
        UsageError: one of the two is missing, or they cannot be.
    """
    if load_watts is None and idle_watts is None:
        return None
    if load_watts is None or idle_watts is None:
        raise UsageError("--load-watts and --idle-watts are named together, or not at all.")
    if not 0 <= idle_watts < load_watts < MOST_GIVEN_WATTS:
        raise UsageError(
            f"A machine that draws {idle_watts:g} W when idle and {load_watts:g} W under load cannot be.",
            todo="Name watts, the load's above the idle machine's.",
        )
    return GivenPower(load_watts=load_watts, idle_watts=idle_watts)
