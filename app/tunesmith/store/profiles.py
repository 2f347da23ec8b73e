"""Own the rows of tuned profiles."""

from __future__ import annotations

import difflib
from datetime import UTC, datetime

from sqlmodel import Session, col, select

from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.soak import KeptSoak
from tunesmith.errors import NotFoundError, UsageError
from tunesmith.store.catalog import Repository, model_name, put_machine, put_model, stamp
from tunesmith.store.records import ProfileRow
from tunesmith.store.tables import ProfileTable
from tunesmith.wording import tr

_LIGHT = tuple(ProfileRow.model_fields)


class Profiles(Repository):
    """Tuned profiles; wherever one is named, its id, a unique beginning of it or its name will do."""

    def save_profile(self, profile: TunedProfile) -> None:
        """Keep a profile with its model and machine class; one of the same id is replaced.

        Raises:
            StoreError: or one of its kin.
        """
        with self._database.writing() as session:
            put_model(session, profile.model)
            put_machine(session, profile.machine, self._now())
            session.merge(_row(profile))

    def profiles(self, *, model: str | None = None, machine: str | None = None) -> list[ProfileRow]:
        """The profiles that are not deleted, newest first.

        Args:
            model: SHA-256 of the model, or its beginning.
            machine: fingerprint of the machine class, or its beginning.

        Raises:
            StoreError: or one of its kin.
        """
        query = select(*(getattr(ProfileTable, name) for name in _LIGHT)).where(
            col(ProfileTable.deleted_utc).is_(None)
        )
        if model is not None:
            query = query.where(col(ProfileTable.model_sha256).startswith(model, autoescape=True))
        if machine is not None:
            query = query.where(col(ProfileTable.machine_fingerprint).startswith(machine, autoescape=True))
        query = query.order_by(col(ProfileTable.created_utc).desc(), col(ProfileTable.id).desc())
        with self._database.reading() as session:
            return [
                ProfileRow.model_validate(dict(zip(_LIGHT, row, strict=True))) for row in session.exec(query)
            ]

    def profile(self, ref: str) -> TunedProfile:
        """One profile with all its evidence.

        Raises:
            NotFoundError: there is none, or several; candidates are named.
            StoreError: or one of its kin.
        """
        with self._database.reading() as session:
            return _value(_find(session, ref))

    def rename_profile(self, ref: str, name: str) -> TunedProfile:
        """Give a profile another name.

        Raises:
            UsageError: the name is blank.
            NotFoundError: there is none, or several.
            StoreError: or one of its kin.
        """
        name = name.strip()
        if not name:
            raise UsageError(tr("A profile needs a name."))
        return self._change(ref, name=name)

    def set_notes(self, ref: str, notes: str) -> TunedProfile:
        """Replace a profile's notes.

        Raises:
            NotFoundError: there is none, or several.
            StoreError: or one of its kin.
        """
        return self._change(ref, notes=notes)

    def set_soak(self, ref: str, soak: KeptSoak) -> TunedProfile:
        """Replace what a profile carries of its last soak.

        Raises:
            NotFoundError: there is none, or several.
            StoreError: or one of its kin.
        """
        return self._change(ref, soak=soak)

    def delete_profile(self, ref: str) -> str:
        """Put a profile away, to be brought back by the id that is returned.

        Raises:
            NotFoundError: there is none, or several.
            StoreError: or one of its kin.
        """
        with self._database.writing() as session:
            row = _find(session, ref)
            row.deleted_utc = self._now()
            session.add(row)
            return row.id

    def undelete_profile(self, profile_id: str) -> None:
        """Bring a deleted profile back; one that is not deleted is left alone.

        Raises:
            NotFoundError: there was none of that id.
            StoreError: or one of its kin.
        """
        with self._database.writing() as session:
            row = session.get(ProfileTable, profile_id)
            if row is None:
                raise NotFoundError(tr("No profile has the id {profile_id}.", profile_id=repr(profile_id)))
            row.deleted_utc = None
            session.add(row)

    def _change(self, ref: str, **changes: str | KeptSoak) -> TunedProfile:
        with self._database.writing() as session:
            changed = _value(_find(session, ref)).model_copy(update=changes)
            session.merge(_row(changed))
            return changed


def _find(session: Session, ref: str) -> ProfileTable:
    """The row that a person means: by id, then by name, then by the beginning of an id."""
    present = select(ProfileTable).where(col(ProfileTable.deleted_utc).is_(None))
    for query in (
        present.where(ProfileTable.id == ref),
        present.where(ProfileTable.name == ref),
        present.where(col(ProfileTable.id).startswith(ref, autoescape=True)),
    ):
        rows = session.exec(query.limit(6)).all() if ref else []
        if len(rows) == 1:
            return rows[0]
        if rows:
            listed = ", ".join(f"{row.id} ({row.name})" for row in rows[:5]) + " …" * (len(rows) > 5)
            raise NotFoundError(
                tr("Several profiles go by {ref}: {listed}.", ref=repr(ref), listed=listed),
                todo=tr("Give the id of one of them."),
            )
    known = session.exec(
        select(ProfileTable.id, ProfileTable.name).where(col(ProfileTable.deleted_utc).is_(None))
    ).all()
    words = {word.casefold(): word for pair in known for word in pair}
    near = [words[word] for word in difflib.get_close_matches(ref.casefold(), words, n=3, cutoff=0.5)]
    todo = tr("List the profiles to see what there is.")
    if near:
        todo = tr("The nearest are {names}.", names=", ".join(near))
    raise NotFoundError(tr("No profile goes by {ref}.", ref=repr(ref)), todo=todo)


def _row(profile: TunedProfile) -> ProfileTable:
    return ProfileTable(
        id=profile.id,
        name=profile.name,
        created_utc=_in_utc(profile.created_utc),
        outcome=profile.outcome,
        model_sha256=profile.model.sha256,
        model_name=model_name(profile.model.header),
        quantization=profile.model.header.quantization,
        machine_fingerprint=profile.machine.fingerprint,
        machine_label=profile.machine.label,
        workload=profile.workload.label,
        objective=profile.objective.name,
        speedup_median=profile.speedup.median,
        speedup_low=profile.speedup.low,
        speedup_high=profile.speedup.high,
        run_id=profile.run_id,
        body=profile.model_dump_json(),
    )


def _value(row: ProfileTable) -> TunedProfile:
    return TunedProfile.model_validate_json(row.body)


def _in_utc(created: str) -> str:
    """The moment in a form that sorts; an imported profile may have been made in another zone."""
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return created
    return stamp(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))
