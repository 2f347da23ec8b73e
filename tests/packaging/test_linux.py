"""Own the claims about what Linux is told of Tunesmith: it is what the code says, and its tools accept it."""

from __future__ import annotations

import configparser
import hashlib
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.packaging.scripts import FOLDER, load
from tunesmith import __version__
from tunesmith.cli.parser import COMMANDS, SETTING_FLAGS
from tunesmith.settings import APP

deb, desktop, manual = load("deb"), load("desktop"), load("manual")
LINUX = FOLDER / "linux"
DAY = "2026-11-26"
MIME = "{http://www.freedesktop.org/standards/shared-mime-info}"


def needs(program: str) -> str:
    """The path of a program; without it the test is left out."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


class _Keys(configparser.ConfigParser):
    def optionxform(self, optionstr: str) -> str:
        return optionstr


def entry() -> configparser.SectionProxy:
    """The desktop entry's one section."""
    parser = _Keys(interpolation=None, delimiters=("=",))
    parser.read_string((LINUX / "tunesmith.desktop").read_text("utf-8"))
    return parser["Desktop Entry"]


def accepted(*command: str) -> None:
    """Let a tool look at something; it fails with what the tool says."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_entry_starts_the_window_on_one_file_under_the_name_of_its_icon() -> None:
    program, argument = entry()["Exec"].split()
    assert program in deb.LAUNCHERS
    assert argument == "%f"
    assert entry()["Icon"] == desktop.ICON.stem
    assert (LINUX / "tunesmith.desktop").stem == "tunesmith", "the name that the window tells the desktop"
    application = (FOLDER.parent / "app/tunesmith/gui/app.py").read_text("utf-8")
    assert 'setDesktopFileName("tunesmith")' in application


def test_a_gguf_file_is_known_by_its_magic_and_its_name_and_opened_by_the_entry() -> None:
    kind = ET.parse(LINUX / "tunesmith.xml").getroot().find(f"{MIME}mime-type")
    assert kind is not None
    match, glob = kind.find(f"{MIME}magic/{MIME}match"), kind.find(f"{MIME}glob")
    assert match is not None
    assert glob is not None
    assert (match.get("value"), match.get("offset"), glob.get("pattern")) == ("GGUF", "0", "*.gguf")
    assert entry()["MimeType"] == f"{kind.get('type')};"
    assert ET.fromstring(desktop.metainfo(DAY)).findtext("provides/mediatype") == kind.get("type")


def test_the_metainfo_states_this_version_and_the_launchers() -> None:
    component = ET.fromstring(desktop.metainfo(DAY))
    release = component.find("releases/release")
    assert release is not None
    assert (release.get("version"), release.get("date")) == (__version__, DAY)
    assert [one.text for one in component.findall("provides/binary")] == list(deb.LAUNCHERS)
    assert component.findtext("launchable") == "tunesmith.desktop"


def test_the_manual_names_every_command_and_every_setting() -> None:
    page = manual.man_page(DAY)
    plain = page.replace("\\-", "-")
    assert __version__ in page
    assert all(f".SS tunesmith {name}\n" in plain for name in COMMANDS)
    assert all(flag in plain for _, flags, *_ in SETTING_FLAGS for flag in flags)
    assert "--self-test [MODEL]" in plain
    assert ".SS tunesmith bundle create" in plain
    assert [code for code, _ in manual.exit_codes()] == [0, 1, 2, 3, 4, 5, 6, 7, 130]
    assert not re.search(r"%\(|%%|==SUPPRESS", plain)


def test_the_manual_is_well_formed(tmp_path: Path) -> None:
    path = tmp_path / "tunesmith.1"
    path.write_text(manual.man_page(DAY), "utf-8")
    done = subprocess.run(
        [needs("groff"), "-man", "-ww", "-z", "-Tutf8", "-Kutf8", str(path)],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shell", desktop.COMPLETIONS)
def test_a_shell_accepts_its_completions(shell: str, tmp_path: Path) -> None:
    path = tmp_path / shell
    path.write_text(desktop.completion(shell), "utf-8")
    assert "quantize" in path.read_text("utf-8")
    accepted(needs(shell), "-n", str(path))


def test_the_desktops_tools_accept_the_entry() -> None:
    accepted(needs("desktop-file-validate"), str(LINUX / "tunesmith.desktop"))


def test_appstreams_tool_accepts_the_metainfo(tmp_path: Path) -> None:
    path = tmp_path / "org.tunesmith.Tunesmith.metainfo.xml"
    path.write_text(desktop.metainfo(DAY), "utf-8")
    accepted(needs("appstreamcli"), "validate", "--no-net", str(path))


def test_the_icon_is_drawn_in_every_size(tmp_path: Path) -> None:
    desktop.draw_icons(tmp_path)
    for size in desktop.ICON_SIZES:
        header = (tmp_path / f"{size}x{size}/apps/tunesmith.png").read_bytes()[:24]
        assert header.startswith(b"\x89PNG")
        assert (int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")) == (size, size)
    assert (tmp_path / "scalable/apps/tunesmith.svg").read_bytes() == desktop.ICON.read_bytes()


def test_whoever_removes_the_package_is_told_where_users_data_is() -> None:
    for base in ("~/.local/share", "~/.config", "~/.cache"):
        assert f"{base}/{APP} " in deb.POSTRM.replace('"\n', " ")
    assert "rm " not in deb.POSTRM


def test_a_package_has_the_launchers_this_version_and_what_the_window_needs(tmp_path: Path) -> None:
    tool, frozen = needs("dpkg-deb"), tmp_path / "frozen"
    frozen.mkdir()
    (frozen / "tunesmith").write_text("a program")
    (frozen / "tunesmith-window").symlink_to("tunesmith")
    (frozen / "library.so").write_text("a library")
    path = deb.build(frozen, tmp_path, datetime(2026, 11, 26, tzinfo=UTC))
    fields = subprocess.run([tool, "-f", path], capture_output=True, text=True, check=True).stdout
    assert f"Version: {__version__}\n" in fields
    assert "libxcb-cursor0" in fields
    listed = subprocess.run([tool, "-c", path], capture_output=True, text=True, check=True).stdout
    modes = {line.split()[5]: line.split()[0] for line in listed.splitlines()}
    assert modes["./usr/lib/tunesmith/tunesmith"] == "-rwxr-xr-x"
    assert modes["./usr/lib/tunesmith/library.so"] == "-rw-r--r--"
    assert "./usr/bin/tunesmith-window -> ../lib/tunesmith/tunesmith-window" in listed
    assert {line.split()[1] for line in listed.splitlines()} == {"root/root"}
    for place in ("applications/tunesmith.desktop", "mime/packages/tunesmith.xml", "man/man1/tunesmith.1.gz"):
        assert f"./usr/share/{place}" in modes


def test_the_demo_models_package_puts_it_where_the_frozen_program_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool, model = needs("dpkg-deb"), tmp_path / "small.gguf"
    model.write_bytes(b"GGUF and the rest")
    monkeypatch.setattr(deb, "DEMO_SHA256", hashlib.sha256(model.read_bytes()).hexdigest())
    path = deb.build_demo(model, tmp_path)
    assert path.name == f"tunesmith-demo-model_{__version__}_all.deb"
    listed = subprocess.run([tool, "-c", path], capture_output=True, text=True, check=True).stdout
    assert "./usr/share/tunesmith/models/small.gguf" in listed
    fields = subprocess.run([tool, "-f", path], capture_output=True, text=True, check=True).stdout
    assert "Architecture: all\n" in fields
    assert deb.DEMO_NAME in deb.control("amd64", 1)


def test_only_the_model_whose_licence_is_told_is_packaged(tmp_path: Path, smollm2_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(b"GGUF")
    with pytest.raises(ValueError, match="is not the demo model"):
        deb.build_demo(other, tmp_path)
    with smollm2_path.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == deb.DEMO_SHA256


@pytest.mark.parametrize("script", ["check_deb.sh", "linux/double_click.sh"])
def test_the_scripts_that_try_the_packages_can_be_read_by_bash(script: str) -> None:
    accepted(needs("bash"), "-n", str(FOLDER / script))


def test_the_check_says_how_it_is_called_and_touches_nothing_without_packages(tmp_path: Path) -> None:
    done = subprocess.run(
        [needs("bash"), str(FOLDER / "check_deb.sh"), str(tmp_path / "none.deb"), str(tmp_path / "none.deb")],
        capture_output=True, text=True, timeout=30, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    assert "packaging/check_deb.sh TUNESMITH.deb DEMO-MODEL.deb [FOLDER]" in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_check_opens_the_window_by_the_entry_that_is_installed() -> None:
    script = (LINUX / "double_click.sh").read_text("utf-8")
    assert f"gtk-launch {Path('tunesmith.desktop').stem} " in script
    assert "gio open " in script
