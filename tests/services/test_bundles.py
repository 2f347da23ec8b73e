"""Claims about bundles: what is signed can be trusted, and nothing else is taken."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.values import MACHINE, identity, profile
from tunesmith import assets
from tunesmith.domain.bundle import (
    MAX_BUNDLE_BYTES,
    Bundle,
    bundle_schema,
    new_bundle,
    parse_bundle,
    parse_signature,
    split,
)
from tunesmith.domain.machine import machine_class
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.workload import Objective
from tunesmith.errors import NotFoundError, TunesmithError, UsageError, VerificationError
from tunesmith.services.bundles import open_bundle, show_bundle, sign_bundle, use_bundle, write_bundle
from tunesmith.services.signing import create_key, key_id, load_key
from tunesmith.services.trust import find_key, load_trust, revoke_key, trust_key

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def on_cores(count: int, **changes: object) -> TunedProfile:
    """A profile of a machine class with so many usable CPUs."""
    cpu = MACHINE.cpu.model_copy(update={"usable_cpus": count, "usable_cores": count})
    made = profile(f"p-{count:02d}").model_copy(
        update={"machine": machine_class(MACHINE.model_copy(update={"cpu": cpu}))}
    )
    return made.model_copy(update=changes)


def bundle(serial: int = 1, **how: object) -> Bundle:
    """Two classes of one model."""
    wanted: dict[str, object] = {"name": "kiosk", "now": NOW, "expires": NOW + 90 * DAY} | how
    return new_bundle([on_cores(8), on_cores(2)], serial=serial, **wanted)  # type: ignore[arg-type]


class Maker:
    """Whoever makes bundles, with a key that the device in another folder trusts."""

    def __init__(self, folder: Path, name: str = "maker", *, trusted: bool = True) -> None:
        self.folder, self.device = folder, folder / "device"
        self.key_path = folder / f"{name}.key.pem"
        self.pem = create_key(self.key_path)
        self.id = key_id(self.pem)
        if trusted:
            trust_key(self.device, self.pem, name, NOW)

    def signed(self, made: Bundle | None = None, name: str = "fleet.bundle") -> Path:
        path = self.folder / name
        write_bundle(made or bundle(), path)
        sign_bundle(path, load_key(self.key_path), path)
        return path

    def open(self, path: Path, now: datetime = NOW + DAY) -> Bundle:
        return open_bundle(path, load_trust(self.device), now).bundle

    def use(self, path: Path, now: datetime = NOW + DAY) -> Bundle:
        return use_bundle(path, self.device, now).bundle


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path)


# ------------------------------------------------------------- what is whole is taken


def test_what_was_signed_is_read_as_it_was(maker: Maker) -> None:
    assert maker.open(maker.signed()) == bundle()


def test_the_same_profiles_make_the_same_bytes_in_any_order() -> None:
    one = new_bundle([on_cores(2), on_cores(8)], name="kiosk", serial=1, now=NOW, expires=None)
    other = new_bundle([on_cores(8), on_cores(2)], name="kiosk", serial=1, now=NOW, expires=None)
    assert one.canonical() == other.canonical()
    assert one.canonical().count(b"\n") == 1


def test_the_index_says_what_each_profile_is_for() -> None:
    made = bundle()
    assert len(made.index) == 2
    for entry, each in zip(made.index, made.profiles, strict=True):
        assert entry.sha256 == hashlib.sha256(each.canonical()).hexdigest()
        assert entry.machine_fingerprint == each.machine.fingerprint


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_verifies_what_was_signed_here_with_the_lines_of_the_guide(maker: Maker) -> None:
    path = maker.signed()
    (maker.folder / "maker.pub.pem").write_text(maker.pem)
    guide = (Path(__file__).parents[2] / "docs" / "fleet.md").read_text("utf-8")
    block = guide.partition("<!-- openssl -->")[2].partition("```sh\n")[2].partition("```")[0]
    assert "openssl pkeyutl -verify" in block

    def verified() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-e", "-c", block], cwd=maker.folder, capture_output=True, text=True, check=False
        )

    done = verified()
    assert done.returncode == 0, done.stderr
    assert "Signature Verified Successfully" in done.stdout
    assert maker.id in done.stdout  # the key's id, as the guide computes it
    path.write_bytes(path.read_bytes().replace(b'"serial":1', b'"serial":2'))
    assert verified().returncode != 0


def test_the_published_schema_is_current_and_fits() -> None:
    """Renew with TUNESMITH_RENEW=1."""
    path = assets.profiles_dir() / "schema" / "bundle.schema.json"
    if os.environ.get("TUNESMITH_RENEW"):
        path.write_text(bundle_schema(), encoding="utf-8")
    assert path.read_text("utf-8") == bundle_schema()
    jsonschema.validate(json.loads(bundle().canonical()), json.loads(bundle_schema()))


# ------------------------------------------------------------- what was changed is not


def test_one_flipped_byte_anywhere_is_refused(maker: Maker) -> None:
    """Every byte of the file; the parser is reached by none of those that are signed."""
    small = new_bundle([on_cores(2)], name="k", serial=1, now=NOW, expires=None)
    raw = maker.signed(small).read_bytes()
    trust = load_trust(maker.device)
    broken = maker.folder / "broken.bundle"
    taken = []
    for place in range(len(raw)):
        mask = (0x01, 0x20, 0x80)[place % 3]
        broken.write_bytes(raw[:place] + bytes([raw[place] ^ mask]) + raw[place + 1 :])
        try:
            open_bundle(broken, trust, NOW + DAY)
        except VerificationError:
            continue
        taken.append((place, mask))
    assert taken == []
    assert len(raw) > 3000


@given(data=st.data())
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_left_out_or_put_in_are_refused(data: st.DataObject, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    maker = Maker(folder) if not folder.exists() else None
    path = folder / "fleet.bundle"
    if maker is not None:
        maker.signed()
    raw = path.read_bytes()
    at = data.draw(st.integers(0, len(raw)))
    put, out = data.draw(st.binary(max_size=6)), data.draw(st.integers(0, 6))
    changed = raw[:at] + put + raw[at + out :]
    broken = folder / "broken.bundle"
    broken.write_bytes(changed)
    if changed == raw:
        return
    with pytest.raises(VerificationError):
        open_bundle(broken, load_trust(folder / "device"), NOW + DAY)


@given(raw=st.binary(max_size=300))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_refused_in_words(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "any.bundle"
    for made in (raw, b"{" + raw, b"{}\n" + raw):
        path.write_bytes(made)
        with pytest.raises(TunesmithError) as caught:
            show_bundle(path)
        assert caught.value.what


def test_another_key_is_refused_by_its_id(maker: Maker, tmp_path: Path) -> None:
    stranger = Maker(tmp_path, "stranger", trusted=False)
    with pytest.raises(VerificationError, match=f"{stranger.id}, which is not trusted"):
        maker.open(stranger.signed())


def test_a_signature_of_another_key_under_a_trusted_ones_name_is_refused(
    maker: Maker, tmp_path: Path
) -> None:
    path = Maker(tmp_path, "stranger", trusted=False).signed()
    payload, line = split(path.read_bytes())
    forged = parse_signature(line).model_copy(update={"key": maker.id})
    path.write_bytes(payload + forged.canonical())
    with pytest.raises(VerificationError, match="changed after it was signed"):
        maker.open(path)


def test_a_signature_of_another_bundle_is_refused(maker: Maker) -> None:
    one, other = maker.signed(bundle(1), "1"), maker.signed(bundle(2), "2")
    mixed = maker.folder / "mixed"
    mixed.write_bytes(split(one.read_bytes())[0] + split(other.read_bytes())[1])
    with pytest.raises(VerificationError, match="changed after it was signed"):
        maker.open(mixed)


def test_no_signature_is_refused_unless_asked_for(maker: Maker) -> None:
    path = maker.folder / "plain"
    write_bundle(bundle(), path)
    with pytest.raises(VerificationError, match="no signature"):
        maker.open(path)
    assert open_bundle(path, load_trust(maker.device), NOW, allow_unsigned=True).key is None


def test_a_bad_signature_is_refused_even_where_none_is_needed(maker: Maker, tmp_path: Path) -> None:
    path = Maker(tmp_path, "stranger", trusted=False).signed()
    with pytest.raises(VerificationError):
        open_bundle(path, load_trust(maker.device), NOW, allow_unsigned=True)


# ------------------------------------------------------------- time, serials, revocation


def test_an_expired_bundle_is_refused_with_its_date(maker: Maker) -> None:
    path = maker.signed()
    assert maker.open(path, NOW + 89 * DAY).serial == 1
    with pytest.raises(VerificationError, match="expired on 2027-02-24"):
        maker.open(path, NOW + 90 * DAY)


def test_a_clock_before_the_bundle_was_made_cannot_tell_whether_it_expired(maker: Maker) -> None:
    with pytest.raises(VerificationError, match="clock"):
        maker.open(maker.signed(), datetime(1970, 1, 1, tzinfo=UTC))
    assert maker.open(maker.signed(bundle(expires=None)), datetime(1970, 1, 1, tzinfo=UTC)).serial == 1


def test_an_older_bundle_of_the_same_name_is_refused_once_a_newer_was_used(maker: Maker) -> None:
    old, new = maker.signed(bundle(4), "4"), maker.signed(bundle(5), "5")
    assert maker.use(old).serial == 4
    assert maker.use(new).serial == 5
    assert maker.use(new).serial == 5  # the very same again is no downgrade
    with pytest.raises(VerificationError, match="serial 4 after 5"):
        maker.use(old)


def test_looking_at_a_newer_one_does_not_shut_out_the_older(maker: Maker) -> None:
    old, new = maker.signed(bundle(4), "4"), maker.signed(bundle(5), "5")
    maker.open(new)
    assert maker.use(old).serial == 4


def test_two_bundles_of_one_serial_are_refused(maker: Maker) -> None:
    one = maker.signed(bundle(4), "4")
    other = maker.signed(bundle(4, expires=NOW + 5 * DAY), "4b")
    maker.use(one)
    with pytest.raises(VerificationError, match="two bundles kiosk of serial 4"):
        maker.use(other)


def test_series_of_other_names_do_not_touch_each_other(maker: Maker) -> None:
    maker.use(maker.signed(bundle(9), "9"))
    assert maker.use(maker.signed(bundle(1, name="other"), "1")).serial == 1


def test_an_unsigned_bundle_changes_nothing_for_good(maker: Maker) -> None:
    path = maker.folder / "plain"
    write_bundle(bundle(999, revoked_keys=(maker.id,)), path)
    use_bundle(path, maker.device, NOW, allow_unsigned=True)
    assert maker.use(maker.signed()).serial == 1


def test_a_revoked_key_is_refused_and_never_trusted_again(maker: Maker) -> None:
    path = maker.signed()
    revoke_key(maker.device, "maker", "laptop lost", NOW)
    with pytest.raises(VerificationError, match="revoked on 2026-11-26"):
        maker.open(path)
    with pytest.raises(UsageError, match="never trusted again"):
        trust_key(maker.device, maker.pem, "again", NOW)
    assert load_trust(maker.device).keys[0].reason == "laptop lost"


def test_a_bundle_revokes_keys_where_it_is_used(maker: Maker, tmp_path: Path) -> None:
    lost = Maker(tmp_path, "lost")
    path = lost.signed(name="old")
    unknown = "ab" * 16
    maker.use(maker.signed(bundle(2, revoked_keys=(lost.id, unknown)), "new"))
    with pytest.raises(VerificationError, match="revoked"):
        lost.open(path)
    assert {key.id for key in load_trust(maker.device).keys if key.revoked_utc} == {lost.id, unknown}


# ------------------------------------------------------------- what cannot be made or read


def test_two_profiles_for_the_same_are_refused() -> None:
    with pytest.raises(UsageError, match="same machine class"):
        new_bundle([on_cores(2), on_cores(2, id="p-x")], name="k", serial=1, now=NOW, expires=None)
    decode = on_cores(2, id="p-x", objective=Objective(name="decode"))
    assert len(new_bundle([on_cores(2), decode], name="k", serial=1, now=NOW, expires=None).index) == 2


def test_profiles_of_two_models_are_refused() -> None:
    with pytest.raises(UsageError, match="2 models"):
        new_bundle(
            [on_cores(2), on_cores(8, model=identity("11" * 32))], name="k", serial=1, now=NOW, expires=None
        )


@pytest.mark.parametrize("name", ["", "../x", "a b", "-x", "x" * 101, "ü"])
def test_a_name_is_one_that_every_system_takes(name: str) -> None:
    with pytest.raises(UsageError, match="no name"):
        bundle(name=name)


def test_a_file_larger_than_any_bundle_is_refused_unparsed(maker: Maker) -> None:
    path = maker.folder / "large"
    path.write_bytes(b"{" * (MAX_BUNDLE_BYTES + 1))
    with pytest.raises(VerificationError, match="larger than 16 MiB"):
        maker.open(path)


def test_deep_nesting_is_refused(maker: Maker) -> None:
    with pytest.raises(VerificationError):
        parse_bundle(b'{"schema":' + b"[" * 100_000 + b"\n")


def test_what_is_signed_must_be_canonical_with_a_fitting_index() -> None:
    document = json.loads(bundle().canonical())
    with pytest.raises(VerificationError, match="canonical"):
        parse_bundle(json.dumps(document).encode() + b"\n")
    twice = bundle().model_copy(
        update={"index": bundle().index[:1] * 2, "profiles": bundle().profiles[:1] * 2}
    )
    with pytest.raises(VerificationError, match="two profiles"):
        parse_bundle(twice.canonical())
    wrong = bundle().model_copy(update={"index": bundle().index[::-1]})
    with pytest.raises(VerificationError, match="index"):
        parse_bundle(wrong.canonical())
    doubled = bundle().canonical().replace(b'"serial":1', b'"serial":1,"serial":1')
    with pytest.raises(VerificationError, match="canonical"):
        parse_bundle(doubled)


# ------------------------------------------------------------- keys


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_private_key_is_its_owners_alone(maker: Maker) -> None:
    assert stat.S_IMODE(maker.key_path.stat().st_mode) == 0o600


def test_a_key_is_never_overwritten(maker: Maker) -> None:
    before = maker.key_path.read_bytes()
    with pytest.raises(UsageError, match="already"):
        create_key(maker.key_path)
    assert maker.key_path.read_bytes() == before


def test_a_passphrase_locks_a_key(tmp_path: Path) -> None:
    path = tmp_path / "locked.pem"
    create_key(path, b"open sesame")
    assert b"ENCRYPTED" in path.read_bytes()
    load_key(path, b"open sesame")
    with pytest.raises(UsageError, match="needs its passphrase"):
        load_key(path)
    with pytest.raises(UsageError, match="passphrase is wrong"):
        load_key(path, b"open barley")


def test_what_is_no_key_of_ed25519_is_refused(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    other = X25519PrivateKey.generate()
    path = tmp_path / "x.pem"
    path.write_bytes(
        other.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    public = other.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with pytest.raises(UsageError, match="Ed25519"):
        load_key(path)
    for pem in (public.decode(), "nonsense", path.read_text()):
        with pytest.raises(UsageError):
            trust_key(tmp_path, pem, "x", NOW)


def test_a_key_is_found_by_id_name_and_beginning(maker: Maker) -> None:
    trust = load_trust(maker.device)
    assert {find_key(trust, ref).id for ref in (maker.id, "maker", maker.id[:8])} == {maker.id}
    for ref in ("", maker.id[:3], "nobody"):
        with pytest.raises(NotFoundError):
            find_key(trust, ref)


def test_a_damaged_list_of_keys_trusts_nothing(maker: Maker) -> None:
    path = maker.signed()
    (maker.device / "trusted-keys.json").write_text("{")
    with pytest.raises(UsageError, match="nothing is trusted"):
        maker.use(path)


def test_a_signature_has_one_way_to_be_written(maker: Maker) -> None:
    _, line = split(maker.signed().read_bytes())
    assert len(base64.b64decode(parse_signature(line).signature)) == 64
    for changed in (line.replace(b":", b": ", 1), line + b" ", line.rstrip(), b""):
        with pytest.raises(VerificationError):
            parse_signature(changed)
