"""Claims about devices without a screen: no Qt is needed, and the app's own process stays small."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_bundles import bundled, made_for
from tests.support.cli import CommandLine
from tests.support.real_profile import real_profile
from tunesmith.services.context import survey_machine
from tunesmith.services.profile_files import write_profile

MIB = 2**20
MOST_MIB = 96
"""Of the app's own process; llama.cpp's worker takes what the model takes."""
WITHOUT = (
    "import sys\n"
    "for name in ('PySide6', 'shiboken6', 'pyqtgraph'):\n"
    "    sys.modules[name] = None\n"  # as if they were not installed
    "from tunesmith.__main__ import main\n"
    "code = main()\n"
    "if sys.platform == 'linux':\n"
    "    status = open('/proc/self/status').read()\n"  # getrusage counts what was before exec, too
    "    print(1024 * int(status.partition('VmHWM:')[2].split()[0]), file=sys.stderr)\n"
    "sys.exit(code)\n"
)


def run(tunesmith: CommandLine, *arguments: object) -> tuple[int, str, str]:
    """Run a command where Qt is not installed: exit code and what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *map(str, arguments)], env=tunesmith.environment, check=False,
        capture_output=True, text=True, encoding="utf-8", cwd=tunesmith.folder,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def peak_mib(err: str) -> float:
    return int(err.split()[-1]) / MIB


@pytest.mark.parametrize(
    "command", ["devices", "machine", "profiles list", "keys list", "fleet report .", "doctor"]
)
def test_commands_need_no_qt(tunesmith: CommandLine, command: str) -> None:
    code, _, err = run(tunesmith, *command.split(), "--json")
    assert code == 0, err


def test_the_window_says_what_is_missing(tunesmith: CommandLine) -> None:
    code, _, err = run(tunesmith)
    assert code in (2, 6)
    assert "--headless" in err
    assert "Traceback" not in err


def test_picking_from_a_bundle_needs_no_qt_and_little_memory(
    tunesmith: CommandLine, smollm2_path: Path
) -> None:
    assert tunesmith.inline("keys", "create", "release").code == 0
    here = survey_machine()
    bundle = bundled(tunesmith, [made_for(here, smollm2_path, cpus, cpus=cpus) for cpus in (1, 2, 4, 64)])
    target = tunesmith.folder / "run.env"
    code, out, err = run(
        tunesmith, "--headless", "--bundle", bundle, smollm2_path, "--max-distance", "100", "--to", "env",
        "--output", target, "--json", "--quiet",
    )  # fmt: skip
    assert code == 0, err
    assert json.loads(out)["schema"] == "tunesmith.pick/1"
    assert target.exists()
    if sys.platform == "linux":
        assert peak_mib(err) < MOST_MIB


@pytest.mark.model
def test_verifying_a_file_needs_no_qt_and_little_memory(tunesmith: CommandLine, smollm2_path: Path) -> None:
    path = tunesmith.folder / "profile.json"
    write_profile(real_profile(smollm2_path, starts=2), path)
    code, out, err = run(
        tunesmith, "verify", path, "--model", smollm2_path, "--budget", "3s", "--json", "--quiet"
    )
    assert code in (0, 5, 7), err
    assert json.loads(out)["schema"] == "tunesmith.verify/1"
    if sys.platform == "linux":
        assert peak_mib(err) < MOST_MIB
