"""Own the rows of machines and models."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter
from sqlmodel import Session

from tunesmith.domain.machine import Machine, MachineClass
from tunesmith.domain.model import ModelHeader, ModelIdentity
from tunesmith.store.database import Database
from tunesmith.store.tables import MachineTable, ModelTable

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
    """Add or renew a machine class; a full machine that is kept is never dropped for None."""
    known = session.get(MachineTable, machine_class.fingerprint)
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
