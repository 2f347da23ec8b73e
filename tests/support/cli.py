"""Own running the command line as a user does: another process, folders of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tunesmith.__main__ import main


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as the one JSON document it must be."""
        return json.loads(self.out)


@dataclass(frozen=True)
class CommandLine:
    """Tunesmith with its store and caches in one folder."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment a command runs in: no screen, folders of its own."""
        hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "NO_COLOR", "FORCE_COLOR", "COLUMNS")
        kept = {name: value for name, value in os.environ.items() if name not in hidden}
        return kept | {
            "TUNESMITH_STORE": str(self.folder / "store.sqlite3"),
            "TUNESMITH_CONFIG_DIR": str(self.folder / "config"),
            "TUNESMITH_CACHE_DIR": str(self.folder / "cache"),
            "PYTHONUTF8": "1",
        }

    def inline(self, *arguments: object) -> Finished:
        """Run a command in this process: much faster, for what needs no process of its own."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            for name in set(os.environ) - set(self.environment):
                patch.delenv(name)
            for name, value in self.environment.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["tunesmith", *map(str, arguments)])
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    code = main()
                except SystemExit as left:
                    code = int(left.code or 0)
        return Finished(code, out.getvalue(), err.getvalue())

    def start(self, *arguments: object, **environment: str) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen(
            [sys.executable, "-m", "tunesmith", *map(str, arguments)],
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            cwd=self.folder,
        )

    def __call__(self, *arguments: object, timeout: float = 280, **environment: str) -> Finished:
        """Run a command to its end."""
        with self.start(*arguments, **environment) as process:
            try:
                out, err = process.communicate(timeout=timeout)
            except BaseException:
                process.kill()
                raise
        return Finished(process.returncode, out, err)
