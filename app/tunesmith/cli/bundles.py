"""Own ``tunesmith bundle`` and ``tunesmith keys``."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tunesmith.cli.output import Output
from tunesmith.domain.bundle import new_bundle
from tunesmith.domain.profile import TunedProfile
from tunesmith.errors import UsageError
from tunesmith.presentation.bundle_text import (
    bundle_document,
    bundle_report,
    key_facts,
    keys_document,
    keys_report,
)
from tunesmith.services.bundles import open_bundle, show_bundle, sign_bundle, write_bundle
from tunesmith.services.files import write_whole
from tunesmith.services.profile_files import read_profile
from tunesmith.services.signing import create_key, is_private, load_key, read_key_file
from tunesmith.services.trust import (
    KEYS_FOLDER,
    TrustedKey,
    find_key,
    load_trust,
    revoke_key,
    trust_key,
)
from tunesmith.settings import folders, store_location

_ASK = "-"
_PRIVATE, _PUBLIC = ".key.pem", ".pub.pem"


def run(options: argparse.Namespace, output: Output) -> int:
    """Do what was asked with bundles or keys and return the exit code."""
    match options.command, options.action:
        case "bundle", "create":
            _create(options, output)
        case "bundle", "sign":
            _sign(options, output)
        case "bundle", action:
            _look(options, output, trusted=action == "verify")
        case _, "create":
            _create_key(options, output)
        case _, "list":
            _show_keys(load_trust(folders().config).keys, output)
        case _, "trust":
            _trust(options, output)
        case _:
            key = revoke_key(folders().config, options.key, options.reason, _now())
            _show_keys((key,), output)
    return 0


def _now() -> datetime:
    return datetime.now(tz=UTC)


def _create(options: argparse.Namespace, output: Output) -> None:
    now = _now()
    bundle = new_bundle(
        _profiles(options), name=options.name, serial=options.serial, now=now,
        expires=None if options.expires is None else parse_expiry(options.expires, now),
        revoked_keys=[_key_id(ref) for ref in options.revoke],
    )  # fmt: skip
    path = Path(options.output)
    write_bundle(bundle, path)
    opened, signature = show_bundle(path)
    if output.json_mode:
        output.document(bundle_document(opened, signature))
    else:
        output.show(*bundle_report(opened, signature))
    output.say(f"Sign it: tunesmith bundle sign {path} --key KEY")


def _profiles(options: argparse.Namespace) -> list[TunedProfile]:
    """Profiles from files and from the store, which is opened only if one is named by its id."""
    files = {ref: read_profile(Path(ref)) for ref in options.id if Path(ref).is_file()}
    if len(files) == len(set(options.id)):
        return list(files.values())
    from tunesmith.store import Store

    with Store.open(store_location(options.store), read_only=True) as store:
        return [files.get(ref) or store.profile(ref) for ref in dict.fromkeys(options.id)]


def _key_id(ref: str) -> str:
    """A key's id, of one that is known here or of any other."""
    if len(ref) == 32 and all(digit in "0123456789abcdef" for digit in ref):
        return ref
    return find_key(load_trust(folders().config), ref).id


def parse_expiry(text: str, now: datetime) -> datetime:
    """Read ``2027-06-30``, a moment with its offset, or a number of days.

    Raises:
        UsageError: it is none of these, or past.
    """
    try:
        found = now + timedelta(days=int(text)) if text.isdecimal() else datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is no date.", todo="Write it as 2027-06-30 or as days, 90.") from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    if found <= now:
        raise UsageError(f"{text} is past.")
    return found


def _sign(options: argparse.Namespace, output: Output) -> None:
    path = Path(options.file)
    key_path = _private_key(options.key)
    if not is_private(key_path):
        output.say(f"tunesmith: others can read the key {key_path}; try: chmod 600 {key_path}")
    target = Path(options.output) if options.output else path
    sign_bundle(path, load_key(key_path, _passphrase(options)), target)
    opened, signature = show_bundle(target)
    if output.json_mode:
        output.document(bundle_document(opened, signature))
    else:
        output.show(*bundle_report(opened, signature))


def _private_key(ref: str) -> Path:
    path = Path(ref)
    named = folders().config / KEYS_FOLDER / f"{ref}{_PRIVATE}"
    return named if not path.exists() and path.name == ref and named.exists() else path


def _look(options: argparse.Namespace, output: Output, *, trusted: bool) -> None:
    path = Path(options.file)
    opened, signature = show_bundle(path) if not trusted else (None, None)
    if opened is None:
        trust = load_trust(folders().config)
        opened = open_bundle(path, trust, _now(), allow_unsigned=options.allow_unsigned)
        signature = show_bundle(path)[1]
    if output.json_mode:
        output.document(bundle_document(opened, signature))
    else:
        output.show(*bundle_report(opened, signature))


def _create_key(options: argparse.Namespace, output: Output) -> None:
    name = options.name.strip()
    plain = name and all(c.isascii() and (c.isalnum() or c in "-_") for c in name)
    if not plain or len(name) > 60:
        raise UsageError(f"{options.name!r} is no name of a key.", todo="Take letters, digits, - and _.")
    config = folders().config
    if any(key.name == name for key in load_trust(config).keys):
        raise UsageError(f"Another key is called {name}.", todo="Choose another name.")
    path = Path(options.output) if options.output else config / KEYS_FOLDER / f"{name}{_PRIVATE}"
    pem = create_key(path, _passphrase(options, new=True))
    public = path.with_name(path.name.removesuffix(".pem").removesuffix(".key") + _PUBLIC)
    write_whole(public, pem.encode(), unharmed=f"The private key is {path}.")
    key = trust_key(config, pem, name, _now())
    output.say(f"Private key, keep it secret: {path}\nPublic key, for devices: {public}")
    _show_keys((key,), output)


def _passphrase(options: argparse.Namespace, *, new: bool = False) -> bytes | None:
    if options.passphrase_file is None:
        return None
    if options.passphrase_file == _ASK:
        from getpass import getpass

        typed = getpass("Passphrase: ")
        if new and getpass("Once more: ") != typed:
            raise UsageError("The two passphrases differ.")
    else:
        typed = read_key_file(Path(options.passphrase_file)).decode("utf-8", "strict").partition("\n")[0]
    if not typed:
        raise UsageError("The passphrase is empty.", todo="Leave --passphrase-file out for none.")
    return typed.encode()


def _trust(options: argparse.Namespace, output: Output) -> None:
    path = Path(options.file)
    name = options.name or path.name.removesuffix(".pem").removesuffix(".pub")
    pem = read_key_file(path).decode("ascii", "replace")
    _show_keys((trust_key(folders().config, pem, name, _now()),), output)


def _show_keys(keys: tuple[TrustedKey, ...], output: Output) -> None:
    facts = tuple(key_facts(key) for key in keys)
    if output.json_mode:
        output.document(keys_document(facts))
    else:
        output.show(*keys_report(facts))
