"""Claims about the window's language."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QLocale, QTranslator
from PySide6.QtWidgets import QApplication, QDoubleSpinBox
from pytestqt.qtbot import QtBot

from tunesmith import wording
from tunesmith.gui.language import choose_language, resolved, speak_qt
from tunesmith.settings import Preferences, save_preferences

ROOT = Path(__file__).parents[2]


def lines_of(module: str, *arguments: str) -> list[str]:
    """What a module writes in a process of its own; a process speaks one language."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=580,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("preferred", "system", "spoken"),
    [
        ("system", ["de-Latn-AT", "de-AT", "de"], "de"),
        ("system", ["fr-FR", "fr", "de-DE", "en"], "de"),
        ("system", ["en-GB", "de"], "en"),
        ("system", ["C"], "en"),
        ("system", [], "en"),
        ("en", ["de"], "en"),
        ("de_AT", ["en"], "de"),
        ("tlh", ["de"], "en"),
    ],
)
def test_the_language_is_the_preferred_one_or_the_systems(
    preferred: str, system: list[str], spoken: str
) -> None:
    assert resolved(preferred, system) == spoken


@pytest.fixture
def english_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process speaks one way; what a test chooses must not outlive it."""
    monkeypatch.setattr(wording, "_speech", wording._Speech("en", "binary", wording._speech.catalog))
    monkeypatch.setenv("TUNESMITH_LANGUAGE", "en")


def test_preferences_choose_language_and_units(english_again: None, home: Path, tmp_path: Path) -> None:
    save_preferences(tmp_path / "config", Preferences(language="de", units="decimal"))
    choose_language()
    assert (wording.language(), wording.units()) == ("de", "decimal")
    wording.speak("en")
    wording.speak_as_told()
    assert wording.language() == "de", "workers are told"


def test_broken_preferences_stop_nothing(english_again: None, home: Path, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "preferences.toml").write_text("language = ")
    choose_language()
    assert wording.language() in wording.LANGUAGES
    assert wording.units() == "binary"


def test_qt_speaks_german_too(
    english_again: None, qapp: QApplication, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed: list[QTranslator] = []
    monkeypatch.setattr(QApplication, "installTranslator", lambda _self, one: installed.append(one))
    before = QLocale()
    try:
        wording.speak("de")
        speak_qt(qapp)
        field = QDoubleSpinBox()
        qtbot.addWidget(field)
        field.setValue(2.5)
        assert field.text() == "2,50"
        (translator,) = installed
        assert translator.translate("QPlatformTheme", "Cancel") == "Abbrechen"
    finally:
        QLocale.setDefault(before)
        for one in installed:
            one.deleteLater()


@pytest.mark.timeout(600)
def test_every_text_of_the_window_can_be_translated() -> None:
    assert lines_of("tests.gui.unmarked_texts") == []


@pytest.mark.timeout(600)
def test_the_window_is_german_and_fits() -> None:
    rail, *clipped = lines_of("tests.gui.clipped_texts", "de")
    assert rail == (
        "Modelle, Abstimmen, Quantisierung, Ausprobieren, Profile, Vergleichen, Dauerlauf, Rechner, Flotte"
    )
    assert clipped == []
