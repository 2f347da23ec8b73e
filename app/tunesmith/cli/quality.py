"""Own ``tunesmith quality``."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from tunesmith.cli.output import Output
from tunesmith.cli.progress import follow
from tunesmith.cli.tune import interruptible
from tunesmith.cli.values import parse_size
from tunesmith.domain.settings import CacheType
from tunesmith.errors import InfeasibleError, UsageError
from tunesmith.services.quality import BASE_LIMIT_BYTES, QualityRequest, start_quality

MAX_CHUNKS = 10_000
N_CTX_RANGE = (32, 131_072)


def run(options: argparse.Namespace, output: Output) -> int:
    """Compare, show the result and return the exit code: 4 if it is beyond the limit."""
    from tunesmith.presentation.quality_text import quality_document, quality_report

    session = start_quality(make_request(options))
    with interruptible(session):
        follow(session.events(), output)
    document = quality_document(session.result())
    if output.json_mode:
        output.document(document)
    else:
        output.show(*quality_report(document))
    beyond = document.limit is not None and document.limit.verdict == "beyond"
    return InfeasibleError.exit_code if beyond else 0


def make_request(options: argparse.Namespace) -> QualityRequest:
    """What the options ask for.

    Raises:
        UsageError: they make no sense.
    """
    type_k: CacheType = options.cache_type_k or "f16"
    type_v: CacheType = options.cache_type_v or "f16"
    if options.against is None and type_k == type_v == "f16":
        raise UsageError(
            "There is nothing to compare the model with.",
            todo="Name its source with --against, or a cache type with --cache-type-k and --cache-type-v.",
        )
    if not 1 <= options.chunks <= MAX_CHUNKS:
        raise UsageError(f"--chunks is 1 to {MAX_CHUNKS}.")
    low, high = N_CTX_RANGE
    if not low <= options.ctx_size <= high:
        raise UsageError(f"--ctx-size is {low} to {high}.")
    if options.max_kld is not None and not 0 < options.max_kld < math.inf:
        raise UsageError("--max-kld is a number above 0, such as 0.05.")
    return QualityRequest(
        model_path=str(Path(options.model)),
        source_path=None if options.against is None else str(Path(options.against)),
        text_path=options.text,
        chunks=options.chunks,
        n_ctx=options.ctx_size,
        type_k=type_k,
        type_v=type_v,
        max_kld=options.max_kld,
        base_limit_bytes=parse_size(options.base_limit) if options.base_limit else BASE_LIMIT_BYTES,
    )
