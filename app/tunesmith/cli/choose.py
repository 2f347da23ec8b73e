"""Own ``tunesmith tune --quantization``."""

from __future__ import annotations

import argparse
import math

from tunesmith.cli.output import Output
from tunesmith.cli.progress import follow
from tunesmith.cli.quality import MAX_CHUNKS
from tunesmith.cli.tune import interruptible
from tunesmith.cli.values import parse_share
from tunesmith.domain.quality import QualityLimits
from tunesmith.domain.request import TuneRequest
from tunesmith.errors import InfeasibleError, Interrupted, UsageError
from tunesmith.services.choose import start_choose
from tunesmith.services.choose_result import DEFAULT_MAX_KLD, ChooseRequest
from tunesmith.services.quality import DEFAULT_CHUNKS
from tunesmith.settings import store_location

AUTO = "auto"


def choose(options: argparse.Namespace, tune: TuneRequest, output: Output) -> int:
    """Choose, show the result and return the exit code."""
    from tunesmith.presentation.choose_text import choose_report
    from tunesmith.presentation.documents import choose_document
    from tunesmith.store import Store

    request = make_request(options, tune)
    with Store.open(store_location(options.store)) as store:
        session = start_choose(request, store)
        with interruptible(session):
            follow(session.events(), output)
        try:
            result = session.result()
        except Interrupted as error:
            raise Interrupted(
                "The choice was interrupted; no file that it made is left half done.",
                unharmed="What the source predicts is kept for the next time.", details=error.details,
            ) from None  # fmt: skip
        if output.json_mode:
            output.document(choose_document(result))
        else:
            output.show(*choose_report(result))
        return InfeasibleError.exit_code if result.outcome == "infeasible" else 0


def make_request(options: argparse.Namespace, tune: TuneRequest) -> ChooseRequest:
    """What the options ask for.

    Raises:
        UsageError: they make no sense.
    """
    if options.resume is not None:
        raise UsageError(
            "--resume and --quantization do not go together.",
            todo="Start anew: what the source predicts is kept, and so are files of --keep-files.",
        )
    if options.rpc:
        raise UsageError(
            "A quantization is chosen on this machine's own devices.",
            todo="Leave --rpc out; tune the file that is picked with it afterwards.",
        )
    chunks = DEFAULT_CHUNKS if options.chunks is None else options.chunks
    if not 1 <= chunks <= MAX_CHUNKS:
        raise UsageError(f"--chunks is 1 to {MAX_CHUNKS}.")
    names = tuple(name.strip() for name in options.quantization.split(",") if name.strip())
    if not names:
        raise UsageError("--quantization names no type.", todo="Say auto, or types such as Q4_K_M,Q6_K.")
    return ChooseRequest(
        tune=tune,
        types=None if names == (AUTO,) else names,
        limits=_limits(options),
        text_path=options.text,
        chunks=chunks,
        folder=options.output,
        keep="all" if options.keep_files else "pick",
    )


def _limits(options: argparse.Namespace) -> QualityLimits:
    kld, ratio = options.max_kld, options.max_perplexity_ratio
    if kld is None and options.max_quality_loss is not None:
        if options.max_quality_loss == 0:
            raise UsageError(
                "Every quantization costs some quality.",
                todo="Give --max-quality-loss above 0, or --max-kld beside it for the weights.",
            )
        kld = options.max_quality_loss
    if kld is not None and not 0 < kld < math.inf:
        raise UsageError("--max-kld is a number above 0, such as 0.05.")
    if ratio is not None and not 0 < ratio < math.inf:
        raise UsageError("--max-perplexity-ratio is a number above 0, such as 1.02.")
    top1 = None if options.min_top1 is None else parse_share(options.min_top1)
    if top1 is not None and not 0 <= top1 <= 1:
        raise UsageError("--min-top1 is a share of 0 to 1, such as 0.9 or 90%.")
    if kld is None and ratio is None and top1 is None:
        kld = DEFAULT_MAX_KLD
    return QualityLimits(max_kld=kld, min_top1=top1, max_perplexity_ratio=ratio)
