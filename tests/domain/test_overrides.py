"""Claims about patterns of tensors' names: whose they are, and that no profile can make a search endless."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tunesmith.domain.overrides import override_patterns
from tunesmith.domain.settings import MAX_PATTERN, MAX_REPEATS, Settings

PLAIN = Settings(threads=1, threads_batch=1, n_ctx=64)


def overridden(*overrides: str) -> Settings:
    return Settings.model_validate(PLAIN.model_dump() | {"override_tensor": overrides})


@pytest.mark.parametrize(
    "override",
    ["exps=CPU", r"blk\.(6[0-9]|7[0-9])\.ffn_.*_exps\.=CPU", r"\.ffn_(up|down)_exps=CUDA0", "[+*]{2}x=CPU"],
)
def test_patterns_as_people_write_them_are_taken(override: str) -> None:
    assert override_patterns(overridden(override))[0] == tuple(override.rsplit("=", 1))


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("(a+)+$=CPU", "repeats a group"),
        ("(.|.)*z=CPU", "repeats a group"),
        ("(?:a|a){9}=CPU", "repeats a group"),
        ("".join(f"{letter}*" for letter in "abcdefgh"[: MAX_REPEATS + 1]) + "=CPU", "repeats"),
        ("a(=CPU", "no regular expression"),
        ("exps", "pattern=device"),
        ("a" * (MAX_PATTERN + 1) + "=CPU", "pattern=device"),
        ("a,b=CPU", "without a comma"),
    ],
)
def test_what_may_be_searched_for_without_end_is_refused(override: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        overridden(override)
