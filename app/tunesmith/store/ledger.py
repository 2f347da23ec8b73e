"""Own what a run has measured, sample by sample, and its stream of events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from sqlalchemy import insert
from sqlmodel import Session, col, select

from tunesmith.domain.events import EVENTS, Event
from tunesmith.domain.measurement import Conditions, MemoryUse, Sample
from tunesmith.domain.settings import Settings
from tunesmith.errors import NotFoundError, StoreError
from tunesmith.store import steps
from tunesmith.store.catalog import Repository
from tunesmith.store.database import Database
from tunesmith.store.faults import damaged
from tunesmith.store.records import FailedTrial, LedgerEntry, MeasuredTrial
from tunesmith.store.runs import find_run
from tunesmith.store.tables import EventTable, RunTable, SampleTable, TrialTable
from tunesmith.wording import tr

_BATCH = 500
"""Events read at a time."""


class Ledger(Repository):
    """Trials and events of runs; a run is named by its whole id when written."""

    def record(self, run_id: str, events: Sequence[Event] = (), *, trial: LedgerEntry | None = None) -> None:
        """Store events and a trial in one transaction: all of it, or nothing.

        A trial whose key the run's ledger already has is ignored.

        Raises:
            NotFoundError: there is no such run.
            StoreError: an event's number is taken, or one of its kin.
        """
        if not events and trial is None:
            return
        with self._database.writing() as session:
            run = session.get(RunTable, run_id)
            if run is None:
                raise NotFoundError(tr("No run goes by {run_id}.", run_id=repr(run_id)))
            run.seen_utc = self._now()
            if trial is not None:
                _put_trial(session, run_id, trial)
            if events:
                _put_events(session, run_id, events)

    def record_trial(
        self,
        run_id: str,
        *,
        key: str,
        stage: str,
        candidate: str,
        round: int,  # noqa: A002 -- the field's own word
        settings: Settings,
        sample: Sample,
    ) -> None:
        """Store one sample under a key of the caller's choice; a key that is there already is left alone.

        Raises:
            NotFoundError: there is no such run.
            StoreError: or one of its kin.
        """
        trial = MeasuredTrial(
            key=key, stage=stage, candidate=candidate, round=round, settings=settings, sample=sample
        )
        self.record(run_id, trial=trial)

    def record_failure(
        self,
        run_id: str,
        *,
        key: str,
        stage: str,
        candidate: str,
        round: int,  # noqa: A002 -- the field's own word
        settings: Settings,
        cause: str,
        message: str,
    ) -> None:
        """Store that a candidate could not be measured; a key that is there already is left alone.

        Raises:
            NotFoundError: there is no such run.
            StoreError: or one of its kin.
        """
        trial = FailedTrial(
            key=key,
            stage=stage,
            candidate=candidate,
            round=round,
            settings=settings,
            cause=cause,
            message=message,
        )
        self.record(run_id, trial=trial)

    def append_events(self, run_id: str, events: Sequence[Event]) -> None:
        """Store events in one transaction: all of them, or none.

        Raises:
            NotFoundError: there is no such run.
            StoreError: an event's number is taken, or one of its kin.
        """
        self.record(run_id, events)

    def ledger(self, run_id: str) -> dict[str, LedgerEntry]:
        """What the run has measured so far by key, in the order it was stored.

        Raises:
            NotFoundError: there is no such run.
            StoreError: or one of its kin.
        """
        with self._database.reading() as session:
            run = find_run(session, run_id)
            rows = session.exec(
                select(TrialTable, SampleTable)
                .join(SampleTable, isouter=True)
                .where(TrialTable.run_id == run.id)
                .order_by(col(TrialTable.id))
            )
            return {trial.key: _entry(trial, sample, self._database) for trial, sample in rows}

    def events(self, run_id: str) -> Iterator[Event]:
        """The run's events in order of their numbers, read a few at a time; no lock is held between.

        Raises:
            NotFoundError: there is no such run; raised at once, not when iterated.
            StoreError: or one of its kin.
        """
        with self._database.reading() as session:
            exact = find_run(session, run_id).id
        return self._events(exact)

    def last_seq(self, run_id: str) -> int:
        """The number of the run's last stored event; 0 if there is none. A resumed run counts on from it.

        Raises:
            NotFoundError: there is no such run.
            StoreError: or one of its kin.
        """
        with self._database.reading() as session:
            run = find_run(session, run_id)
            newest = (
                select(EventTable.seq)
                .where(EventTable.run_id == run.id)
                .order_by(col(EventTable.seq).desc())
                .limit(1)
            )
            return session.exec(newest).first() or 0

    def _events(self, run_id: str) -> Iterator[Event]:
        last: int | None = None
        while True:
            query = select(EventTable.seq, EventTable.body).where(EventTable.run_id == run_id)
            if last is not None:
                query = query.where(EventTable.seq > last)
            with self._database.reading() as session:
                rows = session.exec(query.order_by(col(EventTable.seq)).limit(_BATCH)).all()
                batch = [EVENTS.validate_json(body) for _, body in rows]
            yield from batch
            if len(rows) < _BATCH:
                return
            last = rows[-1][0]


def _put_events(session: Session, run_id: str, events: Sequence[Event]) -> None:
    numbers = [event.seq for event in events]
    taken = session.exec(
        select(EventTable.seq).where(
            EventTable.run_id == run_id, col(EventTable.seq).between(min(numbers), max(numbers))
        )
    ).all()
    if twice := (set(taken) & set(numbers)) or len(set(numbers)) < len(numbers):
        raise StoreError(
            tr("Run {run_id} has an event of the same number already ({twice}).", run_id=run_id, twice=twice),
            unharmed=tr("What was stored before is safe; these events were not stored."),
        )
    rows = [
        {"run_id": run_id, "seq": e.seq, "type": e.type, "mono_ns": e.mono_ns, "body": e.model_dump_json()}
        for e in events
    ]
    session.exec(insert(EventTable), params=rows)


def _put_trial(session: Session, run_id: str, trial: LedgerEntry) -> None:
    there = select(TrialTable.id).where(TrialTable.run_id == run_id, TrialTable.key == trial.key)
    if session.exec(there).first() is not None:
        return
    row = TrialTable(
        run_id=run_id,
        key=trial.key,
        stage=trial.stage,
        candidate=trial.candidate,
        round=trial.round,
        digest=trial.settings.digest,
        settings=trial.settings.model_dump_json(),
        state="failed",
    )
    session.add(row)
    match trial:
        case FailedTrial():
            row.cause, row.message = trial.cause, trial.message
        case MeasuredTrial(sample=sample):
            row.state = "measured"
            session.flush()
            trial_id = cast("int", row.id)  # given by the flush
            session.add(
                SampleTable(
                    trial_id=trial_id,
                    **sample.model_dump(exclude={"conditions", "memory", "step_ns"}),
                    conditions=sample.conditions.model_dump_json(),
                    memory=sample.memory.model_dump_json(),
                    step_ns=steps.pack(sample.step_ns),
                )
            )


def _entry(trial: TrialTable, sample: SampleTable | None, database: Database) -> LedgerEntry:
    common = {
        **trial.model_dump(include={"key", "stage", "candidate", "round"}),
        "settings": Settings.model_validate_json(trial.settings),
    }
    if sample is None:
        return FailedTrial.model_validate({**common, "cause": trial.cause, "message": trial.message})
    try:
        step_ns = steps.unpack(sample.step_ns)
    except ValueError as error:
        raise damaged(
            database.path,
            tr("trial {key} of run {run_id}: {error}", key=trial.key, run_id=trial.run_id, error=error),
        ) from error
    values = {
        **sample.model_dump(exclude={"trial_id", "conditions", "memory", "step_ns"}),
        "conditions": Conditions.model_validate_json(sample.conditions),
        "memory": MemoryUse.model_validate_json(sample.memory),
        "step_ns": step_ns,
    }
    return MeasuredTrial.model_validate({**common, "sample": Sample.model_validate(values)})
