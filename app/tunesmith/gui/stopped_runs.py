"""Own the look for a tune that was cut short, by Stop, a crash or a power cut, before this window."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from tunesmith.domain.request import TuneRequest
from tunesmith.errors import TunesmithError
from tunesmith.gui.background import Task
from tunesmith.gui.context import AppContext
from tunesmith.wording import trn


class StoppedRuns(QObject):
    """Looks once, off the UI thread."""

    found = Signal(object, str, str)
    """The TuneRequest, the run's id, and a sentence about it."""

    def __init__(self, context: AppContext) -> None:
        super().__init__()
        self._context = context
        self._task: Task | None = None

    def look(self) -> None:
        """Look, the first time this is called."""
        if self._task is not None:
            return
        self._task = Task(lambda: self._context.store.latest_resumable(None))
        self._task.done.connect(self._tell)
        self._task.failed.connect(self._forget)
        self._task.start()

    def _tell(self, record: object) -> None:
        from tunesmith.store import RunRecord

        if isinstance(record, RunRecord) and isinstance(record.request, TuneRequest):
            self.found.emit(
                record.request,
                record.id,
                trn(
                    "A tune of {name} was cut short after {count} sample. "
                    "It is kept; resume the run to go on from there.",
                    "A tune of {name} was cut short after {count} samples. "
                    "They are kept; resume the run to go on from there.",
                    record.measured,
                    name=record.model_name,
                ),
            )

    def _forget(self, error: TunesmithError) -> None:
        """A store that cannot be read is told when a tune needs it."""
