"""Own the words of a tune that is about to start: what will happen, and how long it takes."""

from __future__ import annotations

from dataclasses import dataclass

from tunesmith.domain.request import TuneRequest
from tunesmith.domain.workload import ObjectiveName, Workload
from tunesmith.presentation.numbers import duration_text


@dataclass(frozen=True, slots=True)
class Question:
    """A question a tune may ask, as it stands beside a check box."""

    title: str
    settings: tuple[str, ...]
    explanation: str


QUESTIONS: tuple[Question, ...] = (
    Question("Threads to decode", ("threads",), "How many CPU threads generate tokens."),
    Question("Threads to prefill", ("threads_batch",), "How many CPU threads process the prompt."),
    Question(
        "Batch size", ("n_ubatch", "n_batch"),
        "How many prompt tokens are computed at once; more needs more memory.",
    ),
    Question(
        "Flash attention", ("flash_attn",),
        "A way to compute attention that needs less memory; faster or slower depending on the machine.",
    ),
    Question("Weight repacking", ("use_extra_bufts",), "Rearranges weights for the CPU when loading."),
    Question("CPU affinity", ("cpu_affinity",), "Which CPUs the threads may run on, where they differ."),
    Question("GPU offload", ("n_gpu_layers",), "How many layers a GPU computes, where there is one."),
    Question("Load mode", ("load_mode",), "Whether the file is mapped into memory or read."),
    Question("Cache types", ("type_k", "type_v"), "How precisely past tokens are kept in memory."),
)  # fmt: skip

OBJECTIVES: dict[ObjectiveName, tuple[str, str]] = {
    "response": ("Fastest answer", "The time from the question to the last token of the answer."),
    "decode": ("Fastest generation", "Tokens per second while the answer is written."),
    "prefill": ("Fastest reading", "Tokens per second while the prompt is processed."),
    "throughput": ("Most tokens in all", "Tokens per second over all requests that run at once."),
    "memory": ("Least memory", "The smallest peak of memory that is hardly slower."),
}
_GOALS: dict[ObjectiveName, str] = {
    "response": "answers come fastest",
    "decode": "tokens come fastest",
    "prefill": "prompts are read fastest",
    "throughput": "most tokens are served in all",
    "memory": "the least memory is needed",
}


def workload_text(workload: Workload) -> str:
    """Such as ``256 tokens in, 128 out, after 512 already in the context``."""
    pieces = []
    if workload.prompt:
        pieces.append(f"{workload.prompt} tokens in")
    if workload.generate:
        pieces.append(f"{workload.generate} out" if pieces else f"{workload.generate} tokens out")
    text = ", ".join(pieces)
    if workload.depth:
        text += f", after {workload.depth} already in the context"
    if workload.parallel > 1:
        text += f", {workload.parallel} at a time"
    return text


def plan_sentences(request: TuneRequest, model_name: str) -> list[str]:
    """What will happen, a sentence each."""
    goal = _GOALS[request.objective.name]
    name = model_name or "the model"
    found = [
        (
            f"{name[:1].upper()}{name[1:]} runs the workload ({workload_text(request.workload)}) under "
            f"different settings, always beside llama.cpp's defaults, to find those with which {goal}."
        ),
        (
            f"This takes about {duration_text(request.budget.seconds)}. "
            "You can stop at any time and keep what was measured."
        ),
        "What wins is confirmed in fresh processes before it is called a result.",
    ]
    limits = limits_text(request)
    if limits:
        found.append(f"Only settings that keep {limits} count.")
    found.append("The model file is only read. Other programs disturb the numbers: leave the machine alone.")
    return found


def limits_text(request: TuneRequest) -> str:
    """The constraints in words; empty if there are none."""
    c = request.constraints
    pieces = []
    if c.max_memory_bytes is not None:
        pieces.append(f"memory below {c.max_memory_bytes / 2**30:.3g} GiB")
    if c.max_ttft_ms is not None:
        pieces.append(f"the first token within {c.max_ttft_ms:.4g} ms")
    if c.max_itl_ms is not None:
        pieces.append(f"{c.max_itl_ms:.4g} ms between tokens")
    return " and ".join([", ".join(pieces[:-1]), pieces[-1]] if len(pieces) > 1 else pieces)
