"""Own the rows of machines and models."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from sqlmodel import Session

from tunesmith.domain.bandwidth import MemoryBandwidth
from tunesmith.domain.machine import Machine, MachineClass
from tunesmith.domain.model import ModelHeader, ModelIdentity
from tunesmith.domain.throughput import MatrixThroughput
from tunesmith.store.database import Database
from tunesmith.store.tables import MachineTable, ModelTable

_BANDWIDTH: TypeAdapter[MemoryBandwidth | None] = TypeAdapter(MemoryBandwidth | None)
_THROUGHPUT: TypeAdapter[tuple[MatrixThroughput, ...] | None] = TypeAdapter(
    tuple[MatrixThroughput, ...] | None
)
_Part = TypeVar("_Part")
_FACTS: TypeAdapter[dict[str, str | int | list[str]]] = TypeAdapter(dict[str, str | int | list[str]])


class Repository:
    """A part of the store; all parts share one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def _now(self) -> str:
        return stamp(self._database.clock())


class Catalog(Repository):
    """Machines and models."""

    def save_machine(self, machine: Machine, machine_class: MachineClass) -> None:
        """Keep what the probes found, in place of what was kept for the same class.

        Raises:
            StoreError: or one of its kin.
        """
        with self._database.writing() as session:
            put_machine(session, machine_class, self._now(), machine)

    def memory_bandwidth(self, fingerprint: str) -> MemoryBandwidth | None:
        """What was measured of the memory of a machine class while nothing disturbed it; None if nothing.

        Raises:
            StoreError: or one of its kin.
        """
        with self._database.reading() as session:
            row = session.get(MachineTable, fingerprint)
            found = _bandwidth_of(row)
        return None if found is None or found.noisy else found

    def forget_memory_bandwidth(self, fingerprint: str) -> None:
        """Let it be measured again: something contradicted it.

        Raises:
            StoreError: or one of its kin.
        """
        self._forget(fingerprint, memory_bandwidth=None)

    def matrix_throughput(self, fingerprint: str) -> tuple[MatrixThroughput, ...]:
        """What was measured of each type of weights on a machine class while nothing disturbed it.

        Raises:
            StoreError: or one of its kin.
        """
        with self._database.reading() as session:
            found = _throughput_of(session.get(MachineTable, fingerprint))
        return tuple(one for one in found if not one.noisy)

    def forget_matrix_throughput(self, fingerprint: str) -> None:
        """Let it be measured again: something contradicted it.

        Raises:
            StoreError: or one of its kin.
        """
        self._forget(fingerprint, matrix_throughput=[])

    def _forget(self, fingerprint: str, **nothing: object) -> None:
        with self._database.writing() as session:
            row = session.get(MachineTable, fingerprint)
            if row is not None and row.machine is not None:
                row.machine = json.dumps({**json.loads(row.machine), **nothing})
                session.add(row)

    def save_model(self, identity: ModelIdentity) -> None:
        """Keep a model's header and where it was last seen.

        Raises:
            StoreError: or one of its kin.
        """
        with self._database.writing() as session:
            put_model(session, identity)


def stamp(moment: datetime) -> str:
    """A moment as text that sorts: ISO 8601 with microseconds."""
    return moment.isoformat(timespec="microseconds")


def put_machine(
    session: Session, machine_class: MachineClass, seen_utc: str, machine: Machine | None = None
) -> None:
    """Add or renew a machine class; a full machine, or what was measured of it, is never dropped for None."""
    known = session.get(MachineTable, machine_class.fingerprint)
    if machine is not None:
        throughput = {one.type: one for one in (*_throughput_of(known), *machine.matrix_throughput)}
        machine = machine.model_copy(update={"matrix_throughput": tuple(throughput.values())})
    if machine is not None and machine.memory_bandwidth is None:
        machine = machine.model_copy(update={"memory_bandwidth": _bandwidth_of(known)})
    full = machine.model_dump_json() if machine else known.machine if known else None
    session.merge(
        MachineTable(
            fingerprint=machine_class.fingerprint,
            label=machine_class.label,
            facts=json.dumps(machine_class.facts, ensure_ascii=False, sort_keys=True),
            machine=full,
            seen_utc=seen_utc,
        )
    )
    session.flush()


def _bandwidth_of(row: MachineTable | None) -> MemoryBandwidth | None:
    return _part_of(row, "memory_bandwidth", _BANDWIDTH)


def _throughput_of(row: MachineTable | None) -> tuple[MatrixThroughput, ...]:
    return _part_of(row, "matrix_throughput", _THROUGHPUT) or ()


def _part_of(row: MachineTable | None, name: str, kind: TypeAdapter[_Part]) -> _Part | None:
    """What a row keeps of the machine under a name; None where it keeps nothing that is understood."""
    if row is None or row.machine is None:
        return None
    try:
        return kind.validate_json(json.dumps(json.loads(row.machine).get(name)))
    except ValidationError:  # of another version
        return None


def put_model(session: Session, identity: ModelIdentity) -> None:
    """Add or renew a model."""
    session.merge(
        ModelTable(
            sha256=identity.sha256,
            name=model_name(identity.header),
            header=identity.header.model_dump_json(),
            last_path=identity.header.path,
        )
    )
    session.flush()


def model_name(header: ModelHeader) -> str:
    """What people call the model: the header's name, else the file's."""
    return header.name or Path(header.path).stem


def model_of(row: ModelTable) -> ModelIdentity:
    """The value that a row keeps."""
    return ModelIdentity(sha256=row.sha256, header=ModelHeader.model_validate_json(row.header))


def machine_class_of(row: MachineTable) -> MachineClass:
    """The value that a row keeps."""
    return MachineClass(fingerprint=row.fingerprint, label=row.label, facts=_FACTS.validate_json(row.facts))
