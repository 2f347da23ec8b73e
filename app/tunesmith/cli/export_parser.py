"""Own the options of ``tunesmith export`` and ``tunesmith cost``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


def add_export_options(
    export: argparse.ArgumentParser, formats: Sequence[str], shells: Sequence[str]
) -> None:
    """Add the options of ``tunesmith export``."""
    export.add_argument("id", metavar="ID", nargs="+", help="a profile's id, name or JSON file")
    export.add_argument("--to", metavar="FORMAT", required=True, help=", ".join(formats))
    export.add_argument("--output", metavar="FILE", help="where to; standard output if left out")
    there = export.add_argument_group("the machine that will use it")
    there.add_argument("--model", metavar="PATH", help="where the model lies there; as here if left out")
    there.add_argument("--target-version", metavar="VERSION", help="llama.cpp's build there, such as b6000")
    there.add_argument("--shell", choices=shells, default="posix", help="for llama-server and docker-run")
    there.add_argument("--executable", metavar="PROGRAM", default="llama-server", help="llama-server there")
    there.add_argument("--image", metavar="IMAGE", help="container image; llama.cpp's own if left out")
    there.add_argument("--host", metavar="ADDRESS", default="127.0.0.1", help="to listen on; 127.0.0.1")
    there.add_argument("--port", type=int, default=8080, metavar="N", help="to listen on; 8080")
    export.add_argument("--source-url", metavar="URL", help="for json: where the model can be had")
    export.add_argument(
        "--price", metavar="NAME=VALUE", action="append", default=[],
        help="note what tokens cost, such as electricity=0.30,currency=EUR; as for tunesmith cost",
    )  # fmt: skip


def add_cost_options(cost: argparse.ArgumentParser) -> None:
    """Add the options of ``tunesmith cost``."""
    cost.add_argument("id", metavar="ID", nargs="+", help="a profile's id, name or JSON file")
    cost.add_argument(
        "--price", metavar="NAME=VALUE", action="append", default=[],
        help="what you pay and assume, repeatable or divided by commas: currency=EUR, electricity (a kWh), "
        "load-watts, idle-watts, hardware, years, hours-per-day, utilisation, api-input and api-output "
        "(a million tokens)",
    )  # fmt: skip
    cost.add_argument("--csv", metavar="FILE", help="also write them there, a line for each amount")
