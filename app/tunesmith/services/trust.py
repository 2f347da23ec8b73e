"""Own which keys this machine trusts, which it never will again, and the serials it has seen."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field, ValidationError

from tunesmith.atomic import replace_file
from tunesmith.domain.base import Value
from tunesmith.errors import NotFoundError, StoreError, UsageError
from tunesmith.services.signing import key_id, normal_pem
from tunesmith.wording import tr

FILE_NAME = "trusted-keys.json"
KEYS_FOLDER = "keys"
_MAX_BYTES = 1 << 20
_MAX_NAME = 100
_LEAST_PREFIX = 6


class TrustedKey(Value):
    """A public key and what became of it."""

    id: str
    name: str
    public_key: str
    """PEM; empty for a key that was revoked before it was known."""
    added_utc: str
    revoked_utc: str | None = None
    """When it was revoked; it is never trusted again."""
    reason: str = ""


class SeenBundle(Value):
    """The newest bundle of a name that was used here."""

    name: str
    serial: int
    sha256: str
    """Of the signed line."""


class Trust(Value):
    """The file."""

    version: int = Field(default=1, ge=1, le=1)
    keys: tuple[TrustedKey, ...] = ()
    seen: tuple[SeenBundle, ...] = ()

    def key(self, wanted: str) -> TrustedKey | None:
        """The key of that id."""
        return next((key for key in self.keys if key.id == wanted), None)

    def latest(self, name: str) -> SeenBundle | None:
        """The newest bundle of that name that was used here."""
        return next((bundle for bundle in self.seen if bundle.name == name), None)


def load_trust(config: Path) -> Trust:
    """What this machine trusts; nothing where there is no file.

    Raises:
        UsageError: the file cannot be read or is damaged: nothing is trusted then.
    """
    path = config / FILE_NAME
    try:
        with path.open("rb") as file:
            return Trust.model_validate_json(file.read(_MAX_BYTES))
    except FileNotFoundError:
        return Trust()
    except (OSError, ValidationError) as error:
        raise UsageError(
            tr("The list of trusted keys {path} cannot be read.", path=path),
            unharmed=tr("It was left as it is, and nothing is trusted."),
            todo=tr("Mend it or remove it."), details=str(error)[:4000],
        ) from error  # fmt: skip


def save_trust(config: Path, trust: Trust) -> None:
    """Write what this machine trusts.

    Raises:
        StoreError: it cannot be written.
    """
    path = config / FILE_NAME
    try:
        config.mkdir(parents=True, exist_ok=True)
        replace_file(path, (trust.model_dump_json(indent=2) + "\n").encode(), durable=True, private=True)
    except OSError as error:
        reason = (error.strerror or str(error)).rstrip(".")
        raise StoreError(
            tr("The list of trusted keys {path} cannot be written: {reason}.", path=path, reason=reason),
            unharmed=tr("It was left as it is."),
        ) from error


def trust_key(config: Path, pem: str, name: str, now: datetime) -> TrustedKey:
    """Trust a public key from now on.

    Raises:
        UsageError: it is none of Ed25519, was revoked, or the name is blank or taken.
        StoreError: the list cannot be written.
    """
    name = name.strip()
    if not name or len(name) > _MAX_NAME or not name.isprintable():
        raise UsageError(tr("A key has a name of 1 to {limit} characters.", limit=_MAX_NAME))
    trust, found = load_trust(config), key_id(pem)
    known = trust.key(found)
    if known is not None and known.revoked_utc is not None:
        raise UsageError(
            tr("The key {key} was revoked on {date} and is never trusted again.",
               key=found, date=known.revoked_utc[:10]),
            todo=tr("Make a new key."),
        )  # fmt: skip
    if known is not None:
        return known
    if any(key.name == name for key in trust.keys):
        raise UsageError(tr("Another key is called {name}.", name=name), todo=tr("Choose another name."))
    key = TrustedKey(id=found, name=name, public_key=normal_pem(pem), added_utc=_stamp(now))
    save_trust(config, trust.model_copy(update={"keys": (*trust.keys, key)}))
    return key


def find_key(trust: Trust, ref: str) -> TrustedKey:
    """The key that a person means: by id, by name, by the beginning of an id.

    Raises:
        NotFoundError: there is none, or several.
    """
    for found in (
        [key for key in trust.keys if key.id == ref],
        [key for key in trust.keys if key.name == ref],
        [key for key in trust.keys if len(ref) >= _LEAST_PREFIX and key.id.startswith(ref)],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            raise NotFoundError(tr("Several keys go by {ref}.", ref=repr(ref)))
    raise NotFoundError(
        tr("No key goes by {ref}.", ref=repr(ref)), todo=tr("List the keys: tunesmith keys list")
    )


def revoke_key(config: Path, ref: str, reason: str, now: datetime) -> TrustedKey:
    """Trust a key no more, for good.

    Raises:
        NotFoundError: there is none of that id or name.
        StoreError: the list cannot be written.
    """
    trust = load_trust(config)
    key = find_key(trust, ref)
    if key.revoked_utc is not None:
        return key
    save_trust(config, revoked(trust, [key.id], reason, now))
    found = revoked(trust, [key.id], reason, now).key(key.id)
    assert found is not None  # noqa: S101 (it was there)
    return found


def revoked(trust: Trust, ids: Iterable[str], reason: str, now: datetime) -> Trust:
    """The list with keys revoked; one that was never known is noted too, so that it never will be trusted."""
    keys = {key.id: key for key in trust.keys}
    for each in ids:
        known = keys.get(each)
        if known is None:
            known = TrustedKey(id=each, name=each, public_key="", added_utc=_stamp(now))
        if known.revoked_utc is None:
            keys[each] = known.model_copy(update={"revoked_utc": _stamp(now), "reason": reason})
    return trust.model_copy(update={"keys": tuple(keys.values())})


def with_seen(trust: Trust, bundle: SeenBundle) -> Trust:
    """The list with a bundle as the newest of its name."""
    others = tuple(each for each in trust.seen if each.name != bundle.name)
    return trust.model_copy(update={"seen": (*others, bundle)})


def _stamp(now: datetime) -> str:
    return now.astimezone(UTC).isoformat(timespec="seconds")
