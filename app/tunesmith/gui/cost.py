"""Own the calculator of what tokens cost under a profile; it stands in a page's place."""

from __future__ import annotations

from decimal import Decimal

from pydantic import ValidationError
from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from tunesmith.domain.cost import Cost, ProfileCost, profile_cost
from tunesmith.domain.currency import money
from tunesmith.domain.prices import Prices
from tunesmith.domain.profile import TunedProfile
from tunesmith.gui.aside import back_button, head, leave_by_keys
from tunesmith.gui.context import AppContext
from tunesmith.gui.facts import Facts
from tunesmith.gui.page import button, label
from tunesmith.gui.price_form import PriceForm
from tunesmith.gui.theme import GRID
from tunesmith.presentation.cost_text import (
    api_lines,
    cost_csv,
    part_name,
    part_text,
    power_text,
    request_words,
    total_text,
)
from tunesmith.presentation.numbers import DASH
from tunesmith.wording import tr

TITLE = tr("What tokens cost")
_FORM_WIDTH = 328


class CostPanel(QWidget):
    """Opened on a profile: prices at the left, what tokens cost at the right; Escape goes back."""

    left = Signal()
    """Go back to what was shown before."""

    def __init__(self, context: AppContext, settings: QSettings) -> None:
        super().__init__()
        self._context = context
        self.profile: TunedProfile | None = None
        self.cost: ProfileCost | None = None
        self.setAccessibleName(TITLE)
        self.form = PriceForm(settings)
        self.form.changed.connect(self._reckon)
        self.name = label("", "secondary", wrap=True, selectable=True)
        self.output, self.input, self.request = Facts(), Facts(), Facts()
        self.request_title = label("", "section", wrap=True)
        self.verdict = label("", wrap=True, selectable=True)
        self.drawn = label("", "secondary", wrap=True, selectable=True)
        self.wrong = label("", "secondary", wrap=True)
        self.note = label(
            tr(
                "From the speeds that were measured; intervals are theirs. Watts that are not named are "
                "the profile's, where sensors told them."
            ),
            "small", wrap=True,
        )  # fmt: skip
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(self._head())
        column.addWidget(self.name)
        row = QHBoxLayout()
        row.setSpacing(GRID * 3)
        form = _scrolled(self.form, tr("Prices"))
        form.setFixedWidth(_FORM_WIDTH)
        row.addWidget(form)
        row.addWidget(_scrolled(self._results(), tr("Costs")), 1)
        column.addLayout(row, 1)
        leave_by_keys(self, self.left.emit)

    def _head(self) -> QHBoxLayout:
        self.back_button = back_button(self.left.emit)
        self.copy_button = button(tr("Copy as CSV"), tip=tr("The amounts, for a spreadsheet"))
        self.copy_button.clicked.connect(self._copy)
        return head(TITLE, self.back_button, self.copy_button)

    def _results(self) -> QWidget:
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, GRID, 0)
        column.setSpacing(GRID)
        column.addWidget(self.wrong)
        for title, shown in (
            (label(tr("A million output tokens"), "section"), self.output),
            (label(tr("A million input tokens"), "section"), self.input),
            (self.request_title, self.request),
        ):
            column.addWidget(title)
            column.addWidget(shown)
            column.addSpacing(GRID)
        column.addWidget(self.drawn)
        column.addWidget(self.verdict)
        column.addWidget(self.note)
        column.addStretch()
        return body

    def open(self, profile: TunedProfile) -> None:
        """Say what tokens cost under a profile."""
        self.profile = profile
        self.name.setText(profile.name)
        self.request_title.setText(request_words(profile.workload))
        self._reckon()
        self.back_button.setFocus()

    def _reckon(self) -> None:
        if self.profile is None:
            return
        try:
            prices = self.form.prices()
        except ValidationError:
            self.wrong.setText(
                tr("The currency needs three letters, and the machine draws no more waiting than at work.")
            )
            self.wrong.show()
            self.cost = None
            self.copy_button.setEnabled(False)
            self.verdict.hide()
            self.drawn.hide()
            for shown in (self.output, self.input, self.request):
                shown.show_rows([(tr("Total"), DASH)])
            return
        self.wrong.hide()
        self.copy_button.setEnabled(True)
        profile = self.profile
        self.cost = profile_cost(profile.tuned, profile.workload, prices, profile.tuned_energy)
        self._show(self.cost, prices)

    def _show(self, cost: ProfileCost, prices: Prices) -> None:
        theirs = (prices.api_output, prices.api_input, cost.api_request)
        whats = (cost.output_per_million, cost.input_per_million, cost.request)
        for shown, one, api in zip((self.output, self.input, self.request), whats, theirs, strict=True):
            shown.show_rows(_rows(one, api, prices.currency))
        lines = api_lines(cost)
        self.drawn.setText(power_text(cost.power))
        self.drawn.setVisible(bool(self.drawn.text()))
        self.verdict.setText(" ".join(lines))
        self.verdict.setVisible(bool(lines))

    def _copy(self) -> None:
        if self.profile is not None and self.cost is not None:
            QGuiApplication.clipboard().setText(cost_csv([(self.profile, self.cost)], self.form.prices()))
            self._context.bus.message.emit(tr("The costs are on the clipboard."))


def _rows(cost: Cost | None, api: Decimal | None, code: str) -> list[tuple[str, str]]:
    if cost is None:
        return [(tr("Total"), DASH)]
    rows = [(tr("Total"), total_text(cost, code))]
    rows += [(part_name(part.name), part_text(part, code)) for part in cost.parts]
    if api is not None:
        rows.append((tr("From the API"), money(api, code)))
    return rows


def _scrolled(widget: QWidget, name: str) -> QScrollArea:
    made = QScrollArea()
    made.setWidgetResizable(True)
    made.setAccessibleName(name)
    made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    made.setWidget(widget)
    return made
