"""Claims about recipes that need other systems or tools: what of them can be tried anywhere."""

from __future__ import annotations

import os
import plistlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.packaging.scripts import FOLDER, load
from tunesmith import __version__

appimage = load("appimage")
LINUX = FOLDER / "linux"
FLATPAK = yaml.safe_load((FOLDER / "flatpak/org.tunesmith.Tunesmith.yml").read_text("utf-8"))
INNO = (FOLDER / "windows/tunesmith.iss").read_text("utf-8-sig")
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="these are shell scripts")


@POSIX
def test_the_appimages_entrance_passes_everything_on(tmp_path: Path) -> None:
    folder = tmp_path / "an AppDir"
    program = folder / appimage.HOME / "tunesmith"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    program.chmod(0o755)
    (folder / "AppRun").write_text(appimage.APP_RUN)
    (folder / "AppRun").chmod(0o755)
    (tmp_path / "link").symlink_to(folder / "AppRun")
    done = subprocess.run(
        [tmp_path / "link", "a model.gguf", "*"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "a model.gguf|*|"


def test_an_appimage_brings_only_libraries_that_the_window_asks_for() -> None:
    from tunesmith.gui import requirements

    assert set(appimage.ALONG) <= {*requirements.X11, *requirements.X11_ALONG}


@POSIX
def test_the_flatpaks_commands_name_everything_after_its_id(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "app"
    (source / "lib/tunesmith").mkdir(parents=True)
    (source / "lib/tunesmith/tunesmith").touch()
    for place, name in (
        ("applications", "tunesmith.desktop"), ("mime/packages", "tunesmith.xml"),
        ("metainfo", "tunesmith.metainfo.xml"),
    ):  # fmt: skip
        (source / "share" / place).mkdir(parents=True)
        kept = f"{FLATPAK['id']}.metainfo.xml" if place == "metainfo" else name
        (source / "share" / place / kept).write_bytes((LINUX / name).read_bytes())
    for size, ending in (("16x16", "png"), ("scalable", "svg")):
        folder = source / "share/icons/hicolor" / size / "apps"
        folder.mkdir(parents=True)
        (folder / f"tunesmith.{ending}").touch()
    [module] = FLATPAK["modules"]
    environ = os.environ | {"FLATPAK_DEST": str(target), "FLATPAK_ID": FLATPAK["id"]}
    for command in module["build-commands"]:
        subprocess.run(["sh", "-ec", command], cwd=source, env=environ, check=True)
    files = {str(path.relative_to(target)) for path in target.rglob("*") if not path.is_dir()}
    name = FLATPAK["id"]
    assert files == {
        "bin/tunesmith", "bin/tunesmith-window", "lib/tunesmith/tunesmith",
        f"share/applications/{name}.desktop", f"share/mime/packages/{name}.xml",
        f"share/metainfo/{name}.metainfo.xml", f"share/icons/hicolor/16x16/apps/{name}.png",
        f"share/icons/hicolor/scalable/apps/{name}.svg",
    }  # fmt: skip
    assert (target / "bin/tunesmith").resolve() == target / "lib/tunesmith/tunesmith"
    entry = (target / f"share/applications/{name}.desktop").read_text("utf-8")
    assert f"Icon={name}\n" in entry
    assert f">{name}.desktop</launchable>" in (target / f"share/metainfo/{name}.metainfo.xml").read_text(
        "utf-8"
    )


def test_the_flatpak_asks_for_no_network() -> None:
    assert not any("network" in argument for argument in FLATPAK["finish-args"])
    assert [source["path"] for source in FLATPAK["modules"][0]["sources"]] == [
        "../../build/Tunesmith.AppDir/usr"
    ]


def test_the_installers_texts_are_there_in_each_of_its_languages() -> None:
    used = set(re.findall(r"\{cm:(\w+)\}", INNO)) | set(re.findall(r"CustomMessage\('(\w+)'\)", INNO))
    own = {
        language: set(re.findall(rf"^{language}\.(\w+)=", INNO, re.MULTILINE)) for language in ("en", "de")
    }
    assert own["en"] == own["de"]
    assert used - own["en"] == {"CreateDesktopIcon"}, "Inno Setup brings this one"


def test_the_installer_asks_for_no_administrator_and_removes_no_data() -> None:
    assert "PrivilegesRequired=lowest" in INNO
    assert "[UninstallDelete]" not in INNO
    assert "DelTree" not in INNO
    assert "HKLM" not in INNO
    assert (FOLDER / "windows/tunesmith.iss").read_bytes().startswith(b"\xef\xbb\xbf"), (
        "else it reads no umlauts"
    )


def test_macos_is_told_of_gguf_files_and_which_program_is_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER / "macos")
    mac_app = load("mac_app")
    told = plistlib.loads(plistlib.dumps(mac_app.info_plist(__version__)))
    [kind], [declared] = told["CFBundleDocumentTypes"], told["UTImportedTypeDeclarations"]
    assert kind["LSItemContentTypes"] == [declared["UTTypeIdentifier"]]
    assert declared["UTTypeTagSpecification"]["public.filename-extension"] == ["gguf"]
    assert told["CFBundleExecutable"] in load("deb").LAUNCHERS
    assert told["LSBackgroundOnly"] is False
    assert plistlib.loads((FOLDER / "macos/entitlements.plist").read_bytes())


@POSIX
@pytest.mark.parametrize("script", sorted(FOLDER.rglob("*.sh")), ids=lambda path: path.name)
def test_a_shell_script_can_be_read(script: Path) -> None:
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
