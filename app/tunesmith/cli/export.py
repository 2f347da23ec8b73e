"""Own ``tunesmith export``."""

from __future__ import annotations

import argparse
from pathlib import Path

from tunesmith.cli.output import Output
from tunesmith.errors import UsageError


def run(options: argparse.Namespace, output: Output) -> int:
    """Export profiles and return the exit code."""
    from tunesmith.cli.prices_given import parse_prices
    from tunesmith.export.job import Options
    from tunesmith.export.targets import find_target
    from tunesmith.presentation.export_text import export_document, loss_lines
    from tunesmith.services.export import export, find_profile, write_export
    from tunesmith.settings import store_location
    from tunesmith.store import Store

    target = find_target(options.to)
    if options.model is not None and len(options.id) > 1:
        raise UsageError("--model is the path of one profile's model.", todo="Export them one by one.")
    if not 0 < options.port < 65536:
        raise UsageError(f"{options.port} is no port.")
    with Store.open(store_location(options.store)) as store:
        profiles = [find_profile(ref, store) for ref in options.id]
    exported = export(
        profiles,
        target,
        Options(
            shell=options.shell,
            target_version=options.target_version,
            host=options.host,
            port=options.port,
            executable=options.executable,
            image=options.image,
        ),
        model_path=options.model,
        source_url=options.source_url,
        prices=parse_prices(options.price) if options.price else None,
    )
    if options.output is not None:
        write_export(exported, Path(options.output))
    if output.json_mode:
        output.document(export_document(exported, target, options.output))
    elif options.output is None:
        output.file(exported.text)
    else:
        output.say(f"Wrote {options.output}.")
    for line in (*loss_lines(exported), *exported.notes):
        output.say(line)
    return 0
