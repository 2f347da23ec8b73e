"""Claims about which profile fits which machine: the very class, else the nearest that can run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.values import MACHINE, profile
from tunesmith.domain.class_match import Choice, cannot_run, choose_profile, match_class
from tunesmith.domain.machine import Device, Machine, MachineClass, machine_class
from tunesmith.domain.profile import TunedProfile

GIB = 2**30


def machine(cpus: int = 8, *, gib: int = 16, model: str = "Some CPU", **changes: object) -> Machine:
    cpu = MACHINE.cpu.model_copy(
        update={
            "model": model, "usable_cpus": cpus, "usable_cores": cpus, "allowed_cpus": tuple(range(cpus)),
        }
    )  # fmt: skip
    memory = MACHINE.memory.model_copy(update={"total_bytes": gib * GIB})
    return MACHINE.model_copy(update={"cpu": cpu, "memory": memory, **changes})


def tuned_on(there: Machine, *, threads: int | None = None) -> TunedProfile:
    threads = threads or there.cpu.usable_cpus
    base = profile(f"p-{there.cpu.usable_cpus}")
    settings = base.settings.replace(threads=threads, threads_batch=threads)
    return base.model_copy(update={"machine": machine_class(there), "settings": settings})


def choose(profiles: list[TunedProfile], here: Machine, **how: float) -> Choice:
    return choose_profile(profiles, here, machine_class(here), **how)


def test_the_very_class_is_exact_and_0_away() -> None:
    found = choose([tuned_on(machine(4)), tuned_on(machine(8))], machine(8))
    assert found.profile is not None
    assert found.match is not None
    assert (found.profile.id, found.match.fit, found.match.distance) == ("p-8", "exact", 0.0)
    assert found.match.reasons == ()


def test_else_the_nearest_that_fits_is_taken_and_says_how_far_and_why() -> None:
    found = choose([tuned_on(machine(2)), tuned_on(machine(6))], machine(8))
    assert found.profile is not None
    assert found.match is not None
    assert (found.profile.id, found.match.fit) == ("p-6", "compatible")
    assert {each.fact: (each.profile, each.here) for each in found.match.reasons} == {
        "usable_cpus": ("6", "8"), "usable_cores": ("6", "8"),
    }  # fmt: skip
    assert found.match.distance == pytest.approx(sum(each.distance for each in found.match.reasons), abs=0.01)
    assert [each.profile.id for each in found.rejected] == ["p-2"]
    assert "away" in found.rejected[0].why


def test_a_profile_that_wants_more_threads_than_there_are_is_none() -> None:
    found = choose([tuned_on(machine(8))], machine(6))
    assert found.profile is None
    assert "8 threads, and there are 6 CPUs" in found.rejected[0].why
    assert choose([tuned_on(machine(8), threads=4)], machine(6)).profile is not None


def test_a_profile_that_needs_more_memory_than_there_is_is_none() -> None:
    heavy = tuned_on(machine(8))
    peak = heavy.tuned.peak_memory_bytes
    assert peak is not None
    heavy = heavy.model_copy(
        update={
            "tuned": heavy.tuned.model_copy(
                update={"peak_memory_bytes": peak.model_copy(update={"median": 1.9 * GIB})}
            )
        }
    )
    assert "memory" in cannot_run(heavy, machine(8, gib=2))
    assert cannot_run(heavy, machine(8, gib=4)) == ""


def test_threads_bound_to_cpus_that_are_not_there_are_none() -> None:
    bound = tuned_on(machine(8), threads=2)
    bound = bound.model_copy(update={"settings": bound.settings.replace(cpu_affinity=(6, 7))})
    assert "bound" in cannot_run(bound, machine(4)) or "binds" in cannot_run(bound, machine(4))
    assert cannot_run(bound, machine(8)) == ""


def test_a_profile_that_uses_servers_is_none() -> None:
    served = tuned_on(machine(8))
    served = served.model_copy(update={"settings": served.settings.replace(rpc=("10.0.0.1:50052",))})
    assert "RPC" in cannot_run(served, machine(8))


def test_another_architecture_or_accelerator_carries_nothing_over() -> None:
    arm = MACHINE.cpu.model_copy(update={"architecture": "aarch64"})
    gpu = Device(
        name="CUDA0",
        description="NVIDIA RTX",
        type="gpu",
        free_bytes=GIB,
        total_bytes=12 * GIB,
        backend="CUDA",
    )
    here = machine_class(machine())
    assert match_class(machine_class(MACHINE.model_copy(update={"cpu": arm})), here) is None
    assert match_class(machine_class(machine(devices=(gpu,))), here) is None


def test_another_cpu_and_build_are_nearer_than_half_the_cores() -> None:
    assert MACHINE.build is not None
    build = MACHINE.build.model_copy(update={"llama_cpp_version": "0.6.0"})
    here = machine_class(machine())
    other = match_class(machine_class(machine(model="Another CPU", build=build)), here)
    half = match_class(machine_class(machine(4)), here)
    assert other is not None
    assert half is not None
    assert 0 < other.distance < 3 < half.distance


def test_the_limit_is_the_users() -> None:
    assert choose([tuned_on(machine(2))], machine(8)).profile is None
    assert choose([tuned_on(machine(2))], machine(8), max_distance=20.0).profile is not None
    assert choose([tuned_on(machine(6))], machine(8), max_distance=0.0).profile is None


@given(st.lists(st.tuples(st.integers(1, 64), st.integers(1, 256)), min_size=2, max_size=2, unique=True))
def test_distance_is_the_same_both_ways_and_0_for_one_class_alone(sizes: list[tuple[int, int]]) -> None:
    one, other = (machine_class(machine(cpus, gib=gib)) for cpus, gib in sizes)
    there, back = match_class(one, other), match_class(other, one)
    assert there is not None
    assert back is not None
    assert there.distance == pytest.approx(back.distance, abs=0.002)
    assert there.distance > 0
    assert match_class(one, one) == match_class(other, other)


def test_facts_that_one_side_does_not_tell_count_as_other() -> None:
    here = machine_class(machine())
    silent = MachineClass(
        fingerprint="0" * 16, label="x",
        facts={name: value for name, value in here.facts.items() if name != "sockets"},
    )  # fmt: skip
    found = match_class(silent, here)
    assert found is not None
    assert found.reasons[0].profile == ""
    assert found.distance == 1.0
