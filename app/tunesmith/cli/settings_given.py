"""Own the settings that a command line gives: read from its options, and put onto defaults."""

from __future__ import annotations

import argparse

from pydantic import ValidationError

from tunesmith.cli.parser import SETTING_FLAGS
from tunesmith.cli.values import first_problem
from tunesmith.domain.settings import Settings
from tunesmith.errors import UsageError
from tunesmith.tuning.setting_text import parse_setting


def given_settings(options: argparse.Namespace) -> dict[str, object]:
    """What was given, by setting.

    Raises:
        UsageError: a value is none of its setting's.
    """
    changes: dict[str, object] = {}
    for name, _, _, _ in SETTING_FLAGS:
        text = getattr(options, f"set_{name}")
        if text is not None:
            key, value = parse_setting(name, text)
            changes[key] = value
    return changes


def like_llama_cpp(changes: dict[str, object]) -> dict[str, object]:
    """Given settings and what follows from them: llama.cpp's tools prefill with as many threads as they
    decode with."""
    if "threads" in changes:
        return {"threads_batch": changes["threads"], **changes}
    return changes


def changed(base: Settings, changes: dict[str, object]) -> Settings:
    """Settings with some of them changed; a smaller logical batch makes the physical one smaller too.

    Raises:
        UsageError: together they make no sense.
    """
    n_batch = changes.get("n_batch")
    if isinstance(n_batch, int) and "n_ubatch" not in changes:  # llama.cpp clamps it so
        changes = {**changes, "n_ubatch": min(base.n_ubatch, n_batch)}
    try:
        return base.replace(**changes)
    except ValidationError as error:
        raise UsageError(f"The settings make no sense: {first_problem(error)}.") from None
