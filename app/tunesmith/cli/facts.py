"""Own ``tunesmith inspect``, ``machine``, ``devices`` and ``doctor``."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from pathlib import Path

from tunesmith import __version__
from tunesmith.cli.output import Output
from tunesmith.cli.settings_given import changed, given_settings, like_llama_cpp
from tunesmith.cli.values import parse_servers
from tunesmith.domain.workload import Workload
from tunesmith.errors import StoreError, WorkerCrashed
from tunesmith.presentation import documents
from tunesmith.presentation.fact_documents import MemoryFacts, build_facts
from tunesmith.presentation.facts_text import devices_report, doctor_report, header_report, machine_report
from tunesmith.presentation.memory_facts import memory_facts
from tunesmith.services.check import Check
from tunesmith.services.context import (
    Surroundings,
    check_devices,
    identify_model,
    read_model,
    survey_machine,
)
from tunesmith.services.doctor import examine
from tunesmith.services.fit import CONTEXT_TOKENS
from tunesmith.services.limits import remeasured, with_bandwidth
from tunesmith.services.memory import Projector, ReserveCache, calibrated
from tunesmith.settings import folders, store_location
from tunesmith.tuning.space import baseline_settings

_LOG = logging.getLogger(__name__)


def run(options: argparse.Namespace, output: Output) -> int:
    """Show facts and return the exit code."""
    match options.command:
        case "inspect":
            return _inspect(options, output)
        case "machine":
            return _machine(options, output)
        case "devices":
            return _devices(options, output)
        case _:
            return _doctor(options, output)


def _inspect(options: argparse.Namespace, output: Output) -> int:
    path = str(Path(options.model))
    header = read_model(path)
    sha256 = identify_model(path).sha256 if options.hash else None
    memory = _memory(path, options)
    if output.json_mode:
        output.document(documents.InspectDocument(header=header, sha256=sha256, memory=memory))
    else:
        output.show(*header_report(header, sha256, memory))
    return 0


def _memory(path: str, options: argparse.Namespace) -> MemoryFacts | None:
    """The projection, if it is asked for; compute buffers as llama.cpp tells them where it does."""
    given = given_settings(options)
    servers, devices = parse_servers(options.rpc), tuple(options.device)
    if not (given or options.memory or options.parallel or servers or devices):
        return None
    found = survey_machine(rpc=servers)
    base = baseline_settings(found.machine, Workload(prompt=1, generate=1)).replace(
        n_ctx=CONTEXT_TOKENS, n_seq_max=options.parallel or 1, rpc=servers, devices=devices
    )
    settings = changed(base, like_llama_cpp(given))
    check_devices(settings, found.machine)
    projector = Projector(path, found.machine)
    projection = calibrated(
        projector, path, settings, found.machine, cache=ReserveCache(folders().cache),
        model_sha256=identify_model(path).sha256, rpc=servers,
    )  # fmt: skip
    return memory_facts(projector, settings, projection)


def _machine(options: argparse.Namespace, output: Output) -> int:
    found = survey_machine()
    found = (_remeasured if options.remeasure else _remembered)(found, options.store)
    if output.json_mode:
        output.document(
            documents.MachineDocument(
                machine=found.machine, machine_class=found.machine_class, device_readings=found.readings
            )
        )
    else:
        output.show(*machine_report(found.machine, found.machine_class, found.readings))
    return 0


def _remembered(found: Surroundings, location: str | None) -> Surroundings:
    """With the memory bandwidth that the store holds, if there is a store."""
    from tunesmith.store import Store

    try:
        with Store.open(store_location(location), read_only=True) as store:
            return with_bandwidth(found, store, measure=False)
    except StoreError as error:
        _LOG.info("the store was not asked for the memory's bandwidth: %s", error)
        return found


def _remeasured(found: Surroundings, location: str | None) -> Surroundings:
    """With the memory bandwidth measured now, and kept."""
    from tunesmith.store import Store

    with Store.open(store_location(location)) as store:
        return remeasured(found, store)


def _devices(options: argparse.Namespace, output: Output) -> int:
    found = survey_machine(rpc=parse_servers(options.rpc))
    machine = found.machine
    if machine.build is None:
        raise WorkerCrashed("The worker did not say what its llama.cpp is.")
    if output.json_mode:
        build = build_facts(machine.build)
        servers = documents.server_facts(found.servers)
        output.document(
            documents.DevicesDocument(
                devices=machine.devices, build=build, rpc_servers=servers, readings=found.readings
            )
        )
    else:
        output.show(*devices_report(machine, found.servers, found.readings))
    return 0


def _doctor(options: argparse.Namespace, output: Output) -> int:
    checks = (*examine(options.store), *(_updates() if options.updates else ()))
    healthy = all(check.status != "failed" for check in checks)
    if output.json_mode:
        output.document(
            documents.DoctorDocument(tunesmith_version=__version__, healthy=healthy, checks=checks)
        )
    else:
        output.show(*doctor_report(checks))
    return 0 if healthy else 1


def _updates() -> Iterator[Check]:
    from tunesmith.services import updates

    yield updates.check(updates.RELEASES)
