"""Own the names of the instruction sets that matter to llama.cpp."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# The names are those of /proc/cpuinfo, but for sse3 (pni there), neon (asimd), dotprod (asimddp)
# and fp16 (asimdhp), which are llama.cpp's. Chosen from ggml/src/ggml-cpu/CMakeLists.txt.
_X86 = (
    "sse3 ssse3 sse4_1 sse4_2 avx avx2 avx_vnni avx512f avx512bw avx512cd avx512dq avx512vl avx512vbmi "
    "avx512_vnni avx512_bf16 avx512_fp16 amx_tile amx_int8 amx_bf16 bmi2 f16c fma"
)
_ARM = "neon dotprod fp16 i8mm bf16 sve sve2 sme sme2"
_OTHER = "v vsx lsx lasx vx vxe nnpa"
_ALIASES = {
    "pni": "sse3",
    "avx1.0": "avx",
    "asimd": "neon",
    "advsimd": "neon",
    "asimddp": "dotprod",
    "asimdhp": "fp16",
}


def _key(name: str) -> str:
    # Linux says avx512_vnni, sse4_1; CPUID readers avx512vnni; macOS SSE4.1.
    return name.lower().replace("_", "").replace(".", "")


_BY_KEY = {_key(name): name for name in f"{_X86} {_ARM} {_OTHER}".split()}
_BY_KEY |= {_key(alias): name for alias, name in _ALIASES.items()}


def known_features(names: Iterable[str]) -> tuple[str, ...]:
    """Return those of the flags that matter to llama.cpp, under one name each, sorted."""
    return tuple(sorted({_BY_KEY[key] for key in map(_key, names) if key in _BY_KEY}))
