"""Own which language the window speaks, chosen before anything that holds a text is imported."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator

from tunesmith import wording
from tunesmith.errors import UsageError
from tunesmith.settings import Preferences, folders, load_preferences

SYSTEM = "system"
"""The preference that follows the system."""


def choose_language() -> None:
    """Speak as the user prefers, and let workers do the same.

    Preferences that cannot be read count as the defaults; the window tells of them when it is there.
    """
    try:
        preferences = load_preferences(folders().config)
    except UsageError:
        preferences = Preferences()
    wording.speak(resolved(preferences.language, QLocale.system().uiLanguages()), preferences.units)
    wording.tell_workers()


def resolved(preferred: str, of_the_system: Iterable[str]) -> str:
    """The code of the language to speak.

    Args:
        preferred: a code, or ``system``.
        of_the_system: the system's languages, the liked best first; the first one that is known counts.
    """
    wanted = of_the_system if preferred == SYSTEM else (preferred,)
    codes = (wording.base_language(code) for code in wanted)
    return next((code for code in codes if code in wording.LANGUAGES), wording.SOURCE)


def speak_qt(application: QCoreApplication) -> None:
    """Let Qt's own texts and number fields speak the same language; before the first widget is made."""
    language = wording.language()
    QLocale.setDefault(QLocale(language))
    if language == wording.SOURCE:
        return
    folder = Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath))
    translator = QTranslator(application)
    if translator.load(str(folder / f"qtbase_{language}.qm")):
        application.installTranslator(translator)
