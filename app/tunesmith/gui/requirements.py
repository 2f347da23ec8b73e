"""Own what the window needs of the system, told before Qt is loaded; imports no Qt.

Qt itself ends a program that lacks a library of its platform, or whose screen does not answer, by ``abort``:
a core dump and no word that a user understands.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

COMMON = (
    "libEGL.so.1", "libGL.so.1", "libdbus-1.so.3", "libfontconfig.so.1", "libglib-2.0.so.0",
    "libgssapi_krb5.so.2", "libxkbcommon.so.0",
)  # fmt: skip
"""Whatever the window is shown on."""
X11 = (
    "libxkbcommon-x11.so.0",
    "libxcb-cursor.so.0",
    "libxcb-icccm.so.4",
    "libxcb-keysyms.so.1",
    "libxcb-shape.so.0",
)
"""For an X screen."""
X11_ALONG = (
    "libX11-xcb.so.1", "libxcb-image.so.0", "libxcb-randr.so.0", "libxcb-render-util.so.0",
    "libxcb-shm.so.0", "libxcb-sync.so.1", "libxcb-util.so.1", "libxcb-xfixes.so.0", "libxcb-xkb.so.1",
)  # fmt: skip
"""What packages of the others bring along, where nothing was taken out by hand."""
WAYLAND = ("libwayland-client.so.0", "libwayland-cursor.so.0")
_DEBIAN = {
    "libEGL.so.1": "libegl1", "libGL.so.1": "libgl1", "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1", "libglib-2.0.so.0": "libglib2.0-0",
    "libgssapi_krb5.so.2": "libgssapi-krb5-2",
    "libxkbcommon.so.0": "libxkbcommon0", "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0", "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1", "libxcb-shape.so.0": "libxcb-shape0",
    "libX11-xcb.so.1": "libx11-xcb1", "libxcb-image.so.0": "libxcb-image0",
    "libxcb-randr.so.0": "libxcb-randr0", "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shm.so.0": "libxcb-shm0", "libxcb-sync.so.1": "libxcb-sync1", "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0", "libxcb-xkb.so.1": "libxcb-xkb1",
    "libwayland-client.so.0": "libwayland-client0", "libwayland-cursor.so.0": "libwayland-cursor0",
}  # fmt: skip
_FEDORA = {
    "libEGL.so.1": "libglvnd-egl", "libGL.so.1": "libglvnd-glx", "libdbus-1.so.3": "dbus-libs",
    "libfontconfig.so.1": "fontconfig", "libglib-2.0.so.0": "glib2", "libgssapi_krb5.so.2": "krb5-libs",
    "libxkbcommon.so.0": "libxkbcommon", "libxkbcommon-x11.so.0": "libxkbcommon-x11",
    "libxcb-cursor.so.0": "xcb-util-cursor", "libxcb-icccm.so.4": "xcb-util-wm",
    "libxcb-keysyms.so.1": "xcb-util-keysyms", "libxcb-shape.so.0": "libxcb",
    "libX11-xcb.so.1": "libX11-xcb", "libxcb-image.so.0": "xcb-util-image", "libxcb-randr.so.0": "libxcb",
    "libxcb-render-util.so.0": "xcb-util-renderutil", "libxcb-shm.so.0": "libxcb",
    "libxcb-sync.so.1": "libxcb", "libxcb-util.so.1": "xcb-util", "libxcb-xfixes.so.0": "libxcb",
    "libxcb-xkb.so.1": "libxcb",
    "libwayland-client.so.0": "libwayland-client", "libwayland-cursor.so.0": "libwayland-cursor",
}  # fmt: skip
_NO_SCREEN, NOT_INSTALLED = 2, 6
"""Exit codes: there is nothing to show a window on, or its libraries are missing."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why no window can be opened."""

    what: str
    todo: str
    """A line of its own, or nothing."""
    exit_code: int


def debian_package(library: str) -> str:
    """The package of Debian's that a shared library is in."""
    return _DEBIAN[library]


def has_screen(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Whether a window could be shown at all; Qt's own offscreen platform counts."""
    if platform in ("win32", "darwin"):
        return True
    return any(environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def screen_kinds(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The platforms of Qt that come into question, such as ``xcb``; Qt takes the first that it can."""
    if named := environ.get("QT_QPA_PLATFORM"):
        return tuple(one.partition(":")[0] for one in named.split(";"))
    kinds = (("wayland", "WAYLAND_DISPLAY"), ("xcb", "DISPLAY"))
    return tuple(kind for kind, name in kinds if environ.get(name))


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
    """Shared libraries that Qt would not find; empty where it brings its own, or needs only one of two."""
    if not platform.startswith("linux"):
        return ()
    lacking = tuple(name for name in COMMON if not loads(name))
    needs = {"xcb": X11 + X11_ALONG, "wayland": WAYLAND}
    for_kinds = [
        tuple(name for name in needs.get(kind.partition("-")[0], ()) if not loads(name))
        for kind in screen_kinds(environ)
    ]
    return lacking + (min(for_kinds, key=len) if for_kinds else ())


def x_answers() -> bool:
    """Whether the X screen that ``DISPLAY`` names can be reached and lets us in; True if that is unknown."""
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return True
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(None, None))
    failed = xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    return not failed


def install_line(missing: tuple[str, ...], os_release: Path = Path("/etc/os-release")) -> str:
    """The command that installs them on this distribution."""
    try:
        text = os_release.read_text("utf-8").lower()
    except OSError:
        text = ""
    if any(name in text for name in ("fedora", "rhel", "centos")):
        return f"sudo dnf install -y {' '.join(sorted({_FEDORA[name] for name in missing}))}"
    return f"sudo apt-get install -y {' '.join(sorted({_DEBIAN[name] for name in missing}))}"


def obstacle(
    environ: Mapping[str, str] = os.environ,
    platform: str = sys.platform,
    loads: Callable[[str], bool] = _loads,
    answers: Callable[[], bool] = x_answers,
) -> Obstacle | None:
    """Why no window can be opened and what to do about it; None if one can."""
    if not has_screen(environ, platform):
        return Obstacle("there is no screen to open a window on", "", _NO_SCREEN)
    if missing := missing_libraries(environ, platform, loads):
        what = f"the window needs system libraries that are not installed ({', '.join(missing)})"
        todo = f"To install them:            {install_line(missing)}\n"
        return Obstacle(what, todo, NOT_INSTALLED)
    if platform.startswith("linux") and screen_kinds(environ) == ("xcb",) and not answers():
        named = environ.get("DISPLAY", "")
        return Obstacle(
            f"the screen {named or 'that DISPLAY names'} does not answer, or lets this user not in",
            "", _NO_SCREEN,
        )  # fmt: skip
    return None
