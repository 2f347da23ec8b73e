"""Own ``tunesmith survey``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tunesmith.cli.output import Output
from tunesmith.cli.progress import follow
from tunesmith.cli.tune import interruptible
from tunesmith.cli.values import parse_devices, parse_ms, parse_servers, parse_workload
from tunesmith.domain.request import SearchRules
from tunesmith.errors import UsageError
from tunesmith.services.presets import DEFAULT_PRESET, load_preset
from tunesmith.services.surface_files import SUFFIX, check_writable, write_surface
from tunesmith.services.survey import SurveyRequest, start_survey
from tunesmith.tuning.grid import parse_axis
from tunesmith.tuning.setting_text import parse_cpu_list

MAX_ROUNDS = 1000


def run(options: argparse.Namespace, output: Output) -> int:
    """Survey, write the surface, show what was found and return the exit code."""
    from tunesmith.presentation.survey_text import survey_document, survey_report

    request = make_request(options)
    path = _output_path(options, request)
    with restricted_to(parse_cpu_list(options.affinity or "")):
        session = start_survey(request)
        with interruptible(session):
            follow(session.events(), output)
        result = session.result()
    write_surface(result.surface, path)
    document = survey_document(result, path)
    if output.json_mode:
        output.document(document)
    else:
        output.show(*survey_report(document, result.surface.baseline))
    return 0


def make_request(options: argparse.Namespace) -> SurveyRequest:
    """What the options ask for.

    Raises:
        UsageError: they contradict each other or make no sense.
    """
    if options.preset and options.workload:
        raise UsageError("--preset and --workload say two things.", todo="Give one of them.")
    if not 1 <= options.rounds <= MAX_ROUNDS:
        raise UsageError(f"--rounds is 1 to {MAX_ROUNDS}.")
    preset = None if options.workload else load_preset(options.preset or DEFAULT_PRESET)
    vary = None
    if options.vary is not None:
        vary = tuple(name.strip() for name in options.vary.split(",") if name.strip())
        if not vary:
            raise UsageError("--vary names no settings.", todo="Write it as --vary threads,ubatch.")
    return SurveyRequest(
        model_path=str(Path(options.model)),
        workload=preset.workload if preset else parse_workload(options.workload),
        preset=preset.name if preset else None,
        rules=SearchRules(vary=vary),
        given=dict(parse_axis(text) for text in options.axis),
        rounds=options.rounds,
        part_seconds=_seconds(options.pace) if options.pace else None,
        seed=options.seed,
        title=options.title or "",
        conditions=options.conditions or "",
        rpc=parse_servers(options.rpc),
        devices=parse_devices(options.device),
    )


def _seconds(text: str) -> float:
    return parse_ms(text if text[-1:].isalpha() else f"{text}s") / 1e3


def _output_path(options: argparse.Namespace, request: SurveyRequest) -> Path:
    """Where the surface goes; an earlier one is only replaced where it was named.

    Raises:
        UsageError: there is one already.
        StoreError: nothing can be written there.
    """
    if options.output:
        path = Path(options.output)
    else:
        path = Path(f"{Path(request.model_path).stem}-{request.preset or 'workload'}{SUFFIX}")
        if path.exists():
            raise UsageError(f"There is a file {path} already.", todo="Name one with --output.")
    check_writable(path)
    return path


@contextmanager
def restricted_to(cpus: tuple[int, ...] | None) -> Iterator[None]:
    """Let this thread, and all threads and processes that it starts, run on some CPUs only; None is all.

    Raises:
        UsageError: the system cannot, or none of the CPUs may be used.
    """
    if cpus is None:
        yield
        return
    if not hasattr(os, "sched_setaffinity"):
        raise UsageError("This system cannot bind a process to CPUs.", todo="Leave --affinity out.")
    before = os.sched_getaffinity(0)
    if not set(cpus) <= before:
        raise UsageError(f"--affinity names CPUs that may not be used: {sorted(set(cpus) - before)}.")
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
