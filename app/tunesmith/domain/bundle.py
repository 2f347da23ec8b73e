"""Own the bundle: tuned profiles of one model for many machine classes, as one document that is signed."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from itertools import pairwise
from typing import Literal

from pydantic import ConfigDict, Field, ValidationError

from tunesmith.domain.base import Value
from tunesmith.domain.canonical import canonical_bytes
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.profile_file import ProfileFile, parse_profile_file, profile_file, profile_of
from tunesmith.errors import UsageError, VerificationError
from tunesmith.wording import tr

MAX_BUNDLE_BYTES = 16 * 2**20
"""A device of 1 GB must be able to read it: about ten times as much is needed for that."""
MAX_PROFILES = 1000
MAX_SIGNATURE_BYTES = 1024
MAX_SERIAL = 2**53 - 1

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_KEY_ID = r"^[0-9a-f]{32}$"
_SHA256 = r"^[0-9a-f]{64}$"


class _Part(Value):
    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True, validate_by_alias=True)


class BundleEntry(_Part):
    """What a profile of the bundle is for, so that none needs to be read to choose one."""

    profile: str
    """Its id."""
    machine_fingerprint: str
    machine_label: str
    build: str
    workload: str
    """As ``Workload.label`` writes it."""
    objective: str
    sha256: str = Field(pattern=_SHA256)
    """Of the profile's canonical form."""


class Bundle(_Part):
    """The signed document."""

    schema_name: Literal["tunesmith.bundle/1"] = Field(default="tunesmith.bundle/1", alias="schema")
    name: str
    """Of the series: a device takes no bundle of the same name whose serial is smaller."""
    serial: int = Field(ge=1, le=MAX_SERIAL)
    created_utc: str
    expires_utc: str | None
    """ISO 8601 with offset; null for never."""
    model_sha256: str = Field(pattern=_SHA256)
    model_name: str
    revoked_keys: tuple[str, ...] = ()
    """Ids of keys that are to be trusted no more."""
    index: tuple[BundleEntry, ...] = Field(min_length=1, max_length=MAX_PROFILES)
    profiles: tuple[ProfileFile, ...] = Field(min_length=1, max_length=MAX_PROFILES)
    """In the order of the index."""

    def canonical(self) -> bytes:
        """The one line that is signed, its end included."""
        return canonical_bytes(json.loads(self.model_dump_json())) + b"\n"

    def tuned(self) -> list[TunedProfile]:
        """The profiles."""
        return [profile_of(each) for each in self.profiles]


class Signature(_Part):
    """The line after the document."""

    algorithm: Literal["ed25519"] = "ed25519"
    key: str = Field(pattern=_KEY_ID)
    """First 32 hex digits of the SHA-256 of the public key's DER (SubjectPublicKeyInfo)."""
    signature: str = Field(pattern=r"^[A-Za-z0-9+/]{86}==$")
    """Base64 of the 64 bytes that RFC 8032 makes of the first line, its end included."""

    def canonical(self) -> bytes:
        """The line, its end included."""
        return canonical_bytes(json.loads(self.model_dump_json())) + b"\n"


def bundle_schema() -> str:
    """The JSON Schema of the document, as text."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Bundle.model_json_schema(mode="serialization"),
        "title": "Tunesmith bundle",
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def new_bundle(
    profiles: Sequence[TunedProfile],
    *,
    name: str,
    serial: int,
    now: datetime,
    expires: datetime | None,
    revoked_keys: Sequence[str] = (),
) -> Bundle:
    """Put profiles into one document, in the order of machine class, workload and objective.

    Raises:
        UsageError: they are of several models, two are for the same, or there are none or too many.
    """
    if not profiles or len(profiles) > MAX_PROFILES:
        raise UsageError(tr("A bundle holds 1 to {most} profiles.", most=MAX_PROFILES))
    _check_name(name)
    if not 1 <= serial <= MAX_SERIAL:
        raise UsageError(tr("A serial is a whole number from 1 on."))
    models = {profile.model.sha256 for profile in profiles}
    if len(models) > 1:
        raise UsageError(
            tr("The profiles are of {count} models; a bundle is of one.", count=len(models)),
            todo=tr("Make a bundle for each model."),
        )
    files = sorted((profile_file(profile) for profile in profiles), key=lambda each: _target(_entry(each)))
    index = tuple(_entry(each) for each in files)
    for one, other in pairwise(index):
        if _target(one) == _target(other):
            raise UsageError(
                tr(
                    "The profiles {one} and {other} are for the same machine class, workload and objective.",
                    one=one.profile, other=other.profile,
                ),
                todo=tr("Leave one of them out."),
            )  # fmt: skip
    header = profiles[0].model.header
    return Bundle(
        name=name, serial=serial, created_utc=_stamp(now),
        expires_utc=None if expires is None else _stamp(expires),
        model_sha256=profiles[0].model.sha256, model_name=header.name or header.architecture,
        revoked_keys=tuple(sorted(set(revoked_keys))), index=index, profiles=tuple(files),
    )  # fmt: skip


def split(raw: bytes) -> tuple[bytes, bytes]:
    """The document's line and the signature's, which is empty where there is none; nothing is parsed.

    Raises:
        VerificationError: it is too large, or no bundle.
    """
    if len(raw) > MAX_BUNDLE_BYTES:
        raise _bad(tr("is larger than {limit} MiB", limit=MAX_BUNDLE_BYTES // 2**20))
    lines = raw.split(b"\n", 2)
    if len(lines) < 2 or not lines[0].startswith(b"{"):
        raise _bad(tr("is no bundle"))
    payload, rest = lines[0] + b"\n", raw[len(lines[0]) + 1 :]
    if len(rest) > MAX_SIGNATURE_BYTES:
        raise _bad(tr("goes on after its signature"))
    return payload, rest


def parse_signature(line: bytes) -> Signature:
    """Read the signature's line, which can be written in one way only.

    Raises:
        VerificationError: it is none.
    """
    try:
        signature = Signature.model_validate_json(line)
        same = signature.canonical() == line
    except (ValidationError, ValueError) as error:
        raise _bad(tr("has a damaged signature")) from error
    if not same:
        raise _bad(tr("has a damaged signature"))
    return signature


def parse_bundle(payload: bytes) -> Bundle:
    """Read the document, which can be written in one way only: canonical, and its index as it must be.

    Raises:
        VerificationError: it is none.
        UsageError: one of its profiles makes no sense.
    """
    try:
        bundle = Bundle.model_validate_json(payload)
        same = bundle.canonical() == payload
    except (ValidationError, ValueError, RecursionError) as error:
        raise _bad(tr("is damaged, or of a later version"), str(error)) from error
    if not same:
        raise _bad(tr("is not in canonical form"))
    _check_name(bundle.name)
    if tuple(_entry(each) for each in bundle.profiles) != bundle.index:
        raise _bad(tr("has an index that does not fit its profiles"))
    targets = [_target(entry) for entry in bundle.index]
    if targets != sorted(set(targets)):
        raise _bad(tr("holds two profiles for the same machine class, or in another order"))
    for each in bundle.profiles:
        parse_profile_file(each.text().encode(), tr("in the bundle"))
        if each.model.sha256 != bundle.model_sha256:
            raise _bad(tr("holds a profile of another model"))
    for text in (bundle.created_utc, bundle.expires_utc):
        if text is not None:
            moment(text)
    return bundle


def moment(text: str) -> datetime:
    """A moment with its offset.

    Raises:
        VerificationError: it is none.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise _bad(tr("does not say when it was made or expires")) from error
    if found.tzinfo is None:
        raise _bad(tr("does not say when it was made or expires"))
    return found


def _entry(each: ProfileFile) -> BundleEntry:
    return BundleEntry(
        profile=each.id, machine_fingerprint=each.machine.fingerprint, machine_label=each.machine.label,
        build=each.build.label, workload=each.workload.label, objective=each.objective.name,
        sha256=sha256(each.canonical()).hexdigest(),
    )  # fmt: skip


def _target(entry: BundleEntry) -> tuple[str, str, str]:
    return entry.machine_fingerprint, entry.workload, entry.objective


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError(
            tr("{name} is no name of a bundle.", name=repr(name[:100])),
            todo=tr("Take letters, digits, and - . _ after the first."),
        )


def _stamp(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="seconds")


def _bad(reason: str, details: str = "") -> VerificationError:
    """A refusal; the sentence goes on after the file's name."""
    return VerificationError(
        tr("The bundle {reason}.", reason=reason),
        unharmed=tr("Nothing of it was used."),
        todo=tr("Get it again from where it was made."),
        details=details[:4000],
    )
