"""Claims about how the pages look: as in the committed pictures, but for what letters differ by."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage

from tests.gui.screenshots.__main__ import NO_FONT
from tests.gui.screenshots.png import pixels
from tests.gui.screenshots.scene import SCENES
from tests.gui.screenshots.take import MODULES, SIZES, THEMES, file_name

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "images" / "pages"
RENEW = "python -m tests.gui.screenshots docs/images/pages"
_MEAN, _FAR, _SHARE = 2.0, 32, 0.01
"""Of 255: what channels may differ by on average; and from where on few pixels only may differ."""
KEPT = [name for name, scene in SCENES.items() if scene.kept]
NAMES = [file_name(name, theme, size) for name in KEPT for theme in THEMES for size in SIZES]

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the committed pictures were taken on Linux"),
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures taken now, by the command that renews the committed ones."""
    folder = tmp_path_factory.mktemp("pages")
    command = [sys.executable, "-m", "tests.gui.screenshots", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == NO_FONT:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    noise = [line for line in done.stderr.splitlines() if "propagateSizeHints" not in line]
    assert not noise, "Qt complains while the pictures are taken"
    return folder


def _half(picture: QImage) -> NDArray[np.int16]:
    """Pixels of a picture half as large: letters that were set a little otherwise look the same."""
    smooth = Qt.TransformationMode.SmoothTransformation
    keep = Qt.AspectRatioMode.IgnoreAspectRatio
    plain = picture.convertToFormat(QImage.Format.Format_RGB32)
    return pixels(plain.scaled(picture.width() // 2, picture.height() // 2, keep, smooth)).astype(np.int16)


def _differs(one: QImage, other: QImage) -> tuple[float, float]:
    """The mean difference of all channels, and the share of pixels that differ far."""
    apart = np.abs(_half(one) - _half(other))
    return float(apart.mean()), float((apart.max(axis=2) > _FAR).mean())


def _show_difference(one: QImage, other: QImage, path: Path) -> None:
    apart = (255 - np.abs(pixels(one).astype(np.int16) - pixels(other))).astype(np.uint8)
    height, width, _ = apart.shape
    QImage(apart.tobytes(), width, height, width * 3, QImage.Format.Format_RGB888).save(str(path))


@pytest.mark.parametrize("name", NAMES)
def test_a_page_looks_as_it_did(name: str, taken: Path, tmp_path: Path) -> None:
    assert (PICTURES / name).exists(), f"there is no picture of it yet: {RENEW}"
    before, now = QImage(str(PICTURES / name)), QImage(str(taken / name))
    assert before.size() == now.size()
    mean, share = _differs(before, now)
    if mean >= _MEAN or share >= _SHARE:
        now.save(str(tmp_path / name))
        _show_difference(before, now, tmp_path / f"difference-{name}")
        pytest.fail(
            f"{name} looks otherwise: channels differ by {mean:.2f} on average, {share:.1%} of the pixels by "
            f"more than {_FAR}. Look at {tmp_path}. If it is meant: {RENEW}"
        )


def test_a_picture_that_is_not_taken_any_more_is_not_kept() -> None:
    assert MODULES
    assert {path.name for path in PICTURES.glob("*.png")} <= set(NAMES)


def test_what_makes_a_difference_is_seen_and_what_does_not_is_not() -> None:
    plain = QImage(200, 100, QImage.Format.Format_RGB32)
    plain.fill(Qt.GlobalColor.white)
    letters, block = plain.copy(), plain.copy()
    for x in range(0, 200, 2):
        letters.setPixelColor(x, 50, Qt.GlobalColor.lightGray)
    for x in range(40):
        for y in range(10):
            block.setPixelColor(x, y, Qt.GlobalColor.black)
    mean, share = _differs(plain, letters)
    assert mean < _MEAN
    assert share < _SHARE
    assert _differs(plain, block)[1] >= _SHARE
