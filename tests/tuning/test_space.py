"""Claims about tunesmith.tuning.space and tunesmith.tuning.options."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tests.tuning.machines import (
    BUILD,
    GIB,
    GPU_MACHINE,
    HYBRID,
    LAPTOP,
    LIMITED_SERVER,
    SERVER,
    SERVERS,
    TWO_CORE_VM,
    TWO_SERVERS,
    cores,
    machine,
)
from tunesmith.domain.blocks import Blocks
from tunesmith.domain.machine import Machine
from tunesmith.domain.request import SearchRules
from tunesmith.domain.settings import CACHE_TYPES_BY_PRECISION, Settings
from tunesmith.domain.workload import Workload
from tunesmith.errors import UsageError
from tunesmith.tuning.options import coarse_thread_counts, fine_thread_counts
from tunesmith.tuning.placement_options import nearer_placements
from tunesmith.tuning.space import BOTH, VARIED, Question, baseline_settings, check_rules, questions
from tunesmith.tuning.split_options import split_options

CHAT = Workload(prompt=512, generate=128)
DENSE_TOO_LARGE = Blocks(count=32, weights_bytes=16 * GIB, ffn_bytes=12 * GIB)
MIXTURE_TOO_LARGE = Blocks(count=32, weights_bytes=32 * GIB, experts_bytes=28 * GIB)
"""For a device of 12 GiB."""
MACHINES = {
    "two-core VM": TWO_CORE_VM,
    "hybrid": HYBRID,
    "limited server": LIMITED_SERVER,
    "server": SERVER,
    "laptop": LAPTOP,
    "with a GPU": GPU_MACHINE,
    "with two servers": TWO_SERVERS,
}


def ask(
    where: Machine,
    settings: Settings | None = None,
    *,
    rules: SearchRules | None = None,
    workload: Workload = CHAT,
    memory_only: bool = False,
    everything: bool = False,
    blocks: Blocks | None = None,
) -> dict[str, Question]:
    """Questions by stage."""
    found = questions(
        settings or baseline_settings(where, workload),
        workload=workload,
        machine=where,
        rules=rules or SearchRules(),
        parts=BOTH,
        memory_only=memory_only,
        everything=everything,
        blocks=blocks,
    )
    return {question.stage: question for question in found}


def labels(asked: dict[str, Question], stage: str) -> list[str]:
    return [option.label for option in asked[stage].options] if stage in asked else []


# ------------------------------------------------------------- by machine


def test_a_two_core_machine_is_asked_about_one_thread_and_not_about_affinity() -> None:
    asked = ask(TWO_CORE_VM)
    assert list(asked) == ["flash_attn", "threads", "threads_batch", "ubatch", "repack", "cache_types"]
    assert labels(asked, "threads") == ["1 thread"]


def test_where_there_are_many_cores_their_number_is_asked_first() -> None:
    assert list(ask(HYBRID))[:2] == ["affinity", "threads"]
    assert list(ask(SERVER)).index("flash_attn") > list(ask(SERVER)).index("threads_batch")


def test_sequences_in_parallel_are_decoded_with_the_threads_of_prompts() -> None:
    asked = ask(TWO_CORE_VM, workload=Workload(prompt=64, generate=32, parallel=4))
    assert "threads" not in asked
    assert asked["threads_batch"].parts == {"prefill", "decode"}


def test_a_hybrid_is_asked_about_its_fast_cores() -> None:
    asked = ask(HYBRID)
    assert baseline_settings(HYBRID, CHAT).threads == 8
    assert {"16 threads", "24 threads", "32 threads"} < set(labels(asked, "threads"))
    assert labels(asked, "affinity") == ["performance cores only", "one CPU a core"]
    (bound,) = [value for name, value in asked["affinity"].options[0].changes if name == "cpu_affinity"]
    assert bound == tuple(range(16))


def test_a_container_with_2_of_64_cores_is_asked_as_a_machine_of_two() -> None:
    asked = ask(LIMITED_SERVER)
    assert labels(asked, "threads") == ["1 thread"]
    assert "affinity" not in asked
    assert "threads_fine" not in asked


def test_a_server_is_asked_about_one_socket_and_one_thread_a_core() -> None:
    asked = ask(SERVER)
    assert labels(asked, "affinity") == ["first socket only", "one CPU a core"]
    assert labels(asked, "threads") == ["16 threads", "32 threads", "48 threads", "128 threads"]
    assert labels(asked, "threads_fine") == ["56 threads", "96 threads"]


def test_a_laptop_is_asked_about_all_its_logical_cpus() -> None:
    assert labels(ask(LAPTOP), "threads") == ["1 thread", "2 threads", "3 threads", "8 threads"]
    assert labels(ask(LAPTOP), "affinity") == ["one CPU a core"]


def test_a_gpu_can_be_left_out() -> None:
    asked = ask(GPU_MACHINE)
    assert labels(asked, "gpu_layers") == ["no layers on the GPU"]
    assert "gpu_layers" not in ask(TWO_CORE_VM)


def test_how_two_servers_share_a_model_is_asked_and_of_one_device_is_not() -> None:
    asked = ask(TWO_SERVERS)
    assert asked["split"].held == "divided by free memory"
    assert labels(asked, "split") == [
        "divided 1:0", "divided 0:1", "divided 1:1", "divided 3:1", "divided 1:3",
    ]  # fmt: skip
    assert "split" not in ask(GPU_MACHINE)
    away = baseline_settings(TWO_SERVERS, CHAT)
    for settings in (
        away.replace(n_gpu_layers=0), away.replace(devices=("RPC1",)), away.replace(split_mode="none"),
    ):  # fmt: skip
        assert not list(split_options(TWO_SERVERS, settings))
    three = TWO_SERVERS.model_copy(update={"devices": (*SERVERS, SERVERS[0])})
    assert [option.label for option in split_options(three, away.replace(tensor_split=(1.0, 1.0, 1.0)))] == [
        "divided 1:0:0", "divided 0:1:0", "divided 0:0:1",
    ]  # fmt: skip


@pytest.mark.parametrize("where", MACHINES.values(), ids=MACHINES)
def test_every_option_changes_something_and_makes_sense(where: Machine) -> None:
    settings = baseline_settings(where, CHAT)
    for question in ask(where, everything=True).values():
        for option in question.options:
            assert option.apply(settings) != settings


@pytest.mark.parametrize("where", MACHINES.values(), ids=MACHINES)
def test_candidates_of_a_question_have_labels_of_their_own(where: Machine) -> None:
    for question in ask(where, everything=True).values():
        found = [question.held, *(option.label for option in question.options)]
        assert len(set(found)) == len(found)


@pytest.mark.parametrize("where", MACHINES.values(), ids=MACHINES)
def test_no_more_threads_are_tried_than_there_are_cpus(where: Machine) -> None:
    settings = baseline_settings(where, CHAT)
    for question in ask(where, everything=True).values():
        for option in question.options:
            tried = option.apply(settings)
            room = len(tried.cpu_affinity or where.cpu.allowed_cpus)
            assert max(tried.threads, tried.threads_batch) <= room


def test_a_question_asks_for_at_most_eight_candidates() -> None:
    for where in MACHINES.values():
        for question in ask(where, everything=True).values():
            assert len(question.options) <= 8


@pytest.mark.parametrize("where", MACHINES.values(), ids=MACHINES)
def test_finer_thread_counts_lie_beside_what_holds_and_were_not_asked_before(where: Machine) -> None:
    coarse = coarse_thread_counts(where, None)
    for held in coarse:
        fine = fine_thread_counts(coarse, held)
        assert not set(fine) & set(coarse)
        assert len(fine) <= 2
        assert all(1 <= count <= where.cpu.usable_cpus for count in fine)


def test_threads_stay_within_the_cpus_they_are_bound_to() -> None:
    settings = baseline_settings(SERVER, CHAT).replace(
        cpu_affinity=tuple(range(16)), threads=16, threads_batch=16
    )
    counts = [int(label.split()[0]) for label in labels(ask(SERVER, settings), "threads")]
    assert counts == [2, 4, 6, 7, 8]


# ------------------------------------------------------------- by what holds and what is wanted


def test_thread_counts_of_a_part_are_measured_on_that_part_only() -> None:
    asked = ask(SERVER)
    assert asked["threads"].parts == asked["threads_fine"].parts == {"decode"}
    assert asked["threads_batch"].parts == asked["ubatch"].parts == {"prefill"}


def test_a_question_about_a_part_the_objective_ignores_is_not_asked() -> None:
    settings = baseline_settings(TWO_CORE_VM, CHAT)
    found = questions(
        settings, workload=CHAT, machine=TWO_CORE_VM, rules=SearchRules(), parts=frozenset({"decode"})
    )
    assert not {"threads_batch", "ubatch"} & {question.stage for question in found}


def test_batch_sizes_beyond_the_prompt_are_asked_once() -> None:
    short = ask(TWO_CORE_VM, workload=Workload(prompt=100, generate=8))
    assert labels(short, "ubatch") == ["ubatch 64"]
    long = ask(TWO_CORE_VM, workload=Workload(prompt=4096, generate=8))
    assert labels(long, "ubatch") == [f"ubatch {n}" for n in (64, 128, 256, 1024, 2048, 4096)]


def test_a_larger_physical_batch_takes_the_logical_one_along() -> None:
    asked = ask(TWO_CORE_VM, workload=Workload(prompt=8192, generate=8))
    last = asked["ubatch"].options[-1].apply(baseline_settings(TWO_CORE_VM, CHAT))
    assert (last.n_ubatch, last.n_batch) == (4096, 4096)


def test_flash_attention_is_asked_the_other_way_round_when_it_is_off() -> None:
    assert labels(ask(TWO_CORE_VM), "flash_attn") == ["flash attention off"]
    off = baseline_settings(TWO_CORE_VM, CHAT).replace(flash_attn="off")
    assert labels(ask(TWO_CORE_VM, off), "flash_attn") == ["flash attention on"]


def test_a_quantized_cache_keeps_flash_attention() -> None:
    quantized = baseline_settings(TWO_CORE_VM, CHAT).replace(type_k="q8_0", type_v="q8_0")
    assert "flash_attn" not in ask(TWO_CORE_VM, quantized)
    off = baseline_settings(TWO_CORE_VM, CHAT).replace(flash_attn="off")
    (option,) = ask(TWO_CORE_VM, off)["cache_types"].options
    assert option.apply(off).flash_attn == "on"


def test_nothing_below_q8_0_is_tried_without_consent() -> None:
    for where in MACHINES.values():
        assert labels(ask(where, everything=True), "cache_types") == ["q8_0 cache"]


def test_cache_types_are_those_the_user_accepts() -> None:
    rules = SearchRules(cache_types=("f16", "q8_0", "q4_0"))
    assert labels(ask(TWO_CORE_VM, rules=rules), "cache_types") == ["q8_0 cache", "q4_0 cache"]
    everything = SearchRules(cache_types=CACHE_TYPES_BY_PRECISION)
    assert len(labels(ask(TWO_CORE_VM, rules=everything), "cache_types")) == 8
    assert "cache_types" not in ask(TWO_CORE_VM, rules=SearchRules(cache_types=("f16",)))


def test_for_memory_only_what_moves_memory_is_asked() -> None:
    asked = ask(HYBRID, memory_only=True)
    assert not {"threads", "threads_batch", "affinity"} & set(asked)
    assert {"cache_types", "ubatch", "load_mode"} <= set(asked)


def test_the_load_mode_is_only_asked_when_there_is_time() -> None:
    assert "load_mode" not in ask(TWO_CORE_VM)
    assert labels(ask(TWO_CORE_VM, everything=True), "load_mode") == ["read instead of mapped"]


def test_without_mapping_there_is_no_other_load_mode() -> None:
    without = machine(cores(2), build=BUILD.model_copy(update={"supports_mmap": False}))
    assert "load_mode" not in ask(without, everything=True)


# ------------------------------------------------------------- what the user allows


def test_only_what_is_to_vary_is_asked_by_any_of_its_names() -> None:
    for name in ("threads", "t", "--threads", "n_threads"):
        assert list(ask(TWO_CORE_VM, rules=SearchRules(vary=(name,)))) == ["threads"]
    assert list(ask(TWO_CORE_VM, rules=SearchRules(vary=("ubatch", "fa")))) == ["flash_attn", "ubatch"]
    assert list(ask(TWO_CORE_VM, rules=SearchRules(vary=("ctv",)))) == ["cache_types"]
    assert list(ask(TWO_CORE_VM, rules=SearchRules(vary=("load-mode",)))) == ["load_mode"]


def test_what_is_fixed_is_in_no_candidate() -> None:
    fix = {"flash_attn": "off", "batch-size": "512", "threads": "2"}
    settings = baseline_settings(HYBRID, CHAT).replace(flash_attn="off", n_batch=512, threads=2)
    asked = ask(HYBRID, settings, rules=SearchRules(fix=fix), workload=Workload(prompt=4096, generate=8))
    for question in asked.values():
        for option in question.options:
            assert not {"flash_attn", "n_batch", "threads"} & {name for name, _ in option.changes}
    assert labels(asked, "ubatch") == ["ubatch 64", "ubatch 128", "ubatch 256"]
    assert not {"flash_attn", "threads", "threads_fine", "cache_types"} & set(asked)


def test_every_setting_that_may_vary_has_a_question_somewhere() -> None:
    long = Workload(prompt=8192, generate=8)
    asked = [ask(where, everything=True, workload=long) for where in MACHINES.values()]
    part = baseline_settings(GPU_MACHINE, long).replace(n_gpu_layers=8)
    asked += [
        ask(GPU_MACHINE, part, everything=True, workload=long, blocks=blocks)
        for blocks in (DENSE_TOO_LARGE, MIXTURE_TOO_LARGE)
    ]
    found = {
        name
        for questions_asked in asked
        for question in questions_asked.values()
        for option in question.options
        for name, _ in option.changes
    }
    assert found == set(VARIED)


# ------------------------------------------------------------- what a device does not hold


def values_of(asked: dict[str, Question], stage: str, name: str) -> list[object]:
    return [value for option in asked[stage].options for key, value in option.changes if key == name]


def test_experts_are_kept_back_only_as_far_as_the_device_is_too_small() -> None:
    """32 GiB of which 28 are experts, on 12: at least 25 of 32 layers' experts must stay behind."""
    asked = ask(GPU_MACHINE, blocks=MIXTURE_TOO_LARGE)
    assert values_of(asked, "experts", "n_cpu_moe") == [25, 26, 28, 30, 32]
    assert asked["experts"].by_looks
    assert "ffn" not in asked
    part = baseline_settings(GPU_MACHINE, CHAT).replace(n_gpu_layers=10)
    assert set(values_of(ask(GPU_MACHINE, part, blocks=MIXTURE_TOO_LARGE), "experts", "n_gpu_layers")) == {-1}


def test_a_mixture_that_fits_is_asked_about_its_experts_all_the_same() -> None:
    small = Blocks(count=32, weights_bytes=4 * GIB, experts_bytes=3 * GIB)
    assert values_of(ask(GPU_MACHINE, blocks=small), "experts", "n_cpu_moe") == [8, 16, 24, 32]
    hopeless = Blocks(count=32, weights_bytes=40 * GIB, experts_bytes=20 * GIB)
    assert "experts" not in ask(GPU_MACHINE, blocks=hopeless)
    assert "experts" not in ask(TWO_CORE_VM, blocks=small)


def test_a_dense_models_feed_forward_weights_stay_behind_only_where_it_does_not_fit() -> None:
    asked = ask(GPU_MACHINE, blocks=DENSE_TOO_LARGE)
    assert values_of(asked, "ffn", "n_cpu_ffn")[0] == 14
    fits = Blocks(count=32, weights_bytes=4 * GIB, ffn_bytes=3 * GIB)
    assert "ffn" not in ask(GPU_MACHINE, blocks=fits)


def test_what_weights_in_main_memory_make_worth_asking_is_not_asked_without_them() -> None:
    on_device = ask(GPU_MACHINE, everything=True, blocks=Blocks(count=32, weights_bytes=4 * GIB))
    assert not {"op_offload", "kv", "host"} & set(on_device)
    part = baseline_settings(GPU_MACHINE, CHAT).replace(n_gpu_layers=8)
    asked = ask(GPU_MACHINE, part, everything=True, blocks=DENSE_TOO_LARGE)
    assert {"op_offload", "kv", "host"} < set(asked)
    assert dict(asked["kv"].options[0].changes) == {"offload_kqv": False, "n_gpu_layers": 12}
    short = ask(GPU_MACHINE, part, blocks=DENSE_TOO_LARGE, workload=Workload(prompt=8, generate=64))
    assert "op_offload" not in short


def test_rows_are_tried_where_all_devices_can_and_alone_where_the_model_fits() -> None:
    cuda = tuple(
        GPU_MACHINE.devices[0].model_copy(update={"name": f"CUDA{number}", "total_bytes": size * GIB})
        for number, size in enumerate((24, 8))
    )
    two = machine(cores(8), devices=cuda)
    labelled = labels(ask(two, blocks=Blocks(count=32, weights_bytes=16 * GIB)), "split_mode")
    assert labelled == ["divided by rows", "CUDA0 alone"]
    small = labels(ask(TWO_SERVERS, blocks=Blocks(count=32, weights_bytes=4 * GIB)), "split_mode")
    assert small == ["RPC0 alone", "RPC1 alone"]
    assert "split_mode" not in ask(GPU_MACHINE)


def test_looks_at_experts_go_half_way_and_never_below_what_fits() -> None:
    best = baseline_settings(GPU_MACHINE, CHAT).replace(n_cpu_moe=28)
    tried = [best.replace(n_cpu_moe=number) for number in (25, 26, 28, 30, 32)]
    found = nearer_placements("n_cpu_moe", MIXTURE_TOO_LARGE, GPU_MACHINE, best, tried)
    assert [dict(option.changes)["n_cpu_moe"] for option in found] == [29, 27]
    lowest = nearer_placements("n_cpu_moe", MIXTURE_TOO_LARGE, GPU_MACHINE, tried[0], [tried[0], tried[4]])
    assert all(dict(option.changes)["n_cpu_moe"] >= 25 for option in lowest)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (SearchRules(vary=("speed",)), "no setting called 'speed'"),
        (SearchRules(vary=("ctx",)), "n_ctx is not tuned"),
        (SearchRules(vary=("threads",), fix={"t": "4"}), "to be varied and to be fixed"),
        (SearchRules(fix={"speed": "high"}), "no setting called 'speed'"),
        (SearchRules(fix={"threads": "many"}), "whole number"),
    ],
)
def test_rules_that_make_no_sense_are_refused(rules: SearchRules, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_rules(rules)


def test_rules_that_make_sense_pass() -> None:
    check_rules(SearchRules(vary=("t", "fa"), fix={"ubatch": "256"}))


# ------------------------------------------------------------- the baseline


def test_the_baseline_is_what_llama_cpp_would_do() -> None:
    settings = baseline_settings(HYBRID, Workload(prompt=500, generate=100, depth=0, parallel=4))
    assert (settings.threads, settings.threads_batch) == (8, 8)
    assert settings.n_ctx == 4 * 768
    assert settings.n_seq_max == 4
    assert (settings.flash_attn, settings.n_ubatch, settings.type_k) == ("auto", 512, "f16")


def test_an_option_that_makes_no_sense_is_refused_when_applied() -> None:
    (option,) = ask(TWO_CORE_VM)["flash_attn"].options
    quantized = baseline_settings(TWO_CORE_VM, CHAT).replace(type_k="q8_0", type_v="q8_0")
    with pytest.raises(ValidationError):
        option.apply(quantized)
