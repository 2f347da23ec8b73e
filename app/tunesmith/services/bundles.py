"""Own bundles as files: made, signed, and taken only as far as they can be trusted."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tunesmith.domain.bundle import (
    MAX_BUNDLE_BYTES,
    Bundle,
    Signature,
    moment,
    parse_bundle,
    parse_signature,
    split,
)
from tunesmith.errors import UsageError, VerificationError
from tunesmith.services.files import write_whole
from tunesmith.services.signing import is_valid, key_id, public_pem
from tunesmith.services.trust import SeenBundle, Trust, TrustedKey, load_trust, revoked, save_trust, with_seen
from tunesmith.wording import tr

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_CLOCKS_DIFFER = timedelta(days=1)
"""A clock that is further behind the bundle's maker cannot tell whether it has expired."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A bundle that was read."""

    bundle: Bundle
    sha256: str
    """Of the line that is signed."""
    key: TrustedKey | None
    """Who signed it; None where nobody did, or where it was not asked."""


def write_bundle(bundle: Bundle, path: Path) -> None:
    """Write a bundle without a signature.

    Raises:
        StoreError: it cannot be written.
    """
    write_whole(path, bundle.canonical())


def sign_bundle(path: Path, key: Ed25519PrivateKey, output: Path) -> Signature:
    """Sign a bundle; a signature that it has is replaced.

    Raises:
        UsageError: it cannot be read.
        VerificationError: it is no bundle.
        StoreError: the result cannot be written.
    """
    payload, _ = split(_read(path))
    parse_bundle(payload)
    signature = Signature(
        key=key_id(public_pem(key.public_key())), signature=base64.b64encode(key.sign(payload)).decode()
    )
    write_whole(output, payload + signature.canonical())
    return signature


def show_bundle(path: Path) -> tuple[Opened, Signature | None]:
    """Read a bundle without asking whether it can be trusted.

    Raises:
        UsageError: it cannot be read.
        VerificationError: it is no bundle.
    """
    payload, line = split(_read(path))
    signature = parse_signature(line) if line else None
    return Opened(parse_bundle(payload), _digest(payload), None), signature


def open_bundle(path: Path, trust: Trust, now: datetime, *, allow_unsigned: bool = False) -> Opened:
    """Read a bundle if it can be trusted; what is signed is parsed only after its signature was checked.

    Raises:
        UsageError: it cannot be read.
        VerificationError: it was tampered with; signed by nobody, or by a key that is not trusted or was
            revoked; it has expired, is older than one that was used here, or the clock is wrong.
    """
    payload, line = split(_read(path))
    key = None
    if line:
        key = _signer(payload, line, trust)
    elif not allow_unsigned:
        raise _refused(
            tr("The bundle has no signature."), tr("Have it signed, or say --allow-unsigned if you made it.")
        )
    bundle = parse_bundle(payload)
    _check_time(bundle, now)
    _check_serial(bundle, _digest(payload), trust)
    return Opened(bundle, _digest(payload), key)


def use_bundle(path: Path, config: Path, now: datetime, *, allow_unsigned: bool = False) -> Opened:
    """As :func:`open_bundle`, and remember its serial and the keys that it revokes.

    Raises:
        UsageError, VerificationError: as there.
        StoreError: what is remembered cannot be written.
    """
    trust = load_trust(config)
    opened = open_bundle(path, trust, now, allow_unsigned=allow_unsigned)
    bundle = opened.bundle
    if opened.key is None:  # whoever wrote it decides nothing here for good
        return opened
    changed = with_seen(trust, SeenBundle(name=bundle.name, serial=bundle.serial, sha256=opened.sha256))
    changed = revoked(changed, bundle.revoked_keys, tr("by the bundle {name}", name=bundle.name), now)
    if changed != trust:
        save_trust(config, changed)
    return opened


def _signer(payload: bytes, line: bytes, trust: Trust) -> TrustedKey:
    """Who signed.

    Raises:
        VerificationError: nobody who is trusted.
    """
    signature = parse_signature(line)
    key = trust.key(signature.key)
    if key is not None and key.revoked_utc is not None:
        raise _refused(
            tr("The bundle was signed with the key {name}, which was revoked on {date}.",
               name=key.name, date=key.revoked_utc[:10]),
            tr("Get one that was signed with another key."),
        )  # fmt: skip
    if key is None:
        raise _refused(
            tr("The bundle was signed with the key {key}, which is not trusted here.", key=signature.key),
            tr("If you know whose it is: tunesmith keys trust FILE.pem"),
        )
    raw = base64.b64decode(signature.signature, validate=True)
    if base64.b64encode(raw).decode() != signature.signature or not is_valid(key.public_key, raw, payload):
        raise _refused(
            tr("The bundle was changed after it was signed: its signature is not that of the key {name}.",
               name=key.name),
            tr("Get it again from where it was made."),
        )  # fmt: skip
    return key


def _check_time(bundle: Bundle, now: datetime) -> None:
    if bundle.expires_utc is None:
        return
    if now >= moment(bundle.expires_utc):
        raise _refused(
            tr("The bundle expired on {date}.", date=bundle.expires_utc[:10]), tr("Get a newer one.")
        )
    if now < moment(bundle.created_utc) - _CLOCKS_DIFFER:
        raise _refused(
            tr("By this machine's clock the bundle will only be made on {date}; it cannot be told whether it "
               "has expired.", date=bundle.created_utc[:10]),
            tr("Set the clock."),
        )  # fmt: skip


def _check_serial(bundle: Bundle, digest: str, trust: Trust) -> None:
    seen = trust.latest(bundle.name)
    if seen is None or bundle.serial > seen.serial:
        return
    if bundle.serial < seen.serial:
        raise _refused(
            tr("The bundle is older than one that was used here: serial {serial} after {seen}.",
               serial=bundle.serial, seen=seen.serial),
            tr("Get the newest one."),
        )  # fmt: skip
    if digest != seen.sha256:
        raise _refused(
            tr("There are two bundles {name} of serial {serial}.", name=bundle.name, serial=bundle.serial),
            tr("Make it again with a larger serial."),
        )


def _refused(what: str, todo: str) -> VerificationError:
    return VerificationError(what, unharmed=tr("Nothing of it was used."), todo=todo)


def _digest(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BUNDLE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).rstrip(".")
        raise UsageError(
            tr("The bundle {path} cannot be read: {reason}.", path=path, reason=reason),
            todo=tr("Check the name and whether you may read it."),
        ) from error
