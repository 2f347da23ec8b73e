"""Own ``tunesmith completion``."""

from __future__ import annotations

import argparse
import sys

import shtab

from tunesmith.cli.output import Output
from tunesmith.cli.parser import build_parser


def run(options: argparse.Namespace, output: Output) -> int:
    """Print a completion script for a shell and return the exit code."""
    del output  # the script is the same for everyone
    sys.stdout.write(shtab.complete(build_parser(), shell=options.shell) + "\n")
    return 0
