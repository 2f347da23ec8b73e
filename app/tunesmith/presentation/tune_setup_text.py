"""Own the words of a tune that is about to start: what will happen, and how long it takes."""

from __future__ import annotations

from dataclasses import dataclass

from tunesmith.domain.request import TuneRequest
from tunesmith.domain.workload import ObjectiveName, Workload
from tunesmith.presentation.numbers import duration_text, figures, memory_scale
from tunesmith.presentation.objective_text import given_note
from tunesmith.wording import tr, trn


@dataclass(frozen=True, slots=True)
class Question:
    """A question a tune may ask, as it stands beside a check box."""

    title: str
    settings: tuple[str, ...]
    explanation: str


QUESTIONS: tuple[Question, ...] = (
    Question(tr("Threads to decode"), ("threads",), tr("How many CPU threads generate tokens.")),
    Question(tr("Threads to prefill"), ("threads_batch",), tr("How many CPU threads process the prompt.")),
    Question(
        tr("Batch size"), ("n_ubatch", "n_batch"),
        tr("How many prompt tokens are computed at once; more needs more memory."),
    ),
    Question(
        tr("Flash attention"), ("flash_attn",),
        tr("A way to compute attention that needs less memory; faster or slower depending on the machine."),
    ),
    Question(
        tr("Weight repacking"), ("use_extra_bufts",),
        tr("Rearranges weights for the CPU when loading."),
    ),
    Question(
        tr("CPU affinity"), ("cpu_affinity",),
        tr("Which CPUs the threads may run on, where they differ."),
    ),
    Question(
        tr("GPU offload"),
        (
            "n_gpu_layers", "n_cpu_moe", "n_cpu_ffn", "op_offload", "offload_kqv", "no_host", "split_mode",
            "main_gpu", "tensor_split",
        ),
        tr("How many layers a GPU computes, where there is one."),
    ),
    Question(tr("Load mode"), ("load_mode",), tr("Whether the file is mapped into memory or read.")),
    Question(tr("Cache types"), ("type_k", "type_v"), tr("How precisely past tokens are kept in memory.")),
)  # fmt: skip

OBJECTIVES: dict[ObjectiveName, tuple[str, str]] = {
    "response": (tr("Fastest answer"), tr("The time from the question to the last token of the answer.")),
    "decode": (tr("Fastest generation"), tr("Tokens per second while the answer is written.")),
    "prefill": (tr("Fastest reading"), tr("Tokens per second while the prompt is processed.")),
    "throughput": (tr("Most tokens in all"), tr("Tokens per second over all requests that run at once.")),
    "memory": (tr("Least memory"), tr("The smallest peak of memory that is hardly slower.")),
    "efficiency": (
        tr("Most tokens per joule"),
        tr("All that the machine draws while it answers, by its sensors or by watts that you name."),
    ),
    "cost": (
        tr("Least cost of tokens"),
        tr("Electricity, waiting and hardware, at the prices of the calculator on a profile."),
    ),
    "sustained": (
        tr("Fastest answer once warm"),
        tr("What the machine holds: the best are compared in long blocks by turns. Give it half an hour."),
    ),
}
_GOALS: dict[ObjectiveName, str] = {
    "response": tr("answers come fastest"),
    "decode": tr("tokens come fastest"),
    "prefill": tr("prompts are read fastest"),
    "throughput": tr("most tokens are served in all"),
    "memory": tr("the least memory is needed"),
    "efficiency": tr("a joule makes most tokens"),
    "cost": tr("tokens cost least"),
    "sustained": tr("answers come fastest once the machine is warm"),
}


def workload_text(workload: Workload) -> str:
    """Such as ``256 tokens in, 128 out, after 512 already in the context``."""
    pieces = []
    if workload.prompt:
        pieces.append(trn("{count} token in", "{count} tokens in", workload.prompt))
    if workload.generate:
        out = workload.generate
        whole = trn("{count} token out", "{count} tokens out", out)
        pieces.append(tr("{tokens} out", tokens=out) if pieces else whole)
    if workload.depth:
        pieces.append(tr("after {tokens} already in the context", tokens=workload.depth))
    if workload.parallel > 1:
        pieces.append(tr("{requests} at a time", requests=workload.parallel))
    return ", ".join(pieces)


def plan_sentences(request: TuneRequest, model_name: str) -> list[str]:
    """What will happen, a sentence each."""
    goal = _GOALS[request.objective.name]
    workload = workload_text(request.workload)
    found = [
        tr(
            "{model} runs the workload ({workload}) under different settings, always beside llama.cpp's "
            "defaults, to find those with which {goal}.",
            model=model_name[:1].upper() + model_name[1:], workload=workload, goal=goal,
        ) if model_name else tr(
            "The model runs the workload ({workload}) under different settings, always beside llama.cpp's "
            "defaults, to find those with which {goal}.",
            workload=workload, goal=goal,
        ),
        tr(
            "This takes about {time}. You can stop at any time and keep what was measured.",
            time=duration_text(request.budget.seconds),
        ),
        tr("Half of the time goes to the best of them and the defaults, in long blocks by turns.")
        if request.objective.name == "sustained"
        else tr("What wins is confirmed in fresh processes before it is called a result."),
    ]  # fmt: skip
    if request.rpc:
        count = len(request.rpc)
        found.append(trn("{count} RPC server takes part.", "{count} RPC servers take part.", count))
    if note := given_note(request.objective, request.given_power):
        found.append(note)
    limits = limits_text(request)
    if limits:
        found.append(tr("Only settings that keep {limits} count.", limits=limits))
    found.append(
        tr("The model file is only read. Other programs disturb the numbers: leave the machine alone.")
    )
    return found


def limits_text(request: TuneRequest) -> str:
    """The constraints in words; empty if there are none."""
    c = request.constraints
    pieces = []
    if c.max_memory_bytes is not None:
        unit, size = memory_scale("giga")
        memory = f"{figures(c.max_memory_bytes / size, 3)} {unit}"
        pieces.append(tr("memory below {memory}", memory=memory))
    if c.max_ttft_ms is not None:
        pieces.append(tr("the first token within {time} ms", time=figures(c.max_ttft_ms, 4)))
    if c.max_itl_ms is not None:
        pieces.append(tr("{time} ms between tokens", time=figures(c.max_itl_ms, 4)))
    if len(pieces) < 2:
        return "".join(pieces)
    return tr("{some} and {last}", some=", ".join(pieces[:-1]), last=pieces[-1])
