"""Own what is found in another program's configuration: settings, and what was left aside."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from tunesmith.domain.settings import Settings, setting_spec
from tunesmith.errors import UsageError
from tunesmith.wording import tr

_ANY = Settings(threads=1, threads_batch=1, n_ctx=1, n_batch=2**20, n_ubatch=1, flash_attn="on")
"""What single values are tried on."""


@dataclass(slots=True)
class Found:
    """One model's settings in a file; only what the file states."""

    name: str
    """What the file calls it; empty where it holds only one."""
    model: str | None = None
    """Path of its file, as written."""
    settings: dict[str, Any] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    """Names in the file that are none of ours."""


def setting(found: Found, name: str, text: object) -> None:
    """Take one setting as a file states it.

    Raises:
        UsageError: it makes no sense.
    """
    spec = setting_spec(name)
    value = _value(spec.name, text)
    try:
        _ANY.replace(**{spec.name: value})
    except ValidationError:
        raise UsageError(
            tr("The file gives {setting} as {value}, which makes no sense.",
               setting=spec.name, value=repr(text)[:80]),
            unharmed=tr("Nothing was changed."),
            todo=tr("Mend the file, or leave --baseline out."),
        ) from None  # fmt: skip
    found.settings[spec.name] = value


def _value(name: str, text: object) -> object:
    kind = type(getattr(_ANY, name))
    if name == "cpu_affinity":
        kind = tuple
    if not isinstance(text, str):
        return tuple(float(item) for item in text) if kind is tuple and isinstance(text, list) else text
    if kind is bool:
        return {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}.get(
            text.lower(), text
        )
    if kind is int:
        try:
            return int(text)
        except ValueError:
            return text
    if name == "tensor_split":
        try:
            return tuple(float(part) for part in text.replace("/", ",").split(","))
        except ValueError:
            return text
    if name in ("rpc", "devices", "override_tensor"):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def refuse(target: str, reason: str) -> UsageError:
    """The error of a file that is not what it should be."""
    return UsageError(
        tr("The file is no configuration of {target}: {reason}.", target=target, reason=reason),
        unharmed=tr("Nothing was changed."),
        todo=tr("Choose another file, or leave --baseline out."),
    )
