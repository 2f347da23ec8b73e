"""Own the icons: our SVG files, drawn in a colour of the theme."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from tunesmith import assets


@lru_cache(maxsize=256)
def icon(name: str, colour: str, active: str | None = None) -> QIcon:
    """An icon of ``resources/icons`` in ``colour``; in ``active`` where it is checked.

    Raises:
        FileNotFoundError: there is no such icon.
    """
    made = QIcon()
    for size in (16, 20, 24, 32, 48):
        drawn = _pixmap(name, colour, size)
        made.addPixmap(drawn)
        made.addPixmap(drawn, QIcon.Mode.Selected)  # else the style blends it with the selection
        if active is not None:
            made.addPixmap(_pixmap(name, active, size), QIcon.Mode.Normal, QIcon.State.On)
    return made


def _pixmap(name: str, colour: str, size: int) -> QPixmap:
    svg = assets.resource(f"icons/{name}.svg").read_text("utf-8").replace("currentColor", colour)
    renderer = QSvgRenderer(QByteArray(svg.encode()))
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    renderer.render(painter, QRectF(0, 0, size, size))
    painter.end()
    return pixmap


def application_icon() -> QIcon:
    """Tunesmith's own."""
    return QIcon(str(assets.resource("icons/tunesmith.svg")))
