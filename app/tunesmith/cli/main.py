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

NO_WINDOW = """\
tunesmith: {why}.
To tune without a window:   tunesmith --headless {model}
To see all commands:        tunesmith --help
"""


def run(arguments: list[str]) -> int:
    """Carry out one command line and return the exit code."""
    headless = "--headless" in arguments
    rest = [argument for argument in arguments if argument != "--headless"] if headless else arguments
    if headless and "--help" not in rest[:1] and not (rest and rest[0] in COMMANDS):
        rest = ["tune", *rest]
    if not headless and _wants_window(rest):
        return _window(rest)
    parser = build_parser()
    options = parser.parse_args(rest)
    if options.command is None:
        parser.print_help(sys.stderr)
        return 2
    return _guarded(options)


def _wants_window(arguments: list[str]) -> bool:
    return not arguments or (
        len(arguments) == 1 and not arguments[0].startswith("-") and arguments[0] not in COMMANDS
    )


def _window(arguments: list[str]) -> int:
    """Say what to do instead: this version has no window."""
    screen = (
        sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    why = "this version has no window yet" if screen else "there is no screen to open a window on"
    model = arguments[0] if arguments else "MODEL.gguf"
    sys.stderr.write(NO_WINDOW.format(why=why, model=model))
    return 2


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
        case "tune":
            from tunesmith.cli.tune import run as command
        case "measure":
            from tunesmith.cli.measure import run as command
        case "profiles":
            from tunesmith.cli.profiles import run as command
        case "completion":
            from tunesmith.cli.completion import run as command
        case _:
            from tunesmith.cli.facts import run as command
    return command(options, output)
