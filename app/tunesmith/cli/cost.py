"""Own ``tunesmith cost``."""

from __future__ import annotations

import argparse
from pathlib import Path

from tunesmith.cli.output import Output
from tunesmith.errors import StoreError


def run(options: argparse.Namespace, output: Output) -> int:
    """Say what tokens cost under some profiles and return the exit code."""
    from tunesmith.atomic import replace_file
    from tunesmith.cli.prices_given import parse_prices
    from tunesmith.domain.cost import profile_cost
    from tunesmith.presentation.cost_text import cost_csv, cost_document, cost_report
    from tunesmith.services.export import find_profile
    from tunesmith.settings import store_location
    from tunesmith.store import Store

    prices = parse_prices(options.price)
    with Store.open(store_location(options.store)) as store:
        profiles = [find_profile(ref, store) for ref in options.id]
    costed = [
        (profile, profile_cost(profile.tuned, profile.workload, prices, profile.tuned_energy))
        for profile in profiles
    ]
    if options.csv is not None:
        try:
            replace_file(Path(options.csv), cost_csv(costed, prices).encode())
        except (OSError, ValueError) as error:
            raise StoreError(
                f"{options.csv} cannot be written: {error}.", unharmed="Nothing changed."
            ) from None
    if output.json_mode:
        output.document(cost_document(costed, prices))
    else:
        output.show(*cost_report(costed, prices))
    if options.csv is not None:
        output.say(f"Wrote {options.csv}.")
    return 0
