"""Own the INI file of presets of llama-server's router (``--models-preset``): written, and read back."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tunesmith.export.found import Found, refuse
from tunesmith.export.job import Exported, Job, Loss, Options, comments, refuse_characters
from tunesmith.export.read_args import from_keys
from tunesmith.export.server_args import Arguments, server_arguments, server_losses, target_build
from tunesmith.wording import tr

NAME = "preset-ini"
TITLE = tr("llama-server presets (INI)")
SEVERAL = True

_FORBIDDEN = re.compile(r"[;#\r\n]|^[ \t]|[ \t]$")


def export(jobs: Sequence[Job], options: Options) -> Exported:
    """A section for each profile. The format quotes nothing, so what would end a value is refused."""
    lines = ["version = 1"]
    lost: list[Loss] = []
    for job in jobs:
        refuse_characters(
            job.model_path, _FORBIDDEN.pattern, TITLE,
            tr("; and #, ends of line, and blanks at either end"),
        )  # fmt: skip
        arguments = _writable(server_arguments(job.settings, target_build(options)))
        here = server_losses(job, arguments)
        lost += here
        lines += ["", *comments([job], here), f"[{job.name}]", f"model = {job.model_path}"]
        for argument in arguments.arguments:
            value = "true" if argument.value is None else argument.value
            lines.append(f"{argument.flag.removeprefix('--')} = {value}")
    return Exported(
        "models.ini", "\n".join([*lines, ""]), tuple(lost),
        (tr("Start it with llama-server --models-preset FILE."),),
    )  # fmt: skip


def _writable(arguments: Arguments) -> Arguments:
    """The arguments whose values would not be cut off; patterns of tensors may hold anything."""
    kept = tuple(each for each in arguments.arguments if not _FORBIDDEN.search(each.value or ""))
    cut = {each.setting: tr("its value cannot be written there") for each in arguments.arguments}
    missing = {name: why for name, why in cut.items() if name not in {each.setting for each in kept}}
    return Arguments(kept, {**arguments.missing, **missing})


def read(text: str) -> list[Found]:
    """The sections of such a file, by llama.cpp's own grammar (common/preset.cpp).

    Raises:
        UsageError: it is no such file, or a value makes no sense.
    """
    shared: dict[str, str] = {}
    sections: dict[str, dict[str, str]] = {}
    here = shared
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        stripped = re.split(r"[ \t]*[;#]", line, maxsplit=1)[0].strip(" \t")
        if not stripped:
            continue
        if header := re.fullmatch(r"\[[ \t]*([^\]]+?)[ \t]*\]", stripped):
            here = shared if header[1] == "*" else sections.setdefault(header[1], {})
        elif pair := re.fullmatch(r"([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*(.*)", stripped):
            here[pair[1]] = pair[2]
        else:
            raise refuse(TITLE, tr("line {number} is neither a section nor an assignment", number=number))
    shared.pop("version", None)
    if not sections and shared:
        sections[""] = {}
    if not sections:
        raise refuse(TITLE, tr("it has no sections"))
    found = []
    for name, values in sections.items():
        one = Found(name=name)
        from_keys(one, {**shared, **values})
        found.append(one)
    return found
