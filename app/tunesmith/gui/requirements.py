"""Own what the window needs of the system, told before Qt is loaded; imports no Qt."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

COMMON = (
    "libEGL.so.1", "libGL.so.1", "libdbus-1.so.3", "libfontconfig.so.1", "libglib-2.0.so.0",
    "libxkbcommon.so.0",
)  # fmt: skip
X11 = (
    "libxkbcommon-x11.so.0",
    "libxcb-cursor.so.0",
    "libxcb-icccm.so.4",
    "libxcb-keysyms.so.1",
    "libxcb-shape.so.0",
)
_DEBIAN = {
    "libEGL.so.1": "libegl1", "libGL.so.1": "libgl1", "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1", "libglib-2.0.so.0": "libglib2.0-0",
    "libxkbcommon.so.0": "libxkbcommon0", "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0", "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1", "libxcb-shape.so.0": "libxcb-shape0",
}  # fmt: skip
_FEDORA = {
    "libEGL.so.1": "libglvnd-egl", "libGL.so.1": "libglvnd-glx", "libdbus-1.so.3": "dbus-libs",
    "libfontconfig.so.1": "fontconfig", "libglib-2.0.so.0": "glib2", "libxkbcommon.so.0": "libxkbcommon",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11", "libxcb-cursor.so.0": "xcb-util-cursor",
    "libxcb-icccm.so.4": "xcb-util-wm", "libxcb-keysyms.so.1": "xcb-util-keysyms",
    "libxcb-shape.so.0": "libxcb",
}  # fmt: skip


def has_screen(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Whether a window could be shown at all; Qt's own offscreen platform counts."""
    if platform in ("win32", "darwin"):
        return True
    return any(environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def missing_libraries(
    environ: Mapping[str, str] = os.environ,
    platform: str = sys.platform,
    loads: Callable[[str], bool] = _loads,
) -> tuple[str, ...]:
    """Shared libraries that Qt would not find; empty where it brings its own."""
    if not platform.startswith("linux"):
        return ()
    wanted: tuple[str, ...] = COMMON
    if environ.get("DISPLAY") and not environ.get("WAYLAND_DISPLAY") and not environ.get("QT_QPA_PLATFORM"):
        wanted += X11
    return tuple(name for name in wanted if not loads(name))


def install_line(missing: tuple[str, ...], os_release: Path = Path("/etc/os-release")) -> str:
    """The command that installs them on this distribution."""
    try:
        text = os_release.read_text("utf-8").lower()
    except OSError:
        text = ""
    if any(name in text for name in ("fedora", "rhel", "centos")):
        return f"sudo dnf install -y {' '.join(sorted({_FEDORA[name] for name in missing}))}"
    return f"sudo apt-get install -y {' '.join(sorted({_DEBIAN[name] for name in missing}))}"


def obstacle() -> tuple[str, str] | None:
    """Why no window can be opened and what to do about it; None if one can."""
    if not has_screen():
        return "there is no screen to open a window on", ""
    missing = missing_libraries()
    if missing:
        what = f"the window needs system libraries that are not installed ({', '.join(missing)})"
        return what, f"To install them:            {install_line(missing)}\n"
    return None
