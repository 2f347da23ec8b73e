"""Own what goes to standard output and what to standard error."""

from __future__ import annotations

import codecs
import io
import json
import logging
import os
import sys
import traceback
from typing import TYPE_CHECKING

from tunesmith.errors import TunesmithError

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console, RenderableType

REPORT_URL_HINT = (
    "This is a fault in Tunesmith. Report it with the lines above and what `tunesmith doctor` prints."
)

_WIDTH_OF_A_FILE = 120
_PLAIN = {"−": "-", "–": "-", "×": "x", "·": "-", "…": "...", "≤": "<="}
"""What is written instead where a terminal's or a pipe's encoding lacks a character."""
_ERRORS = "tunesmith.plain"


class Output:
    """Results to standard output, everything else to standard error."""

    def __init__(self, *, json_mode: bool, quiet: bool, verbose: bool) -> None:
        _write_anywhere()
        self.json_mode = json_mode
        self.quiet = quiet
        self.verbose = verbose
        logging.basicConfig(
            level=logging.DEBUG if verbose else logging.WARNING,
            format="%(levelname)s %(name)s: %(message)s",
            stream=sys.stderr,
        )

    def console(self, *, stderr: bool = False) -> Console:
        """A rich console on one of the two; colours only where they are wanted."""
        from rich.console import Console

        stream = sys.stderr if stderr else sys.stdout
        width = None if stream.isatty() else _WIDTH_OF_A_FILE
        no_color = "NO_COLOR" in os.environ or None
        return Console(stderr=stderr, highlight=False, width=width, no_color=no_color)

    def document(self, document: BaseModel) -> None:
        """Print the one JSON document."""
        text = document.model_dump_json(by_alias=True, indent=2)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def file(self, text: str) -> None:
        """Write what belongs into a file, byte for byte."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.flush()
            sys.stdout.buffer.write(text.encode())
        else:
            sys.stdout.write(text)
        sys.stdout.flush()

    def show(self, *parts: RenderableType) -> None:
        """Print the result for people."""
        console = self.console()
        for part in parts:
            console.print(part)

    def say(self, text: str) -> None:
        """Say something beside the result."""
        if not self.quiet:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()

    def error(self, error: TunesmithError) -> None:
        """Say what happened, what is unharmed and what to do."""
        if self.json_mode:
            document = {
                "schema": "tunesmith.error/1",
                "error": error.name,
                "exit_code": error.exit_code,
                "what": error.what,
                "unharmed": error.unharmed or None,
                "todo": error.todo or None,
                "details": error.details or None,
            }
            sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        sys.stderr.write(f"tunesmith: {error}\n")
        if error.details and self.verbose:
            sys.stderr.write(f"{error.details}\n")

    def fault(self, error: Exception) -> None:
        """Say that this is our own fault and how to report it."""
        traceback.print_exception(error, file=sys.stderr)
        if self.json_mode:
            document = {
                "schema": "tunesmith.error/1", "error": "fault", "exit_code": 1,
                "what": f"{type(error).__name__}: {error}", "unharmed": None, "todo": REPORT_URL_HINT,
                "details": None,
            }  # fmt: skip
            sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        sys.stderr.write(f"tunesmith: {REPORT_URL_HINT}\n")


def _write_anywhere() -> None:
    """Let no character of ours end a command, as a minus would on a pipe of Windows code page 1252."""
    codecs.register_error(_ERRORS, _plainly)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors=_ERRORS)


def _plainly(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_PLAIN.get(character, "?") for character in lacking), error.end
