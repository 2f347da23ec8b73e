"""Own Ollama's Modelfile: written, and read back."""

from __future__ import annotations

from collections.abc import Sequence

from tunesmith.export.found import Found, refuse, setting
from tunesmith.export.job import Exported, Job, Options, comments, losses, refuse_characters
from tunesmith.wording import tr

NAME = "ollama"
TITLE = tr("Ollama Modelfile")
SEVERAL = False

_ALL_LAYERS = 999
_BATCH = 512
"""Ollama's own, of num_batch."""
_CACHE_TYPES = ("f16", "q8_0", "q4_0")
"""What OLLAMA_KV_CACHE_TYPE takes."""


def export(jobs: Sequence[Job], options: Options) -> Exported:  # noqa: ARG001 (as every target has it)
    """A Modelfile; the context that it states is of one sequence, as Ollama multiplies it itself."""
    (job,) = jobs
    refuse_characters(
        job.model_path, r'[^\S ]|[\x00-\x1f\x7f]|^""', TITLE, tr("blanks other than spaces, and ends of line")
    )
    if not all(character.isprintable() for character in job.model_path):
        refuse_characters(job.model_path, r"(?s).", TITLE, tr("characters that are not printed"))
    s = job.settings
    parameters: dict[str, str] = {
        "num_ctx": str(max(1, s.n_ctx // s.n_seq_max)),
        "num_thread": str(s.threads),
        "num_batch": str(s.n_batch),
        "num_gpu": str(_ALL_LAYERS if s.n_gpu_layers < 0 else s.n_gpu_layers),
    }
    carried = {"n_ctx", "threads", "n_batch", "n_gpu_layers"}
    if s.main_gpu:
        parameters["main_gpu"] = str(s.main_gpu)
        carried.add("main_gpu")
    if s.load_mode in ("none", "mmap"):
        parameters["use_mmap"] = "true" if s.load_mode == "mmap" else "false"
        carried.add("load_mode")
    if s.n_ubatch == min(s.n_batch, 512):
        carried.add("n_ubatch")
    lost = losses(job, carried, _reasons(job))
    lines = [
        *comments(jobs, lost),
        f'FROM "{job.model_path}"',
        *(f"PARAMETER {name} {value}" for name, value in parameters.items()),
        "",
    ]
    return Exported("Modelfile", "\n".join(lines), lost, (tr("Make the model: ollama create NAME -f FILE"),))


def _reasons(job: Job) -> dict[str, str]:
    s = job.settings
    flag = "1" if s.flash_attn == "on" else "0"
    variable = tr("only the server's environment: {assignment}", assignment="OLLAMA_FLASH_ATTENTION=" + flag)
    reasons = {"flash_attn": variable}
    reasons["n_seq_max"] = tr(
        "only the server's environment: {assignment}", assignment=f"OLLAMA_NUM_PARALLEL={s.n_seq_max}"
    )
    if s.type_k == s.type_v and s.type_k in _CACHE_TYPES:
        reasons["type_k"] = reasons["type_v"] = tr(
            "only the server's environment: {assignment}", assignment=f"OLLAMA_KV_CACHE_TYPE={s.type_k}"
        )
    return reasons


def read(text: str) -> list[Found]:
    """The settings of a Modelfile, by the rules of Ollama's own parser.

    Raises:
        UsageError: it is no Modelfile.
    """
    model, parameters = None, []
    for name, value in _commands(text):
        if name == "from":
            model = value
        elif name == "parameter":
            key, _, rest = value.partition(" ")
            parameters.append((key.lower(), _unquoted(rest.strip()) or ""))
    if model is None:
        raise refuse(TITLE, tr("it has no FROM line"))
    found = Found(name="", model=model)
    for key, value in parameters:
        match key:
            case "num_ctx":
                setting(found, "n_ctx", value)
            case "num_thread":
                setting(found, "threads", value)
            case "num_batch":
                setting(found, "n_batch", value)
            case "main_gpu":
                setting(found, "main_gpu", value)
            case "num_gpu":
                setting(found, "n_gpu_layers", "-1" if value == str(_ALL_LAYERS) else value)
            case "use_mmap":
                setting(found, "load_mode", "mmap" if value.lower() in ("true", "1") else "none")
            case _:
                found.ignored.append(key)
    found.settings.setdefault("n_batch", _BATCH)
    return [found]


def _commands(text: str) -> list[tuple[str, str]]:
    """Commands by name, lower case, and what they say; a quoted value may go over several lines."""
    commands = []
    lines = iter(text.replace("\r\n", "\n").split("\n"))
    for line in lines:
        stripped = line.strip(" \t")
        if not stripped or stripped.startswith("#"):
            continue
        name, _, value = stripped.partition(" ")
        name, value = name.lower(), value.strip(" \t")
        if name in ("parameter", "message"):
            commands.append((name, value))
            continue
        unquoted = _unquoted(value)
        while unquoted is None:
            more = next(lines, None)
            if more is None:
                raise refuse(TITLE, tr("a quote is not closed"))
            value += "\n" + more
            unquoted = _unquoted(value.strip())
        commands.append((name, unquoted))
    return commands


def _unquoted(value: str) -> str | None:
    """A value without its quotes; None if they are not closed."""
    if value.startswith('"""'):
        return value[3:-3] if len(value) >= 6 and value.endswith('"""') else None
    if value.startswith('"'):
        return value[1:-1] if len(value) >= 2 and value.endswith('"') else None
    return value
