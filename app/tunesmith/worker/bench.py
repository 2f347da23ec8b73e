"""Own what a worker keeps alive between measurements: one model, a few contexts, saved depths."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from tunesmith.domain.machine import Device
from tunesmith.domain.measurement import MemoryUse, Sample
from tunesmith.domain.settings import ChangeCost
from tunesmith.domain.worker_events import ContextReady, ModelLoaded, SampleTaken, WorkerEvent
from tunesmith.engine import library, rpc
from tunesmith.engine.context import AffinityControl, InferenceContext
from tunesmith.engine.library import AbortFlag, LogBuffer
from tunesmith.engine.model import LoadedModel
from tunesmith.engine.timing import DepthCache, LiveTiming, TimedWorkload
from tunesmith.worker.conversation import Conversation
from tunesmith.worker.probe import Probe
from tunesmith.worker.protocol import Generate, Measure, NoisePolicy

_LIVE_CONTEXTS = 6
"""Contexts kept at once; making one anew costs milliseconds, keeping one costs its cache."""


class Bench:
    """Measures what it is told, doing again only what a change of settings makes necessary."""

    def __init__(
        self, *, log: LogBuffer, abort: AbortFlag, live: LiveTiming, probe: Probe,
        emit: Callable[[WorkerEvent], None],
        devices: Callable[[], tuple[Device, ...]] = library.devices,
    ) -> None:  # fmt: skip
        self._devices = devices
        self._device_free: dict[str, int] = {}
        """Free bytes of each device that is not the CPU, before the model was loaded."""
        self._log = log
        self._abort = abort
        self._live = live
        self._probe = probe
        self._emit = emit
        self.affinity = AffinityControl()
        self._model: LoadedModel | None = None
        self._model_key: tuple[object, ...] = ()
        self._contexts: OrderedDict[tuple[object, ...], InferenceContext] = OrderedDict()
        self._depths = DepthCache(self._note_peak)
        self._peak_before_states: int | None = None
        self._workload: tuple[InferenceContext, object, TimedWorkload] | None = None
        self._warmed: set[tuple[object, ...]] = set()
        self._conversations: dict[tuple[object, ...], Conversation] = {}
        """By what makes their contexts differ."""

    def measure(self, command: Measure) -> None:
        """Carry out one command, emitting events as it goes.

        Raises:
            EngineError: and its kinds, as llama.cpp ended.
        """
        begun = time.monotonic_ns()
        self._conversations.clear()  # what is measured overwrites what the contexts hold
        context = self._context(command, self._load(command))
        self.affinity.apply(command.settings.cpu_affinity)
        context.set_threads(command.settings.threads, command.settings.threads_batch)
        timed = self._timed_workload(context, command)
        self._warm_up(timed, context, command)
        for _ in range(command.repetitions):
            self._emit(SampleTaken(sample=self._sample(timed, command, begun)))
            begun = time.monotonic_ns()

    def generate(self, command: Generate) -> None:
        """Go on with a conversation, emitting its text as it comes.

        Raises:
            EngineError: and its kinds, as llama.cpp ended.
        """
        context = self._context(command, self._load(command))
        self.affinity.apply(command.settings.cpu_affinity)
        context.set_threads(command.settings.threads, command.settings.threads_batch)
        key = command.settings.key(ChangeCost.CONTEXT)
        conversation = self._conversations.get(key)
        if conversation is None or conversation.context is not context:
            conversation = Conversation(context, emit=self._emit, on_progress=self._count)
            self._conversations[key] = conversation
        conversation.answer(command)

    def _load(self, command: Measure | Generate) -> LoadedModel:
        key = (command.model_path, *command.settings.key(ChangeCost.MODEL))
        if self._model is not None and key == self._model_key:
            return self._model
        if self._model is not None:
            self.close()
            self._probe.reset_peak()
        self.affinity.apply(command.settings.cpu_affinity)
        rpc.connect(command.settings.rpc)
        self._probe.adopt(command.settings.rpc)
        self._device_free = self._free_on_devices()
        self._model = LoadedModel(
            command.model_path, command.settings, log=self._log, abort=self._abort,
            check_tensors=isinstance(command, Measure) and command.check_tensors, on_progress=self._count,
        )  # fmt: skip
        self._model_key = key
        self._emit(ModelLoaded(load_ns=self._model.load_ns))
        return self._model

    def _count(self) -> None:
        self._live.progress += 1

    def _context(self, command: Measure | Generate, model: LoadedModel) -> InferenceContext:
        key = command.settings.key(ChangeCost.CONTEXT)
        if key in self._contexts:
            self._contexts.move_to_end(key)
            return self._contexts[key]
        while len(self._contexts) >= _LIVE_CONTEXTS:
            self._contexts.popitem(last=False)[1].close()
        context = InferenceContext(model, command.settings, log=self._log, abort=self._abort)
        self._contexts[key] = context
        self._warmed = {warm for warm in self._warmed if warm[0] != key}
        self._live.progress += 1
        return context

    def _timed_workload(self, context: InferenceContext, command: Measure) -> TimedWorkload:
        if self._workload is not None:
            laid_out_for, workload, timed = self._workload
            if laid_out_for is context and workload == command.workload:
                return timed
        timed = TimedWorkload(context, command.workload, depths=self._depths, live=self._live)
        self._workload = (context, command.workload, timed)
        return timed

    def _warm_up(self, timed: TimedWorkload, context: InferenceContext, command: Measure) -> None:
        settings = command.settings
        warm = (settings.key(ChangeCost.CONTEXT), settings.key(ChangeCost.LIVE), command.workload)
        if not command.warmup or warm in self._warmed:
            return
        depth_ns = timed.warm_up()
        self._warmed.add(warm)
        self._emit(ContextReady(create_ns=context.create_ns, depth_ns=depth_ns))

    def _sample(self, timed: TimedWorkload, command: Measure, begun_ns: int) -> Sample:
        policy: NoisePolicy = command.noise
        for rejected in range(policy.max_retries + 1):
            timed.prepare()
            self._probe.begin()
            run = timed.run()
            conditions = self._probe.end()
            noisy = policy.disturbed(conditions)
            if not noisy or rejected == policy.max_retries:
                return Sample(
                    prefill_tokens=run.prefill_tokens if run.prefill_ns is not None else 0,
                    prefill_ns=run.prefill_ns,
                    step_ns=run.step_ns,
                    sequences=command.workload.parallel,
                    conditions=conditions,
                    memory=self._memory(),
                    noisy=noisy,
                    rejected=rejected,
                    started_mono_ns=run.started_mono_ns,
                    cost_ns=time.monotonic_ns() - begun_ns,
                )
            time.sleep(policy.pause_seconds)
        raise AssertionError("unreachable: the last retry returns")

    def _memory(self) -> MemoryUse:
        """This process's memory, less the states saved here only to spare measuring time.

        The peak is the higher one of those before and after saving, the latter less what was saved.
        """
        free = self._free_on_devices()
        used = {
            name: max(0, self._device_free[name] - left)
            for name, left in free.items()
            if name in self._device_free
        }
        found = self._probe.memory().model_copy(update={"device_used_bytes": used, "device_free_bytes": free})
        kept = self._depths.kept_bytes
        if not kept:
            return found
        peak = _less(found.peak_rss_bytes, kept)
        if peak is not None:
            peak = max(peak, self._peak_before_states or 0)
        return found.model_copy(
            update={
                "peak_rss_bytes": peak,
                "rss_bytes": _less(found.rss_bytes, kept),
                "pss_bytes": _less(found.pss_bytes, kept),
            }
        )

    def _free_on_devices(self) -> dict[str, int]:
        return {device.name: device.free_bytes for device in self._devices() if device.type != "cpu"}

    def _note_peak(self) -> None:
        self._peak_before_states = self._memory().peak_rss_bytes

    def close(self) -> None:
        """Free contexts, then the model."""
        self._workload = None
        self._conversations.clear()
        self._warmed.clear()
        self._depths = DepthCache(self._note_peak)
        self._peak_before_states = None
        for context in self._contexts.values():
            context.close()
        self._contexts.clear()
        if self._model is not None:
            self._model.close()
            self._model = None
            self._model_key = ()


def _less(total_bytes: int | None, part_bytes: int) -> int | None:
    return None if total_bytes is None else max(0, total_bytes - part_bytes)
