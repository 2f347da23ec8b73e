"""Own the claims about newer versions: whom it asks, how often, and what it makes of the answer."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tunesmith.errors import UpdatesUnknown, UsageError
from tunesmith.services import updates
from tunesmith.services.updates import Known, Releases

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
Reply = Callable[[BaseHTTPRequestHandler], None]


def certificate(folder: Path) -> Path:
    """A key and a certificate for 127.0.0.1, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "releases")])
    today = dt.datetime.now(tz=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1)).not_valid_after(today + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = serialization.Encoding.PEM
    path = folder / "certificate.pem"
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(pem)
    )
    return path


class Feed:
    """A place of releases on this machine, over https."""

    def __init__(self, pem: Path) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.reply: Reply = sends([])
        self.trust = ssl.create_default_context(cafile=str(pem))
        feed = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                feed.requests.append((self.path, dict(self.headers)))
                feed.reply(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that goes away
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def releases(self) -> Releases:
        address = f"https://127.0.0.1:{self._server.server_port}/repos/o/n/releases"
        return Releases(address, "https://example.org/releases")

    def ask(self) -> str | None:
        return updates.ask(self.releases, trust=self.trust)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Feed]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    made = Feed(certificate(tmp_path))
    yield made
    made.close()


def sends(document: object, *, code: int = 200, location: str = "") -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        handler.send_response(code)
        handler.send_header("Content-Length", str(len(content)))
        if location:
            handler.send_header("Location", location)
        handler.end_headers()
        handler.wfile.write(content)

    return reply


def release(tag: object, **more: object) -> dict[str, object]:
    return {"tag_name": tag, "html_url": "https://example.org", "draft": False, "prerelease": False, **more}


def test_the_newest_release_is_found_whatever_their_order(feed: Feed) -> None:
    feed.reply = sends([release("v0.9.0"), release("v0.10.0"), release("0.9.1")])
    assert feed.ask() == "0.10.0"


def test_drafts_previews_and_what_is_no_version_are_passed_over(feed: Feed) -> None:
    others = [
        release("v9", draft=True), release("v8", prerelease=True), release("v7rc1"), release("nightly"),
        release(None), release(7), release("1" * 65), {"html_url": "x"}, "v6", None, 5,
    ]  # fmt: skip
    feed.reply = sends([*others, release("v0.2.0")])
    assert feed.ask() == "0.2.0"
    feed.reply = sends(others)
    assert feed.ask() is None


def test_nothing_is_sent_that_tells_who_asks(feed: Feed) -> None:
    feed.ask()
    [(path, headers)] = feed.requests
    assert path == "/repos/o/n/releases"
    assert headers.pop("Host").startswith("127.0.0.1:")
    assert headers == {
        "Accept-Encoding": "identity", "Accept": "application/json", "User-Agent": "tunesmith",
        "Connection": "close",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (sends(b"<html>"), "Expecting value"),
        (sends(b""), "Expecting value"),
        (sends(b"\xff\xfe"), "could not be found out"),
        (sends({"message": "rate limit"}), "no list of releases"),
        (sends(b"[" * 100_000), "could not be found out"),
        (sends(b"[" + b" " * updates.MOST_BYTES), "too long"),
        (sends([], code=404), "it answers 404"),
        (sends([], code=302, location="https://127.0.0.1:1/elsewhere"), "it answers 302"),
        (sends([], code=302, location="file:///etc/passwd"), "it answers 302"),
        (lambda handler: handler.wfile.write(b"nonsense\r\n\r\n"), "could not be found out"),
        (lambda handler: None, "could not be found out"),
    ],
    ids=["html", "nothing", "no text", "no list", "deep", "long", "404", "moved", "file", "no http", "gone"],
)
def test_an_answer_that_makes_no_sense_is_said_and_harms_nothing(feed: Feed, reply: Reply, says: str) -> None:
    feed.reply = reply
    with pytest.raises(UpdatesUnknown, match=says) as caught:
        feed.ask()
    assert caught.value.unharmed
    assert len(feed.requests) == 1, "it followed somewhere, or asked again"


def test_whoever_is_silent_or_drips_is_left_soon(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not over.wait(0.02):
            handler.wfile.write(b" ")

    monkeypatch.setattr(updates, "WAIT_SECONDS", 0.2)
    monkeypatch.setattr(updates, "MOST_SECONDS", 0.2)
    for reply, says in ((drip, "took too long"), (lambda _: over.wait(5), "timed out")):
        over.clear()
        feed.reply = reply  # type: ignore[assignment] # what wait() returns is of no interest
        begun = time.monotonic()
        with pytest.raises(UpdatesUnknown, match=says):
            feed.ask()
        assert time.monotonic() - begun < 3
        over.set()


def test_a_certificate_that_is_not_trusted_is_no_answer(feed: Feed) -> None:
    with pytest.raises(UpdatesUnknown, match="certificate"):
        updates.ask(feed.releases)
    assert feed.requests == []


def test_only_https_is_asked() -> None:
    for address in ("http://127.0.0.1:9/", "file:///etc/passwd", "ftp://example.org/", ""):
        with pytest.raises(UpdatesUnknown, match="https://"):
            updates.ask(Releases(address, "https://example.org"))


@pytest.mark.parametrize(
    ("version", "than", "newer"),
    [
        ("0.2.0", "0.1.0", True), ("0.10.0", "0.9.9", True), ("0.1.0", "0.1.0rc1", True),
        ("0.1.0", "0.1.0", False), ("0.1", "0.1.0", False), ("0.1.0", "0.2.0.dev3", False),
        (None, "0.1.0", False), ("nonsense", "0.1.0", False),
    ],
)  # fmt: skip
def test_versions_are_compared_as_pep_440_says(version: str | None, than: str, *, newer: bool) -> None:
    assert updates.is_newer(version, than) is newer


def test_it_is_asked_once_a_day_and_remembered_meanwhile(tmp_path: Path) -> None:
    asked: list[datetime] = []

    def look(now: datetime) -> str | None:
        def ask() -> str:
            asked.append(now)
            return f"0.{len(asked)}"

        return updates.look(tmp_path, now, ask).newest

    assert look(NOW) == "0.1"
    assert look(NOW + timedelta(hours=23)) == "0.1"
    assert look(NOW + timedelta(hours=24)) == "0.2"
    assert look(NOW - timedelta(days=300)) == "0.3", "a clock that was put back stops it for good"
    assert len(asked) == 3


def test_a_failure_is_not_tried_again_before_a_day_has_passed(tmp_path: Path) -> None:
    def fail() -> str | None:
        raise UpdatesUnknown("nobody there")

    updates.look(tmp_path, NOW, lambda: "0.2.0")
    later = NOW + timedelta(days=2)
    with pytest.raises(UpdatesUnknown):
        updates.look(tmp_path, later, fail)
    assert updates.look(tmp_path, later + timedelta(hours=1), fail) == Known(asked_at=later, newest="0.2.0")


def test_where_it_cannot_be_noted_nobody_is_asked(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError):
        updates.look(tmp_path / "file", NOW, lambda: pytest.fail("it was asked"))


@pytest.mark.parametrize(
    "kept", [b"", b"{", b"[]", b'{"asked_at": 5}', b'{"newest": "1"', b"\xff", b'{"x": 1}']
)
def test_a_note_that_is_damaged_counts_as_none(tmp_path: Path, kept: bytes) -> None:
    (tmp_path / "updates.json").write_bytes(kept)
    assert updates.known(tmp_path) == Known()


def test_the_doctor_says_what_is_out(feed: Feed) -> None:
    def found() -> tuple[str, str]:
        check = updates.check(feed.releases, trust=feed.trust)
        return check.status, f"{check.what} {check.todo or ''}"

    feed.reply = sends([release("v999")])
    status, text = found()
    assert status == "warning"
    assert "version 999 is out" in text
    assert "https://example.org/releases" in text
    feed.reply = sends([release("v0.0.1")])
    assert found()[0] == "ok"
    feed.reply = sends([], code=500)
    assert found()[0] == "warning", "a place that is down is no fault of this installation"


def test_a_build_without_an_address_says_so_and_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updates, "ask", lambda *_, **__: pytest.fail("somebody was asked"))
    check = updates.check(None)
    assert check.status == "warning"
    assert "no address" in check.what
