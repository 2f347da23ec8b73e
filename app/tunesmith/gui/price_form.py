"""Own the form of what the user pays and assumes; it remembers what was entered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from pydantic import ValidationError
from PySide6.QtCore import QRegularExpression, QSettings, Signal
from PySide6.QtGui import QRegularExpressionValidator
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QSizePolicy, QVBoxLayout, QWidget

from tunesmith.domain.prices import Prices
from tunesmith.gui.fields import NUMBER_WIDTH, Section, limit
from tunesmith.gui.theme import GRID
from tunesmith.wording import tr

CURRENCIES = ("EUR", "USD", "GBP", "CHF", "JPY", "CNY", "INR", "KRW", "BRL", "CAD", "AUD", "SEK", "PLN")
"""Offered; any other code can be typed."""
_KEY = "prices"


@dataclass(frozen=True, slots=True)
class _Field:
    """A number that may stay unnamed."""

    name: str
    words: str
    tip: str
    unit: str
    most: float
    step: float
    decimals: int
    usual: float | None = None
    """What it is before anything was entered; None where nothing is assumed."""
    scale: int = 1
    """What one of the value's units is in the field's: 100 for a share in percent."""


_FIELDS: Mapping[str, tuple[_Field, ...]] = {
    tr("What you pay"): (
        _Field("electricity", tr("Electricity"), tr("Price of a kilowatt-hour"), tr("a kWh"), 1e6, 0.01, 3),
        _Field("hardware", tr("Hardware"), tr("The machine, or what is added for this"), "", 1e9, 100, 2),
        _Field("years", tr("Used for"), tr("Until it is worth nothing"), tr("years"), 100, 1, 1, 4),
    ),
    tr("How it is used"): (
        _Field("hours_per_day", tr("It is on"), tr("Hours a day"), tr("hours a day"), 24, 1, 1, 24),
        _Field(
            "utilisation", tr("At work"), tr("Share of these hours in which it makes tokens"),
            "%", 100, 5, 1, 100, scale=100,
        ),
        _Field("load_watts", tr("Draws at work"), tr("From the wall, as a wattmeter tells"), "W", 1e6, 5, 1),
        _Field("idle_watts", tr("Draws waiting"), tr("From the wall, on but waiting"), "W", 1e6, 5, 1),
    ),
    tr("An API, for comparison"): (
        _Field("api_input", tr("Input"), tr("Price of input tokens there"), tr("a million"), 1e6, 0.05, 3),
        _Field("api_output", tr("Output"), tr("Price of output tokens there"), tr("a million"), 1e6, 0.05, 3),
    ),
}  # fmt: skip


class PriceForm(QWidget):
    """Fields for all prices; what is not named stays unknown."""

    changed = Signal()

    def __init__(self, settings: QSettings) -> None:
        super().__init__()
        self._settings = settings
        self.fields: dict[str, QDoubleSpinBox] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, GRID, 0)
        column.setSpacing(GRID * 2)
        self.currency = self._currency()
        for title, fields in _FIELDS.items():
            section = Section(title)
            if not self.fields:
                section.add(tr("Currency"), self.currency, tip=tr("Code of all amounts, such as EUR"))
            for field in fields:
                section.add(field.words, self._made(field), tip=field.tip)
            column.addWidget(section)
        column.addStretch()

    def _currency(self) -> QComboBox:
        made = QComboBox()
        made.setEditable(True)
        made.addItems(CURRENCIES)
        made.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        made.setFixedWidth(NUMBER_WIDTH)
        made.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        made.setValidator(QRegularExpressionValidator(QRegularExpression("[A-Za-z]{3}"), made))
        made.setCurrentText(str(self._settings.value(f"{_KEY}/currency", CURRENCIES[0])))
        made.currentTextChanged.connect(self._entered)
        return made

    def _made(self, field: _Field) -> QDoubleSpinBox:
        made = limit(field.most, unit=field.unit, step=field.step, decimals=field.decimals)
        if field.usual is None:
            made.setMinimum(-field.step)
            made.setSpecialValueText(tr("Not named"))
        else:
            made.setMinimum(10**-field.decimals)
            made.setSpecialValueText("")
        usual = made.minimum() if field.usual is None else field.usual
        stored = self._settings.value(f"{_KEY}/{field.name}", usual)
        try:
            made.setValue(float(str(stored)))
        except ValueError:
            made.setValue(usual)
        made.valueChanged.connect(self._entered)
        self.fields[field.name] = made
        return made

    def _entered(self) -> None:
        self._settings.setValue(f"{_KEY}/currency", self.currency.currentText())
        for name, field in self.fields.items():
            self._settings.setValue(f"{_KEY}/{name}", field.value())
        self.changed.emit()

    def prices(self) -> Prices:
        """What is entered.

        Raises:
            ValidationError: it contradicts itself, or the currency's code is not complete.
        """
        return _prices(
            self.currency.currentText(), {name: field.value() for name, field in self.fields.items()}
        )


def remembered_prices(settings: QSettings) -> Prices | None:
    """What was entered last; None where nothing was, or it makes no sense."""
    values: dict[str, float] = {}
    for field in (field for section in _FIELDS.values() for field in section):
        stored = settings.value(f"{_KEY}/{field.name}", -1.0 if field.usual is None else field.usual)
        try:
            values[field.name] = float(str(stored))
        except ValueError:
            return None
    try:
        return _prices(str(settings.value(f"{_KEY}/currency", CURRENCIES[0])), values)
    except ValidationError:
        return None


def _prices(currency: str, values: Mapping[str, float]) -> Prices:
    """Prices of what the fields hold; what is negative was not named.

    Raises:
        ValidationError: it contradicts itself, or the currency's code is not complete.
    """
    known = {field.name: field for section in _FIELDS.values() for field in section}
    named = {
        name: Decimal(str(round(value, known[name].decimals))) / known[name].scale
        for name, value in values.items()
        if value >= 0
    }
    return Prices.model_validate({"currency": currency.upper(), **named})
