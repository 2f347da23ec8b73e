"""Own which settings are tried: the questions a tune asks, one after another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tunesmith.domain.blocks import Blocks
from tunesmith.domain.event_base import Part
from tunesmith.domain.machine import Machine
from tunesmith.domain.request import SearchRules
from tunesmith.domain.settings import SETTING_SPECS, ChangeCost, Settings, setting_spec
from tunesmith.domain.workload import Workload
from tunesmith.errors import UsageError
from tunesmith.tuning.options import (
    Option,
    affinity_options,
    cache_label,
    cache_type_options,
    flash_attention_label,
    flash_attention_options,
    gpu_layer_options,
    has_device,
    has_fine_counts,
    larger_ubatch_options,
    layers_label,
    load_mode_options,
    repack_options,
    repacking_label,
    thread_label,
    thread_options,
    ubatch_label,
    ubatch_options,
)
from tunesmith.tuning.placement_options import (
    experts_label,
    experts_options,
    ffn_label,
    ffn_options,
    host_label,
    host_options,
    kv_label,
    kv_options,
    op_offload_label,
    op_offload_options,
    split_mode_label,
    split_mode_options,
)
from tunesmith.tuning.setting_text import format_cpu_list, parse_setting, unknown_setting
from tunesmith.tuning.split_options import split_label, split_options
from tunesmith.wording import tr

MODEL_LEVEL = frozenset(spec.name for spec in SETTING_SPECS if spec.cost is ChangeCost.MODEL)
BOTH: frozenset[Part] = frozenset({"prefill", "decode"})
_PREFILL: frozenset[Part] = frozenset({"prefill"})
_DECODE: frozenset[Part] = frozenset({"decode"})
_FIRST = ("gpu_layers", "affinity")
_FIRST_WITH_DEVICE = ("gpu_layers", "experts", "ffn", "ubatch", "affinity")
_LADDERS = ("gpu_layers", "experts", "ffn")
_SELDOM = ("load_mode", "kv", "host")
"""Questions whose answer seldom changes the speed."""
FEW_CORES = 4
"""Up to so many cores hardly any number of threads but all of them can win: that is asked later."""
VARIED = (
    "threads", "threads_batch", "n_ubatch", "n_batch", "flash_attn", "type_k", "type_v", "cpu_affinity",
    "n_gpu_layers", "n_cpu_moe", "n_cpu_ffn", "op_offload", "offload_kqv", "no_host", "use_extra_bufts",
    "load_mode", "split_mode", "main_gpu", "tensor_split",
)  # fmt: skip
"""Settings that some question is about."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which value of one setting, or of a few that belong together, is best."""

    stage: str
    title: str
    varies: tuple[str, ...]
    parts: frozenset[Part]
    """The parts of the workload that the answer can change."""
    held: str
    """Label of what holds so far."""
    options: tuple[Option, ...]
    moves_memory: bool = True
    """Whether the answer can change how much memory is used."""
    moves_speed: bool = True
    """Whether the answer is likely to change the speed; if not, it is only asked when there is time."""
    may_have_options: bool = False
    """Whether there may be options, where there are none now, once something else holds."""
    by_looks: bool = False
    """Whether each option is looked at once before any is raced, since each look costs much."""
    reloads: bool = False
    """Whether each option needs the model loaded anew."""
    whole_prompt: bool = False
    """Whether only the whole prompt can tell."""


def baseline_settings(machine: Machine, workload: Workload) -> Settings:
    """What llama.cpp's own command-line tools would run the workload with here."""
    threads = machine.cpu.llama_default_threads
    return Settings(
        threads=threads, threads_batch=threads, n_ctx=workload.n_ctx, n_seq_max=workload.parallel
    )  # fmt: skip


def check_rules(rules: SearchRules) -> None:
    """Refuse rules that name what there is not, or what is never tuned.

    Raises:
        UsageError: a name is unknown, cannot be varied, or is both varied and fixed.
    """
    fixed = {parse_setting(name, value)[0] for name, value in rules.fix.items()}
    for name in rules.vary or ():
        try:
            known = setting_spec(name).name
        except KeyError:
            raise unknown_setting(name) from None
        if known not in VARIED:
            raise UsageError(
                tr("{known} is not tuned.", known=known),
                todo=tr("Choose from {choices}.", choices=", ".join(VARIED)),
            )
        if known in fixed:
            raise UsageError(
                tr("{known} is to be varied and to be fixed.", known=known), todo=tr("Drop one of the two.")
            )


def _held(settings: Settings, machine: Machine) -> dict[str, str]:
    """How what holds is called in each question, by stage."""
    bound = settings.cpu_affinity
    kinds = tuple(dict.fromkeys((settings.type_k, settings.type_v)))
    mapped = settings.load_mode in ("auto", "mmap", "mmap+mlock") and (
        machine.build is None or machine.build.supports_mmap
    )
    return {
        "gpu_layers": layers_label(settings.n_gpu_layers),
        "flash_attn": flash_attention_label(settings.flash_attn),
        "threads": thread_label(settings.threads),
        "threads_batch": thread_label(settings.threads_batch),
        "affinity": tr("all CPUs") if bound is None else tr("CPUs {list}", list=format_cpu_list(bound)),
        "ubatch": ubatch_label(settings.n_ubatch),
        "repack": repacking_label(on=settings.use_extra_bufts),
        "cache_types": cache_label(tr("{k} and {v}", k=kinds[0], v=kinds[1]) if len(kinds) > 1 else kinds[0]),
        "load_mode": tr("mapped") if mapped else tr("read"),
        "split": split_label(settings.tensor_split),
        "experts": experts_label(settings.n_cpu_moe),
        "ffn": ffn_label(settings.n_cpu_ffn),
        "op_offload": op_offload_label(on=settings.op_offload),
        "kv": kv_label(on=settings.offload_kqv),
        "host": host_label(on=settings.no_host),
        "split_mode": split_mode_label(settings.split_mode, tr("device {number}", number=settings.main_gpu)),
    }


def _all_questions(
    settings: Settings, workload: Workload, machine: Machine, rules: SearchRules, blocks: Blocks | None,
    whole: Workload,
) -> list[Question]:  # fmt: skip
    held = _held(settings, machine)
    fine = has_fine_counts(machine, settings)

    def threads(name: str, title: str, part: frozenset[Part]) -> list[Question]:
        coarse = tuple(thread_options(name, machine, settings, fine=False))
        found = [Question(name, title, (name,), part, held[name], coarse, moves_memory=False)]
        if coarse and fine:
            nearer = tuple(thread_options(name, machine, settings, fine=True))
            found.append(
                Question(
                    f"{name}_fine", tr("{question}, nearer", question=title), (name,), part, held[name],
                    nearer, moves_memory=False, may_have_options=True,
                )
            )  # fmt: skip
        return found

    gpu, ubatch = gpu_layer_options(machine, settings, blocks), ubatch_options(workload, settings)
    long = has_device(machine) and whole.prompt > workload.prompt > 0
    if long:
        ubatch = larger_ubatch_options(whole, settings)
    affinity, caches = affinity_options(machine, settings), cache_type_options(rules.cache_types, settings)
    found: list[tuple[str, str, tuple[str, ...], frozenset[Part], Iterable[Option]]] = [
        ("gpu_layers", tr("GPU offload"), ("n_gpu_layers",), BOTH, gpu),
        ("affinity", tr("CPU affinity"), ("cpu_affinity",), BOTH, affinity),
        ("flash_attn", tr("Flash attention"), ("flash_attn",), BOTH, flash_attention_options(settings)),
        ("ubatch", tr("Physical batch size"), ("n_ubatch", "n_batch"), _PREFILL, ubatch),
        ("repack", tr("Weight repacking"), ("use_extra_bufts",), BOTH, repack_options(settings)),
        ("cache_types", tr("Cache types"), ("type_k", "type_v"), BOTH, caches),
        ("load_mode", tr("Load mode"), ("load_mode",), BOTH, load_mode_options(machine, settings)),
        ("split", tr("Split over devices"), ("tensor_split",), BOTH, split_options(machine, settings)),
        (
            "experts", tr("Experts in main memory"), ("n_cpu_moe", "n_gpu_layers"), BOTH,
            experts_options(machine, settings, blocks),
        ),
        (
            "ffn", tr("Feed-forward weights in main memory"), ("n_cpu_ffn", "n_gpu_layers"), BOTH,
            ffn_options(machine, settings, blocks),
        ),
        (
            "op_offload", tr("Weights brought to the GPU"), ("op_offload",), _PREFILL,
            op_offload_options(machine, settings, whole, blocks),
        ),
        (
            "split_mode", tr("Way to divide"), ("split_mode", "main_gpu"), BOTH,
            split_mode_options(machine, settings, blocks),
        ),
        (
            "kv", tr("Place of the cache"), ("offload_kqv", "n_gpu_layers"), BOTH,
            kv_options(machine, settings, blocks),
        ),
        ("host", tr("Pinned memory"), ("no_host",), BOTH, host_options(machine, settings, blocks)),
    ]  # fmt: skip
    others = [
        Question(
            stage, title, varies, parts, held[stage], tuple(options),
            moves_memory=stage != "affinity", moves_speed=stage not in _SELDOM,
            by_looks=(stage in _LADDERS and blocks is not None) or (stage == "ubatch" and long),
            reloads=varies[0] in MODEL_LEVEL, whole_prompt=stage == "ubatch" and long,
        )
        for stage, title, varies, parts, options in found
    ]  # fmt: skip
    if workload.parallel > 1:  # llama.cpp computes a step of several tokens as it computes a prompt
        counts = threads("threads_batch", tr("Threads"), BOTH)
    else:
        counts = [
            *threads("threads", tr("Threads to decode"), _DECODE),
            *threads("threads_batch", tr("Threads to prefill"), _PREFILL),
        ]
    # a device computes a prompt, and it depends most on how much at once
    early = _FIRST_WITH_DEVICE if has_device(machine) else _FIRST
    first = [found for stage in early for found in others if found.stage == stage]
    flash = [found for found in others if found.stage == "flash_attn"]
    rest = [found for found in others if found.stage not in (*early, "flash_attn")]
    if machine.cpu.usable_cores <= FEW_CORES:
        return [*first, *flash, *counts, *rest]
    return [*first, *counts, *flash, *rest]


def questions(
    settings: Settings,
    *,
    workload: Workload,
    machine: Machine,
    rules: SearchRules,
    parts: frozenset[Part],
    memory_only: bool = False,
    everything: bool = False,
    blocks: Blocks | None = None,
    whole: Workload | None = None,
) -> list[Question]:
    """What to ask, most telling first, given what holds so far.

    Args:
        settings: what holds so far; it is no option of any question.
        workload: the workload as it is measured while searching.
        machine: what is asked of depends on it.
        rules: what the user allows; see :func:`check_rules`.
        parts: the parts of the workload that the objective depends on.
        memory_only: ask only what can change the use of memory.
        everything: ask also what is unlikely to change anything.
        blocks: the model's layers, where it is known how many there are.
        whole: the whole workload, where it is longer than what is measured while searching.
    """
    vary = None if rules.vary is None else {setting_spec(name).name for name in rules.vary}
    fixed = {setting_spec(name).name for name in rules.fix}
    chosen = [
        replace(question, options=tuple(o for o in question.options if not fixed & {n for n, _ in o.changes}))
        for question in _all_questions(settings, workload, machine, rules, blocks, whole or workload)
    ]
    return [
        question
        for question in chosen
        if (question.options or question.may_have_options)
        and question.varies[0] not in fixed
        and (vary is None or vary & set(question.varies))
        and question.parts & parts
        and (question.moves_memory or not memory_only)
        and (question.moves_speed or memory_only or everything or vary is not None)
    ]
