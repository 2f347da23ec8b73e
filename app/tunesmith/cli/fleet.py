"""Own ``tunesmith fleet report``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tunesmith.cli.output import Output
from tunesmith.errors import UsageError
from tunesmith.presentation.fleet_text import fleet_csv, fleet_document, fleet_report
from tunesmith.services.fleet import read_fleet


def run(options: argparse.Namespace, output: Output) -> int:
    """Sum up a folder of results and return the exit code: 0 whatever they say."""
    if options.csv and output.json_mode:
        raise UsageError("--csv and --json say two things.", todo="Give one of them.")
    report = read_fleet(Path(options.folder))
    if options.csv:
        sys.stdout.write(fleet_csv(report))
        sys.stdout.flush()
    elif output.json_mode:
        output.document(fleet_document(report))
    else:
        output.show(*fleet_report(report))
    for each in report.skipped:
        output.say(f"tunesmith: {each.source}: {each.why}")
    return 0
