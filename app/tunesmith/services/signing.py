"""Own Ed25519 keys in PEM files, and signatures; ``cryptography`` is imported here alone, when needed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tunesmith.atomic import replace_file
from tunesmith.errors import StoreError, UsageError
from tunesmith.wording import tr

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_ID_DIGITS = 32
MAX_KEY_BYTES = 16 * 1024
"""No key file is longer."""


def create_key(path: Path, passphrase: bytes | None = None) -> str:
    """Make a private key, PKCS #8 in PEM, that only its owner can read; return the public key in PEM.

    Raises:
        UsageError: there is such a file already.
        StoreError: it cannot be written.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if path.exists() or path.is_symlink():
        raise UsageError(
            tr("There is a file {path} already.", path=path),
            unharmed=tr("It was left as it is."),
            todo=tr("Choose another name."),
        )
    key = Ed25519PrivateKey.generate()
    locked: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(path, pem, durable=True, private=True)
    except (OSError, ValueError) as error:
        raise StoreError(
            tr("The key {path} cannot be written: {reason}.", path=path, reason=str(error)),
            todo=tr("Choose another folder or make room on the disk."),
        ) from error
    return public_pem(key.public_key())


def public_pem(key: Ed25519PublicKey) -> str:
    """A public key as PEM, SubjectPublicKeyInfo: what openssl reads."""
    from cryptography.hazmat.primitives import serialization

    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def key_id(pem: str) -> str:
    """The first 32 hex digits of the SHA-256 of the public key's DER.

    As ``openssl pkey -pubin -in KEY.pem -outform DER | sha256sum`` begins.

    Raises:
        UsageError: it is no Ed25519 public key.
    """
    from cryptography.hazmat.primitives import serialization

    der = _public(pem).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(der).hexdigest()[:KEY_ID_DIGITS]


def normal_pem(pem: str) -> str:
    """A public key in PEM as this module writes it.

    Raises:
        UsageError: it is no Ed25519 public key.
    """
    return public_pem(_public(pem))


def load_key(path: Path, passphrase: bytes | None = None) -> Ed25519PrivateKey:
    """Read a private key.

    Raises:
        UsageError: it is none, or the passphrase is wrong or missing.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    raw = read_key_file(path)
    try:
        key = serialization.load_pem_private_key(raw, passphrase)
    except TypeError as error:
        if passphrase is None:
            raise UsageError(
                tr("The key {path} needs its passphrase.", path=path), todo=tr("Give --passphrase-file.")
            ) from error
        raise UsageError(tr("The key {path} has no passphrase.", path=path)) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(
            tr("The file {path} is no private key, or the passphrase is wrong.", path=path)
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(tr("The key {path} is none of Ed25519.", path=path))
    return key


def read_key_file(path: Path) -> bytes:
    """What a key file holds.

    Raises:
        UsageError: it cannot be read or is too large.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_KEY_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).rstrip(".")
        raise UsageError(tr("The key {path} cannot be read: {reason}.", path=path, reason=reason)) from error
    if len(raw) > MAX_KEY_BYTES:
        raise UsageError(tr("The file {path} is no key.", path=path))
    return raw


def is_private(path: Path) -> bool:
    """Whether nobody but its owner can read a file; true where the system has no such modes."""
    return os.name == "nt" or not path.stat().st_mode & 0o077


def is_valid(pem: str, signature: bytes, message: bytes) -> bool:
    """Whether the key's owner signed these very bytes (RFC 8032)."""
    from cryptography.exceptions import InvalidSignature

    try:
        _public(pem).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _public(pem: str) -> Ed25519PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = serialization.load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(tr("That is no public key in PEM.")) from error
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(tr("That is no public key of Ed25519."))
    return key
