"""Own the pane beside the plot: everything about one file, and what can be done with it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from tunesmith.gui.facts import Facts
from tunesmith.gui.page import button, label
from tunesmith.gui.theme import DETAILS_WIDTH, GRID
from tunesmith.gui.widgets.button_rows import ButtonRows
from tunesmith.gui.widgets.titles import retitle
from tunesmith.presentation.choice_result_view import FileDetails
from tunesmith.wording import tr

_SECTIONS = 4
_NARROW_PX = 280


class ChoiceDetails(QFrame):
    """One file's measures and settings."""

    try_it = Signal()
    tune = Signal()
    show_profile = Signal()
    discard = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "surface")
        self.setAccessibleName(tr("Details"))
        self.name = label("", "section", wrap=True, selectable=True)
        self.why = label("", "secondary", wrap=True)
        self._buttons = ButtonRows()
        self.try_button = button(tr("Try it"), tip=tr("Chat with this file, under its tuned settings."))
        self.tune_button = button(tr("Tune"), tip=tr("Open the tune page on this file."))
        self.profile_button = button(tr("Show profile"), tip=tr("Open the saved profile."))
        self.discard_button = button(
            tr("Discard file"), tip=tr("Remove the file that this run has made; it can be undone.")
        )
        for made, signal in (
            (self.try_button, self.try_it), (self.tune_button, self.tune),
            (self.profile_button, self.show_profile), (self.discard_button, self.discard),
        ):  # fmt: skip
            made.clicked.connect(lambda _checked=False, signal=signal: signal.emit())
            if made is not self.discard_button:
                self._buttons.add(made)
        self._titles: list[QLabel] = []
        self._facts: list[Facts] = []
        self._lay_out()
        self.show_nothing()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID * 2, GRID, 0, GRID)
        inner = QWidget()
        rows = QVBoxLayout(inner)
        rows.setContentsMargins(0, 0, GRID * 2, 0)
        rows.setSpacing(GRID)
        for widget in (self.name, self.why, self._buttons):
            rows.addWidget(widget)
        rows.addWidget(self.discard_button, alignment=Qt.AlignmentFlag.AlignLeft)
        for _ in range(_SECTIONS):
            title, facts = label("", "small"), Facts()
            title.setContentsMargins(0, GRID // 2, 0, 0)
            self._titles.append(title)
            self._facts.append(facts)
            rows.addWidget(title)
            rows.addWidget(facts)
        rows.addStretch()
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inner)
        column.addWidget(area)
        self.set_narrow(narrow=False)

    def set_narrow(self, *, narrow: bool) -> None:
        """Take less room, or all that is usual."""
        self.setFixedWidth(_NARROW_PX if narrow else DETAILS_WIDTH)
        self._arrange()

    def _arrange(self) -> None:
        self._buttons.arrange(self.maximumWidth() - 5 * GRID)

    def show_nothing(self) -> None:
        """Say what to do."""
        self.name.setText("")
        self.name.hide()
        self.why.setText(tr("Choose a dot or a row to see all that was measured of it."))
        self._buttons.hide()
        self.discard_button.hide()
        self._show_sections(())

    def show_file(self, found: FileDetails, *, usable: bool, profile: bool, discard: str) -> None:
        """Show a file.

        Args:
            usable: whether the file is there and nothing runs.
            profile: whether a profile of it was saved.
            discard: its size, if it can be discarded; else empty.
        """
        self.name.setText(found.title)
        self.name.show()
        self.why.setText(found.why)
        for one, shown in (
            (self.try_button, usable), (self.tune_button, usable), (self.profile_button, profile),
            (self.discard_button, bool(discard)),
        ):  # fmt: skip
            one.setVisible(shown)
        retitle(self.discard_button, tr("Discard file ({size})", size=discard))
        self._buttons.setVisible(usable or profile)
        self._arrange()
        self._show_sections(found.sections)

    def _show_sections(self, sections: tuple[tuple[str, list[tuple[str, str]]], ...]) -> None:
        for place, (title, facts) in enumerate(zip(self._titles, self._facts, strict=True)):
            shown = place < len(sections)
            title.setVisible(shown)
            facts.setVisible(shown)
            if shown:
                title.setText(sections[place][0])
                facts.show_rows(sections[place][1])
