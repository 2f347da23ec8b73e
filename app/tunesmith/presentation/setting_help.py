"""Own what is said of each setting where it is met: one plain sentence, and its place in the guide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tunesmith.wording import tr

SETTINGS_PAGE = "settings.md"
"""The page of the guide that explains them."""


@dataclass(frozen=True, slots=True)
class SettingHelp:
    """What is said of one setting."""

    sentence: str
    anchor: str
    """Of its section on the guide's page."""


_SENTENCES: Mapping[str, str] = {
    "threads": tr("CPU threads used to generate tokens."),
    "threads_batch": tr("CPU threads used to process the prompt."),
    "cpu_affinity": tr("The logical CPUs that the threads may run on."),
    "n_ctx": tr("Context size in tokens."),
    "n_batch": tr("Most tokens handed over in one call while the prompt is processed."),
    "n_ubatch": tr("Most tokens computed at once while the prompt is processed; more needs more memory."),
    "flash_attn": tr(
        "A way to compute attention that needs less memory; faster or slower depending on the machine."
    ),
    "type_k": tr("How precisely the keys of past tokens are kept."),
    "type_v": tr("How precisely the values of past tokens are kept."),
    "op_offload": tr("Let a GPU compute large operations on weights that stay in main memory."),
    "offload_kqv": tr("Keep the cache of offloaded layers on their devices."),
    "swa_full": tr("Keep the whole context for sliding-window layers."),
    "n_seq_max": tr("Sequences that run in parallel."),
    "n_gpu_layers": tr("Layers computed on a GPU; -1 means all."),
    "rpc": tr("RPC servers on other machines whose devices are used."),
    "devices": tr("The devices that layers may be put on; all if none is named."),
    "split_mode": tr("How several devices divide the model among them."),
    "main_gpu": tr("The one device that is used where the model is not divided."),
    "tensor_split": tr("The share of the model that each device takes; by free memory if left out."),
    "n_cpu_moe": tr("Layers, from the first, whose experts stay in main memory."),
    "n_cpu_ffn": tr("Layers, from the first, whose dense feed-forward weights stay in main memory."),
    "override_tensor": tr("Where tensors lie whose names fit a pattern, such as ffn_down=CPU."),
    "no_host": tr(
        "Do not use a device's pinned memory for what stays in main memory, so that it can be repacked."
    ),
    "load_mode": tr("How the file comes into memory: mapped, read, or locked."),
    "use_extra_bufts": tr("Rearrange weights for the CPU's widest instructions when loading."),
}

SETTING_HELP: Mapping[str, SettingHelp] = {
    name: SettingHelp(sentence, anchor=name) for name, sentence in _SENTENCES.items()
}
"""By llama.cpp's own name of the setting."""

WORD_ANCHORS: Mapping[str, str] = {
    word: word.lower() for word in ("Prefill", "Decode", "TTFT", "ITL", "Interval", "Noisy")
}
"""Where the guide explains the words of a measurement."""


def setting_help(name: str) -> SettingHelp | None:
    """What is said of a setting; None for one that this version does not know."""
    return SETTING_HELP.get(name)
