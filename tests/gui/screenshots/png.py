"""Own the pictures' files: a palette of 256 colours keeps them small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

_COLOURS = 256
_ALIKE = 12
"""Colours that differ by less, over all channels, share a place in the palette; frequent ones come first."""


def pixels(picture: QImage) -> NDArray[np.uint8]:
    """Height × width × (red, green, blue)."""
    plain = picture.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(plain.constBits(), np.uint8).reshape(plain.height(), plain.bytesPerLine())
    return rows[:, : plain.width() * 3].reshape(plain.height(), plain.width(), 3).copy()


def save(picture: QImage, path: Path) -> None:
    """Write a picture with at most 256 colours; flat areas keep theirs exactly."""
    red, green, blue = np.moveaxis(pixels(picture).astype(np.uint32), 2, 0)
    packed, places, counts = np.unique(red << 16 | green << 8 | blue, return_inverse=True, return_counts=True)
    found = np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=1).astype(np.int16)
    palette = _palette(found[np.argsort(-counts)])
    nearest = np.array([np.abs(palette - one).sum(axis=1).argmin() for one in found], np.uint8)
    indices = nearest[places.reshape(-1)]
    shape = (picture.width(), picture.height(), picture.width())
    made = QImage(indices.tobytes(), *shape, QImage.Format.Format_Indexed8)
    made.setColorTable([0xFF000000 | int(r) << 16 | int(g) << 8 | int(b) for r, g, b in palette])
    if not made.save(str(path), "PNG", 0):  # type: ignore[call-overload]
        raise OSError(f"{path} could not be written")


def _palette(by_frequency: NDArray[np.int16]) -> NDArray[np.int16]:
    """The most frequent colours that are unlike each other; any, where there are too few of these."""
    chosen: list[NDArray[np.int16]] = []
    for one in by_frequency:
        if not chosen or np.abs(np.array(chosen) - one).sum(axis=1).min() >= _ALIKE:
            chosen.append(one)
            if len(chosen) == _COLOURS:
                break
    return np.array(chosen)
