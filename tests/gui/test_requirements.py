"""Own the claims about what is told when no window can be opened."""

from __future__ import annotations

from pathlib import Path

from tunesmith.gui.requirements import COMMON, X11, has_screen, install_line, missing_libraries


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
    assert missing_libraries({"DISPLAY": ":0"}, "linux", lambda _name: False) == COMMON + X11
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
        assert len(install_line(COMMON + X11, release).split()) > 10
