"""What the check-up says of the build of llama.cpp."""

from __future__ import annotations

from tests.domain.test_machine import BUILD, MACHINE
from tunesmith.domain.machine import CPU_VARIANT, machine_class
from tunesmith.presentation.machine_facts import machine_rows
from tunesmith.services.doctor import _features

FEATURES = ("avx2", "avx512", "fma")
NATIVE = BUILD.model_copy(update={"cpu_features": FEATURES})
PORTABLE = NATIVE.model_copy(update={"system_info": f"CPU : AVX2 = 1 | {CPU_VARIANT} = icelake"})


def test_the_variant_of_a_portable_build_is_told_by_the_check_up_and_among_the_machines_facts() -> None:
    machine = MACHINE.model_copy(update={"build": PORTABLE})
    assert "icelake" in _features(machine).what
    assert dict(machine_rows(machine, machine_class(machine)))["llama.cpp"].endswith("icelake")


def test_a_native_build_names_no_variant() -> None:
    machine = MACHINE.model_copy(update={"build": NATIVE})
    assert "variant" not in _features(machine).what
    assert dict(machine_rows(machine, machine_class(machine)))["llama.cpp"] == NATIVE.label


def test_only_who_compiled_llama_cpp_is_told_to_do_so_anew() -> None:
    for build, advised in ((NATIVE, True), (PORTABLE, False)):
        narrow = build.model_copy(update={"cpu_features": ()})
        cpu = MACHINE.cpu.model_copy(update={"features": ("avx2",)})
        check = _features(MACHINE.model_copy(update={"build": narrow, "cpu": cpu}))
        assert check.status == "warning"
        assert bool(check.todo) is advised
