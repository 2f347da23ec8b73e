"""Own the library behind the models page: scanning, adding and forgetting, off the UI thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QElapsedTimer, QObject, QTimer, Signal

from tunesmith.errors import TunesmithError
from tunesmith.gui.background import Tasks
from tunesmith.gui.context import AppContext
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.presentation.library import Row
    from tunesmith.services.library import LibraryEntry, Scan, ScanResult, Tuned

_PROGRESS_MS = 150
_REBUILD_MS = 1000


class LibraryWatch(QObject):
    """Knows the entries; looks for them in the background and tells the rows to show."""

    rows_changed = Signal(list)
    """The Rows, by name."""
    progress = Signal(str)
    """What a scan is doing, in words; empty when it is over."""
    failed = Signal(object)
    """A TunesmithError."""
    added = Signal(str)
    """The path of a single file that was added: it is to be chosen."""
    refused = Signal(str)
    """Why a dropped file was not added."""

    def __init__(self, context: AppContext, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._entries: dict[str, LibraryEntry] = {}
        self._tuned: dict[tuple[str, int], Tuned] = {}
        self._found: deque[LibraryEntry] = deque()
        self._added: dict[str, LibraryEntry] = {}
        self._scan: Scan | None = None
        self._again = False
        self._building = self._dirty = False
        self._tasks = Tasks(self)
        self._closed = False
        self.grouped = False
        self.available_bytes: int | None = None
        self.problems: tuple[str, ...] = ()
        self._stamp: int | None = None
        self.looked = False
        """Whether a scan has ended."""
        self._timer = QTimer(self)
        self._timer.setInterval(_PROGRESS_MS)
        self._timer.timeout.connect(self._tick)
        self._since_rebuild = QElapsedTimer()
        self._since_rebuild.start()
        context.bus.profile_saved.connect(self._read_tuned)

    @property
    def scanning(self) -> bool:
        """Whether a scan is under way."""
        return self._scan is not None

    @property
    def idle(self) -> bool:
        """Whether nothing is under way and all rows are told."""
        return self._scan is None and not self._building and not self._dirty and not self._tasks.running

    @property
    def stale(self) -> bool:
        """Whether folders were added or removed elsewhere since the last look."""
        return self._stamp != self._list_time()

    def _list_time(self) -> int | None:
        try:
            return (self._context.folders.config / "library.json").stat().st_mtime_ns
        except OSError:
            return None

    def rescan(self) -> None:
        """Look for models everywhere; a scan under way is cancelled and begun anew."""
        if self._scan is not None:
            self._again = True
            self._scan.cancel()
            return
        from tunesmith.services.library import Scan

        scan = self._scan = Scan()
        self._stamp = self._list_time()
        self._added.clear()
        config, cache = self._context.folders.config, self._context.folders.cache
        found = self._found.append

        def look() -> ScanResult:
            from tunesmith.services.model_places import well_known_places
            from tunesmith.services.watched import load_watched

            return scan.run([*load_watched(config).places(), *well_known_places()], cache, found)

        self._timer.start()
        self._run(look, self._scanned, self._scan_failed)
        self._run(_free_memory, self._know_memory, self._ignore)
        self._read_tuned()

    def cancel(self) -> None:
        """Stop the scan; what was found is kept."""
        if self._scan is not None:
            self._scan.cancel()

    def close(self) -> None:
        """Stop for good."""
        self._closed = True
        self._again = False
        self.cancel()
        self._timer.stop()

    def add(self, paths: Iterable[str]) -> None:
        """Add folders and files for good; a single file is to be chosen."""
        wanted, known, config = list(paths), frozenset(self._entries), self._context.folders.config
        self._run(lambda: _add(wanted, known, config), self._after_add, self._fail)

    def forget(self, path: str) -> None:
        """Take a single file that was opened out of the list; nothing is deleted."""
        config = self._context.folders.config

        def call() -> str:
            from tunesmith.services.watched import forget

            forget(config, [path])
            return path

        self._run(call, self._forgotten, self._fail)

    def set_grouped(self, grouped: bool) -> None:  # noqa: FBT001 (a slot)
        """Put the quantizations of one model on one line, or not."""
        self.grouped = grouped
        self._rebuild()

    # ------------------------------------------------------------- what comes back

    def _tick(self) -> None:
        scan = self._scan
        if scan is None:
            return
        if scan.total is None:
            looking = (
                tr("Looking in {folder}", folder=scan.folder) if scan.folder else tr("Looking for models")
            )
            self.progress.emit(looking)
        else:
            self.progress.emit(tr("Reading {done} of {total}", done=scan.done, total=scan.total))
        if not self.looked and self._found and self._since_rebuild.elapsed() > _REBUILD_MS:
            while self._found:
                entry = self._found.popleft()
                self._entries[entry.path] = entry
            self._rebuild()

    def _scanned(self, result: ScanResult) -> None:
        self._scan = None
        self._found.clear()
        # What was added meanwhile may have come too late for the scan.
        found = {**self._added, **{entry.path: entry for entry in result.entries}}
        self._entries = found if result.complete else {**self._entries, **found}
        self.problems = result.problems
        self._over()

    def _scan_failed(self, error: TunesmithError) -> None:
        self._scan = None
        self._fail(error)
        self._over()

    def _over(self) -> None:
        self._timer.stop()
        self.looked = True
        self.progress.emit("")
        self._rebuild()
        if self._again and not self._closed:
            self._again = False
            self.rescan()

    def _after_add(self, outcome: tuple[list[LibraryEntry], list[str], list[str], bool]) -> None:
        entries, chosen, refused, folders = outcome
        self._stamp = self._list_time()
        for entry in entries:
            self._entries[entry.path] = self._added[entry.path] = entry
        for reason in refused[:1]:
            self.refused.emit(reason)
        if entries:
            self._rebuild()
        if len(chosen) == 1:
            self.added.emit(chosen[0])
        if folders:
            self.rescan()

    def _forgotten(self, path: str) -> None:
        self._stamp = self._list_time()
        self._entries.pop(path, None)
        self._added.pop(path, None)
        self._rebuild()

    def _know_memory(self, available_bytes: int) -> None:
        self.available_bytes = available_bytes
        if self._scan is None:  # else its end will
            self._rebuild()

    def _read_tuned(self) -> None:
        context = self._context

        def call() -> dict[tuple[str, int], Tuned]:
            from tunesmith.services.library import tuned_models

            return tuned_models(context.store)

        self._run(call, self._know_tuned, self._fail)

    def _know_tuned(self, tuned: dict[tuple[str, int], Tuned]) -> None:
        if tuned != self._tuned:
            self._tuned = tuned
            if self._scan is None:
                self._rebuild()

    def _fail(self, error: TunesmithError) -> None:
        self.failed.emit(error)

    def _ignore(self, _error: TunesmithError) -> None:
        """Without it a column shows dashes."""

    # ------------------------------------------------------------- rows

    def _rebuild(self) -> None:
        """Make the rows in the background; requests meanwhile become one more."""
        if self._building:
            self._dirty = True
            return
        self._building, self._dirty = True, False
        self._since_rebuild.restart()
        entries, tuned = list(self._entries.values()), self._tuned
        available_bytes, grouped = self.available_bytes, self.grouped

        def call() -> list[Row]:
            from tunesmith.presentation.library import make_rows

            return make_rows(entries, available_bytes=available_bytes, tuned=tuned, grouped=grouped)

        self._run(call, self._built, self._fail)

    def _built(self, rows: list[Row]) -> None:
        self._building = False
        if self._dirty:
            self._rebuild()
        self.rows_changed.emit(rows)

    def _run(
        self, call: Callable[[], Any], done: Callable[[Any], None], failed: Callable[[Any], None]
    ) -> None:
        if not self._closed:
            self._tasks.run(call, done, failed)


def _free_memory() -> int:
    from tunesmith.services.vitals import free_memory_bytes

    return free_memory_bytes()


def _add(
    paths: list[str], known: frozenset[str], config: Path
) -> tuple[list[LibraryEntry], list[str], list[str], bool]:
    """Remember folders and files: (new entries, files to choose, reasons of refusal, any folders)."""
    from tunesmith.services.library import read_entry
    from tunesmith.services.watched import watch

    folders: list[str] = []
    entries: list[LibraryEntry] = []
    chosen: list[str] = []
    refused: list[str] = []
    for text in paths:
        path = Path(text).absolute()
        if path.is_dir():
            folders.append(str(path))
            continue
        entry = read_entry(str(path))
        if entry.kind == "broken" and path.suffix.lower() != ".gguf":
            refused.append(tr("{name} was not added: it is no GGUF model.", name=path.name))
            continue
        chosen.append(entry.path)
        if entry.path not in known:
            entries.append(entry)
    if folders or entries:
        watch(config, folders=folders, files=[entry.path for entry in entries])
    return entries, chosen, refused, bool(folders)
