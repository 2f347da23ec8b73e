"""Own how raw samples become the quantities of a measurement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from tunesmith.domain.measurement import Measurement, Quantity, Sample
from tunesmith.domain.settings import Settings
from tunesmith.domain.statistics import percentile, quantity
from tunesmith.domain.workload import Workload


def itl_ms(sample: Sample, fraction: float = 0.5) -> float | None:
    """A percentile of the sample's inter-token latencies, ms; None if nothing was decoded."""
    return percentile(sample.step_ns, fraction) / 1e6 if sample.step_ns else None


def ttft_ms(sample: Sample) -> float | None:
    """Time until the first token of every sequence can be chosen, ms; None if nothing was prefilled."""
    return None if sample.prefill_ns is None else sample.prefill_ns / 1e6


def response_ms(sample: Sample) -> float:
    """Prefill and all decoding steps of one repetition, ms."""
    return ((sample.prefill_ns or 0) + sum(sample.step_ns)) / 1e6


def summarize(
    samples: Sequence[Sample], settings: Settings, workload: Workload, *, confidence: float = 0.95
) -> Measurement:
    """Summarise repetitions of one workload under one set of settings.

    Raises:
        ValueError: there are no samples.
    """
    if not samples:
        msg = "a measurement needs samples"
        raise ValueError(msg)
    noisy = 2 * sum(sample.noisy for sample in samples) >= len(samples)

    def over(value: Callable[[Sample], float | None]) -> Quantity | None:
        values = [found for sample in samples if (found := value(sample)) is not None and found > 0]
        return quantity(values, confidence=confidence, noisy=noisy) if values else None

    devices: dict[str, int] = {}
    free: dict[str, int] = {}
    for sample in samples:
        for name, left in sample.memory.device_free_bytes.items():
            free[name] = min(left, free.get(name, left))
        for name, used in sample.memory.device_used_bytes.items():
            devices[name] = max(used, devices.get(name, 0))
    return Measurement(
        settings=settings,
        workload=workload,
        prefill_tokens_per_s=over(lambda sample: sample.prefill_tokens_per_s),
        decode_tokens_per_s=over(lambda sample: sample.decode_tokens_per_s),
        ttft_ms=over(ttft_ms),
        itl_ms=over(itl_ms),
        itl_p95_ms=over(lambda sample: itl_ms(sample, 0.95)),
        response_ms=over(response_ms),
        peak_memory_bytes=over(lambda sample: sample.memory.peak_rss_bytes),
        steady_memory_bytes=over(lambda sample: sample.memory.pss_bytes or sample.memory.rss_bytes),
        device_memory_bytes=devices,
        device_free_bytes=free,
        foreign_cores=_foreign_cores(samples, confidence=confidence, noisy=noisy),
        noisy_samples=sum(sample.noisy for sample in samples),
        rejected_samples=sum(sample.rejected for sample in samples),
    )


def _foreign_cores(samples: Sequence[Sample], *, confidence: float, noisy: bool) -> Quantity | None:
    """CPU used by others while the samples ran; without an interval, since none at all is usual."""
    known = [s.conditions.foreign_cores for s in samples if s.conditions.foreign_cores is not None]
    if not known:
        return None
    return Quantity(
        median=median(known), low=None, high=None, confidence=confidence, samples=tuple(known), noisy=noisy
    )
