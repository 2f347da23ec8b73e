"""Own who runs beside whom when pytest has several workers: what measures runs alone, after the rest.

Under ``pytest --numprocesses=N --dist=loadfile`` a test that loads a model, starts a process or looks at the
machine waits until no other test runs, and no other begins while it does. Without workers nothing is changed.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_TESTS = Path(__file__).parents[1]
_ALONE = ("e2e", "engine", "faults", "machine", "worker")
"""Folders whose tests all run alone."""
_MEASURING = (
    "test_bundles.py", "test_choose.py", "test_inspect_memory.py", "test_machine.py", "test_quality.py",
    "test_quantize.py", "test_self_test.py", "test_speculate.py", "test_survey.py", "test_verify.py",
)  # fmt: skip
"""Files of the command line's tests that do so as well."""
_LONG = ("test_screenshots.py", "test_language.py")
"""What takes a minute by itself begins first, so that no worker waits for it at the end."""


def runs_alone(item: pytest.Item) -> bool:
    """Whether another test beside it could change what it finds."""
    folder = item.path.relative_to(_TESTS).parts[0]
    fixtures = getattr(item, "fixturenames", ())
    models = any(name.startswith(("smollm2", "gemma")) for name in fixtures)
    if folder in _ALONE or (folder == "cli" and item.path.name in _MEASURING):
        return True
    return models or item.get_closest_marker("model") is not None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what runs alone behind the rest, files whole."""
    if not _workers():
        return
    alone = {item.path for item in items if runs_alone(item)}
    items.sort(key=lambda item: (item.path in alone, item.path.name not in _LONG))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Wait for the turn; the time that a test may take begins then."""
    with _turn(alone=runs_alone(item)):
        return (yield)


def _workers() -> str:
    """The name that all workers of one run share, empty without any."""
    return os.environ.get("PYTEST_XDIST_TESTRUNUID", "")


@contextmanager
def _turn(*, alone: bool) -> Iterator[None]:
    if sys.platform == "win32" or not _workers():
        yield
        return
    import fcntl

    with (Path(tempfile.gettempdir()) / f"tunesmith-tests-{_workers()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
