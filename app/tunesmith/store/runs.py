"""Own the rows of runs: begun, finished, taken over."""

from __future__ import annotations

import difflib
import secrets
from datetime import datetime

from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from tunesmith import __version__
from tunesmith.domain.machine import Build, MachineClass
from tunesmith.domain.measurement import Context
from tunesmith.domain.model import ModelIdentity
from tunesmith.domain.request import MeasureRequest, RunKind, TuneRequest
from tunesmith.errors import NotFoundError, UsageError
from tunesmith.store.catalog import Repository, machine_class_of, model_of, put_machine, put_model, stamp
from tunesmith.store.owner import AT_WORK, Owner, this_process
from tunesmith.store.records import RunRecord, RunState
from tunesmith.store.tables import MachineTable, ModelTable, RunTable, TrialTable
from tunesmith.wording import tr

_NEAR = 200
"""How many of the latest runs are looked through for a near match."""


class Runs(Repository):
    """Runs; wherever one is named, a unique beginning of its id will do."""

    def start_run(
        self,
        kind: RunKind,
        request: TuneRequest | MeasureRequest,
        *,
        model: ModelIdentity,
        machine: MachineClass,
        build: Build,
    ) -> str:
        """Begin a run that this process owns; the id, such as ``20261123-174501-ab12``, sorts by time (UTC).

        Raises:
            StoreError: or one of its kin.
        """
        now = self._database.clock()
        owner = this_process()
        with self._database.writing() as session:
            put_model(session, model)
            put_machine(session, machine, stamp(now))
            run_id = _new_id(now.strftime("%Y%m%d-%H%M%S"), session)
            session.add(
                RunTable(
                    id=run_id,
                    kind=kind,
                    state="running",
                    request=request.model_dump_json(),
                    model_sha256=model.sha256,
                    machine_fingerprint=machine.fingerprint,
                    build=build.model_dump_json(),
                    tunesmith_version=__version__,
                    started_utc=stamp(now),
                    seen_utc=stamp(now),
                    owner_pid=owner.pid,
                    owner_host=owner.host,
                    owner_started=owner.started,
                )
            )
        AT_WORK.add(run_id)
        return run_id

    def finish_run(self, run_id: str, state: RunState, outcome: str | None, sentence: str) -> None:
        """Say how a run ended.

        Raises:
            NotFoundError: there is no such run.
            StoreError: or one of its kin.
        """
        self.leave_run(run_id)
        with self._database.writing() as session:
            row = find_run(session, run_id)
            row.state, row.outcome, row.sentence = state, outcome, sentence
            row.seen_utc = row.finished_utc = self._now()
            session.add(row)

    def leave_run(self, run_id: str) -> None:
        """Say that this process works on a run no more, also where its end cannot be stored.

        From here on the run can be resumed by this process too, unless it is stored that it is over.

        Args:
            run_id: its whole id.
        """
        AT_WORK.discard(run_id)

    def claim_run(self, run_id: str) -> RunRecord:
        """Take over a run that was interrupted or whose process died; one of several claimants gets it.

        Raises:
            UsageError: its owner lives, or it came to its end.
            NotFoundError: there is no such run.
            StoreError: or one of its kin.
        """
        owner = this_process()
        with self._database.writing() as session:
            row = find_run(session, run_id)
            if row.state in ("finished", "failed"):
                raise UsageError(
                    tr("Run {id} is over; there is nothing to resume.", id=row.id),
                    todo=tr("Start a new run."),
                )
            if row.state == "running" and self._owner_lives(row):
                told = tr("Run {id} is still running in process {process}.", id=row.id, process=row.owner_pid)
                if row.owner_host != owner.host:
                    told = tr(
                        "Run {id} is still running in process {process} on {host}.",
                        id=row.id, process=row.owner_pid, host=row.owner_host,
                    )  # fmt: skip
                raise UsageError(
                    told,
                    unharmed=tr("It was left to go on."),
                    todo=tr("Wait for it to end, or stop it first."),
                )
            row.state, row.outcome, row.sentence, row.finished_utc = "running", None, "", None
            row.owner_pid, row.owner_host, row.owner_started = owner.pid, owner.host, owner.started
            row.seen_utc = self._now()
            session.add(row)
            session.flush()
            record = self._record(session, row)
        AT_WORK.add(record.id)
        return record.model_copy(update={"owner_alive": True})

    def run(self, run_id: str) -> RunRecord:
        """One run, by its id or a unique beginning of it.

        Raises:
            NotFoundError: there is none, or several; the nearest are named.
            StoreError: or one of its kin.
        """
        with self._database.reading() as session:
            return self._record(session, find_run(session, run_id))

    def runs(self, limit: int = 50) -> list[RunRecord]:
        """The latest runs, newest first.

        Raises:
            StoreError: or one of its kin.
        """
        with self._database.reading() as session:
            return [self._record(session, row) for row in session.exec(_newest_first().limit(limit))]

    def latest_resumable(self, model_sha256: str | None, kind: RunKind = "tune") -> RunRecord | None:
        """The newest run that was interrupted or whose process died; None if there is none.

        Args:
            model_sha256: of the model it must be about; None for any.
            kind: what it must be.

        Raises:
            StoreError: or one of its kin.
        """
        query = _newest_first().where(
            RunTable.kind == kind, col(RunTable.state).in_(("running", "interrupted"))
        )
        if model_sha256 is not None:
            query = query.where(RunTable.model_sha256 == model_sha256)
        with self._database.reading() as session:
            for row in session.exec(query):
                if row.state == "interrupted" or not self._owner_lives(row):
                    return self._record(session, row)
        return None

    def context(self, run_id: str) -> Context:
        """The model, machine class and build of a run.

        Raises:
            NotFoundError: there is no such run.
            StoreError: or one of its kin.
        """
        with self._database.reading() as session:
            row = find_run(session, run_id)
            return Context(
                model=model_of(session.get_one(ModelTable, row.model_sha256)),
                machine=machine_class_of(session.get_one(MachineTable, row.machine_fingerprint)),
                build=Build.model_validate_json(row.build),
            )

    def _owner_lives(self, row: RunTable) -> bool:
        owner = Owner(row.owner_pid, row.owner_host, row.owner_started)
        if owner.is_this_process:
            return row.id in AT_WORK
        silence = self._database.clock() - datetime.fromisoformat(row.seen_utc)
        return owner.lives(silence.total_seconds())

    def _record(self, session: Session, row: RunTable) -> RunRecord:
        measured = select(func.count()).where(TrialTable.run_id == row.id, TrialTable.state == "measured")
        request = TuneRequest if row.kind == "tune" else MeasureRequest
        return RunRecord.model_validate(
            {
                **row.model_dump(exclude={"request", "build", "seen_utc", "owner_started"}),
                "request": request.model_validate_json(row.request),
                "build": Build.model_validate_json(row.build),
                "model_name": session.get_one(ModelTable, row.model_sha256).name,
                "machine_label": session.get_one(MachineTable, row.machine_fingerprint).label,
                "owner_alive": row.state == "running" and self._owner_lives(row),
                "measured": session.exec(measured).one(),
            }
        )


def find_run(session: Session, run_id: str) -> RunTable:
    """The row of a run, by its id or a unique beginning of it.

    Raises:
        NotFoundError: there is none, or several.
    """
    if row := session.get(RunTable, run_id):
        return row
    ids = select(RunTable.id).order_by(col(RunTable.started_utc).desc())
    begun = session.exec(ids.where(col(RunTable.id).startswith(run_id, autoescape=True)).limit(6)).all()
    if run_id and len(begun) == 1:
        return session.get_one(RunTable, begun[0])
    if run_id and begun:
        listed = ", ".join(begun[:5]) + " …" * (len(begun) > 5)
        raise NotFoundError(
            tr("Several runs begin with {run_id}: {listed}.", run_id=repr(run_id), listed=listed),
            todo=tr("Give more of the run's id."),
        )
    near = difflib.get_close_matches(run_id, session.exec(ids.limit(_NEAR)).all(), n=3, cutoff=0.5)
    todo = tr("List the runs to see what there is.")
    if near:
        todo = tr("The nearest are {names}.", names=", ".join(near))
    raise NotFoundError(tr("No run goes by {run_id}.", run_id=repr(run_id)), todo=todo)


def _new_id(beginning: str, session: Session) -> str:
    while session.get(RunTable, run_id := f"{beginning}-{secrets.token_hex(2)}"):
        pass
    return run_id


def _newest_first() -> SelectOfScalar[RunTable]:
    return select(RunTable).order_by(col(RunTable.started_utc).desc(), col(RunTable.id).desc())
