"""Own a process that runs a model under several settings, for what RPC servers leave behind in a process.

``python -m tests.engine.rpc_outputs MODEL OUTPUT < SETTINGS`` writes the logits after a prompt and the
greedy tokens that follow, for each of the settings.
"""

from __future__ import annotations

import sys

import numpy as np
from pydantic import TypeAdapter

from tests.engine.test_context import batch_of
from tunesmith.domain.settings import Settings
from tunesmith.engine import library, rpc
from tunesmith.engine.context import InferenceContext
from tunesmith.engine.library import AbortFlag, L, LogBuffer
from tunesmith.engine.model import LoadedModel

Logits = np.ndarray[tuple[int], np.dtype[np.float32]]
PROMPT = tuple(range(400, 440))
TOKENS = 12


def outputs(path: str, settings: Settings, log: LogBuffer) -> tuple[Logits, list[int]]:
    """The logits after the prompt, and the tokens that a greedy reader would see."""
    rpc.connect(settings.rpc)
    abort = AbortFlag()
    model = LoadedModel(path, settings, log=log, abort=abort)
    context = InferenceContext(model, settings, log=log, abort=abort)
    context.set_threads(settings.threads, settings.threads_batch)
    context.decode(batch_of(*PROMPT))
    first = _logits(context)
    tokens: list[int] = []
    for place in range(TOKENS):
        tokens.append(int(_logits(context).argmax()))
        context.decode(batch_of(tokens[-1], start=len(PROMPT) + place))
    context.close()
    model.close()
    return first, tokens


def _logits(context: InferenceContext) -> Logits:
    pointer = L.llama_get_logits_ith(context.handle, -1)
    return np.ctypeslib.as_array(pointer, (context.model.vocabulary_size,)).copy()


def main(path: str, output: str) -> None:
    """Run all settings and write what came out."""
    log = LogBuffer()
    library.start(log)
    found = [outputs(path, settings, log) for settings in _settings(sys.stdin.read())]
    np.savez(output, logits=[one for one, _ in found], tokens=[tokens for _, tokens in found])


def _settings(text: str) -> tuple[Settings, ...]:
    return TypeAdapter(tuple[Settings, ...]).validate_json(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
