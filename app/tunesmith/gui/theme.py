"""Own every colour, font size and distance of the window, in one place, light and dark."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from tunesmith import assets
from tunesmith.settings import Theme

GRID = 8
RAIL_WIDTH = 184
DETAILS_WIDTH = 320
TITLE_PX, SECTION_PX, BODY_PX, TABLE_PX, RESULT_PX = 20, 15, 13, 12, 34


@dataclass(frozen=True, slots=True)
class Colours:
    """Named roles; text has a contrast of at least 4.5:1 on window and surface, marks 3:1."""

    dark: bool
    window: str
    surface: str
    raised: str
    line: str
    text: str
    secondary: str
    disabled: str
    accent: str
    on_accent: str
    prefill: str
    memory: str
    power: str
    limit: str
    better: str
    worse: str
    warning: str
    selection: str

    @property
    def decode(self) -> str:
        """Decoding is drawn in the accent."""
        return self.accent


LIGHT = Colours(
    dark=False, window="#F6F6F3", surface="#FFFFFF", raised="#FFFFFF", line="#DEDFDA", text="#1C1E20",
    secondary="#5A6067", disabled="#9A9FA5", accent="#A94C14", on_accent="#FFFFFF", prefill="#2A69A3",
    memory="#4F7330", power="#75479A", limit="#7C8288", better="#1F7A4D", worse="#B3261E", warning="#8A6100",
    selection="#F0E3D9",
)  # fmt: skip
DARK = Colours(
    dark=True, window="#17181A", surface="#1F2124", raised="#26292D", line="#34383D", text="#ECECE9",
    secondary="#A6ACB3", disabled="#6B7178", accent="#E58E50", on_accent="#1C1206", prefill="#74ADE2",
    memory="#98C26F", power="#C2A1E6", limit="#8F959C", better="#63C794", worse="#F2827A", warning="#E0B14A",
    selection="#3A2C21",
)  # fmt: skip


class ThemeManager(QObject):
    """Chooses light or dark, follows the system live, and tells who draws by hand."""

    changed = Signal(object)

    def __init__(self, application: QApplication, mode: Theme = "system") -> None:
        super().__init__(application)
        self._application = application
        self._mode: Theme = mode
        self.colours = LIGHT
        application.setStyle("Fusion")
        application.styleHints().colorSchemeChanged.connect(self._follow)
        self._apply()

    @property
    def mode(self) -> Theme:
        """What was chosen: system, light or dark."""
        return self._mode

    def set_mode(self, mode: Theme) -> None:
        """Choose; the window changes at once."""
        self._mode = mode
        self._apply()

    def _follow(self) -> None:
        if self._mode == "system":
            self._apply()

    def _apply(self) -> None:
        system_dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
        dark = self._mode == "dark" or (self._mode == "system" and system_dark)
        self.colours = DARK if dark else LIGHT
        self._application.setPalette(palette(self.colours))
        self._application.setStyleSheet(stylesheet(self.colours))
        self.changed.emit(self.colours)


def palette(c: Colours) -> QPalette:
    """Qt's own palette from our roles, for what the style sheet does not reach."""
    p = QPalette()
    roles = {
        QPalette.ColorRole.Window: c.window,
        QPalette.ColorRole.Base: c.surface,
        QPalette.ColorRole.AlternateBase: c.window,
        QPalette.ColorRole.Button: c.raised,
        QPalette.ColorRole.ToolTipBase: c.raised,
        QPalette.ColorRole.WindowText: c.text,
        QPalette.ColorRole.Text: c.text,
        QPalette.ColorRole.ButtonText: c.text,
        QPalette.ColorRole.ToolTipText: c.text,
        QPalette.ColorRole.PlaceholderText: c.secondary,
        QPalette.ColorRole.Highlight: c.selection,
        QPalette.ColorRole.HighlightedText: c.text,
        QPalette.ColorRole.Link: c.accent,
        QPalette.ColorRole.Accent: c.accent,
        QPalette.ColorRole.Mid: c.line,
    }
    for role, colour in roles.items():
        p.setColor(role, QColor(colour))
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        p.setColor(QPalette.ColorGroup.Disabled, role, QColor(c.disabled))
    return p


def tabular(font: QFont, *, pixels: int | None = None, bold: bool = False) -> QFont:
    """The font with figures of equal width, for tables and read-outs."""
    made = QFont(font)
    made.setFeature(QFont.Tag("tnum"), 1)
    if pixels is not None:
        made.setPixelSize(pixels)
    made.setBold(bold)
    return made


def _chevron() -> str:
    """Where the arrow of a choice lies; one grey that is seen on light and on dark."""
    return assets.resource("icons/chevron-down.svg").as_posix()


def _picture(name: str) -> str:
    """Where an icon with colours of its own lies, for the style sheet."""
    return assets.resource(f"icons/{name}.svg").as_posix()


def stylesheet(c: Colours) -> str:
    """The whole style sheet. Widgets are addressed by class or by the dynamic property ``role``."""
    return f"""
* {{ font-size: {BODY_PX}px; }}
QMainWindow, QDialog {{ background: {c.window}; }}
QToolTip {{ background: {c.raised}; color: {c.text}; border: 1px solid {c.line}; padding: 4px 6px; }}
QLabel {{ background: transparent; }}
QLabel[role="title"] {{ font-size: {TITLE_PX}px; font-weight: 600; }}
QLabel[role="section"] {{ font-size: {SECTION_PX}px; font-weight: 600; }}
QLabel[role="secondary"] {{ color: {c.secondary}; }}
QLabel[role="small"] {{ color: {c.secondary}; font-size: {TABLE_PX}px; }}
QLabel[role="result"] {{ font-size: {RESULT_PX}px; font-weight: 600; color: {c.accent}; }}
QLabel[role="better"] {{ color: {c.better}; }}
QLabel[role="worse"] {{ color: {c.worse}; }}
QLabel[role="warning"] {{ color: {c.warning}; }}
QFrame[role="surface"] {{ background: {c.surface}; border: 1px solid {c.line}; border-radius: 6px; }}
QFrame[role="line"] {{ background: {c.line}; border: none; max-height: 1px; min-height: 1px; }}
QFrame[role="message"] {{ background: {c.surface}; border: 1px solid {c.line};
  border-left: 3px solid {c.warning}; border-radius: 4px; }}
QFrame[role="message"][kind="error"] {{ border-left-color: {c.worse}; }}
QFrame#rail {{ background: {c.surface}; border: none; border-right: 1px solid {c.line}; }}
QFrame#rail QToolButton {{ border: none; border-radius: 5px; padding: 7px 10px; text-align: left;
  color: {c.secondary}; background: transparent; }}
QFrame#rail QToolButton:hover {{ background: {c.window}; color: {c.text}; }}
QFrame#rail QToolButton:checked {{ background: {c.selection}; color: {c.text}; font-weight: 600; }}
QFrame#rail QToolButton:focus {{ border: 1px solid {c.accent}; padding: 6px 9px; }}
QPushButton {{ background: {c.raised}; color: {c.text}; border: 1px solid {c.line}; border-radius: 5px;
  padding: 5px 14px; min-height: 20px; }}
QPushButton:hover {{ border-color: {c.limit}; }}
QPushButton:pressed {{ background: {c.window}; }}
QPushButton:focus {{ border-color: {c.accent}; }}
QPushButton:disabled {{ color: {c.disabled}; background: {c.window}; }}
QPushButton[role="primary"] {{ background: {c.accent}; color: {c.on_accent}; border-color: {c.accent};
  font-weight: 600; }}
QPushButton[role="primary"]:hover {{ border-color: {c.text}; }}
QPushButton[role="primary"]:disabled {{ background: {c.line}; color: {c.disabled}; border-color: {c.line}; }}
QPushButton[role="quiet"] {{ background: transparent; border-color: transparent; color: {c.accent};
  padding: 5px 8px; }}
QPushButton[role="quiet"]:disabled {{ color: {c.disabled}; background: transparent; }}
QPushButton[role="quiet"]:hover, QPushButton[role="quiet"]:focus {{ border-color: {c.line}; }}
QPushButton[flush="true"] {{ padding-left: 0; margin-left: -1px; }}
QPushButton[flush="true"]:hover, QPushButton[flush="true"]:focus {{ border-color: transparent;
  text-decoration: underline; }}
QLineEdit, QComboBox, QSpinBox, QDoubleSpinBox, QPlainTextEdit, QTextEdit, QTextBrowser {{
  background: {c.surface}; color: {c.text}; border: 1px solid {c.line}; border-radius: 5px; padding: 4px 8px;
  placeholder-text-color: {c.secondary};
  selection-background-color: {c.selection}; selection-color: {c.text}; }}
QLineEdit {{ lineedit-clear-button-icon: url("{_picture("clear-dark" if c.dark else "clear-light")}"); }}
QLineEdit:focus, QComboBox:focus, QSpinBox:focus, QDoubleSpinBox:focus, QPlainTextEdit:focus,
QTextEdit:focus {{ border-color: {c.accent}; }}
QAbstractSpinBox QLineEdit {{ border: none; padding: 0 6px; background: transparent; }}
QSpinBox::up-button, QSpinBox::down-button, QDoubleSpinBox::up-button, QDoubleSpinBox::down-button {{
  width: 0; border: none; }}
QComboBox::drop-down {{ border: none; width: 22px; }}
QComboBox::down-arrow {{ image: url("{_chevron()}"); width: 14px; height: 14px; }}
QComboBox QAbstractItemView {{ background: {c.raised}; border: 1px solid {c.line}; outline: none; }}
QTableView, QTreeView, QListView {{ background: {c.surface}; color: {c.text}; border: 1px solid {c.line};
  border-radius: 6px; gridline-color: {c.line}; font-size: {TABLE_PX}px; outline: none;
  selection-background-color: {c.selection}; selection-color: {c.text};
  alternate-background-color: {c.window}; }}
QTableView::item, QTreeView::item, QListView::item {{ padding: 4px 8px; }}
QHeaderView {{ background: {c.surface}; }}
QHeaderView::section {{ background: {c.surface}; color: {c.secondary}; border: none;
  border-bottom: 1px solid {c.line}; padding: 6px 11px; font-size: {TABLE_PX}px; }}
QTableCornerButton::section {{ background: {c.surface}; border: none; }}
QStatusBar {{ background: {c.surface}; border-top: 1px solid {c.line}; color: {c.secondary}; }}
QStatusBar::item {{ border: none; }}
QStatusBar QLabel {{ color: {c.secondary}; font-size: {TABLE_PX}px; padding: 2px 8px; }}
QProgressBar {{ background: {c.line}; border: none; border-radius: 2px; max-height: 4px; min-height: 4px; }}
QProgressBar::chunk {{ background: {c.accent}; border-radius: 2px; }}
QSplitter::handle {{ background: {c.window}; }}
QScrollArea, QScrollArea > QWidget > QWidget {{ background: transparent; border: none; }}
QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
QScrollBar::handle {{ background: {c.line}; border-radius: 4px; min-height: 28px; min-width: 28px;
  margin: 1px; }}
QScrollBar::handle:hover {{ background: {c.limit}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QMenu {{ background: {c.raised}; color: {c.text}; border: 1px solid {c.line}; padding: 4px; }}
QMenu::item {{ padding: 5px 24px 5px 12px; border-radius: 4px; }}
QMenu::item:selected {{ background: {c.selection}; }}
QMenu::item:disabled {{ color: {c.disabled}; }}
QMenu::separator {{ height: 1px; background: {c.line}; margin: 4px 8px; }}
QMenuBar {{ background: {c.surface}; color: {c.text}; border-bottom: 1px solid {c.line}; }}
QMenuBar::item {{ padding: 4px 10px; background: transparent; }}
QMenuBar::item:selected {{ background: {c.selection}; }}
QCheckBox, QRadioButton {{ spacing: 8px; color: {c.text}; }}
QCheckBox::indicator, QRadioButton::indicator {{ width: 14px; height: 14px; border: 1px solid {c.limit};
  background: {c.surface}; border-radius: 4px; }}
QRadioButton::indicator {{ border-radius: 8px; }}
QCheckBox::indicator:hover, QRadioButton::indicator:hover, QCheckBox::indicator:focus,
QRadioButton::indicator:focus {{ border-color: {c.accent}; }}
QCheckBox::indicator:checked {{ background: {c.accent}; border-color: {c.accent};
  image: url("{_picture("ticked-dark" if c.dark else "ticked-light")}"); }}
QRadioButton::indicator:checked {{ width: 6px; height: 6px; border: 5px solid {c.accent};
  background: {c.on_accent}; border-radius: 8px; }}
QCheckBox::indicator:disabled, QRadioButton::indicator:disabled {{ border-color: {c.line};
  background: {c.window}; }}
QToolButton[role="icon"] {{ border: 1px solid transparent; border-radius: 5px; padding: 5px;
  background: transparent; }}
QToolButton[role="icon"]:hover {{ border-color: {c.line}; }}
QToolButton[role="icon"]:checked {{ background: {c.selection}; }}
QToolButton[role="icon"]:focus {{ border-color: {c.accent}; }}
QToolButton[role="help"] {{ border: 1px solid {c.limit}; border-radius: 8px; background: transparent;
  color: {c.secondary}; font-size: 11px; padding: 0; min-width: 14px; max-width: 14px; min-height: 14px;
  max-height: 14px; }}
QToolButton[role="help"]:hover {{ border-color: {c.text}; color: {c.text}; }}
QToolButton[role="help"]:focus {{ border-color: {c.accent}; color: {c.accent}; }}
QCheckBox:disabled, QRadioButton:disabled {{ color: {c.disabled}; }}
QCheckBox:focus, QRadioButton:focus {{ color: {c.accent}; }}
"""
