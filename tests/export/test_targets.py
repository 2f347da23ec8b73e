"""No setting is lost in silence: each is in the file, or named as not carried over."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.export.jobs import CHANGED, exported, tuned
from tunesmith.cli import parser
from tunesmith.errors import UsageError
from tunesmith.export.job import SHELLS, Options, dns_name, short_name, unique
from tunesmith.export.targets import TARGETS, find_target

SEVERAL = [name for name, target in TARGETS.items() if target.SEVERAL]
COMMENTED = [name for name in TARGETS if name not in ("lm-studio", "koboldcpp", "json")]
BUILDS = [None, "b6000", "b6400", "b10107", "b10875", "10434"]


def without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith(("#", "rem ")))


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("setting", CHANGED)
def test_a_setting_is_in_the_file_or_named_as_lost(name: str, setting: str) -> None:
    changes = CHANGED[setting]
    beside = {key: value for key, value in changes.items() if key != setting}
    plain, changed = exported(name, tuned(**beside)), exported(name, tuned(**changes))
    written = without_comments(plain.text) != without_comments(changed.text)
    lost = setting in {loss.setting for loss in changed.losses}
    assert written or lost
    if name not in ("ollama", "koboldcpp"):  # where another setting moves along
        assert not (written and lost)


@pytest.mark.parametrize("name", ["llama-server", "preset-ini", "docker-run", "compose", "systemd", "quadlet",
                                  "kubernetes", "llama-swap", "json"])  # fmt: skip
def test_what_runs_llama_server_or_holds_the_profile_loses_nothing(name: str) -> None:
    everything: dict[str, Any] = {}
    for changes in CHANGED.values():
        everything |= changes
    everything["flash_attn"] = "on"  # as the cache type of V asks
    assert exported(name, tuned(**everything)).losses == ()


@pytest.mark.parametrize("name", COMMENTED)
def test_what_is_lost_stands_in_the_file_as_well(name: str) -> None:
    for changes in CHANGED.values():
        made = exported(name, tuned(**changes))
        for loss in made.losses:
            assert f"Not carried over: {loss}" in made.text


@pytest.mark.parametrize("name", TARGETS)
def test_only_some_formats_hold_several_profiles_and_the_others_say_so(name: str) -> None:
    pair = (tuned(threads=2), tuned(threads=3))
    if name not in SEVERAL:
        with pytest.raises(UsageError, match="holds one profile"):
            exported(name, *pair)
    else:
        made = exported(name, *pair).text
        assert made.count("SmolLM2-on-bench-1-2") + made.count("smollm2-on-bench-1-2") > 0


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("mode", ["auto", "none", "mmap", "mlock", "mmap+mlock", "dio"])
def test_how_a_model_is_loaded_is_said_in_the_words_of_the_build(build: str | None, mode: str) -> None:
    made = exported("llama-server", tuned(load_mode=mode), options=Options(target_version=build))
    old = build in ("b6000", "b6400")
    assert ("--load-mode" in made.text) is not old
    assert ("--no-mmap" in made.text) is (old and mode in ("none", "mlock"))
    assert ("--mlock" in without_comments(made.text)) is (old and "mlock" in mode)
    assert bool(made.losses) is (old and mode == "dio") or build == "b6000"  # where auto is lost as well


@pytest.mark.parametrize(
    ("build", "value", "said", "lost"),
    [
        ("b6000", "on", "--flash-attn", False),
        ("b6000", "off", None, False),
        ("b6000", "auto", None, True),
        ("b6400", "auto", "--flash-attn auto", False),
        (None, "off", "--flash-attn off", False),
    ],
)
def test_flash_attention_took_no_value_once(
    build: str | None, value: str, said: str | None, lost: bool
) -> None:
    made = exported("llama-server", tuned(flash_attn=value), options=Options(target_version=build))
    assert ("--flash-attn" in made.text) is (said is not None)
    assert said is None or said in made.text
    assert ("flash_attn" in {loss.setting for loss in made.losses}) is lost


def test_all_layers_is_a_number_where_the_word_is_not_known() -> None:
    assert "--n-gpu-layers 999" in exported("llama-server", options=Options(target_version="b6400")).text
    assert "--n-gpu-layers all" in exported("llama-server").text


@pytest.mark.parametrize("version", ["b12", "new", "", "-1", "1.2.3"])
def test_a_version_that_is_none_is_refused(version: str) -> None:
    with pytest.raises(UsageError, match=r"no build|older"):
        exported("llama-server", options=Options(target_version=version))


def test_threads_of_minus_one_are_never_written() -> None:
    for name in TARGETS:
        if name not in ("json", "python"):  # -1 layers are Python's word for all
            assert not re.search(r"""(^|[ ="'])-1($|[ ,"'])""", exported(name).text, re.MULTILINE)


def test_the_grammar_offers_every_format_and_shell() -> None:
    assert tuple(TARGETS) == parser.EXPORTS
    assert SHELLS == parser.SHELLS


def test_an_unknown_format_names_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        find_target("kubernets")
    assert "kubernetes" in caught.value.todo


@pytest.mark.parametrize("name", TARGETS)
def test_a_container_needs_a_whole_path_and_says_so(name: str) -> None:
    if name in ("docker-run", "compose", "quadlet", "kubernetes"):
        with pytest.raises(UsageError, match="whole path"):
            exported(name, path="s.gguf")
    else:
        assert exported(name, path="s.gguf").text


def test_a_path_of_windows_is_mounted_as_one() -> None:
    made = exported("compose", path=r"C:\My Models\s.gguf").text
    assert '"C:\\\\My Models"' in made
    assert '"/models/s.gguf"' in made or "/models/s.gguf" in made


def test_memory_is_locked_only_where_the_service_may() -> None:
    assert "memlock" in exported("compose", tuned(load_mode="mlock")).text
    assert "LimitMEMLOCK=infinity" in exported("systemd", tuned(load_mode="mlock")).text
    assert "IPC_LOCK" in exported("kubernetes", tuned(load_mode="mmap+mlock")).text
    assert "memlock" not in exported("compose").text


@pytest.mark.parametrize("backend", ["CUDA", "ROCm", "Vulkan", "SYCL"])
def test_the_image_fits_the_accelerator(backend: str) -> None:
    made = tuned()
    gpu = made.model_copy(update={"build": made.build.model_copy(update={"backends": ("CPU", backend)})})
    tag = {"CUDA": "cuda", "ROCm": "rocm", "Vulkan": "vulkan", "SYCL": "intel"}[backend]
    for name in ("docker-run", "compose", "quadlet", "kubernetes"):
        assert f":server-{tag}" in exported(name, gpu).text
    on_cpu = gpu.model_copy(update={"settings": gpu.settings.replace(n_gpu_layers=0)})
    assert ":server-" not in exported("compose", on_cpu).text


def test_names_are_ones_that_every_format_takes() -> None:
    assert short_name("SmolLM2 135M Q4_K_M · chat") == "SmolLM2-135M-Q4_K_M-chat"
    assert short_name("日本") == "model"
    assert dns_name("Q4_K_M.chat") == "q4-k-m-chat"
    assert unique(["a", "A", "a"]) == ["a", "A-2", "a-3"]


def test_the_profile_itself_is_exported_as_its_document() -> None:
    assert json.loads(exported("json").text)["schema"] == "tunesmith.profile/2"
