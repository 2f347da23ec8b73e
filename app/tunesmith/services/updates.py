"""Own the question whether there is a newer Tunesmith: asked only where the user wants it, and once a day."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import AwareDatetime, ValidationError

from tunesmith import __version__
from tunesmith.domain.base import Value
from tunesmith.errors import UpdatesUnknown
from tunesmith.services.check import Check
from tunesmith.settings import write_atomically
from tunesmith.wording import tr

if TYPE_CHECKING:
    import ssl

    from packaging.version import Version

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Releases:
    """Where a project publishes what it releases."""

    feed: str
    """What is asked: the list of releases as GitHub, Gitea and Forgejo give it, over https."""
    page: str
    """What a user is led to; a program asks nothing there."""


RELEASES: Final[Releases | None] = None
"""A placeholder: who publishes Tunesmith puts both addresses here, nowhere else. Without, nobody is asked.

``Releases("https://api.github.com/repos/OWNER/NAME/releases", "https://github.com/OWNER/NAME/releases")``
"""
EVERY: Final = timedelta(days=1)
STATE_FILE: Final = "updates.json"
WAIT_SECONDS: Final = 5.0
"""The longest silence of whom is asked."""
MOST_SECONDS: Final = 10.0
"""The longest answer, in time …"""
MOST_BYTES: Final = 1024 * 1024
"""… and in bytes: some 100 releases with their notes."""
_STATE_BYTES: Final = 4096
_LONGEST_TAG: Final = 64


class Known(Value):
    """What was found when it was asked last."""

    asked_at: AwareDatetime | None = None
    newest: str | None = None
    """The newest version published, in PEP 440's normal form."""


def known(cache: Path) -> Known:
    """What is kept in a cache folder; nothing where that cannot be read."""
    try:
        with (cache / STATE_FILE).open("rb") as file:
            return Known.model_validate_json(file.read(_STATE_BYTES))
    except (OSError, ValidationError):
        return Known()


def is_due(found: Known, now: datetime) -> bool:
    """Whether a day has passed; a time yet to come is of a clock that was put back, and counts as none."""
    return found.asked_at is None or not timedelta() <= now - found.asked_at < EVERY


def look(cache: Path, now: datetime, ask: Callable[[], str | None]) -> Known:
    """Ask if it is due, and keep what was found.

    That it is asked is noted first: neither a failure nor a crash makes it ask again before a day has passed.

    Args:
        cache: where the note lies.
        now: this moment.
        ask: returns the newest version.

    Raises:
        UpdatesUnknown: there was no answer.
        UsageError: the note cannot be written, so nobody was asked.
    """
    before = known(cache)
    if not is_due(before, now):
        return before
    _keep(cache, before.model_copy(update={"asked_at": now}))
    found = Known(asked_at=now, newest=ask())
    _keep(cache, found)
    return found


def _keep(cache: Path, found: Known) -> None:
    write_atomically(cache / STATE_FILE, found.model_dump_json())


def is_newer(version: str | None, than: str = __version__) -> bool:
    """Whether a version comes after another one, by PEP 440; one that is none does not."""
    from packaging.version import InvalidVersion, Version

    try:
        return version is not None and Version(version) > Version(than)
    except InvalidVersion:
        return False


def ask(releases: Releases, *, trust: ssl.SSLContext | None = None) -> str | None:
    """The newest version published, in PEP 440's normal form; None if there is none.

    Nothing is sent but the request itself: no cookie, no identifier, not even our own version.

    Args:
        releases: whom to ask.
        trust: which certificates are accepted; the system's if left out.

    Raises:
        UpdatesUnknown: there is no answer in time, or none that makes sense.
    """
    try:
        return newest_in(_fetched(releases.feed, trust))
    except (OSError, ValueError, RecursionError) as error:
        _LOG.info("asking %s for releases failed: %s", releases.feed, error)
        raise _unknown(str(error) or type(error).__name__) from error


def newest_in(raw: bytes) -> str | None:
    """The newest version of a list of releases; drafts, pre-releases and what is no version are passed over.

    Raises:
        ValueError: it is no such list.
    """
    found = json.loads(raw)
    if not isinstance(found, list):
        raise ValueError("the answer is no list of releases")
    versions = [version for one in found if (version := _version(one)) is not None]
    return str(max(versions)) if versions else None


def _version(release: Any) -> Version | None:
    from packaging.version import InvalidVersion, Version

    if not isinstance(release, dict) or release.get("draft") or release.get("prerelease"):
        return None
    tag = release.get("tag_name")
    if not isinstance(tag, str) or len(tag) > _LONGEST_TAG:
        return None
    try:
        version = Version(tag)
    except InvalidVersion:
        return None
    return None if version.is_prerelease else version


def _fetched(address: str, trust: ssl.SSLContext | None) -> bytes:
    """What lies at an address, asked for straight: over https, without following to another place."""
    import ssl
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

    class Straight(HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    if not address.startswith("https://"):
        raise ValueError("the address of the releases does not begin with https://")
    end = time.monotonic() + MOST_SECONDS
    request = Request(address, headers={"User-Agent": "tunesmith", "Accept": "application/json"})  # noqa: S310
    content = bytearray()
    opener = build_opener(HTTPSHandler(context=trust or ssl.create_default_context()), Straight)
    try:
        with opener.open(request, timeout=WAIT_SECONDS) as reply:
            while piece := reply.read1(64 * 1024):
                content += piece
                if len(content) > MOST_BYTES:
                    raise ValueError("the answer is too long")
                if time.monotonic() > end:
                    raise ValueError("the answer took too long")
    except HTTPError as error:
        with error:
            raise ValueError(f"it answers {error.code} {error.reason}") from None
    except HTTPException as error:
        raise ValueError(f"the answer cannot be read: {error}") from error
    return bytes(content)


def _unknown(reason: str) -> UpdatesUnknown:
    return UpdatesUnknown(
        tr("Whether there is a newer version could not be found out: {reason}.", reason=reason),
        unharmed=tr("Everything else works as before."),
        todo=tr("Try again later."),
    )


def check(releases: Releases | None, *, trust: ssl.SSLContext | None = None) -> Check:
    """The finding of ``doctor --updates``: asked now, whatever the preferences say."""
    if releases is None:
        return Check(name="updates", status="warning", what=not_set_up())
    try:
        newest = ask(releases, trust=trust)
    except UpdatesUnknown as error:
        return Check(name="updates", status="warning", what=error.what, todo=error.todo)
    if newest is not None and is_newer(newest):
        return Check(
            name="updates", status="warning",
            what=tr("version {newest} is out, this is {version}", newest=newest, version=__version__),
            todo=tr("It is at {address}.", address=releases.page),
        )  # fmt: skip
    return Check(
        name="updates", status="ok", what=tr("no newer version than {version} is out", version=__version__)
    )


def not_set_up() -> str:
    """What to say where no address is built in."""
    return tr("This build has no address to ask for newer versions, so nobody is asked.")
