"""Own how one text becomes one word, whatever is in it, in each of the languages that exports are in."""

from __future__ import annotations

import csv
import io
import re
import shlex
import subprocess
from collections.abc import Sequence

from tunesmith.export.job import Shell, refuse_characters
from tunesmith.wording import tr

_PLAIN_WORD = re.compile(r"[A-Za-z0-9_/.,:=+@-]+")
_PLAIN_CMD = re.compile(r"[A-Za-z0-9_/.:+@-]+")
"""cmd splits the arguments of a batch file at ``,``, ``;`` and ``=`` too."""
_PLAIN_POWERSHELL = re.compile(r"[A-Za-z0-9_/.:=+][A-Za-z0-9_/.:=+-]*")
_POWERSHELL_QUOTES = re.compile("(['\u2018\u2019\u201a\u201b])")
"""PowerShell takes typographic quotes for plain ones (about_Quoting_Rules)."""


def posix(word: str) -> str:
    """A word of a POSIX shell."""
    return shlex.quote(word)


def powershell(word: str) -> str:
    """A PowerShell string: nothing in single quotes means anything, and a quote is written twice."""
    if _PLAIN_POWERSHELL.fullmatch(word):
        return word
    return "'" + _POWERSHELL_QUOTES.sub(r"\1\1", word) + "'"


def cmd(word: str) -> str:
    """A word in a batch file, for programs that split their command line as Microsoft's C runtime does.

    Raises:
        UsageError: it holds a quote or an end of line, which Windows allows in no file name.
    """
    refuse_characters(word, r'["\r\n\x1a]', tr("A batch file"), tr("quotes and ends of line"))
    quoted = subprocess.list2cmdline([word])
    if not _PLAIN_CMD.fullmatch(word) and not quoted.startswith('"'):
        trailing = "\\" * (len(word) - len(word.rstrip("\\")))
        quoted = f'"{word}{trailing}"'
    return quoted.replace("%", "%%")


def systemd(word: str) -> str:
    """A word of ExecStart= (systemd.service(5), "Command lines"; systemd.syntax(7), "Quoting")."""
    if _PLAIN_WORD.fullmatch(word):
        return word
    pieces = []
    for character in word:
        match character:
            case "\\" | '"':
                pieces.append("\\" + character)
            case "%" | "$":
                pieces.append(character * 2)
            case "\n":
                pieces.append("\\n")
            case _ if ord(character) < 32 or ord(character) == 127:
                pieces.append(f"\\x{ord(character):02x}")
            case _:
                pieces.append(character)
    return '"' + "".join(pieces) + '"'


def comma_separated(fields: Sequence[str]) -> str:
    """Fields of ``--mount``, which Docker and Podman read as a line of CSV."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields)
    return line.getvalue()


def command(words: Sequence[str], shell: Shell, *, options_from: int = 1) -> str:
    """A command over several lines, an option with its value on each.

    Args:
        words: program and arguments.
        shell: whose language it is.
        options_from: how many words stand on the first line.

    Raises:
        UsageError: a word cannot be written.
    """
    quote = {"posix": posix, "powershell": powershell, "cmd": cmd}[shell]
    lines: list[list[str]] = [[quote(word) for word in words[:options_from]]]
    for word in words[options_from:]:
        complete = len(lines) > 1 and len(lines[-1]) == 2
        if complete or (word.startswith("--") and not any(c.isspace() for c in word)):
            lines.append([])
        lines[-1].append(quote(word))
    glue = {"posix": " \\\n  ", "powershell": " `\n  ", "cmd": " ^\r\n  "}[shell]
    return glue.join(" ".join(line) for line in lines if line)
