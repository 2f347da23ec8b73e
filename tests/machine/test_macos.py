"""Claims about reading macOS, on recorded answers of sysctl."""

from __future__ import annotations

import sys

import pytest

from tests.machine.trees import M2_PRO
from tunesmith.machine.macos import MacosReader, system_sysctl

INTEL_MAC = {
    "kern.osproductversion": "13.6",
    "kern.hv_vmm_present": "0",
    "machdep.cpu.brand_string": "Intel(R) Core(TM) i7-8850H CPU @ 2.60GHz",
    "machdep.cpu.features": "FPU SSE3 SSSE3 FMA SSE4.1 SSE4.2 AVX1.0 F16C",
    "machdep.cpu.leaf7_features": "BMI2 AVX2 SMEP",
    "hw.packages": "1",
    "hw.physicalcpu": "6",
    "hw.logicalcpu": "12",
}


def test_an_m2_pro_has_eight_performance_and_four_efficiency_cores() -> None:
    reader = MacosReader(M2_PRO.get)
    assert [core.kind for core in reader.cores()] == ["performance"] * 8 + ["efficiency"] * 4
    assert all(core.cpus == () and core.socket == 0 for core in reader.cores())
    assert reader.logical_cpus() == 12
    assert reader.sockets() == 1
    assert reader.cpu_model() == "Apple M2 Pro"
    assert reader.os_name() == "macOS 15.1"
    assert reader.features() == ("bf16", "dotprod", "fp16", "i8mm", "neon")
    assert reader.virtualization() is None


def test_llama_takes_the_fastest_level_s_cores() -> None:
    assert MacosReader(M2_PRO.get).llama_default_threads() == 8
    assert MacosReader(INTEL_MAC.get).llama_default_threads() == 6
    assert MacosReader(lambda name: None).llama_default_threads() is None


def test_a_second_level_that_is_not_called_efficiency_is_none() -> None:
    answers = M2_PRO | {"hw.perflevel0.name": "Super", "hw.perflevel1.name": "Performance"}
    assert {core.kind for core in MacosReader(answers.get).cores()} == {"performance"}


def test_levels_without_names_are_ranked() -> None:
    answers = {key: value for key, value in M2_PRO.items() if not key.endswith(".name")}
    assert [core.kind for core in MacosReader(answers.get).cores()] == ["performance"] * 8 + [
        "efficiency"
    ] * 4


def test_an_intel_mac_has_cores_of_no_known_kind() -> None:
    reader = MacosReader(INTEL_MAC.get)
    assert {core.kind for core in reader.cores()} == {"unknown"}
    assert len(reader.cores()) == 6
    assert reader.features() == ("avx", "avx2", "bmi2", "f16c", "fma", "sse3", "sse4_1", "sse4_2", "ssse3")


def test_cores_are_dealt_to_two_sockets() -> None:
    answers = {"hw.packages": "2", "hw.physicalcpu": "12"}
    assert [core.socket for core in MacosReader(answers.get).cores()] == [0] * 6 + [1] * 6


@pytest.mark.parametrize(
    ("model", "name"), [("VirtualMac2,1", "Apple Virtualization"), ("Mac14,9", "unknown hypervisor")]
)
def test_a_guest_is_named_by_its_model(model: str, name: str) -> None:
    answers = M2_PRO | {"kern.hv_vmm_present": "1", "hw.model": model}
    assert MacosReader(answers.get).virtualization() == name


def test_no_answer_is_unknown() -> None:
    reader = MacosReader(lambda name: None)
    assert reader.cores() == ()
    assert reader.features() is None
    assert (reader.os_name(), reader.cpu_model(), reader.sockets(), reader.logical_cpus()) == (None,) * 4


def test_garbage_is_unknown() -> None:
    for garbage in ("", "-1", "0", "x" * 300, "99999999999999", "\0"):
        reader = MacosReader(lambda name, text=garbage: text)  # type: ignore[misc]
        assert reader.cores() == ()
        assert reader.sockets() is None
        reader.features()
        reader.os_name()
        reader.virtualization()


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has the program")
def test_elsewhere_the_program_is_missing_and_answers_nothing() -> None:
    assert system_sysctl("hw.physicalcpu") is None
