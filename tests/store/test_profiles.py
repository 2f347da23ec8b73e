"""Claims about tuned profiles in the store."""

from __future__ import annotations

import pytest

from tests.store import values
from tunesmith.errors import NotFoundError, UsageError
from tunesmith.store import ProfileRow, Store


def test_a_profile_comes_back_with_all_its_evidence(store: Store) -> None:
    profile = values.profile()
    store.save_profile(profile)
    assert store.profile(profile.id) == profile


def test_a_list_shows_what_the_profile_says(store: Store) -> None:
    profile = values.profile()
    store.save_profile(profile)
    assert store.profiles() == [
        ProfileRow(
            id=profile.id,
            name="SmolLM2 on bench-1",
            created_utc="2026-11-23T17:45:01.000000+00:00",
            outcome="improved",
            model_sha256=profile.model.sha256,
            model_name="SmolLM2 135M",
            quantization="Q4_K_M",
            machine_fingerprint=profile.machine.fingerprint,
            machine_label=profile.machine.label,
            workload="prompt=256,generate=4,depth=512,parallel=1",
            objective="response",
            speedup_median=1.21,
            speedup_low=profile.speedup.low,
            speedup_high=profile.speedup.high,
        )
    ]


def test_profiles_are_listed_newest_first_whatever_zone_they_come_from(store: Store) -> None:
    for profile_id, created in (
        ("a", "2026-11-23T10:00:00+00:00"),
        ("b", "2026-11-23T10:30:00+02:00"),
        ("c", "2026-11-23T09:00:00.5"),
        ("d", "long ago"),
    ):
        store.save_profile(values.profile(profile_id, created_utc=created))
    assert [row.id for row in store.profiles()] == ["d", "a", "c", "b"]
    assert store.profile("b").created_utc == "2026-11-23T10:30:00+02:00"


def test_profiles_are_listed_by_model_and_machine(store: Store) -> None:
    other_model = values.identity("c0ffee" + "0" * 58)
    other_machine = values.MACHINE_CLASS.model_copy(update={"fingerprint": "feedfeedfeedfeed"})
    store.save_profile(values.profile("a"))
    store.save_profile(values.profile("b", model=other_model))
    store.save_profile(values.profile("c", machine=other_machine))
    assert [row.id for row in store.profiles(model=other_model.sha256)] == ["b"]
    assert [row.id for row in store.profiles(model="c0ffee")] == ["b"]
    assert [row.id for row in store.profiles(machine="feedfeedfeedfeed")] == ["c"]
    assert store.profiles(model="c0ffee", machine="feedfeedfeedfeed") == []
    assert store.profiles(model="%") == []


def test_saving_again_replaces(store: Store) -> None:
    store.save_profile(values.profile("a", name="one"))
    store.save_profile(values.profile("a", name="two"))
    assert [row.name for row in store.profiles()] == ["two"]


def test_a_profile_is_found_by_id_then_name_then_beginning(store: Store) -> None:
    store.save_profile(values.profile("abc", name="ab"))
    store.save_profile(values.profile("abd", name="abc"))
    assert store.profile("abc").id == "abc"
    assert store.profile("ab").id == "abc"
    assert store.profile("abd").id == "abd"
    store.delete_profile("abc")
    assert store.profile("ab").id == "abd"


def test_an_ambiguous_name_lists_the_candidates(store: Store) -> None:
    for number in range(7):
        store.save_profile(values.profile(f"id-{number}", name="Same"))
    for ref in ("Same", "id-"):
        with pytest.raises(NotFoundError, match=r"id-0 \(Same\), .* …\.") as caught:
            store.profile(ref)
        assert "id of one of them" in caught.value.todo


@pytest.mark.parametrize("ref", ["", "%", "_"])
def test_an_unknown_profile_is_not_found(store: Store, ref: str) -> None:
    store.save_profile(values.profile())
    with pytest.raises(NotFoundError, match="No profile goes by"):
        store.profile(ref)


def test_a_mistyped_name_is_answered_with_the_nearest(store: Store) -> None:
    store.save_profile(values.profile(name="Kitchen Pi"))
    with pytest.raises(NotFoundError) as caught:
        store.profile("kitchen pie")
    assert "Kitchen Pi" in caught.value.todo


def test_a_name_and_notes_change_in_list_and_profile_alike(store: Store) -> None:
    profile = values.profile()
    store.save_profile(profile)
    assert store.rename_profile(profile.id, "  Desk ").name == "Desk"
    assert store.set_notes("Desk", "Fan at full.").notes == "Fan at full."
    assert store.profiles()[0].name == "Desk"
    assert store.profile("Desk") == profile.model_copy(update={"name": "Desk", "notes": "Fan at full."})


def test_a_blank_name_is_refused(store: Store) -> None:
    store.save_profile(values.profile())
    with pytest.raises(UsageError):
        store.rename_profile(values.profile().id, " \t")


def test_a_deleted_profile_is_gone_until_it_is_brought_back(store: Store) -> None:
    profile = values.profile()
    store.save_profile(profile)
    undo = store.delete_profile("SmolLM2 on bench-1")
    assert store.profiles() == []
    with pytest.raises(NotFoundError):
        store.profile(profile.id)
    with pytest.raises(NotFoundError):
        store.delete_profile(profile.id)
    store.undelete_profile(undo)
    store.undelete_profile(undo)
    assert store.profile(profile.id) == profile


def test_what_never_was_cannot_be_brought_back(store: Store) -> None:
    with pytest.raises(NotFoundError):
        store.undelete_profile("x")
