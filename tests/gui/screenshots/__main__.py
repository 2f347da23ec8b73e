"""Own the command: ``python -m tests.gui.screenshots OUT [SCENE …]``; ``OUT all`` for the unkept ones too."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).parent
NO_FONT = 3


def main(arguments: list[str]) -> int:
    """Take the pictures and return the exit code."""
    out, names = Path(arguments[0]), arguments[1:]
    for name in [name for name in os.environ if name.startswith("QT_")]:
        del os.environ[name]
    os.environ |= {
        "QT_QPA_PLATFORM": "offscreen", "FONTCONFIG_FILE": str(FOLDER / "fonts.conf"), "LC_ALL": "C.UTF-8",
        "TZ": "UTC", "TUNESMITH_LANGUAGE": "en",
    }  # fmt: skip
    if hasattr(time, "tzset"):
        time.tzset()

    from PySide6.QtWidgets import QApplication

    from tests.gui.screenshots.png import save
    from tests.gui.screenshots.scene import SCENES
    from tests.gui.screenshots.take import FONT, all_scenes, has_font, take

    application = QApplication(["tunesmith"])
    if not has_font(application):
        print(f"The pictures are set in {FONT}, which is not here.", file=sys.stderr)
        return NO_FONT
    out.mkdir(parents=True, exist_ok=True)
    for scene in SCENES.values() if names == ["all"] else all_scenes(names):
        for name, picture in take(application, scene):
            save(picture, out / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
