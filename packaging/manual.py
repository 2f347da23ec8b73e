"""Own the man page, written from the command line's own grammar, so that it cannot say anything else."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from typing import Final, TypeAlias

from tunesmith import __version__
from tunesmith.cli.parser import EXIT_CODES, build_parser

Grammar: TypeAlias = argparse.ArgumentParser

ENVIRONMENT: Final = {
    "TUNESMITH_STORE": "where profiles and runs are kept",
    "TUNESMITH_CONFIG_DIR": "the folder of preferences and presets",
    "TUNESMITH_CACHE_DIR": "the folder of what can be made anew",
    "NO_COLOR": "no colours on the terminal",
}
FILES: Final = {
    "~/.local/share/tunesmith/tunesmith.sqlite3": "profiles and runs",
    "~/.config/tunesmith/": "preferences, presets, signing keys",
    "~/.cache/tunesmith/": "what can be made anew",
}


def man_page(day: str) -> str:
    """The page ``tunesmith(1)`` in roff.

    Args:
        day: of the release, such as ``2026-11-26``.
    """
    parser = build_parser()
    lines = [
        f'.TH TUNESMITH 1 "{day}" "Tunesmith {__version__}" "User Commands"',
        ".SH NAME",
        r"tunesmith, tunesmith\-window \- find the llama.cpp settings that run a GGUF model best here",
        ".SH SYNOPSIS",
        ".nf",
        *(escaped(line.strip()) for line in (parser.usage or "").splitlines()),
        ".fi",
        ".SH DESCRIPTION",
        escaped(parser.description or ""),
        "Without a command the window is opened, on MODEL if one is given;",
        r".B tunesmith\-window",
        "is the same program. Results go to standard output, progress and messages to standard error.",
        ".SH OPTIONS",
        *_options(parser),
        ".SH COMMANDS",
    ]
    for name, command in commands(parser):
        lines += [f".SS tunesmith {escaped(name)}", escaped(command.description or ""), *_options(command)]
    lines += [".SH EXIT STATUS"]
    for code, meaning in exit_codes():
        lines += [".TP", f".B {code}", escaped(meaning)]
    for title, entries in (("ENVIRONMENT", ENVIRONMENT), ("FILES", FILES)):
        lines.append(f".SH {title}")
        for name, meaning in entries.items():
            lines += [".TP", f".B {escaped(name)}", escaped(meaning)]
    return "\n".join(lines) + "\n"


def commands(
    parser: argparse.ArgumentParser, before: str = ""
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command with its whole name; those that have commands of their own come before these."""
    for action in parser._actions:  # noqa: SLF001 (argparse offers no other way to look at a grammar)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for name, command in action.choices.items():
                yield f"{before}{name}", command
                yield from commands(command, f"{before}{name} ")


def exit_codes() -> list[tuple[int, str]]:
    """Each exit code and what it means."""
    return [(int(code), text.strip()) for code, text in re.findall(r"\b(\d+) (\D+)", EXIT_CODES)]


def _options(parser: Grammar) -> Iterator[str]:
    """What a command takes, as tagged paragraphs."""
    for action in parser._actions:  # noqa: SLF001
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            continue
        takes = action.metavar or (None if action.choices is None else "|".join(map(str, action.choices)))
        value = "" if action.nargs == 0 else str(takes or action.dest.upper())
        names = ", ".join(action.option_strings) or value
        shown = f" {value}" if value and action.option_strings else ""
        optional = action.nargs == "?" and bool(shown)
        yield ".TP"
        yield rf"\fB{escaped(names)}\fR" + escaped(f" [{value}]" if optional else shown)
        yield escaped((action.help or "").replace("%%", "%")) or r"\&"


def escaped(text: str) -> str:
    """A text as roff prints it literally."""
    plain = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{plain}" if plain.startswith((".", "'")) else plain
