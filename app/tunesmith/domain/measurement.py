"""Own raw samples and the quantities derived from them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tunesmith.domain.base import Value
from tunesmith.domain.device_reading import DeviceLoad
from tunesmith.domain.machine import Build, MachineClass
from tunesmith.domain.model import ModelIdentity
from tunesmith.domain.power import SensorUse
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload

IntervalKind = Literal["repeat", "mean"]


class MemoryUse(Value):
    """Memory of the worker process and of the devices, bytes; None where it cannot be read."""

    peak_rss_bytes: int | None
    rss_bytes: int | None
    pss_bytes: int | None
    device_used_bytes: dict[str, int] = {}
    """By device name: how much less is free than before the model was loaded."""
    device_free_bytes: dict[str, int] = {}
    """By device name: what is free after the sample."""


class Conditions(Value):
    """What else went on while a sample was timed."""

    foreign_cores: float | None
    """CPU used by others, in cores; None where the sample is too short to tell."""
    wait_share: float | None
    """Share of the time the engine's busiest thread stood in the run queue."""
    steal_cores: float | None
    """CPU taken by the hypervisor, in cores."""
    cpu_mhz: float | None = None
    temperature_celsius: float | None = None
    package_watts: float | None = None
    """Mean power of all processor packages together."""
    devices: tuple[DeviceLoad, ...] = ()
    """What graphics devices told of themselves meanwhile; empty where none tells anything."""
    power: tuple[SensorUse, ...] = ()
    """What sensors of power told of this sample; empty where none was read."""


class Sample(Value):
    """One timed repetition of a workload, raw.

    ``prefill_ns`` is the wall time from the first prompt token handed over until the logits of the
    last are there; each of ``step_ns`` is the wall time of one decoding step over all sequences.
    """

    prefill_tokens: int = Field(ge=0)
    """Over all sequences."""
    prefill_ns: int | None
    """None if nothing was prefilled."""
    step_ns: tuple[int, ...]
    sequences: int = Field(ge=1)
    conditions: Conditions
    memory: MemoryUse
    noisy: bool
    """Foreign load was above the limit and stayed so when the sample was repeated."""
    rejected: int = Field(default=0, ge=0)
    """How many samples before this one were thrown away for foreign load."""
    started_mono_ns: int
    cost_ns: int
    """What it took in all: loading, context, depth, warm-up, rejected samples and the sample itself."""

    @property
    def prefill_ns_per_token(self) -> float | None:
        """Nanoseconds; None if nothing was prefilled."""
        if not self.prefill_ns or not self.prefill_tokens:
            return None
        return self.prefill_ns / self.prefill_tokens

    @property
    def step_ns_mean(self) -> float | None:
        """Mean wall time of one decoding step, ns; None if nothing was decoded."""
        return sum(self.step_ns) / len(self.step_ns) if self.step_ns else None

    @property
    def prefill_tokens_per_s(self) -> float | None:
        """Prompt tokens per second over all sequences."""
        per_token = self.prefill_ns_per_token
        return 1e9 / per_token if per_token else None

    @property
    def decode_tokens_per_s(self) -> float | None:
        """Generated tokens per second over all sequences."""
        step = self.step_ns_mean
        return 1e9 * self.sequences / step if step else None


class Quantity(Value):
    """A measured number with its uncertainty.

    ``low`` and ``high`` are None when there are fewer than two samples. ``interval`` says what lies
    between them: ``repeat``, where one more measurement on this machine is expected to fall, or
    ``mean``, where the true mean is.
    """

    median: float
    low: float | None
    high: float | None
    confidence: float = Field(gt=0, lt=1)
    samples: tuple[float, ...]
    noisy: bool
    interval: IntervalKind = "repeat"

    def holds(self, value: float) -> bool:
        """Whether ``value`` lies in the interval."""
        return self.low is not None and self.high is not None and self.low <= value <= self.high


class Measurement(Value):
    """A workload measured under given settings; a part that was not run is None."""

    settings: Settings
    workload: Workload
    prefill_tokens_per_s: Quantity | None
    decode_tokens_per_s: Quantity | None
    ttft_ms: Quantity | None
    itl_ms: Quantity | None
    itl_p95_ms: Quantity | None
    response_ms: Quantity | None
    """TTFT and all inter-token latencies of one request."""
    peak_memory_bytes: Quantity | None
    steady_memory_bytes: Quantity | None
    device_memory_bytes: dict[str, int]
    device_free_bytes: dict[str, int] = {}
    """The least that was free of each device after a sample."""
    foreign_cores: Quantity | None
    noisy_samples: int
    rejected_samples: int


class Context(Value):
    """On what a measurement was made."""

    model: ModelIdentity
    machine: MachineClass
    build: Build
