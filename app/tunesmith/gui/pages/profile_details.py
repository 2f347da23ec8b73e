"""Own the pane that tells of one profile: result, settings, evidence, notes and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPlainTextEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from tunesmith.domain.profile import TunedProfile
from tunesmith.gui.loading import LOADING_MS
from tunesmith.gui.page import button, flush, label, line
from tunesmith.gui.theme import BODY_PX, DETAILS_WIDTH, GRID, TABLE_PX, tabular
from tunesmith.presentation import profiles as words
from tunesmith.presentation.cost_text import priced_text
from tunesmith.presentation.kept_soak_text import kept_rows, kept_sentences
from tunesmith.presentation.machine_facts import class_text
from tunesmith.presentation.steady_text import held_rows, held_sentence
from tunesmith.wording import tr, trc

_SAVE_NOTES_MS = 900
_MAX_NOTES = 20_000
_READING = tr("Reading the profile")


class ProfileDetails(QFrame):
    """One profile, or a hint when none or several are chosen."""

    notes_changed = Signal(str, str)
    """A profile's id and its new notes."""
    try_asked = Signal()
    tune_asked = Signal()
    history_asked = Signal()
    why_asked = Signal()
    cost_asked = Signal()
    soak_asked = Signal()
    roofline_asked = Signal()
    tradeoff_asked = Signal()
    energy_asked = Signal()
    export_asked = Signal()
    """Of several profiles; one is exported from its menu."""

    def __init__(self, more: QMenu) -> None:
        """``more`` holds what else can be done with the profile."""
        super().__init__()
        self.setProperty("role", "surface")
        self.setFixedWidth(DETAILS_WIDTH)
        self.setAccessibleName(tr("Details"))
        self._profile: TunedProfile | None = None
        self._notes_of = ""
        self._loading = False
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setAccessibleName(tr("Facts of the profile"))
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        outer.addWidget(self._scroll)
        self.hint = label("", "secondary", wrap=True)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.hint.setContentsMargins(GRID * 3, 0, GRID * 3, 0)
        self.export_button = button(
            tr("Export…"), tip=tr("Write the chosen profiles to one file, where the format holds several")
        )
        self.export_button.clicked.connect(self.export_asked)
        self._instead = QWidget()
        instead = QVBoxLayout(self._instead)
        instead.setSpacing(GRID * 2)
        instead.addStretch()
        instead.addWidget(self.hint)
        instead.addWidget(self.export_button, alignment=Qt.AlignmentFlag.AlignHCenter)
        instead.addStretch()
        outer.addWidget(self._instead, 1)
        self._build(more)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SAVE_NOTES_MS)
        self._timer.timeout.connect(self.save_notes)
        self._late = QTimer(self)
        self._late.setSingleShot(True)
        self._late.setInterval(LOADING_MS)
        self._late.timeout.connect(lambda: self.show_hint(_READING))
        self.show_hint("")

    def _build(self, more: QMenu) -> None:
        body = QWidget()
        self._scroll.setWidget(body)
        column = QVBoxLayout(body)
        column.setContentsMargins(GRID * 2, GRID * 2, GRID * 2, GRID * 2)
        column.setSpacing(GRID)
        self.name = label("", "section", wrap=True, selectable=True)
        self.sentence = label("", wrap=True, selectable=True)
        self.ratio = label("", "result")
        self.interval = label("", "small")
        number = QHBoxLayout()
        number.setSpacing(GRID)
        number.addWidget(self.ratio)
        number.addWidget(self.interval, 1, Qt.AlignmentFlag.AlignBottom)
        self.interval.setContentsMargins(0, 0, 0, 6)
        self.try_button = button(
            trc("short", "Try it"), "primary", tip=tr("Chat with the model under these settings")
        )
        self.tune_button = button(
            trc("short", "Tune again"), tip=tr("Start from this model, workload and objective")
        )
        self.more_button = button(tr("More"), tip=tr("Rename, duplicate, export, delete and the rest"))
        self.more_button.setMenu(more)
        self.history_button = button(tr("Show how it was found"), "quiet", tip=tr("Replay the stored run"))
        self.try_button.clicked.connect(self.try_asked)
        self.tune_button.clicked.connect(self.tune_asked)
        self.history_button.clicked.connect(self.history_asked)
        self.why_button = button(
            tr("Why these settings"),
            "quiet",
            tip=tr("Candidate by candidate: why it won or lost (Ctrl+Shift+E)"),
        )
        self.why_button.clicked.connect(self.why_asked)
        self.cost_button = button(
            tr("What tokens cost"), "quiet", tip=tr("By electricity, hardware and use (Ctrl+Shift+K)")
        )
        self.cost_button.clicked.connect(self.cost_asked)
        self.roofline_button = button(
            tr("Roofline"), "quiet",
            tip=tr("What memory and CPU allow, and where each candidate stands below."),
        )  # fmt: skip
        self.roofline_button.clicked.connect(self.roofline_asked)
        self.tradeoff_button = button(
            tr("Pareto plot"), "quiet",
            tip=tr("The speed of each candidate against the energy or memory it takes."),
        )  # fmt: skip
        self.tradeoff_button.clicked.connect(self.tradeoff_asked)
        self.energy_button = button(
            tr("Energy"), "quiet",
            tip=tr("Joules per token and power, of the defaults and tuned, and what told them."),
        )  # fmt: skip
        self.energy_button.clicked.connect(self.energy_asked)
        self.offer_run(on=False)
        self.soak_button = button(
            tr("How long the speed holds"), "quiet",
            tip=tr("Soak: run these settings for minutes or hours (Ctrl+Shift+S)"),
        )  # fmt: skip
        self.soak_button.clicked.connect(self.soak_asked)
        actions = QHBoxLayout()
        actions.setSpacing(GRID)
        for widget in (self.try_button, self.tune_button, self.more_button):
            actions.addWidget(widget)
        actions.addStretch()
        self._changes, self._evidence, self._held, self._facts = _Grid(), _Grid(), _Grid(), _Grid()
        self._held_words = label("", "small", wrap=True)
        self._changes_title = label(tr("Settings that changed"), "section")
        self._proof = label("", "small", wrap=True)
        self.notes = QPlainTextEdit()
        self.notes.setAccessibleName(tr("Notes"))
        self.notes.setPlaceholderText(tr("What is worth remembering of it"))
        self.notes.setTabChangesFocus(True)
        self.notes.setFixedHeight(88)
        self.notes.textChanged.connect(self._notes_typed)
        self.notes.installEventFilter(self)
        column.addWidget(self.name)
        column.addWidget(self.sentence)
        column.addLayout(number)
        column.addLayout(actions)
        column.addWidget(line())
        column.addWidget(self._changes_title)
        column.addWidget(self._changes)
        column.addWidget(flush(self.why_button), alignment=Qt.AlignmentFlag.AlignLeft)
        column.addWidget(line())
        column.addWidget(label(tr("Measured"), "section"))
        column.addWidget(self._evidence)
        column.addWidget(self._proof)
        column.addWidget(self._held)
        column.addWidget(self._held_words)
        links = QVBoxLayout()
        links.setSpacing(0)
        for made in (
            self.soak_button, self.cost_button, self.roofline_button, self.tradeoff_button,
            self.energy_button, self.history_button,
        ):  # fmt: skip
            links.addWidget(flush(made), alignment=Qt.AlignmentFlag.AlignLeft)
        column.addLayout(links)
        column.addWidget(line())
        column.addWidget(label(tr("Notes"), "section"))
        column.addWidget(self.notes)
        column.addWidget(line())
        column.addWidget(self._facts)
        column.addStretch()

    @property
    def profile(self) -> TunedProfile | None:
        """The profile that is shown."""
        return self._profile

    def show_hint(self, text: str, *, several: bool = False) -> None:
        """Show no profile, but what to do to see one, or what can be done with several."""
        self._late.stop()
        self.save_notes()
        self._profile = None
        self._scroll.hide()
        self.hint.setText(text)
        self.export_button.setVisible(several)
        self._instead.show()

    def expect(self, profile_id: str) -> None:
        """A profile is being read; what is shown stays for LOADING_MS, then gives way to saying so."""
        if self._profile is None or self._profile.id != profile_id:
            self._late.start()

    def expect_none(self) -> None:
        """It could not be read."""
        self._late.stop()
        if self.hint.text() == _READING:
            self.hint.setText("")

    def show_profile(self, profile: TunedProfile) -> None:
        """Show a profile; notes that are being written are not disturbed."""
        self._late.stop()
        if profile.id != self._notes_of:
            self.save_notes()
        same = self._profile is not None and self._profile.id == profile.id
        if not same:
            self.offer_run(on=False)
        self._profile = profile
        self.name.setText(profile.name)
        self.sentence.setText(f"{words.result_sentence(profile)}.")
        value, interval = words.ratio_text(profile)
        self.ratio.setText(value)
        self.interval.setText(interval)
        self.ratio.setVisible(bool(value))
        self.interval.setVisible(bool(value))
        self._changes_title.setText(
            tr("Settings that changed") if profile.changes else words.unchanged_words(profile)
        )
        self._changes.fill(
            ("", trc("column", "from"), trc("column", "to"), trc("column", "effect")),
            [(c.setting, c.before, c.after, words.effect_words(c)) for c in profile.changes],
            tips=[words.effect_tip(c) for c in profile.changes],
        )
        self._evidence.fill(
            ("", words.baseline_column(profile), trc("column", "tuned")),
            [(e.name, e.before, e.after) for e in words.evidence(profile)],
        )
        self._proof.setText(words.proof_words(profile))
        self._show_held(profile)
        self.energy_button.setVisible(profile.baseline_energy is not None)
        self._facts.fill(
            (),
            [
                (tr("Workload"), words.workload_words(profile.workload)),
                (tr("Made best"), words.OBJECTIVE_WORDS[profile.objective.name]),
                (tr("Machine"), class_text(profile.machine.label)),
                (tr("Build"), profile.build.label),
                *([(tr("Cost"), priced_text(profile.cost))] if profile.cost else []),
                (tr("Made"), words.moment_text(profile.created_utc)),
            ],
            tips=[words.workload_sentence(profile.workload)],
        )
        if not same or not (self.notes.hasFocus() or self._timer.isActive()):
            self._show_notes(profile)
        self._instead.hide()
        self._scroll.show()
        if not same:
            self._scroll.verticalScrollBar().setValue(0)

    def offer_run(self, *, on: bool) -> None:
        """Offer pictures of the candidates of the run that the profile came of, or do not."""
        self.roofline_button.setVisible(on)
        self.tradeoff_button.setVisible(on)

    def _show_held(self, profile: TunedProfile) -> None:
        """Burst and sustained speed: of its soak, or else of the tune that was for sustained speed."""
        rows, words = [], ""
        if profile.soak is not None:
            rows, words = kept_rows(profile.soak), " ".join(kept_sentences(profile.soak))
        elif profile.steady is not None and profile.held is not None:
            rows, words = held_rows(profile.held), held_sentence(profile.steady)
        self._held_words.setVisible(bool(words))
        self._held_words.setText(words)
        header = ("", trc("column", "burst"), trc("column", "sustained")) if rows else ()
        self._held.fill(
            header, [(name, *(text.partition(" (")[0] for text in speeds)) for name, *speeds in rows]
        )

    def _show_notes(self, profile: TunedProfile) -> None:
        self._notes_of = profile.id
        if self.notes.toPlainText() != profile.notes:
            self._loading = True
            self.notes.setPlainText(profile.notes)
            self._loading = False

    def _notes_typed(self) -> None:
        if not self._loading:
            self._timer.start()

    def save_notes(self) -> None:
        """Store the notes now if they were changed."""
        if self._timer.isActive():
            self._timer.stop()
            self.notes_changed.emit(self._notes_of, self.notes.toPlainText()[:_MAX_NOTES])

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        """Notes are stored when they are left."""
        if watched is self.notes and event.type() == QEvent.Type.FocusOut:
            self.save_notes()
        return super().eventFilter(watched, event)


class _Grid(QWidget):
    """Names and values in columns; filled anew each time."""

    def __init__(self) -> None:
        super().__init__()
        self._layout = QGridLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setHorizontalSpacing(GRID + 4)
        self._layout.setVerticalSpacing(6)

    def fill(self, heads: Sequence[str], rows: Sequence[Sequence[str]], *, tips: Sequence[str] = ()) -> None:
        """Show these rows; the first column is names, the rest values, the last with its tip."""
        while item := self._layout.takeAt(0):
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for column, head in enumerate(heads):
            self._add(label(head, "small"), 0, column, right=column > 0)
        for number, row in enumerate(rows, start=1):
            for column, text in enumerate(row):
                cell = label(text, "secondary" if column == 0 else "", wrap=not heads and column > 0)
                if column:
                    cell.setFont(tabular(cell.font(), pixels=TABLE_PX if heads else BODY_PX))
                if number <= len(tips):
                    cell.setToolTip(tips[number - 1])
                self._add(cell, number, column, right=bool(heads) and column > 0)
        last = max((len(row) for row in rows), default=1) - 1
        for column in range(self._layout.columnCount()):
            stretch = column == (0 if heads else last)
            self._layout.setColumnStretch(column, 1 if stretch else 0)
        self.setVisible(bool(rows))

    def _add(self, cell: QLabel, row: int, column: int, *, right: bool) -> None:
        side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        cell.setAlignment(side | Qt.AlignmentFlag.AlignTop)
        self._layout.addWidget(cell, row, column)
