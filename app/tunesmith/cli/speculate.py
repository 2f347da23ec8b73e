"""Own ``tunesmith speculate``."""

from __future__ import annotations

import argparse
from pathlib import Path

from tunesmith.cli.output import Output
from tunesmith.cli.progress import follow
from tunesmith.cli.settings_given import changed, given_settings, like_llama_cpp
from tunesmith.cli.tune import interruptible
from tunesmith.domain.settings import Settings
from tunesmith.domain.speculation import FEWEST_PROMPT_TOKENS, MAX_LENGTH
from tunesmith.domain.workload import Workload
from tunesmith.errors import NoisyMachineError, UsageError
from tunesmith.machine.probe import probe_machine
from tunesmith.services.speculate import start_speculate
from tunesmith.services.speculate_result import SpeculateRequest
from tunesmith.tuning.space import baseline_settings

DEFAULT_MAX_LENGTH = 15


def run(options: argparse.Namespace, output: Output) -> int:
    """Measure, show what was found and return the exit code."""
    from tunesmith.presentation.speculate_text import speculate_document, speculate_report

    session = start_speculate(make_request(options))
    with interruptible(session):
        follow(session.events(), output)
    result = session.result()
    if output.json_mode:
        output.document(speculate_document(result))
    else:
        output.show(*speculate_report(result))
    return NoisyMachineError.exit_code if result.outcome == "too_noisy" else 0


def make_request(options: argparse.Namespace) -> SpeculateRequest:
    """What the options ask for.

    Raises:
        UsageError: they make no sense.
    """
    lengths = _lengths(options.lengths)
    max_length = options.max_length
    if max_length is None:
        max_length = max((DEFAULT_MAX_LENGTH, *(lengths or ())))
    for name, value, least, most in (
        ("--prompts", options.prompts, 1, 16),
        ("--prompt-tokens", options.prompt_tokens, FEWEST_PROMPT_TOKENS, 8192),
        ("--tokens", options.tokens, 2, 4096),
        ("--rounds", options.rounds, 2, 1000),
        ("--max-length", max_length, 1, MAX_LENGTH),
    ):
        if not least <= value <= most:
            raise UsageError(f"{name} is {least} to {most}.")
    if lengths and max(lengths) > max_length:
        raise UsageError("--lengths goes beyond --max-length.", todo="Leave --max-length out.")
    return SpeculateRequest(
        model_path=str(Path(options.model)),
        settings=_settings(options, max_length),
        draft_path=str(Path(options.draft)) if options.draft else None,
        text_path=options.text,
        tokens=options.tokens,
        prompts=options.prompts,
        prompt_tokens=options.prompt_tokens,
        rounds=options.rounds,
        max_length=max_length,
        lengths=lengths,
        seed=options.seed,
    )


def _settings(options: argparse.Namespace, max_length: int) -> Settings:
    needed = options.prompt_tokens + options.tokens + max_length + 1
    workload = Workload(prompt=options.prompt_tokens, generate=needed - options.prompt_tokens)
    changes = like_llama_cpp(given_settings(options))
    settings = changed(baseline_settings(probe_machine(), workload), changes)
    if settings.n_ctx < needed:
        raise UsageError(
            f"A context of {settings.n_ctx} tokens cannot hold the {needed} that are needed.",
            todo="Leave --ctx-size out, or ask for fewer tokens.",
        )
    if settings.n_batch <= max_length:
        raise UsageError(
            f"A batch of {settings.n_batch} tokens has no room for {max_length} drafted ones and one more.",
            todo="Leave --batch-size out, or give a smaller --max-length.",
        )
    return settings


def _lengths(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        lengths = tuple(dict.fromkeys(int(piece) for piece in text.split(",")))
    except ValueError:
        raise UsageError(f"{text!r} is no list of lengths.", todo="Write it as --lengths 2,4,8.") from None
    if not all(1 <= length <= MAX_LENGTH for length in lengths):
        raise UsageError(f"A draft length is 1 to {MAX_LENGTH}.")
    return lengths
