"""Own ``tunesmith verify``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from tunesmith.cli.output import Output
from tunesmith.cli.progress import follow
from tunesmith.cli.tune import interruptible
from tunesmith.cli.values import parse_budget, parse_servers, parse_share
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.verification import MARGIN, Answer, Verification
from tunesmith.errors import UsageError
from tunesmith.presentation.verify_text import prometheus_text, verify_report
from tunesmith.services.files import write_whole
from tunesmith.services.profile_files import read_profile
from tunesmith.services.verify import VerifyRequest, find_model, start_verify
from tunesmith.settings import store_location

EXIT_CODES: Final[dict[Answer, int]] = {"holds": 0, "drifted": 7, "cannot_tell": 5}


def run(options: argparse.Namespace, output: Output) -> int:
    """Verify, show the answer and return it as the exit code."""
    file = Path(options.profile)
    beside = file if file.is_file() else None
    profile = read_profile(file) if beside else _stored(options)
    margin = MARGIN if options.margin is None else parse_share(options.margin)
    if not 0 < margin < 1:
        raise UsageError("--margin is above 0% and below 100%.")
    request = VerifyRequest(
        profile=profile,
        model_path=find_model(profile, options.model, beside),
        budget_seconds=parse_budget(options.budget).seconds,
        margin=margin,
        rpc=parse_servers(options.rpc),
    )
    session = start_verify(request)
    with interruptible(session):
        follow(session.events(), output)
    found = session.result()
    if options.prometheus:
        write_whole(Path(options.prometheus), prometheus_text(found).encode())
    if options.output:
        write_whole(Path(options.output), document_text(found).encode())
    if output.json_mode:
        output.document(found)
    else:
        output.show(*verify_report(found))
    return EXIT_CODES[found.answer]


def document_text(found: Verification) -> str:
    """The verification as a file that ``fleet report`` reads."""
    return found.model_dump_json(by_alias=True, indent=2) + "\n"


def _stored(options: argparse.Namespace) -> TunedProfile:
    """The profile of that id; the store is opened only for this."""
    from tunesmith.store import Store

    with Store.open(store_location(options.store), read_only=True) as store:
        return store.profile(options.profile)
