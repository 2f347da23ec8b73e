"""Own text going in and out of a model: its chat template, its tokens, the choice of the next one."""

from __future__ import annotations

import codecs
import ctypes
import hashlib
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from tunesmith.engine.context import InferenceContext
from tunesmith.engine.errors import EngineError
from tunesmith.engine.library import L
from tunesmith.engine.model import LoadedModel

_PIECE_BYTES = 256


class Vocabulary:
    """Turns text into a model's tokens and back."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self._vocab = L.llama_model_get_vocab(model.handle)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def prompt(self, turns: Sequence[tuple[str, str]]) -> tuple[list[int], bool]:
        """The tokens of a conversation of (role, text), and whether the model's own template made them.

        Raises:
            EngineError: the text cannot be turned into tokens.
        """
        text = self._templated(turns)
        if text is not None:
            return self._tokens(text, special=True), True
        names = {"system": "System", "user": "User", "assistant": "Assistant"}
        plain = "".join(f"{names.get(role, role)}: {words}\n" for role, words in turns)
        return self._tokens(f"{plain}Assistant:".encode(), special=False), False

    def plain(self, text: str) -> list[int]:
        """The tokens of a text as it stands, the vocabulary's first token in front where it wants one.

        Raises:
            EngineError: the text cannot be turned into tokens.
        """
        return self._tokens(text.encode("utf-8", "replace"), special=False)

    def _templated(self, turns: Sequence[tuple[str, str]]) -> bytes | None:
        """The conversation in the model's own format; None if llama.cpp does not know its template."""
        template = L.llama_model_chat_template(self._model.handle, None)
        if not template:
            return None
        kept = [(role.encode(), words.replace("\0", "").encode()) for role, words in turns]
        messages = (L.llama_chat_message * len(kept))(
            *(L.llama_chat_message(role=role, content=words) for role, words in kept)
        )
        size = 2 * sum(len(words) + 64 for _, words in kept) + 256
        for _ in range(2):
            buffer = ctypes.create_string_buffer(size)
            needed = L.llama_chat_apply_template(template, messages, len(kept), True, buffer, size)  # noqa: FBT003
            if needed < 0:
                return None
            if needed <= size:
                return buffer.raw[:needed]
            size = needed
        return None

    def text(self, text: bytes) -> list[int]:
        """The tokens of a plain text, in which no words have a special meaning.

        Raises:
            EngineError: the text cannot be turned into tokens.
        """
        return self._tokens(text, special=False)

    def fingerprint(self) -> str:
        """SHA-256 of all tokens' texts in their order, 64 hex digits."""
        digest = hashlib.sha256()
        for token in range(self._model.vocabulary_size):
            digest.update((L.llama_vocab_get_text(self._vocab, token) or b"") + b"\0")
        return digest.hexdigest()

    def _tokens(self, text: bytes, *, special: bool) -> list[int]:
        room = len(text) + 8
        for _ in range(2):
            tokens = (ctypes.c_int32 * room)()
            # a template that spells the first token out is cut short below, so that it is there once
            count = L.llama_tokenize(self._vocab, text, len(text), tokens, room, True, special)  # noqa: FBT003
            if count >= 0:
                found = list(tokens[:count])
                first = self._model.first_token
                return found[1:] if first is not None and found[:2] == [first, first] else found
            room = -count
        raise EngineError("the text cannot be turned into tokens")

    def piece(self, token: int) -> str:
        """A token's text; characters that tokens share come with the last of them."""
        room = _PIECE_BYTES
        for _ in range(2):
            buffer = ctypes.create_string_buffer(room)
            count = L.llama_token_to_piece(self._vocab, token, buffer, room, 0, False)  # noqa: FBT003
            if count >= 0:
                return self._decoder.decode(buffer.raw[:count])
            room = -count
        return ""

    def rest(self) -> str:
        """What is left of a character that was never completed."""
        return self._decoder.decode(b"", final=True)

    def ends(self, token: int) -> bool:
        """Whether the model says with this token that it is done."""
        return bool(L.llama_vocab_is_eog(self._vocab, token))


class Sampler:
    """Chooses the next token; equal seeds choose the same."""

    def __init__(self, *, temperature: float, top_k: int, top_p: float, seed: int) -> None:
        """A temperature of 0 always takes the likeliest token."""
        self._chain: Any = L.llama_sampler_chain_init(L.llama_sampler_chain_default_params())
        if temperature <= 0:
            steps = [L.llama_sampler_init_greedy()]
        else:
            steps = [
                L.llama_sampler_init_top_k(top_k),
                L.llama_sampler_init_top_p(top_p, 1),
                L.llama_sampler_init_temp(temperature),
                L.llama_sampler_init_dist(seed),
            ]
        for step in steps:
            L.llama_sampler_chain_add(self._chain, step)

    def choose(self, context: InferenceContext) -> int:
        """The token after the last that the context computed."""
        return int(L.llama_sampler_sample(self._chain, context.handle, -1))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        L.llama_sampler_free(self._chain)
        self._chain = None
