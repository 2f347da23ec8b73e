"""Own ``tunesmith tune`` and ``tunesmith --headless``."""

from __future__ import annotations

import argparse
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunesmith.cli.output import Output
from tunesmith.cli.prices_given import parse_prices
from tunesmith.cli.progress import follow
from tunesmith.cli.values import (
    parse_budget,
    parse_devices,
    parse_given_power,
    parse_ms,
    parse_servers,
    parse_share,
    parse_size,
    parse_workload,
)
from tunesmith.domain.request import SearchRules, TuneRequest
from tunesmith.domain.settings import CACHE_TYPES_BY_PRECISION, CacheType
from tunesmith.domain.workload import Constraints, Objective
from tunesmith.errors import Interrupted, UsageError
from tunesmith.services.presets import DEFAULT_PRESET, load_preset
from tunesmith.services.session import Session
from tunesmith.services.tune import start_tune
from tunesmith.services.tune_result import TuneInfeasible
from tunesmith.settings import store_location

if TYPE_CHECKING:
    from collections.abc import Iterator

_LAST_WORDS_SECONDS = 3.0
LOSSLESS_ENOUGH: tuple[CacheType, ...] = ("f32", "bf16", "f16")


def run(options: argparse.Namespace, output: Output) -> int:
    """Tune, show the result and return the exit code."""
    if options.bundle is not None:
        from tunesmith.cli.on_device import run as pick_from_bundle

        return pick_from_bundle(options, output)
    refuse_without_bundle(options)
    from tunesmith.presentation.documents import tune_document
    from tunesmith.presentation.objective_text import given_note
    from tunesmith.presentation.tune_text import tune_report
    from tunesmith.store import Store

    request = make_request(options)
    request = with_baseline(request, options, output)
    if options.quantization is not None:
        from tunesmith.cli.choose import choose

        return choose(options, request, output)
    refuse_without_quantization(options)
    if note := given_note(request.objective, request.given_power):
        output.say(note)
    with Store.open(store_location(options.store)) as store:
        session = start_tune(request, store, resume=options.resume)
        with interruptible(session):
            follow(session.events(), output)
        code = 0
        try:
            result = session.result()
        except TuneInfeasible as error:
            output.say(f"tunesmith: {error}")
            result, code = error.result, error.exit_code
        except Interrupted as error:
            todo = f"Go on with: tunesmith tune {options.model} --resume"
            raise Interrupted(error.what, unharmed=error.unharmed, todo=todo) from None
        if output.json_mode:
            output.document(tune_document(result))
        else:
            output.show(*tune_report(result))
        return code


def refuse_without_bundle(options: argparse.Namespace) -> None:
    """Say that an option is only about taking a profile from a bundle.

    Raises:
        UsageError: there is such an option.
    """
    for name in ("to", "otherwise", "max_distance", "allow_unsigned"):
        if getattr(options, name) not in (None, False):
            flag = f"--{name.replace('_', '-')}"
            raise UsageError(f"{flag} is about taking a profile from a bundle.", todo="Add --bundle FILE.")


def with_baseline(request: TuneRequest, options: argparse.Namespace, output: Output) -> TuneRequest:
    """The request with the configuration that ``--baseline`` names as what is to be beaten.

    Raises:
        UsageError: the file cannot be used.
    """
    if options.baseline is None:
        if options.baseline_name is not None:
            raise UsageError("--baseline-name says nothing without --baseline.")
        return request
    if options.quantization is not None:
        raise UsageError("--baseline and --quantization are two different comparisons.")
    from tunesmith.services.baseline import read_baseline

    given, ignored = read_baseline(Path(options.baseline), request.model_path, options.baseline_name)
    output.say(f"To beat: {given.label}: {', '.join(f'{k} = {v}' for k, v in given.settings.items())}")
    if ignored:
        output.say(f"Not settings of a tune, and left aside: {', '.join(ignored[:20])}")
    return request.model_copy(update={"baseline": given})


def refuse_without_quantization(options: argparse.Namespace) -> None:
    """Say that an option is only about choosing a quantization.

    Raises:
        UsageError: there is such an option.
    """
    for name in ("max_kld", "min_top1", "max_perplexity_ratio", "text", "chunks", "output", "keep_files"):
        if getattr(options, name) not in (None, False):
            flag = f"--{name.replace('_', '-')}"
            raise UsageError(f"{flag} is about choosing a quantization.", todo="Add --quantization auto.")


@contextmanager
def interruptible(session: Session[Any]) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM cancel the session instead of ending the process; a second Ctrl-C ends it.

    A second SIGTERM does not: it means no more, for `timeout` sends one to the process and one to its group.
    """

    def stop(number: int, _frame: object) -> None:
        session.cancel()
        if number == signal.SIGINT:
            signal.signal(number, signal.default_int_handler)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except BaseException:  # the store is closed next: the run must be over by then
        session.cancel()
        session.wait(_LAST_WORDS_SECONDS)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def make_request(options: argparse.Namespace) -> TuneRequest:
    """What the options ask for.

    Raises:
        UsageError: they contradict each other or make no sense.
    """
    if options.preset and options.workload:
        raise UsageError("--preset and --workload say two things.", todo="Give one of them.")
    preset = load_preset(options.preset or DEFAULT_PRESET)
    workload = parse_workload(options.workload) if options.workload else preset.workload
    objective = preset.objective if not options.workload else Objective()
    if options.objective:
        objective = objective.model_copy(update={"name": options.objective})
    if options.max_slowdown is not None:
        objective = objective.model_copy(update={"max_slowdown": parse_share(options.max_slowdown)})
    if options.price:
        if objective.name != "cost":
            raise UsageError("--price is for --objective cost.", todo="Or name prices in: tunesmith cost ID.")
        prices = parse_prices(options.price)
        twice = (prices.load_watts, options.load_watts), (prices.idle_watts, options.idle_watts)
        if any(None not in pair for pair in twice):
            raise UsageError("Watts in --price and beside it say two things.", todo="Give one of them.")
        objective = objective.model_copy(update={"prices": prices})
    if objective.name == "prefill" and not workload.prompt:
        raise UsageError("The objective is prefill, but the workload has no prompt.")
    if objective.name == "decode" and not workload.generate:
        raise UsageError("The objective is decode, but the workload generates nothing.")
    return TuneRequest(
        model_path=str(Path(options.model)),
        workload=workload,
        objective=objective,
        constraints=_constraints(options, preset.constraints if not options.workload else Constraints()),
        budget=parse_budget(options.budget),
        rules=_rules(options),
        preset=None if options.workload else preset.name,
        seed=options.seed,
        warm_start=not options.from_scratch,
        rpc=parse_servers(options.rpc),
        devices=parse_devices(options.device),
        energy=not options.no_energy,
        given_power=parse_given_power(options.load_watts, options.idle_watts),
    )


def _constraints(options: argparse.Namespace, base: Constraints) -> Constraints:
    memory = parse_size(options.max_memory) if options.max_memory else base.max_memory_bytes
    ttft = parse_ms(options.max_ttft) if options.max_ttft else base.max_ttft_ms
    itl = parse_ms(options.max_itl) if options.max_itl else base.max_itl_ms
    return Constraints(max_memory_bytes=memory, max_ttft_ms=ttft, max_itl_ms=itl)


def _rules(options: argparse.Namespace) -> SearchRules:
    fix = {}
    for text in options.fix:
        for piece in text.split(";"):
            name, sign, value = piece.partition("=")
            if not sign or not value.strip():
                raise UsageError(f"{piece!r} fixes nothing.", todo="Write it as --fix flash_attn=on.")
            fix[name.strip()] = value.strip()
    vary = None
    if options.vary is not None:
        vary = tuple(name.strip() for name in options.vary.split(",") if name.strip())
        if not vary:
            raise UsageError("--vary names no settings.", todo="Write it as --vary threads,ubatch.")
    return SearchRules(vary=vary, fix=fix, cache_types=_cache_types(options))


def _cache_types(options: argparse.Namespace) -> tuple[CacheType, ...]:
    default = SearchRules().cache_types
    allowed = default
    if options.cache_types is not None:
        named = [name.strip().lower() for name in options.cache_types.split(",")]
        unknown = [name for name in named if name not in CACHE_TYPES_BY_PRECISION]
        if unknown:
            known = ", ".join(CACHE_TYPES_BY_PRECISION)
            raise UsageError(f"{unknown[0]!r} is no cache type.", todo=f"Choose from {known}.")
        allowed = tuple(cache for cache in CACHE_TYPES_BY_PRECISION if cache in named)
    if options.max_quality_loss is not None:
        if options.max_quality_loss < 0:
            raise UsageError("--max-quality-loss is 0 or more.")
        if options.max_quality_loss == 0:
            allowed = tuple(cache for cache in allowed if cache in LOSSLESS_ENOUGH)
    return allowed
