"""Claims about the names of instruction sets."""

from __future__ import annotations

import pytest

from tunesmith.machine.features import known_features


def test_every_system_s_spelling_gives_one_name() -> None:
    linux = known_features(["pni", "sse4_1", "avx", "avx512_vnni", "avx512vbmi", "amx_int8"])
    macos_and_cpuid = known_features(["SSE3", "SSE4.1", "AVX1.0", "avx512vnni", "avx512_vbmi", "AMX_INT8"])
    assert linux == macos_and_cpuid == ("amx_int8", "avx", "avx512_vnni", "avx512vbmi", "sse3", "sse4_1")


@pytest.mark.parametrize(
    ("flag", "name"), [("asimd", "neon"), ("neon", "neon"), ("asimddp", "dotprod"), ("asimdhp", "fp16")]
)
def test_arm_flags_go_by_llama_cpp_s_names(flag: str, name: str) -> None:
    assert known_features([flag]) == (name,)


def test_what_does_not_matter_to_llama_cpp_is_left_out() -> None:
    assert known_features(["fpu", "vme", "mmx", "avx2", "avx2"]) == ("avx2",)
