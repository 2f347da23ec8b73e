"""Own ``tunesmith soak``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tunesmith.cli.measure import settings_asked
from tunesmith.cli.output import Output
from tunesmith.cli.progress import follow
from tunesmith.cli.tune import interruptible
from tunesmith.cli.values import parse_servers, parse_workload
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.soak import (
    DEFAULT_SOAK_SECONDS,
    DEFAULT_SOAK_WORKLOAD,
    LEAST_SOAK_SECONDS,
    MOST_SOAK_SECONDS,
    SoakRequest,
    SoakSample,
)
from tunesmith.domain.workload import Workload
from tunesmith.errors import StoreError, TunesmithError, UsageError
from tunesmith.services.presets import load_preset
from tunesmith.services.soak import start_soak
from tunesmith.services.soak_keeping import Kept
from tunesmith.settings import store_location

if TYPE_CHECKING:
    from typing import TextIO

    from tunesmith.services.soak import SoakResult


def run(options: argparse.Namespace, output: Output) -> int:
    """Soak, show what was found and return the exit code."""
    from tunesmith.presentation.soak_text import soak_document, soak_report

    profile = _profile(options)
    request = make_request(options, profile)
    with _kept(options.csv) as keep:
        session = start_soak(request, keep=keep)
        with interruptible(session):
            follow(session.events(), output)
        result = session.result()
    kept, fault = _keep(options, profile, result)
    if output.json_mode:
        output.document(soak_document(result, profile.id if profile else None, kept))
    else:
        output.show(*soak_report(result, kept))
    if options.csv is not None:
        output.say(f"Wrote {options.csv}.")
    if fault is not None:
        raise fault
    return result.exit_code


def _keep(
    options: argparse.Namespace, profile: TunedProfile | None, result: SoakResult
) -> tuple[Kept, TunesmithError | None]:
    """Put the figures into the profile; a fault of the store is raised once they are shown."""
    from tunesmith.services.soak_keeping import keep_soak, why_not_kept
    from tunesmith.store import Store

    if profile is None or options.no_save:
        return Kept(), None
    if why := why_not_kept(profile, result):
        return Kept(why_not=why), None
    try:
        with Store.open(store_location(options.store)) as store:
            keep_soak(store, profile, result)
    except TunesmithError as error:
        return Kept(why_not=error.what), error
    return Kept(profile=profile), None


def _profile(options: argparse.Namespace) -> TunedProfile | None:
    if options.profile is None:
        return None
    from tunesmith.store import Store

    with Store.open(store_location(options.store)) as store:
        return store.profile(options.profile)


def make_request(options: argparse.Namespace, profile: TunedProfile | None) -> SoakRequest:
    """What the options ask for.

    Raises:
        UsageError: no model is named, or something makes no sense.
    """
    model = options.model or (profile.model.header.path if profile else None)
    if model is None:
        raise UsageError("There is no model to soak.", todo="Name a GGUF file or a --profile.")
    workload = _workload(options, profile)
    return SoakRequest(
        model_path=str(Path(model)), workload=workload, settings=settings_asked(options, profile, workload),
        seconds=_seconds(options), rpc=parse_servers(options.rpc),
    )  # fmt: skip


def _workload(options: argparse.Namespace, profile: TunedProfile | None) -> Workload:
    if options.preset and options.workload:
        raise UsageError("--preset and --workload say two things.", todo="Give one of them.")
    if options.workload:
        return parse_workload(options.workload)
    if options.preset:
        return load_preset(options.preset).workload
    return profile.workload if profile else DEFAULT_SOAK_WORKLOAD


def _seconds(options: argparse.Namespace) -> float:
    if options.minutes is not None and options.hours is not None:
        raise UsageError("--minutes and --hours say two things.", todo="Give one of them.")
    seconds = DEFAULT_SOAK_SECONDS
    if options.minutes is not None:
        seconds = 60 * options.minutes
    elif options.hours is not None:
        seconds = 3600 * options.hours
    if not LEAST_SOAK_SECONDS <= seconds <= MOST_SOAK_SECONDS:
        raise UsageError(
            f"A soak takes {LEAST_SOAK_SECONDS:g} seconds to {MOST_SOAK_SECONDS / 86_400:g} days.",
            todo="Write it as --minutes 20 or --hours 2.",
        )
    return seconds


@contextmanager
def _kept(path: str | None) -> Iterator[Callable[[SoakSample], None]]:
    """What writes each sample into a file as it comes, so that a run that is killed leaves them there.

    Raises:
        StoreError: the file cannot be written.
    """
    if path is None:
        yield lambda _sample: None
        return
    from tunesmith.presentation.soak_text import CSV_HEAD, csv_line, sample_cells

    try:
        file: TextIO = Path(path).open("w", encoding="utf-8", newline="")  # noqa: SIM115 (closed below)
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be written: {error}.", unharmed="Nothing was started.") from None

    def write(line: str) -> None:
        try:
            file.write(line)
            file.flush()
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error}.") from None

    with file:
        write(csv_line(CSV_HEAD))
        yield lambda sample: write(csv_line(sample_cells(sample)))
