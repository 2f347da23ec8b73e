"""Own reading another program's configuration, so that a tune has to beat it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from tunesmith.domain.machine import Machine
from tunesmith.domain.profile_file import base_name
from tunesmith.domain.request import GivenBaseline, KnownSettings, TuneRequest
from tunesmith.domain.settings import Settings
from tunesmith.errors import UsageError
from tunesmith.export import koboldcpp, llama_swap, lm_studio, ollama, preset_ini
from tunesmith.export.found import Found
from tunesmith.tuning.space import baseline_settings
from tunesmith.wording import tr

MAX_BYTES = 2**20
"""No configuration is longer; a larger file is something else."""

_OF_THE_RUN = ("rpc", "devices", "n_seq_max")
"""Settings that the run and its workload decide."""

Reader = Callable[[str], list[Found]]
_BY_SUFFIX: dict[str, tuple[str, Reader]] = {
    ".ini": (preset_ini.TITLE, preset_ini.read),
    ".yaml": (llama_swap.TITLE, llama_swap.read),
    ".yml": (llama_swap.TITLE, llama_swap.read),
    ".kcpps": (koboldcpp.TITLE, koboldcpp.read),
    ".modelfile": (ollama.TITLE, ollama.read),
}


def read_baseline(path: Path, model_path: str, name: str | None = None) -> tuple[GivenBaseline, list[str]]:
    """The settings that a file has for a model, and the names in it that are none of ours.

    Args:
        path: a preset INI, a llama-swap config, a .kcpps, a Modelfile or LM Studio's defaults of a model.
        model_path: the model that is to be tuned; it decides where the file has several.
        name: what the file calls the model; None to go by the model's file.

    Raises:
        UsageError: it cannot be read, is none of these, or has several models and none of that name.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).rstrip(".")
        raise _bad(tr("The file {path} cannot be read: {reason}.", path=path, reason=reason)) from error
    if len(raw) > MAX_BYTES:
        raise _bad(tr("The file {path} is larger than {limit} MiB.", path=path, limit=MAX_BYTES // 2**20))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _bad(tr("The file {path} is no text in UTF-8.", path=path)) from error
    title, read = _reader(path, text)
    found = _chosen(read(text), model_path, name, path)
    if not found.settings:
        raise _bad(tr("The file {path} says nothing of the settings that a tune knows.", path=path))
    label = f"{title} · {found.name}" if found.name else title
    return GivenBaseline(label=label, settings=found.settings), found.ignored


def _reader(path: Path, text: str) -> tuple[str, Reader]:
    if known := _BY_SUFFIX.get(path.suffix.lower()):
        return known
    if path.name.lower().startswith("modelfile"):
        return ollama.TITLE, ollama.read
    if text.lstrip().startswith("{"):
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            raise _bad(tr("The file {path} is no JSON document.", path=path)) from None
        if isinstance(body, dict) and "load" not in body:
            return koboldcpp.TITLE, koboldcpp.read
        return lm_studio.TITLE, lm_studio.read
    raise UsageError(
        tr("It cannot be told what kind of configuration {path} is.", path=path),
        unharmed=tr("Nothing was changed."),
        todo=tr("Name it as its program does: .ini, .yaml, .kcpps, .json or Modelfile."),
    )


def _chosen(found: list[Found], model_path: str, name: str | None, path: Path) -> Found:
    if name is not None:
        fits = [one for one in found if one.name == name]
    elif len(found) == 1:
        return found[0]
    else:
        wanted = base_name(str(model_path))
        fits = [one for one in found if one.model is not None and base_name(one.model) == wanted]
    if len(fits) == 1:
        return fits[0]
    names = ", ".join(one.name for one in found[:8]) + " …" * (len(found) > 8)
    what = tr("The file {path} has no model called {name}.", path=path, name=repr(name))
    if name is None:
        what = tr("The file {path} has several models; which is meant cannot be told.", path=path)
    raise UsageError(
        what,
        unharmed=tr("Nothing was changed."),
        todo=tr("Name one with --baseline-name: {names}.", names=names),
    )


def _bad(what: str) -> UsageError:
    return UsageError(
        what, unharmed=tr("Nothing was changed."), todo=tr("Choose another file, or leave --baseline out.")
    )


def baseline_name(given: GivenBaseline | None) -> str:
    """What is compared with, at the beginning of a sentence."""
    return tr("llama.cpp's defaults") if given is None else tr("Your settings")


def llama_cpp_defaults(machine: Machine, request: TuneRequest) -> KnownSettings:
    """llama.cpp's defaults as a candidate among others, where something else is to be beaten.

    Raises:
        UsageError: the configuration to beat makes no sense.
    """
    defaults = baseline_settings(machine, request.workload)
    if request.baseline is not None:
        defaults = defaults.replace(n_ctx=with_given(defaults, request.baseline).n_ctx)
    return KnownSettings(label=tr("llama.cpp's defaults"), settings=defaults)


def with_given(defaults: Settings, given: GivenBaseline) -> Settings:
    """The user's own configuration, with llama.cpp's defaults where it says nothing.

    The workload decides how many sequences there are, and the context unless the configuration's is larger.
    Servers and devices are those of the run.

    Raises:
        UsageError: together it makes no sense.
    """
    stated = {name: value for name, value in given.settings.items() if name not in _OF_THE_RUN}
    if "threads" in stated:
        stated = {"threads_batch": stated["threads"], **stated}
    n_ctx = stated.get("n_ctx")
    if isinstance(n_ctx, int):
        stated["n_ctx"] = max(n_ctx, defaults.n_ctx)
    n_batch = stated.get("n_batch")
    if isinstance(n_batch, int) and "n_ubatch" not in stated:  # llama.cpp clamps it so
        stated["n_ubatch"] = min(defaults.n_ubatch, n_batch)
    try:
        return defaults.replace(**stated)
    except ValueError as error:
        raise UsageError(
            tr("The configuration to beat makes no sense here: {reason}.", reason=_first_reason(error)),
            unharmed=tr("Nothing was measured."),
            todo=tr("Mend the file, or leave --baseline out."),
        ) from None


def _first_reason(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return ": ".join(filter(None, (".".join(str(part) for part in first["loc"]), first["msg"])))
    return str(error)
