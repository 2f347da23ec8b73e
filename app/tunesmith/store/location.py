"""Own where the store is: a path, an SQLite address, or the usual place."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from tunesmith import settings
from tunesmith.errors import UsageError
from tunesmith.wording import tr


def store_path(location: str | Path | None) -> Path:
    """The absolute path that ``location`` names.

    Args:
        location: a path; or ``sqlite:///relative/path`` or ``sqlite:////absolute/path``; or None for
            what the environment or the preferences say, else the usual place.

    Raises:
        UsageError: another kind of address, or an address without a file.
    """
    if location is None:
        location = settings.store_location()
    text = str(location)
    if isinstance(location, str) and "://" in text:
        address = urlsplit(text)
        if address.scheme != "sqlite":
            raise UsageError(
                tr(
                    "The store cannot be a {kind} database: only SQLite is supported here.",
                    kind=address.scheme,
                ),
                todo=tr("Give a file's path, or sqlite:///path/to/file.sqlite3."),
            )
        if address.netloc or address.query or address.fragment:
            raise UsageError(
                tr("The store's address {address} has parts that a file has not.", address=repr(text)),
                todo=tr("Give sqlite:///path/to/file.sqlite3, with a fourth slash for an absolute path."),
            )
        text = unquote(address.path.removeprefix("/"))
    if not text or text == ":memory:":
        raise UsageError(tr("The store needs a file."), todo=tr("Give a file's path with --store."))
    return Path(text).expanduser().absolute()
