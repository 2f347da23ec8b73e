"""Own the options of ``tunesmith soak`` that no other command has."""

from __future__ import annotations

import argparse
from collections.abc import Iterable


def add_soak_options(soak: argparse.ArgumentParser, presets: Iterable[str]) -> None:
    """Of what, how long, and where to; ``presets`` are the names of those that come along."""
    soak.add_argument("model", metavar="MODEL", nargs="?", help="a GGUF file; the profile's if left out")
    soak.add_argument(
        "--profile",
        metavar="ID",
        action="append",
        help="soak a stored profile, which then carries both speeds; several are compared",
    )
    soak.add_argument("--no-save", action="store_true", help="leave the profile as it is")
    what = soak.add_argument_group("what of, and how long")
    what.add_argument("--minutes", type=float, metavar="N", help="10 if neither is named")
    what.add_argument("--hours", type=float, metavar="N", help="the same in hours")
    what.add_argument("--preset", metavar="NAME", help=f"{', '.join(presets)} or one of your own")
    what.add_argument(
        "--workload",
        metavar="SPEC",
        help="such as prompt=512,generate=128,depth=0,parallel=1, which is used if neither is named",
    )
    several = soak.add_argument_group("several settings by turns")
    several.add_argument(
        "--compare",
        action="append",
        default=[],
        metavar="SETTING=A,B",
        help="compare values at steady state, such as threads=2,4,8; repeat it for all combinations",
    )
    several.add_argument(
        "--blocks", type=int, metavar="N", help="of each setting; by default 4 to 8 of a minute or more"
    )
    soak.add_argument(
        "--power-limit",
        type=float,
        metavar="WATTS",
        help="the limit that you have set yourself, written beside the result; none is ever set for you",
    )
    soak.add_argument("--csv", metavar="FILE", help="also write every sample there, as soon as it is there")
