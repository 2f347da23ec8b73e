"""Own the discarding of files that a choice has made: held back until it can no longer be undone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from tunesmith.domain.choice import Contender
from tunesmith.gui.background import Task
from tunesmith.gui.context import AppContext
from tunesmith.gui.widgets.undo_bar import UndoBar
from tunesmith.presentation.numbers import bytes_text
from tunesmith.wording import tr, trn

if TYPE_CHECKING:
    from tunesmith.services.choose_result import ChooseResult
    from tunesmith.services.made_files import MadeFiles


class Discards(QObject):
    """Files stay on the disk while their discarding may be undone; a crash therefore loses none."""

    changed = Signal()
    """Other files count as discarded than before."""

    def __init__(self, context: AppContext, undo_bar: UndoBar) -> None:
        super().__init__()
        self._context = context
        self._bar = undo_bar
        self._task: Task | None = None
        self.labels: frozenset[str] = frozenset()
        """Of the files that are, or are about to be, gone."""

    def forget(self) -> None:
        """Another result is looked at from now on; what was pending is carried out."""
        self._bar.settle()
        self.labels = frozenset()

    def discardable(self, result: ChooseResult, contender: Contender) -> bool:
        """Whether a file was made by this run and is still as it was."""
        return (
            contender.made
            and contender.path is not None
            and contender.label not in self.labels
            and result.made.holds(Path(contender.path))
        )

    def discard(self, result: ChooseResult, contenders: Sequence[Contender]) -> None:
        """Count some files as gone, and offer to take it back."""
        labels = frozenset(one.label for one in contenders)
        freed = bytes_text(sum(one.size_bytes or 0 for one in contenders))
        paths = [Path(one.path) for one in contenders if one.path is not None]
        profiles = [
            tune.profile.id
            for label, tune in result.tunes.items()
            if label in labels and tune.profile is not None
        ]
        text = (
            tr("{label} is discarded; {size} come free when you dismiss this or leave the page.",
               label=contenders[0].label, size=freed)
            if len(contenders) == 1
            else trn("{count} file is discarded; {size} come free when you dismiss this or leave the page.",
                     "{count} files are discarded; {size} come free when you dismiss this or leave the page.",
                     len(contenders), size=freed)
        )  # fmt: skip
        self._bar.offer(
            text, lambda: self._take_back(labels), settle=lambda: self._remove(result.made, paths, profiles)
        )
        self.labels |= labels
        self.changed.emit()

    def _take_back(self, labels: frozenset[str]) -> None:
        self.labels -= labels
        self.changed.emit()

    def _remove(self, made: MadeFiles, paths: list[Path], profiles: list[str]) -> None:
        def remove() -> None:
            for path in paths:
                made.remove(path)
            made.close()  # the folder, if nothing is left in it
            for profile_id in profiles:
                self._context.store.delete_profile(profile_id)

        self._task = Task(remove)
        self._task.start()
