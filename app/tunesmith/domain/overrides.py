"""Own where settings put single tensors: patterns of their names, in llama.cpp's order."""

from __future__ import annotations

from tunesmith.domain.settings import Settings

MAIN_MEMORY = "CPU"
"""The device whose memory is main memory."""


def override_patterns(settings: Settings) -> list[tuple[str, str]]:
    """Patterns of tensors' names and the device each is to lie on, the first that is found holding.

    ``n_cpu_moe`` and ``n_cpu_ffn`` as llama.cpp's tools put them (common.h, LLM_FFN_EXPS_REGEX and
    LLM_FFN_DENSE_REGEX).
    """
    found = [tuple(override.rpartition("=")[::2]) for override in settings.override_tensor]
    found += [
        (rf"blk\.{layer}\.ffn_(up|down|gate|gate_up)_(ch|)exps", MAIN_MEMORY)
        for layer in range(settings.n_cpu_moe)
    ]
    found += [(rf"blk\.{layer}\.ffn_(up|down|gate)\.", MAIN_MEMORY) for layer in range(settings.n_cpu_ffn)]
    return [(pattern, device) for pattern, device in found]
