"""Own what is checked before anything is drafted: the text, the two headers, the memory."""

from __future__ import annotations

from pathlib import Path

from tunesmith import gguf
from tunesmith.assets import resource
from tunesmith.domain.digits import memory_text
from tunesmith.domain.model import ModelHeader
from tunesmith.domain.speculation import FEWEST_PROMPT_TOKENS
from tunesmith.errors import DraftMismatch, InfeasibleError, UsageError
from tunesmith.services.context import Surroundings
from tunesmith.services.fit import usual_projection
from tunesmith.wording import tr

SHIPPED_TEXT = "text/beginnings.txt"
_MAX_TEXT_BYTES = 4 << 20
_SIZE_DIFFERENCE = 128
"""As in llama.cpp: so many tokens at the end of a vocabulary may be missing in the other."""


def read_text(path: str | None) -> str:
    """A text of the user's, or the one that ships.

    Raises:
        UsageError: it cannot be read, or is none.
    """
    source = resource(SHIPPED_TEXT) if path is None else Path(path)
    try:
        with source.open("rb") as file:
            raw = file.read(_MAX_TEXT_BYTES)
    except OSError as error:
        raise UsageError(
            tr("The text {path} cannot be read: {reason}.", path=source, reason=error.strerror or error),
            todo=tr("Name a text file, or leave --text out for the one that ships."),
        ) from None
    if b"\0" in raw:
        raise UsageError(
            tr("{path} is no text.", path=source),
            todo=tr("Name a text file, or leave --text out for the one that ships."),
        )
    return raw.decode("utf-8", "replace")


def compare_headers(header: ModelHeader, draft: ModelHeader) -> None:
    """What two headers tell of different vocabularies, before anything is loaded.

    Raises:
        DraftMismatch: they differ.
    """
    if header.tokenizer != draft.tokenizer:
        raise draft_mismatch(
            draft.path, tr("its tokenizer is {one}, not {other}", one=draft.tokenizer, other=header.tokenizer)
        )
    sizes = header.vocabulary_size, draft.vocabulary_size
    if sizes[0] is not None and sizes[1] is not None and abs(sizes[0] - sizes[1]) > _SIZE_DIFFERENCE:
        raise draft_mismatch(
            draft.path, tr("it has {one} tokens and the model {other}", one=sizes[1], other=sizes[0])
        )


def draft_mismatch(path: str, how: str) -> DraftMismatch:
    """The error for a draft model that does not speak the model's tokens."""
    return DraftMismatch(
        tr("The draft model {path} has another vocabulary than the model: {how}.", path=path, how=how),
        unharmed=tr("Both files are unharmed."),
        todo=tr("Choose a smaller model of the same family, or leave --draft out."),
    )


def check_memory(header: ModelHeader, draft: ModelHeader | None, n_ctx: int, found: Surroundings) -> None:
    """Refuse what cannot fit, by an estimate from the headers; where there are GPUs nothing is said.

    Raises:
        InfeasibleError: the models need more than there is.
    """
    if any(device.type != "cpu" for device in found.machine.devices):
        return
    headers = [header, draft] if draft is not None else [header]
    shapes = [gguf.read_shape(Path(one.path)) for one in headers]
    needed = sum(usual_projection(shape, n_ctx).host.certain_bytes for shape in shapes)
    available = found.machine.memory.available_bytes
    if needed > available:
        raise InfeasibleError(
            tr(
                "About {needed} of memory are needed and {available} are free.",
                needed=memory_text(needed), available=memory_text(available),
            ),
            unharmed=tr("Nothing was loaded."),
            todo=tr("Close other programs, or choose smaller models."),
        )  # fmt: skip


def too_short() -> UsageError:
    """The error for a text that no beginnings can be cut from."""
    return UsageError(
        tr("The text is too short to cut beginnings of {count} tokens from.", count=FEWEST_PROMPT_TOKENS),
        todo=tr("Name a longer text with --text, or leave it out for the one that ships."),
    )
