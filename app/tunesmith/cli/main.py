"""Own the way from arguments to a command and from an error to an exit code."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from tunesmith.cli.parser import COMMANDS, build_parser
from tunesmith.errors import TunesmithError

if TYPE_CHECKING:
    import argparse

    from tunesmith.cli.output import Output


def run(arguments: list[str]) -> int:
    """Carry out one command line and return the exit code."""
    headless = "--headless" in arguments
    rest = [argument for argument in arguments if argument != "--headless"] if headless else arguments
    if headless and rest[:1] not in (["--help"], ["--self-test"]) and not (rest and rest[0] in COMMANDS):
        rest = ["tune", *rest]
    parser = build_parser()
    options = parser.parse_args(rest)
    if options.command is None and options.self_test is None:
        parser.print_help(sys.stderr)
        return 2
    return _guarded(options)


def wants_window(arguments: list[str]) -> bool:
    """Whether a command line asks for the window: nothing, or one path that is no command."""
    if not arguments:
        return True
    return len(arguments) == 1 and not arguments[0].startswith("-") and arguments[0] not in COMMANDS


def _guarded(options: argparse.Namespace) -> int:
    """Run the command; turn every error into words on standard error and an exit code."""
    from tunesmith.cli.output import Output

    output = Output(
        json_mode=getattr(options, "json", False),
        quiet=getattr(options, "quiet", False),
        verbose=getattr(options, "verbose", False),
    )
    try:
        return _dispatch(options, output)
    except TunesmithError as error:
        output.error(error)
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("tunesmith: interrupted\n")
        return 130
    except BrokenPipeError:  # whoever read our output has gone; nobody is left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 (the last line of defence says how to report)
        output.fault(error)
        return 1


def _dispatch(options: argparse.Namespace, output: Output) -> int:
    match options.command:
        case None:
            from tunesmith.cli.self_test import run as command
        case "tune":
            from tunesmith.cli.tune import run as command
        case "measure":
            from tunesmith.cli.measure import run as command
        case "profiles":
            from tunesmith.cli.profiles import run as command
        case "survey":
            from tunesmith.cli.survey import run as command
        case "speculate":
            from tunesmith.cli.speculate import run as command
        case "quality":
            from tunesmith.cli.quality import run as command
        case "quantize":
            from tunesmith.cli.quantize import run as command
        case "verify":
            from tunesmith.cli.verify import run as command
        case "bundle" | "keys":
            from tunesmith.cli.bundles import run as command
        case "fleet":
            from tunesmith.cli.fleet import run as command
        case "soak":
            from tunesmith.cli.soak import run as command
        case "cost":
            from tunesmith.cli.cost import run as command
        case "export":
            from tunesmith.cli.export import run as command
        case "completion":
            from tunesmith.cli.completion import run as command
        case _:
            from tunesmith.cli.facts import run as command
    return command(options, output)
