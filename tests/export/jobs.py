"""Own what the tests of exports share: profiles, awkward paths, and every setting changed."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.store.values import SETTINGS, profile
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.settings import SETTING_SPECS
from tunesmith.errors import UsageError
from tunesmith.export.job import Exported, Options
from tunesmith.export.targets import TARGETS, export_profiles

PATH = "/models/s.gguf"

CHANGED: dict[str, dict[str, Any]] = {
    "threads": {"threads": 3},
    "threads_batch": {"threads_batch": 5},
    "n_ctx": {"n_ctx": 2048},
    "n_gpu_layers": {"n_gpu_layers": 7},
    "n_batch": {"n_batch": 1024},
    "n_ubatch": {"n_ubatch": 64},
    "flash_attn": {"flash_attn": "off"},
    "type_k": {"type_k": "q8_0"},
    "type_v": {"type_v": "q8_0", "flash_attn": "on"},
    "load_mode": {"load_mode": "none"},
    "use_extra_bufts": {"use_extra_bufts": False},
    "op_offload": {"op_offload": False},
    "swa_full": {"swa_full": True},
    "n_seq_max": {"n_seq_max": 4},
    "cpu_affinity": {"cpu_affinity": (0, 2, 5)},
    "rpc": {"rpc": ("10.0.0.2:50052",)},
    "devices": {"devices": ("CUDA1", "CUDA0")},
    "split_mode": {"split_mode": "row"},
    "main_gpu": {"main_gpu": 1},
    "tensor_split": {"tensor_split": (3.0, 1.5)},
    "n_cpu_moe": {"n_cpu_moe": 9},
    "n_cpu_ffn": {"n_cpu_ffn": 4},
    "override_tensor": {"override_tensor": (r"blk\.(1|2)\.ffn_.*=CPU", r"out'put$ \"x\"=CUDA0")},
    "offload_kqv": {"offload_kqv": False},
    "no_host": {"no_host": True},
}
"""Every setting with another value than the usual, and what must be changed along with it."""
assert CHANGED.keys() == {spec.name for spec in SETTING_SPECS}

AWKWARD = st.text(
    st.sampled_from(" \"'`$%\\;#&|<>(){}[]!*?~^=,:@\n\t\r\x07äß日🙂\u2019\u2028\u00a0-_.abcn0")
    | st.characters(exclude_categories=["Cs"], exclude_characters="\0/"),
    min_size=1,
    max_size=12,
)
"""Names of files, with all that shells and parsers care about."""
AWKWARD_PATHS = st.builds(lambda folder, name: f"/{folder}/{name}", AWKWARD, AWKWARD).filter(
    lambda path: not any(part in ("", ".", "..") for part in path[1:].split("/"))
)


def tuned(**settings: Any) -> TunedProfile:
    """A profile with some settings."""
    made = profile()
    return made.model_copy(update={"settings": SETTINGS.replace(**settings)})


def exported(
    name: str, *profiles: TunedProfile, path: str = PATH, options: Options | None = None
) -> Exported:
    """Profiles, or a plain one, in a format."""
    return export_profiles(
        [(each, path) for each in profiles or (tuned(),)], TARGETS[name], options or Options()
    )


def exported_or_refused(name: str, path: str, *, options: Options | None = None) -> Exported | None:
    """An export, or None if the format says that it cannot hold the path: in words."""
    refused: UsageError | None = None
    made: Exported | None = None
    try:
        made = exported(name, tuned(), path=path, options=options)
    except UsageError as error:
        refused = error
    assert made is not None or (refused is not None and refused.what and refused.unharmed and refused.todo)
    return made
