"""Claims about tunesmith.domain.summary."""

from __future__ import annotations

import pytest

from tunesmith.domain.measurement import Conditions, MemoryUse, Sample
from tunesmith.domain.settings import Settings
from tunesmith.domain.summary import itl_ms, response_ms, summarize, ttft_ms
from tunesmith.domain.workload import Workload

SETTINGS = Settings(threads=2, threads_batch=2, n_ctx=512)
WORKLOAD = Workload(prompt=100, generate=4, parallel=2)


def sample(
    *,
    prefill_ms: float | None = 200.0,
    steps_ms: tuple[float, ...] = (10.0, 12.0, 11.0, 31.0),
    foreign: float | None = 0.0,
    noisy: bool = False,
    rejected: int = 0,
    peak: int | None = 100,
    pss: int | None = None,
    devices: dict[str, int] | None = None,
) -> Sample:
    return Sample(
        prefill_tokens=200 if prefill_ms is not None else 0,
        prefill_ns=None if prefill_ms is None else round(prefill_ms * 1e6),
        step_ns=tuple(round(step * 1e6) for step in steps_ms),
        sequences=2,
        conditions=Conditions(foreign_cores=foreign, wait_share=None, steal_cores=None),
        memory=MemoryUse(peak_rss_bytes=peak, rss_bytes=90, pss_bytes=pss, device_used_bytes=devices or {}),
        noisy=noisy,
        rejected=rejected,
        started_mono_ns=1,
        cost_ns=1,
    )


def test_latencies_come_from_the_raw_times() -> None:
    one = sample()
    assert ttft_ms(one) == 200.0
    assert itl_ms(one) == 11.5
    assert itl_ms(one, 1.0) == 31.0
    assert response_ms(one) == 264.0


def test_parts_that_were_not_run_have_no_latency() -> None:
    assert ttft_ms(sample(prefill_ms=None)) is None
    assert itl_ms(sample(steps_ms=())) is None


def test_speeds_count_the_tokens_of_all_sequences() -> None:
    found = summarize([sample(), sample()], SETTINGS, WORKLOAD)
    assert found.prefill_tokens_per_s is not None
    assert found.prefill_tokens_per_s.median == pytest.approx(1000.0)
    assert found.decode_tokens_per_s is not None
    assert found.decode_tokens_per_s.median == pytest.approx(2 / 0.016)


def test_a_part_that_was_not_run_is_none() -> None:
    found = summarize([sample(prefill_ms=None)] * 2, SETTINGS, WORKLOAD)
    assert found.prefill_tokens_per_s is None
    assert found.ttft_ms is None
    assert found.decode_tokens_per_s is not None


def test_memory_that_cannot_be_read_is_none() -> None:
    assert summarize([sample(peak=None)], SETTINGS, WORKLOAD).peak_memory_bytes is None


def test_shared_memory_is_counted_once_where_the_system_tells() -> None:
    found = summarize([sample(pss=70)], SETTINGS, WORKLOAD)
    assert found.steady_memory_bytes is not None
    assert found.steady_memory_bytes.median == 70


def test_a_device_is_charged_with_the_most_it_held() -> None:
    samples = [sample(devices={"GPU0": 5, "GPU1": 1}), sample(devices={"GPU0": 9})]
    assert summarize(samples, SETTINGS, WORKLOAD).device_memory_bytes == {"GPU0": 9, "GPU1": 1}


def test_quiet_samples_count_in_the_load_of_others() -> None:
    found = summarize([sample(foreign=0.0)] * 4 + [sample(foreign=1.0)], SETTINGS, WORKLOAD)
    assert found.foreign_cores is not None
    assert found.foreign_cores.median == 0.0
    assert found.foreign_cores.samples == (0.0, 0.0, 0.0, 0.0, 1.0)


def test_a_load_of_others_that_was_never_known_is_none() -> None:
    assert summarize([sample(foreign=None)], SETTINGS, WORKLOAD).foreign_cores is None


@pytest.mark.parametrize(("noisy", "expected"), [(0, False), (1, False), (2, True), (4, True)])
def test_numbers_are_noisy_when_half_the_samples_are(noisy: int, expected: bool) -> None:
    samples = [sample(noisy=number < noisy) for number in range(4)]
    found = summarize(samples, SETTINGS, WORKLOAD)
    assert found.noisy_samples == noisy
    assert found.response_ms is not None
    assert found.response_ms.noisy is expected


def test_rejected_samples_are_added_up() -> None:
    assert summarize([sample(rejected=2), sample(rejected=1)], SETTINGS, WORKLOAD).rejected_samples == 3


def test_a_measurement_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="needs samples"):
        summarize([], SETTINGS, WORKLOAD)
