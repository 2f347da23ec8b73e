"""Own the tests of the llama-server command."""

from __future__ import annotations

import shlex

from tunesmith.domain.settings import Settings
from tunesmith.domain.speculation import PLAIN as PLAIN_DECODING
from tunesmith.domain.speculation import Plan
from tunesmith.presentation.server_command import drafting_arguments, server_arguments, server_command

PLAIN = Settings(threads=4, threads_batch=8, n_ctx=4096)


def value_of(arguments: list[str], flag: str) -> str:
    return arguments[arguments.index(flag) + 1]


def test_every_setting_that_a_tune_varies_is_written_out() -> None:
    arguments = server_arguments(
        PLAIN.replace(n_ubatch=128, flash_attn="on", type_k="q8_0", type_v="q8_0", load_mode="none"),
        "/m.gguf",
    )
    assert arguments[:3] == ["llama-server", "--model", "/m.gguf"]
    expected = {
        "--threads": "4", "--threads-batch": "8", "--ctx-size": "4096", "--batch-size": "2048",
        "--ubatch-size": "128", "--flash-attn": "on", "--cache-type-k": "q8_0", "--cache-type-v": "q8_0",
        "--load-mode": "none", "--n-gpu-layers": "all", "--parallel": "1",
    }  # fmt: skip
    assert {flag: value_of(arguments, flag) for flag in expected} == expected


def test_devices_are_written_as_llama_cpp_takes_them() -> None:
    settings = PLAIN.replace(
        rpc=("box:1", "10.0.0.2:2"), devices=("RPC1", "RPC0"), split_mode="none", main_gpu=1,
        tensor_split=(3.0, 1.5),
    )  # fmt: skip
    expected = {
        "--rpc": "box:1,10.0.0.2:2", "--device": "RPC1,RPC0", "--split-mode": "none", "--main-gpu": "1",
        "--tensor-split": "3,1.5",
    }  # fmt: skip
    arguments = server_arguments(settings, "m")
    assert {flag: value_of(arguments, flag) for flag in expected} == expected
    assert not expected.keys() & set(server_arguments(PLAIN, "m"))


def test_no_number_is_ever_minus_one() -> None:
    assert "-1" not in server_arguments(PLAIN, "/m.gguf")


def test_switches_appear_only_when_they_differ_from_the_default() -> None:
    assert not {"--no-repack", "--no-op-offload", "--swa-full", "--cpu-mask"} & set(
        server_arguments(PLAIN, "m")
    )
    changed = PLAIN.replace(
        use_extra_bufts=False, op_offload=False, swa_full=True, cpu_affinity=(0, 2, 5), n_gpu_layers=12
    )
    arguments = server_arguments(changed, "m")
    assert {"--no-repack", "--no-op-offload", "--swa-full"} <= set(arguments)
    assert value_of(arguments, "--cpu-mask") == "0x25"
    assert value_of(arguments, "--n-gpu-layers") == "12"


def test_a_path_with_blanks_and_quotes_survives_a_shell() -> None:
    path = "/home/me/my models/it's $HOME.gguf"
    assert shlex.split(server_command(PLAIN, path))[2] == path


def test_drafting_is_told_by_the_flags_that_this_llama_cpp_has() -> None:
    draft = Plan(drafter="draft", length=5)
    arguments = drafting_arguments(draft, "/d.gguf", PLAIN.replace(n_gpu_layers=3))
    assert arguments == [
        "--spec-type", "draft-simple", "--spec-draft-model", "/d.gguf", "--spec-draft-n-max", "5",
        "--spec-draft-ngl", "3",
    ]  # fmt: skip
    assert value_of(drafting_arguments(draft, "/d.gguf", PLAIN), "--spec-draft-ngl") == "all"
    lookup = drafting_arguments(Plan(drafter="lookup", length=8, ngram=3), None, None)
    assert value_of(lookup, "--spec-ngram-simple-size-n") == "3"
    assert value_of(lookup, "--spec-ngram-simple-size-m") == "8"
    assert drafting_arguments(PLAIN_DECODING, "/d.gguf", PLAIN) == []
