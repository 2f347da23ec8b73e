"""Own ``tunesmith quantize``."""

from __future__ import annotations

import argparse
from pathlib import Path

from tunesmith.cli.output import Output
from tunesmith.cli.progress import follow
from tunesmith.cli.tune import interruptible
from tunesmith.domain.quantization import LADDER
from tunesmith.errors import UsageError
from tunesmith.services.quantize import QuantizeRequest, start_quantize


def run(options: argparse.Namespace, output: Output) -> int:
    """Make the files, show what was made and return the exit code."""
    from tunesmith.presentation.quantize_text import quantize_document, quantize_report

    session = start_quantize(make_request(options))
    with interruptible(session):
        follow(session.events(), output)
    document = quantize_document(session.result())
    if output.json_mode:
        output.document(document)
    else:
        output.show(*quantize_report(document))
    return 0


def make_request(options: argparse.Namespace) -> QuantizeRequest:
    """What the options ask for.

    Raises:
        UsageError: they make no sense.
    """
    types = [name for text in options.type for name in text.split(",") if name.strip()]
    if "ladder" in types:
        types = [name for one in types for name in (LADDER if one == "ladder" else (one,))]
    return QuantizeRequest(
        source_path=str(Path(options.model)),
        types=tuple(types),
        folder=options.output,
        tensor_types=tuple(_tensor_type(text) for text in options.tensor_type),
        allow_requantize=options.allow_requantize,
        imatrix=options.imatrix,
        text_path=options.text,
    )


def _tensor_type(text: str) -> tuple[str, str]:
    pattern, sign, kind = text.rpartition("=")
    if not sign or not pattern or not kind:
        raise UsageError(f"{text!r} names no type.", todo="Write it as --tensor-type 'ffn_down=Q6_K'.")
    return pattern, kind
