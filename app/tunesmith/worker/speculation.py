"""Own what a worker does for speculative decoding: two models at most, their texts, and the tasks on them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar, assert_never

from tunesmith.domain.measurement import Conditions
from tunesmith.domain.settings import Settings
from tunesmith.domain.speculation import (
    BatchRound,
    Continuation,
    DraftersReady,
    Plan,
    Predictions,
    PromptsRead,
    SpeculationResult,
)
from tunesmith.domain.worker_events import ModelLoaded, SpeculationTaken, WorkerEvent
from tunesmith.engine.context import AffinityControl, InferenceContext
from tunesmith.engine.errors import EngineError
from tunesmith.engine.library import AbortFlag, LogBuffer
from tunesmith.engine.model import LoadedModel
from tunesmith.engine.speculation import (
    Drafter,
    GreedyText,
    LookupDrafter,
    ModelDrafter,
    NoDrafter,
    Told,
    go_on,
    vocabulary_difference,
)
from tunesmith.engine.text import Vocabulary
from tunesmith.engine.timing import LiveTiming
from tunesmith.worker.probe import Probe
from tunesmith.worker.protocol import (
    Continue,
    GetReady,
    NoisePolicy,
    Predict,
    ReadPrompts,
    Speculate,
    TimeBatches,
)

T = TypeVar("T")


class _Side:
    """One model with one context and the text in it."""

    def __init__(
        self, model: LoadedModel, context: InferenceContext, on_progress: Callable[[], None]
    ) -> None:
        self.model = model
        self.context = context
        self.text = GreedyText(context, on_progress)
        self.warm: set[int] = set()
        """Batch sizes that were computed before, so that nothing is made for them any longer."""

    def close(self) -> None:
        self.context.close()
        self.model.close()


class SpeculationBench:
    """Keeps a model and its draft model loaded between tasks."""

    def __init__(
        self, *, log: LogBuffer, abort: AbortFlag, live: LiveTiming, probe: Probe,
        emit: Callable[[WorkerEvent], None], affinity: AffinityControl,
    ) -> None:  # fmt: skip
        self._log = log
        self._abort = abort
        self._live = live
        self._probe = probe
        self._emit = emit
        self._affinity = affinity
        self._sides: dict[tuple[str, str], _Side] = {}
        """By what is loaded how; at most the two that the last command named."""

    def serve(self, command: Speculate) -> None:
        """Carry out one command, emitting its answer.

        Raises:
            EngineError: and its kinds, as llama.cpp ended.
        """
        target, draft = self._load(command)
        self._emit(SpeculationTaken(result=self._answer(command, target, draft)))

    def _answer(self, command: Speculate, target: _Side, draft: _Side | None) -> SpeculationResult:
        match command.task:
            case GetReady():
                return DraftersReady(
                    difference=vocabulary_difference(target.model, draft.model) if draft else ""
                )
            case ReadPrompts(texts=texts, max_tokens=count):
                vocabulary = Vocabulary(target.model)
                return PromptsRead(prompts=tuple(tuple(vocabulary.plain(text)[:count]) for text in texts))
            case TimeBatches() as task:
                side = target if task.model == "target" else _needed(draft)
                return self._time_batches(task, side, command.noise)
            case Predict(prompt=prompt, continuation=continuation):
                text = _needed(draft).text
                first, _ = text.open(prompt)
                later = text.verify_many(continuation[:-1]) if len(continuation) > 1 else []
                return Predictions(tokens=(first, *later))
            case Continue() as task:
                return self._continue(task, command, target, draft)
            case _:
                assert_never(command.task)

    # ------------------------------------------------------------- loading

    def _load(self, command: Speculate) -> tuple[_Side, _Side | None]:
        wanted = [(command.model_path, command.settings, "target")]
        if command.draft is not None:
            wanted.append((command.draft.model_path, command.draft.settings, "draft"))
        keys = [(role, f"{path}\0{settings.model_dump_json()}") for path, settings, role in wanted]
        for key in self._sides.keys() - set(keys):
            self._sides.pop(key).close()
        self._affinity.apply(command.settings.cpu_affinity)
        for key, (path, settings, _) in zip(keys, wanted, strict=True):
            if key not in self._sides:
                self._sides[key] = self._open(path, settings)
        found = [self._sides[key] for key in keys]
        return found[0], found[1] if len(found) > 1 else None

    def _open(self, path: str, settings: Settings) -> _Side:
        model = LoadedModel(
            path, settings, log=self._log, abort=self._abort, check_tensors=True, on_progress=self._count
        )
        try:
            self._emit(ModelLoaded(load_ns=model.load_ns))
            context = InferenceContext(model, settings, log=self._log, abort=self._abort)
        except BaseException:
            model.close()
            raise
        context.set_threads(settings.threads, settings.threads_batch)
        return _Side(model, context, self._count)

    def _count(self) -> None:
        self._live.progress += 1

    # ------------------------------------------------------------- timing

    def _undisturbed(self, policy: NoisePolicy, run: Callable[[], T]) -> tuple[T, Conditions, bool]:
        """What comes of a run, repeated if others disturbed it; and whether they still did."""
        for rejected in range(policy.max_retries + 1):
            self._probe.begin()
            found = run()
            conditions = self._probe.end()
            noisy = (conditions.foreign_cores or 0) > policy.max_foreign_cores or (
                conditions.wait_share or 0
            ) > policy.max_wait_share
            if not noisy or rejected == policy.max_retries:
                return found, conditions, noisy
            time.sleep(policy.pause_seconds)
        raise AssertionError("unreachable: the last retry returns")

    def _time_batches(self, task: TimeBatches, side: _Side, policy: NoisePolicy) -> BatchRound:
        text, depth = side.text, len(task.prompt)
        _check_room(side.context, depth + max(task.sizes))
        filling = (task.prompt * (1 + max(task.sizes) // depth))[: max(task.sizes)]
        order = random.Random(task.seed)  # noqa: S311 (an order, not a secret)
        sizes = order.sample(task.sizes, len(task.sizes))
        text.open(task.prompt)
        for size in sizes:
            if size not in side.warm:
                text.verify(filling[:size])
                text.rewind(depth)
                side.warm.add(size)

        def once() -> list[int]:
            elapsed_ns = []
            for size in sizes:
                begun = time.perf_counter_ns()
                text.verify(filling[:size])
                elapsed_ns.append(time.perf_counter_ns() - begun)
                text.rewind(depth)
            return elapsed_ns

        elapsed_ns, _, noisy = self._undisturbed(policy, once)
        return BatchRound(sizes=tuple(sizes), elapsed_ns=tuple(elapsed_ns), depth=depth, noisy=noisy)

    def _continue(
        self, task: Continue, command: Speculate, target: _Side, draft: _Side | None
    ) -> Continuation:  # fmt: skip
        _check_room(target.context, len(task.prompt) + task.max_tokens + task.plan.length)
        drafter = _drafter(task.plan, target, draft)
        ends = Vocabulary(target.model).ends

        def once() -> Told:
            return go_on(
                target.text, drafter, task.prompt, max_tokens=task.max_tokens, length=task.plan.length,
                ends=ends, gaps=task.gaps, around=self._probe.begin,
            )  # fmt: skip

        told, conditions, noisy = self._undisturbed(command.noise, once)
        return Continuation(
            tokens=tuple(told.tokens),
            elapsed_ns=told.elapsed_ns,
            prompt_ns=told.prompt_ns,
            draft_prompt_ns=told.draft_prompt_ns,
            draft_ns=told.draft_ns,
            cycles=tuple(told.cycles),
            gaps=tuple(told.gaps),
            conditions=conditions,
            noisy=noisy,
        )

    def close(self) -> None:
        """Free contexts and models."""
        for side in self._sides.values():
            side.close()
        self._sides.clear()


def _drafter(plan: Plan, target: _Side, draft: _Side | None) -> Drafter:
    match plan.drafter:
        case "plain":
            return NoDrafter()
        case "lookup":
            return LookupDrafter(ngram=plan.ngram, length=plan.length)
        case "draft":
            return ModelDrafter(_needed(draft).text, target_tokens=target.model.vocabulary_size)
        case _:
            assert_never(plan.drafter)


def _needed(draft: _Side | None) -> _Side:
    if draft is None:
        raise EngineError("no draft model was named")
    return draft


def _check_room(context: InferenceContext, tokens: int) -> None:
    if tokens > context.n_ctx_per_sequence:
        raise EngineError(f"{tokens} tokens of context are needed and there are {context.n_ctx_per_sequence}")
