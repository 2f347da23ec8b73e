"""Own the search for texts that do not fit: ``python -m tests.gui.clipped_texts [LANGUAGE]``."""

from __future__ import annotations

import os
import sys


def main(language: str) -> None:
    """Look at every state of the smallest window; the pages' names first, then what does not fit."""
    from tunesmith import wording

    wording.speak(language)
    from tests.gui import every_state
    from tunesmith.gui.window import PAGES

    sys.stdout.write(f"{', '.join(title for _name, title in PAGES)}\n")
    for state, said in every_state.visit((900, 600), every_state.clipped):
        sys.stdout.write(f"{state}: {said}\n")


if __name__ == "__main__":
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    main(*sys.argv[1:] or ["en"])
