"""Own ``tunesmith --headless --bundle FILE MODEL``: a profile from a bundle instead of a tune."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tunesmith.cli.output import Output
from tunesmith.cli.values import parse_workload
from tunesmith.domain.class_match import MAX_DISTANCE
from tunesmith.errors import UsageError
from tunesmith.presentation.pick_text import pick_document, pick_report
from tunesmith.services.on_device import Picked, PickRequest, no_profile, pick
from tunesmith.services.presets import load_preset
from tunesmith.settings import folders

if TYPE_CHECKING:
    from tunesmith.domain.profile import TunedProfile
    from tunesmith.domain.request import TuneRequest
    from tunesmith.export.job import Target


def run(options: argparse.Namespace, output: Output) -> int:
    """Pick a profile, write the export that is wanted, show it and return the exit code."""
    target = _target(options)
    request = _request(options)
    picked = pick(request, folders().config, datetime.now(tz=UTC))
    profile = picked.choice.profile
    if profile is None:
        error = no_profile(picked)
        if options.otherwise != "tune":
            raise error
        output.say(f"tunesmith: {error.what} Tuning here.")
        profile = _tuned_here(options, picked, output)
    losses: tuple[str, ...] = ()
    if target is not None:
        from tunesmith.export.job import Options
        from tunesmith.services.export import export, write_export

        exported = export([profile], target, Options(), model_path=str(Path(options.model).absolute()))
        losses = tuple(str(loss) for loss in exported.losses)
        for line in (*(f"Not carried over: {loss}" for loss in losses), *exported.notes):
            output.say(line)
        write_export(exported, Path(options.output))
    document = pick_document(picked, profile, output=options.output, losses=losses)
    if output.json_mode:
        output.document(document)
    else:
        output.show(*pick_report(document))
    return 0


def _target(options: argparse.Namespace) -> Target | None:
    if (options.to is None) != (options.output is None):
        raise UsageError("--to FORMAT and --output FILE belong together.")
    if options.to is None:
        return None
    from tunesmith.export.targets import find_target

    return find_target(options.to)


def _request(options: argparse.Namespace) -> PickRequest:
    if options.preset and options.workload:
        raise UsageError("--preset and --workload say two things.", todo="Give one of them.")
    workload, objective = None, options.objective
    if options.workload:
        workload = parse_workload(options.workload)
    elif options.preset:
        preset = load_preset(options.preset)
        workload, objective = preset.workload, objective or preset.objective.name
    distance = MAX_DISTANCE if options.max_distance is None else options.max_distance
    if not distance >= 0:
        raise UsageError("--max-distance is 0 or more.")
    return PickRequest(
        bundle_path=Path(options.bundle), model_path=str(Path(options.model)), workload=workload,
        objective=objective, max_distance=distance, allow_unsigned=options.allow_unsigned,
    )  # fmt: skip


def _tune_request(options: argparse.Namespace, picked: Picked) -> TuneRequest:
    """As without a bundle, but for the workload of the profiles that do not fit, where none is named."""
    from tunesmith.cli.tune import make_request

    request, like = make_request(options), picked.unfit
    if options.preset or options.workload or like is None:
        return request
    objective = request.objective if options.objective else like.objective
    return request.model_copy(update={"workload": like.workload, "objective": objective, "preset": None})


def _tuned_here(options: argparse.Namespace, picked: Picked, output: Output) -> TunedProfile:
    """Tune, and take the profile.

    Raises:
        TunesmithError: as a tune ends.
    """
    from tunesmith.cli.progress import follow
    from tunesmith.cli.tune import interruptible
    from tunesmith.services.tune import start_tune
    from tunesmith.settings import store_location
    from tunesmith.store import Store

    with Store.open(store_location(options.store)) as store:
        session = start_tune(_tune_request(options, picked), store, resume=options.resume)
        with interruptible(session):
            follow(session.events(), output)
        profile = session.result().profile
    assert profile is not None  # noqa: S101 (else it had raised)
    return profile
