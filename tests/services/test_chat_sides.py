"""Which settings one can talk with a model under, and with how much room."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gui.sample_models import fake_model
from tests.store.values import profile
from tunesmith.domain.model import ModelIdentity, TensorInfo
from tunesmith.domain.shape import LayerShape, ModelShape
from tunesmith.errors import ModelNotFound
from tunesmith.gguf import HashCache, identify
from tunesmith.services.chat_sides import chat_sides, conversation_room, profiles_of
from tunesmith.services.fit import usual_projection
from tunesmith.store import Store

GIB = 2**30
TRAINED = 131_072
_ATTENTION = LayerShape(heads=3, kv_heads=3, key_length=64, value_length=64)
_WEIGHTS = TensorInfo(name="token_embd.weight", type="F16", dims=(1024, GIB // 2048), size_bytes=GIB)
LONG = ModelShape(
    architecture="llama", layers=(_ATTENTION,) * 30, tensors=(_WEIGHTS,), embedding_length=192,
    vocabulary_size=1024, window=None, experts=0, experts_used=0, feed_forward_expert_length=0, inner_size=0,
    state_size=0, group_count=0, understood=True,
)  # fmt: skip
"""30 layers of 3 KV heads of 64: 23,040 bytes of cache a token."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store.sqlite3") as store:
        yield store


@pytest.fixture
def hashes(tmp_path: Path) -> HashCache:
    return HashCache(tmp_path / "cache")


def kept(store: Store, model: ModelIdentity, *days: str) -> None:
    """A profile of a model for each day."""
    for day in days:
        store.save_profile(
            profile(f"p-{day}", name=day, created_utc=f"2026-11-{day}T10:00:00+00:00", model=model)
        )


# ------------------------------------------------------------- room


def test_a_conversation_has_room_for_4096_tokens_or_what_a_profile_has() -> None:
    assert [conversation_room(LONG, wanted, 64 * GIB, trained=TRAINED) for wanted in (512, 4096, 32_768)] == [
        4096, 4096, 32_768,
    ]  # fmt: skip


def test_there_is_never_more_room_than_the_model_was_trained_for() -> None:
    assert conversation_room(LONG, 32_768, 64 * GIB, trained=2048) == 2048
    assert conversation_room(LONG, 32_768, 64 * GIB, trained=None) == 32_768


def test_room_ends_where_free_memory_does() -> None:
    needed = usual_projection(LONG, 16_384).host
    each = needed.expected_bytes - needed.weights_bytes
    one, two = (round((needed.weights_bytes + count * each) * 1.05) + 1 for count in (1, 2))
    assert conversation_room(LONG, TRAINED, one, trained=TRAINED) == 16_384
    assert conversation_room(LONG, TRAINED, two, trained=TRAINED, contexts=2) == 16_384
    assert conversation_room(LONG, TRAINED, one, trained=TRAINED, contexts=2) < 16_384
    assert conversation_room(LONG, TRAINED, 0, trained=TRAINED) == 4096, "llama.cpp says whether that fits"


# ------------------------------------------------------------- sides


def test_the_defaults_are_those_of_llama_cpp_with_room_for_a_conversation(tmp_path: Path) -> None:
    (default,) = chat_sides(str(fake_model(tmp_path / "m.gguf", "M", "Q8_0", 0.1)), None)
    assert default.label == "llama.cpp's defaults"
    assert default.settings.n_ctx == 4096
    assert default.settings.n_ubatch == 512


def test_both_sides_have_the_room_of_the_profile(tmp_path: Path) -> None:
    model = str(fake_model(tmp_path / "m.gguf", "M", "Q8_0", 0.1))
    made = profile()
    wide = made.model_copy(update={"settings": made.settings.replace(n_ctx=6144, n_seq_max=2)})
    default, tuned = chat_sides(model, wide)
    assert default.settings.n_ctx == tuned.settings.n_ctx == 6144
    assert tuned.settings.n_seq_max == 1
    assert tuned.settings.threads == made.settings.threads


def test_a_model_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        chat_sides(str(tmp_path / "gone.gguf"), None)


# ------------------------------------------------------------- profiles


def test_profiles_are_known_by_the_models_content_wherever_it_lies(
    store: Store, hashes: HashCache, tmp_path: Path
) -> None:
    model = fake_model(tmp_path / "m.gguf", "M", "Q8_0", 0.01)
    kept(store, identify(model, hashes), "03", "05", "04")
    store.save_profile(profile("p-other"))
    moved = model.rename(tmp_path / "moved.gguf")
    assert [one.name for one in profiles_of(store, str(moved), hashes)] == [], "not hashed yet"
    identify(moved, hashes)
    assert [one.name for one in profiles_of(store, str(moved), hashes)] == ["05", "04", "03"]


def test_without_a_known_hash_path_and_size_tell(store: Store, hashes: HashCache, tmp_path: Path) -> None:
    model = fake_model(tmp_path / "m.gguf", "M", "Q8_0", 0.01)
    kept(store, identify(model), "03", "05")
    assert [one.name for one in profiles_of(store, str(model), hashes)] == ["05", "03"]
    fake_model(model, "M", "Q8_0", 0.02)
    assert profiles_of(store, str(model), hashes) == ()


def test_another_file_in_the_place_of_a_known_one_has_none_of_its_profiles(
    store: Store, hashes: HashCache, tmp_path: Path
) -> None:
    model = fake_model(tmp_path / "m.gguf", "M", "Q8_0", 0.01)
    kept(store, identify(model, hashes), "03")
    size = model.stat().st_size
    with model.open("r+b") as file:
        file.seek(size - 1)
        file.write(b"x")
    os.utime(model, ns=(1, 1))
    identify(model, hashes)
    assert model.stat().st_size == size
    assert profiles_of(store, str(model), hashes) == ()


def test_a_model_that_cannot_be_read_has_no_profiles(store: Store, hashes: HashCache, tmp_path: Path) -> None:
    assert profiles_of(store, str(tmp_path / "gone.gguf"), hashes) == ()
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF and no more")
    assert profiles_of(store, str(broken), hashes) == ()
