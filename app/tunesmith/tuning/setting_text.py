"""Own how settings are written by people and on command lines, and read back."""

from __future__ import annotations

from typing import get_args

from tunesmith.domain.endpoint import parse_endpoint
from tunesmith.domain.settings import Settings, setting_spec
from tunesmith.errors import UsageError
from tunesmith.wording import tr


def unknown_setting(name: str) -> UsageError:
    """The error for a name that no setting has."""
    return UsageError(
        tr("There is no setting called {name}.", name=repr(name)), todo=tr("See `tunesmith tune --help`.")
    )


def parse_setting(name: str, value: str) -> tuple[str, object]:
    """Read ``flash_attn``, ``on`` as a user writes them; names and short forms of llama.cpp are known.

    Raises:
        UsageError: there is no such setting, or the value is none of its kind.
    """
    try:
        spec = setting_spec(name)
    except KeyError:
        raise unknown_setting(name) from None
    kind = Settings.model_fields[spec.name].annotation
    lowered = value.strip().lower()
    if kind is int:
        try:
            return spec.name, int(value)
        except ValueError:
            raise UsageError(
                tr("{name} takes a whole number, not {value}.", name=spec.name, value=repr(value))
            ) from None
    if kind is bool:
        if lowered in ("on", "true", "yes", "1"):
            return spec.name, True
        if lowered in ("off", "false", "no", "0"):
            return spec.name, False
        raise UsageError(tr("{name} is on or off, not {value}.", name=spec.name, value=repr(value)))
    if spec.name == "cpu_affinity":
        return spec.name, parse_cpu_list(value)
    if spec.name in ("rpc", "devices", "tensor_split", "override_tensor"):
        return spec.name, () if lowered in ("", "default") else _parse_list(spec.name, value)
    if lowered not in (choices := get_args(kind)):
        raise UsageError(
            tr(
                "{name} is one of {choices}, not {value}.",
                name=spec.name,
                choices=", ".join(choices),
                value=repr(value),
            )
        )
    return spec.name, lowered


def parse_cpu_list(text: str) -> tuple[int, ...] | None:
    """Read ``0-3,8`` as CPU numbers; an empty text or ``none`` means no binding.

    Raises:
        UsageError: it is no such list.
    """
    if text.strip().lower() in ("", "none", "all"):
        return None
    cpus: set[int] = set()
    try:
        for piece in text.split(","):
            first, dash, last = piece.partition("-")
            low, high = int(first), int(last) if dash else int(first)
            if not 0 <= low <= high < 4096:
                raise ValueError
            cpus.update(range(low, high + 1))
    except ValueError:
        raise UsageError(
            tr("{words} is no list of CPUs.", words=repr(text)), todo=tr("Write it as 0-3,8.")
        ) from None
    return tuple(sorted(cpus))


def _parse_list(name: str, text: str) -> tuple[object, ...]:
    """Read ``10.0.0.2:50052,10.0.0.3:50052``, ``RPC0,RPC1`` or ``3,1`` as llama.cpp's own flags do.

    Raises:
        UsageError: it is no such list.
    """
    pieces = [
        piece.strip() for piece in (text.replace("/", ",") if name == "tensor_split" else text).split(",")
    ]
    if name == "rpc":
        return tuple(map(parse_endpoint, pieces))
    if name in ("devices", "override_tensor"):
        return tuple(pieces)
    try:
        return tuple(map(float, pieces))
    except ValueError:
        raise UsageError(
            tr("{words} is no list of shares.", words=repr(text)), todo=tr("Write it as 3,1.")
        ) from None


def format_setting(value: object) -> str:
    """How a setting's value is written for people and on command lines."""
    if value is None:
        return "none"
    if value == ():
        return "default"
    if isinstance(value, tuple) and isinstance(value[0], str):
        return ",".join(value)
    if isinstance(value, tuple) and isinstance(value[0], float):
        return ",".join(f"{share:g}" for share in value)
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return format_cpu_list(value)
    return str(value)


def format_cpu_list(cpus: tuple[int, ...]) -> str:
    """Write CPU numbers as ``0-3,8``."""
    ranges: list[list[int]] = []
    for cpu in cpus:
        if ranges and cpu == ranges[-1][1] + 1:
            ranges[-1][1] = cpu
        else:
            ranges.append([cpu, cpu])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges)
