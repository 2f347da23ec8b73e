"""Own ``tunesmith soak``."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from tunesmith.cli.measure import settings_asked
from tunesmith.cli.output import Output
from tunesmith.cli.progress import follow
from tunesmith.cli.settings_given import changed, like_llama_cpp
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
from tunesmith.domain.steady import (
    LEAST_BLOCKS,
    MOST_BLOCKS,
    MOST_COMPARED,
    ComparedSetting,
    SteadyRequest,
)
from tunesmith.domain.workload import Workload
from tunesmith.errors import StoreError, TunesmithError, UsageError
from tunesmith.services.presets import load_preset
from tunesmith.services.soak import start_soak
from tunesmith.services.soak_keeping import Kept
from tunesmith.services.steady import start_comparison
from tunesmith.settings import store_location
from tunesmith.tuning.grid import parse_axis
from tunesmith.tuning.setting_text import format_setting
from tunesmith.wording import tr

if TYPE_CHECKING:
    from typing import TextIO

    from tunesmith.domain.surface import AxisValue
    from tunesmith.services.soak import SoakResult

MOST_WATTS = 1e6
NOTHING_STARTED = "Nothing was started."


def run(options: argparse.Namespace, output: Output) -> int:
    """Soak, show what was found and return the exit code."""
    profiles = _profiles(options)
    if options.compare or len(profiles) > 1:
        return _compare(options, output, profiles)
    if options.blocks is not None:
        raise UsageError("--blocks goes with a comparison.", todo="Name settings with --compare.")
    return _soak(options, output, profiles[0] if profiles else None)


def _soak(options: argparse.Namespace, output: Output, profile: TunedProfile | None) -> int:
    from tunesmith.presentation.soak_text import soak_document, soak_report

    request = make_request(options, profile)
    with kept_in(options.csv, request.power_limit_watts) as keep:
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


def _compare(options: argparse.Namespace, output: Output, profiles: Sequence[TunedProfile]) -> int:
    from tunesmith.presentation.soak_text import comparison_document, kept_sentence
    from tunesmith.presentation.steady_text import steady_report

    request = make_comparison(options, profiles)
    labels = [one.label for one in request.compared]
    with kept_in(options.csv, request.power_limit_watts, labels) as keep:
        session = start_comparison(request, keep=keep)
        with interruptible(session):
            follow(session.events(), output)
        result = session.result()
    kept = Kept(why_not=tr("Several settings were compared.") if profiles and not options.no_save else "")
    if output.json_mode:
        alone = profiles[0].id if len(profiles) == 1 else None
        output.document(comparison_document(result, alone, kept))
    else:
        output.show(*steady_report(result))
        if sentence := kept_sentence(kept):
            output.say(sentence)
    if options.csv is not None:
        output.say(f"Wrote {options.csv}.")
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


def _profiles(options: argparse.Namespace) -> list[TunedProfile]:
    if not options.profile:
        return []
    from tunesmith.store import Store

    with Store.open(store_location(options.store)) as store:
        return [store.profile(ref) for ref in options.profile]


def make_request(options: argparse.Namespace, profile: TunedProfile | None) -> SoakRequest:
    """What the options ask for.

    Raises:
        UsageError: no model is named, or something makes no sense.
    """
    workload = _workload(options, profile)
    return SoakRequest(
        model_path=_model(options, profile), workload=workload,
        settings=settings_asked(options, profile, workload),
        seconds=_seconds(options), rpc=parse_servers(options.rpc), power_limit_watts=_power_limit(options),
    )  # fmt: skip


def make_comparison(options: argparse.Namespace, profiles: Sequence[TunedProfile]) -> SteadyRequest:
    """Which settings the options ask to compare.

    Raises:
        UsageError: no model is named, or something makes no sense.
    """
    profile = profiles[0] if profiles else None
    workload = _workload(options, profile)
    if options.blocks is not None and not LEAST_BLOCKS <= options.blocks <= MOST_BLOCKS:
        raise UsageError(f"--blocks is {LEAST_BLOCKS} to {MOST_BLOCKS}.")
    if len(profiles) > 1:
        compared = _of_profiles(options, profiles, workload)
    else:
        compared = _of_values(options, profile, workload)
    if not 2 <= len(compared) <= MOST_COMPARED:
        raise UsageError(
            f"A comparison takes 2 to {MOST_COMPARED} different settings; this one has {len(compared)}.",
            todo="Write it as --compare threads=2,4.",
        )
    return SteadyRequest(
        model_path=_model(options, profile), workload=workload, compared=compared,
        seconds=_seconds(options), blocks=options.blocks, rpc=parse_servers(options.rpc),
        power_limit_watts=_power_limit(options),
    )  # fmt: skip


def _of_values(
    options: argparse.Namespace, profile: TunedProfile | None, workload: Workload
) -> tuple[ComparedSetting, ...]:
    """All combinations of the values that ``--compare`` names, on top of what else is asked for."""
    axes: dict[str, tuple[AxisValue, ...]] = {}
    for text in options.compare:
        name, named = parse_axis(text, "--compare")
        if name in axes:
            raise UsageError(
                f"--compare names {name} twice.", todo=f"Write all its values at once: --compare {name}=A,B."
            )
        axes[name] = named
    base = settings_asked(options, profile, workload)
    found: dict[str, ComparedSetting] = {}
    for values in product(*axes.values()):
        changes: dict[str, object] = dict(zip(axes, values, strict=True))
        label = " ".join(f"{name}={format_setting(value)}" for name, value in changes.items())
        if profile is None and options.set_threads_batch is None:
            changes = like_llama_cpp(changes)
        settings = changed(base, changes)
        found.setdefault(settings.digest, ComparedSetting(label=label, settings=settings))
    return tuple(found.values())


def _of_profiles(
    options: argparse.Namespace, profiles: Sequence[TunedProfile], workload: Workload
) -> tuple[ComparedSetting, ...]:
    """The settings of each profile, on the first one's workload if none is named."""
    if options.compare:
        raise UsageError("--compare and several profiles say two things.", todo="Give one of them.")
    if len({profile.model.sha256 for profile in profiles}) > 1:
        raise UsageError(
            "The profiles are of different models.",
            todo="Compare settings of one model; see `tunesmith cost`.",
        )
    ids = [profile.id for profile in profiles]
    for profile in profiles:
        if ids.count(profile.id) > 1:
            raise UsageError(f"The profile {profile.name} is named twice.", todo="Name different ones.")
    names = [profile.name for profile in profiles]
    return tuple(
        ComparedSetting(
            label=profile.name if names.count(profile.name) == 1 else profile.id,
            settings=settings_asked(options, profile, workload),
        )
        for profile in profiles
    )


def _model(options: argparse.Namespace, profile: TunedProfile | None) -> str:
    model = options.model or (profile.model.header.path if profile else None)
    if model is None:
        raise UsageError("There is no model to soak.", todo="Name a GGUF file or a --profile.")
    return str(Path(model))


def _workload(options: argparse.Namespace, profile: TunedProfile | None) -> Workload:
    if options.preset and options.workload:
        raise UsageError("--preset and --workload say two things.", todo="Give one of them.")
    if options.workload:
        return parse_workload(options.workload)
    if options.preset:
        return load_preset(options.preset).workload
    return profile.workload if profile else DEFAULT_SOAK_WORKLOAD


def _power_limit(options: argparse.Namespace) -> float | None:
    watts: float | None = options.power_limit
    if watts is not None and not (math.isfinite(watts) and 0 < watts < MOST_WATTS):
        raise UsageError("--power-limit is in watts, above 0.")
    return watts


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
def kept_in(
    path: str | None, power_limit_watts: float | None, labels: Sequence[str] = ()
) -> Iterator[Callable[[SoakSample], None]]:
    """What writes each sample into a file as it comes, so that a run that is killed leaves them there.

    A file that is there already keeps what it holds until there is a sample to put in its place.

    Args:
        path: the file; None keeps nothing.
        power_limit_watts: as given.
        labels: of the settings compared; empty where one is soaked.

    Raises:
        StoreError: the file cannot be written.
    """
    if path is None:
        yield lambda _sample: None
        return
    from tunesmith.presentation.soak_text import CSV_HEAD, csv_line, sample_cells

    there = Path(path).is_file()

    def write(text: str, *, unharmed: str = "") -> None:
        try:
            file.write(text)
            file.flush()
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error}.", unharmed=unharmed) from None

    def keep(sample: SoakSample) -> None:
        nonlocal there
        if there:
            file.truncate(0)
            write(csv_line(CSV_HEAD))
            there = False
        label = labels[sample.setting] if labels else None
        write(csv_line(sample_cells(sample, label, power_limit_watts)))

    try:
        file: TextIO = Path(path).open("r+" if there else "w", encoding="utf-8", newline="")  # noqa: SIM115 (closed below)
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be written: {error}.", unharmed=NOTHING_STARTED) from None
    try:
        if not there:
            write(csv_line(CSV_HEAD), unharmed=NOTHING_STARTED)
        yield keep
    finally:
        with suppress(OSError):  # each line was flushed, and what went wrong was told
            file.close()
