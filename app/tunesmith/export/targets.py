"""Own the list of formats, and exporting to one by its name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import cast

from tunesmith.domain.profile import TunedProfile
from tunesmith.errors import UsageError
from tunesmith.export import (
    compose,
    docker_run,
    env_file,
    koboldcpp,
    kubernetes,
    llama_server,
    llama_swap,
    lm_studio,
    ollama,
    preset_ini,
    profile_json,
    python_code,
    quadlet,
    systemd,
)
from tunesmith.export.job import Exported, Job, Options, Target, short_name, unique
from tunesmith.wording import tr

TARGETS: dict[str, Target] = {
    target.NAME: cast("Target", target)
    for target in (
        llama_server, preset_ini, docker_run, compose, systemd, quadlet, kubernetes, llama_swap, ollama,
        lm_studio, koboldcpp, python_code, env_file, profile_json,
    )
}  # fmt: skip
"""By name, in the order in which they are offered."""


def find_target(name: str) -> Target:
    """The format of that name.

    Raises:
        UsageError: there is none.
    """
    if name in TARGETS:
        return TARGETS[name]
    near = difflib.get_close_matches(name, TARGETS, n=2, cutoff=0.5) or list(TARGETS)
    raise UsageError(
        tr("No format is called {name}.", name=repr(name)), todo=tr("Try {names}.", names=", ".join(near))
    )


def export_profiles(
    profiles: Sequence[tuple[TunedProfile, str]], target: Target, options: Options
) -> Exported:
    """Write profiles in a format.

    Args:
        profiles: each with the path of its model on the machine that will read the export.
        target: the format.
        options: what else it wants to know.

    Raises:
        UsageError: a path cannot be written in it, or there are several and it holds one.
    """
    if len(profiles) != 1 and not target.SEVERAL:
        several = ", ".join(name for name, each in TARGETS.items() if each.SEVERAL)
        raise UsageError(
            tr("{target} holds one profile.", target=target.TITLE),
            todo=tr("Export them one by one, or take one of {names}.", names=several),
        )
    for _, path in profiles:
        _check_path(path)
    names = unique(short_name(profile.name) for profile, _ in profiles)
    jobs = [Job(profile, path, name) for (profile, path), name in zip(profiles, names, strict=True)]
    return target.export(jobs, options)


def _check_path(path: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise UsageError(
            tr("The path {path} is no valid UTF-8 and can be written in no format.", path=repr(path)),
            todo=tr("Rename the file, or give another path with --model."),
        ) from None
    if not path or "\0" in path:
        raise UsageError(tr("The model has no path."), todo=tr("Give one with --model."))
