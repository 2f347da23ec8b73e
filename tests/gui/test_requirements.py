"""Own the claims about what is told when no window can be opened."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tunesmith.gui.requirements import (
    COMMON,
    WAYLAND,
    X11,
    X11_ALONG,
    _loads,
    has_screen,
    install_line,
    missing_libraries,
    obstacle,
    x_answers,
)


def test_a_screen_is_x_wayland_or_named_for_qt() -> None:
    assert not has_screen({}, "linux")
    assert has_screen({"DISPLAY": ":0"}, "linux")
    assert has_screen({"WAYLAND_DISPLAY": "wayland-0"}, "linux")
    assert has_screen({"QT_QPA_PLATFORM": "offscreen"}, "linux")
    assert has_screen({}, "darwin")
    assert has_screen({}, "win32")


def test_an_x_screen_needs_more_libraries_than_none() -> None:
    nothing = missing_libraries({"QT_QPA_PLATFORM": "offscreen"}, "linux", lambda _name: False)
    assert nothing == COMMON
    assert missing_libraries({"DISPLAY": ":0"}, "linux", lambda _name: False) == COMMON + X11 + X11_ALONG
    asked = {"QT_QPA_PLATFORM": "xcb:nograb", "WAYLAND_DISPLAY": "wayland-0"}
    assert missing_libraries(asked, "linux", lambda name: name not in X11) == X11
    assert missing_libraries({"DISPLAY": ":0"}, "linux", lambda _name: True) == ()
    assert missing_libraries({}, "win32", lambda _name: False) == ()


def test_the_install_line_is_the_distributions_own(tmp_path: Path) -> None:
    release = tmp_path / "os-release"
    release.write_text("ID=debian\n", "utf-8")
    assert install_line(("libEGL.so.1", "libxcb-cursor.so.0"), release) == (
        "sudo apt-get install -y libegl1 libxcb-cursor0"
    )
    release.write_text('ID="fedora"\n', "utf-8")
    assert install_line(("libEGL.so.1",), release) == "sudo dnf install -y libglvnd-egl"
    assert install_line(("libGL.so.1",), tmp_path / "nowhere").startswith("sudo apt-get")


def test_every_library_has_a_package_on_both_families(tmp_path: Path) -> None:
    for family in ("debian", "fedora"):
        release = tmp_path / family
        release.write_text(f"ID={family}\n", "utf-8")
        every = COMMON + X11 + X11_ALONG + WAYLAND
        assert len(install_line(every, release).split()) > 15


def test_of_wayland_and_x_one_is_enough() -> None:
    both = {"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"}
    assert missing_libraries(both, "linux", lambda name: "xcb" not in name) == ()
    assert missing_libraries(both, "linux", lambda name: "wayland" not in name) == ()
    assert missing_libraries(both, "linux", lambda name: name in COMMON) == WAYLAND


def test_libraries_that_are_missing_are_named_with_the_command_that_installs_them() -> None:
    found = obstacle({"DISPLAY": ":0"}, "linux", lambda name: name != "libxcb-cursor.so.0", lambda: True)
    assert found is not None
    assert found.what == "the window needs system libraries that are not installed (libxcb-cursor.so.0)"
    assert "install -y " in found.todo
    assert "cursor" in found.todo
    assert found.exit_code == 6


def test_a_screen_that_does_not_answer_is_told_instead_of_aborting() -> None:
    found = obstacle({"DISPLAY": ":77"}, "linux", lambda _name: True, lambda: False)
    assert found is not None
    assert found.what.startswith("the screen :77 does not answer")
    assert found.exit_code == 2
    assert obstacle({"DISPLAY": ":0"}, "linux", lambda _name: True, lambda: True) is None
    assert obstacle({"QT_QPA_PLATFORM": "offscreen"}, "linux", lambda _name: True, lambda: False) is None
    assert obstacle({}, "win32", lambda _name: False, lambda: False) is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X screens are a matter of Linux")
def test_a_display_that_nobody_serves_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    if not _loads("libxcb.so.1"):
        pytest.skip("needs the package libxcb1")
    monkeypatch.setenv("DISPLAY", ":4077")
    assert not x_answers()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X screens are a matter of Linux")
@pytest.mark.parametrize(
    "setting",
    [{"DISPLAY": ":4077"}, {"DISPLAY": ":4077", "QT_QPA_PLATFORM": "xcb"}],
    ids=["plain", "asked for"],
)
def test_a_start_that_qt_would_abort_ends_in_words(tmp_path: Path, setting: dict[str, str]) -> None:
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    places = {f"TUNESMITH_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "CACHE")}
    done = subprocess.run(
        [sys.executable, "-m", "tunesmith"], env=kept | places | setting, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert done.returncode in (2, 6)
    assert done.stderr.startswith("tunesmith: the ")
    assert "tunesmith --headless" in done.stderr
