"""Own ``tunesmith measure``."""

from __future__ import annotations

import argparse
from pathlib import Path

from tunesmith.cli.output import Output
from tunesmith.cli.progress import follow
from tunesmith.cli.settings_given import changed, given_settings, like_llama_cpp
from tunesmith.cli.tune import interruptible
from tunesmith.cli.values import make_workload, parse_devices, parse_given_power, parse_servers
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.request import MeasureRequest
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload
from tunesmith.errors import UsageError
from tunesmith.machine.probe import probe_machine
from tunesmith.services.measure import start_measure
from tunesmith.settings import store_location
from tunesmith.tuning.space import baseline_settings


def run(options: argparse.Namespace, output: Output) -> int:
    """Measure, show the result and return the exit code."""
    from tunesmith.presentation.measure_documents import measure_document
    from tunesmith.presentation.measure_text import measure_report
    from tunesmith.store import Store

    with Store.open(store_location(options.store)) as store:
        profile = store.profile(options.profile) if options.profile else None
        session = start_measure(make_request(options, profile), store)
        with interruptible(session):
            follow(session.events(), output)
        result = session.result()
        if profile is not None and result.model.sha256 != profile.model.sha256:
            output.say(f"tunesmith: this is not the model that profile {profile.id} was tuned for")
        document = measure_document(result, profile)
        if output.json_mode:
            output.document(document)
        else:
            output.show(*measure_report(result, document.against_profile))
    return 0


def make_request(options: argparse.Namespace, profile: TunedProfile | None) -> MeasureRequest:
    """What the options ask for.

    Raises:
        UsageError: no model is named, or the settings make no sense.
    """
    model = options.model or (profile.model.header.path if profile else None)
    if model is None:
        raise UsageError("There is no model to measure.", todo="Name a GGUF file or a --profile.")
    if options.repetitions < 1:
        raise UsageError("--repetitions is 1 or more.")
    workload = _workload(options, profile)
    settings = settings_asked(options, profile, workload)
    return MeasureRequest(
        model_path=str(Path(model)), workload=workload, settings=settings, repetitions=options.repetitions,
        rpc=parse_servers(options.rpc), energy=not options.no_energy,
        given_power=parse_given_power(options.load_watts, options.idle_watts),
    )  # fmt: skip


def _workload(options: argparse.Namespace, profile: TunedProfile | None) -> Workload:
    default = profile.workload if profile else Workload(prompt=512, generate=128)
    named = {name: getattr(options, name) for name in Workload.model_fields}
    return make_workload(
        **{name: getattr(default, name) if value is None else value for name, value in named.items()}
    )


def settings_asked(options: argparse.Namespace, profile: TunedProfile | None, workload: Workload) -> Settings:
    """The settings that the options name, on top of a profile's or of llama.cpp's defaults.

    Raises:
        UsageError: they make no sense, or their context cannot hold the workload.
    """
    changes = given_settings(options)
    if options.rpc:
        changes["rpc"] = parse_servers(options.rpc)
    if options.device:
        changes["devices"] = parse_devices(options.device)
    if profile is None:
        base = baseline_settings(probe_machine(), workload)
        changes = like_llama_cpp(changes)
    else:
        base = profile.settings
        if workload != profile.workload:
            changes.setdefault("n_ctx", workload.n_ctx)
            changes.setdefault("n_seq_max", workload.parallel)
    settings = changed(base, changes)
    if settings.n_ctx < workload.tokens_per_sequence * workload.parallel:
        raise UsageError(
            f"A context of {settings.n_ctx} tokens cannot hold the workload's "
            f"{workload.tokens_per_sequence * workload.parallel}.",
            todo="Leave --ctx-size out, or ask for fewer tokens.",
        )
    return settings
