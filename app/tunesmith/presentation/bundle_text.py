"""Own how bundles and keys read, on a terminal and as JSON documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field
from rich.text import Text

from tunesmith.domain.bundle import BundleEntry, Signature
from tunesmith.presentation.document import Document
from tunesmith.presentation.tables import facts, grid
from tunesmith.wording import tr

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tunesmith.services.bundles import Opened
    from tunesmith.services.trust import TrustedKey


class BundleDocument(Document):
    """``tunesmith bundle``: what is in a bundle, without the profiles themselves."""

    schema_name: Literal["tunesmith.bundle-facts/1"] = Field(
        default="tunesmith.bundle-facts/1", alias="schema"
    )
    name: str
    serial: int
    created_utc: str
    expires_utc: str | None
    model_name: str
    model_sha256: str
    sha256: str
    """Of the line that is signed."""
    signed_with: str | None
    """Id of the key; null where there is no signature."""
    trusted_as: str | None
    """What that key is called here; null where it was not asked, as with ``show``."""
    revoked_keys: tuple[str, ...]
    profiles: tuple[BundleEntry, ...]


class KeyFacts(Document):
    """A key, in short."""

    id: str
    name: str
    trusted: bool
    added_utc: str
    revoked_utc: str | None
    reason: str
    public_key: str


class KeysDocument(Document):
    """``tunesmith keys``."""

    schema_name: Literal["tunesmith.keys/1"] = Field(default="tunesmith.keys/1", alias="schema")
    keys: tuple[KeyFacts, ...]


def bundle_document(opened: Opened, signature: Signature | None) -> BundleDocument:
    """What ``bundle`` prints with --json."""
    bundle = opened.bundle
    return BundleDocument(
        name=bundle.name, serial=bundle.serial, created_utc=bundle.created_utc,
        expires_utc=bundle.expires_utc, model_name=bundle.model_name,
        model_sha256=bundle.model_sha256, sha256=opened.sha256,
        signed_with=signature.key if signature else None,
        trusted_as=opened.key.name if opened.key else None,
        revoked_keys=bundle.revoked_keys, profiles=bundle.index,
    )  # fmt: skip


def bundle_report(opened: Opened, signature: Signature | None) -> list[RenderableType]:
    """What ``bundle`` prints for people."""
    bundle = opened.bundle
    signed = tr("by nobody")
    if signature is not None:
        signed = opened.key.name if opened.key else tr("not checked")
        signed = f"{signed} · {signature.key}"
    rows = [
        (tr("Bundle"), tr("{name}, serial {serial}", name=bundle.name, serial=bundle.serial)),
        (tr("Model"), f"{bundle.model_name} · SHA-256 {bundle.model_sha256[:16]}…"),
        (tr("Made"), bundle.created_utc[:10]),
        (tr("Expires"), bundle.expires_utc[:10] if bundle.expires_utc else tr("never")),
        (tr("Signed"), signed),
    ]
    if bundle.revoked_keys:
        rows.append((tr("Revokes"), " ".join(bundle.revoked_keys)))
    cells = [
        (each.profile, each.machine_label, each.machine_fingerprint, each.objective, each.workload)
        for each in bundle.index
    ]
    head = (tr("Profile"), tr("Machine class"), tr("Fingerprint"), tr("Objective"), tr("Workload"))
    return [facts(rows), grid(head, cells)]


def key_facts(key: TrustedKey) -> KeyFacts:
    """A key, in short."""
    return KeyFacts(**key.model_dump(), trusted=key.revoked_utc is None)


def keys_document(keys: tuple[KeyFacts, ...]) -> KeysDocument:
    """What ``keys`` prints with --json."""
    return KeysDocument(keys=keys)


def keys_report(keys: Sequence[KeyFacts]) -> list[RenderableType]:
    """What ``keys`` prints for people."""
    if not keys:
        return [Text(tr("No keys yet. Make one: tunesmith keys create NAME"))]
    cells = []
    for key in keys:
        state = tr("trusted")
        if key.revoked_utc:
            state = tr("revoked on {date}", date=key.revoked_utc[:10])
            state += f": {key.reason}" if key.reason else ""
        cells.append((key.id, key.name, state, key.added_utc[:10]))
    return [grid((tr("Key"), tr("Name"), tr("State"), tr("Added")), cells)]
