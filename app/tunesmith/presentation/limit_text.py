"""Own how the physical limit of decoding reads."""

from __future__ import annotations

from collections.abc import Sequence

from tunesmith.domain.bandwidth import DecodeLimit, MemoryBandwidth
from tunesmith.domain.digits import fixed, memory_text, percent
from tunesmith.domain.measurement import Measurement
from tunesmith.domain.throughput import MatrixThroughput, PrefillLimit
from tunesmith.presentation.numbers import DASH
from tunesmith.wording import tr


def bandwidth_text(bytes_per_s: float) -> str:
    """Such as ``15.6 GB/s``: decimal, as memory is sold."""
    return f"{fixed(bytes_per_s / 1e9, 1)} GB/s"


def limit_sentence(measured: Measurement, limit: DecodeLimit) -> str | None:
    """How near decoding comes to what memory bandwidth allows; None where nothing was decoded."""
    speeds = measured.decode_tokens_per_s
    if speeds is None:
        return None
    share = limit.reached(speeds.median)
    if share is None or limit.tokens_per_s is None or limit.bandwidth_bytes_per_s is None:
        return tr("What memory bandwidth allows of decoding is not known: {reason}.", reason=limit.reason)
    return tr(
        "Decode reaches {share} of what memory bandwidth allows: {limit} at {bandwidth}.",
        share=percent(share), limit=f"{fixed(limit.tokens_per_s, 0)} tok/s",
        bandwidth=bandwidth_text(limit.bandwidth_bytes_per_s),
    )  # fmt: skip


def throughput_text(operations_per_s: float) -> str:
    """Such as ``182 GFLOPS``: billions of multiplications and additions a second."""
    return f"{fixed(operations_per_s / 1e9, 0)} GFLOPS"


def prefill_limit_sentence(measured: Measurement, limit: PrefillLimit | None) -> str | None:
    """How near prefill comes to what matrix throughput allows; None where no prompt was read."""
    speeds = measured.prefill_tokens_per_s
    if speeds is None or limit is None:
        return None
    share = limit.reached(speeds.median)
    if share is None or limit.tokens_per_s is None or limit.operations_per_s is None:
        return tr("What matrix throughput allows of prefill is not known: {reason}.", reason=limit.reason)
    most = f"{fixed(limit.tokens_per_s, 0)} tok/s"
    if limit.by_memory:
        return tr(
            "Prefill reaches {share} of what memory bandwidth allows with so short a prompt: {limit}.",
            share=percent(share), limit=most,
        )  # fmt: skip
    return tr(
        "Prefill reaches {share} of what matrix throughput allows: {limit} at {throughput}.",
        share=percent(share), limit=most, throughput=throughput_text(limit.operations_per_s),
    )  # fmt: skip


def known_limits(measured: Measurement, decode: DecodeLimit, prefill: PrefillLimit | None) -> list[str]:
    """The sentences of those limits that are known."""
    told = []
    if decode.tokens_per_s is not None:
        told.append(limit_sentence(measured, decode))
    if prefill is not None and prefill.tokens_per_s is not None:
        told.append(prefill_limit_sentence(measured, prefill))
    return [sentence for sentence in told if sentence is not None]


def all_limits(measured: Measurement, decode: DecodeLimit, prefill: PrefillLimit | None) -> list[str]:
    """The sentences of all limits of what was run; one that is not known says why."""
    told = (limit_sentence(measured, decode), prefill_limit_sentence(measured, prefill))
    return [sentence for sentence in told if sentence is not None]


def matrix_throughput_text(throughputs: Sequence[MatrixThroughput]) -> str:
    """The highest figure of each type of weights, the fastest first."""
    listed = sorted(throughputs, key=lambda one: -one.fastest.best)
    told = ", ".join(f"{one.type} {throughput_text(one.fastest.best)}" for one in listed)
    if any(one.noisy for one in listed):
        return tr("{figures}; disturbed by other programs", figures=told)
    return tr("{figures}, measured {date}", figures=told, date=max(o.measured_utc for o in listed)[:10])


def memory_bandwidth_text(bandwidth: MemoryBandwidth) -> str:
    """Main memory's figures, and when they were measured."""
    largest = bandwidth.largest
    told = tr(
        "{best} at best, {median} in the median, reading {size} with {threads} threads",
        best=bandwidth_text(largest.best), median=bandwidth_text(largest.median),
        size=memory_text(largest.size_bytes), threads=bandwidth.threads,
    )  # fmt: skip
    others = [one for one in bandwidth.others if one.readings[-1].size_bytes == largest.size_bytes]
    if others:
        listed = ", ".join(f"{one.threads}: {bandwidth_text(one.readings[-1].best)}" for one in others)
        told = tr("{figures}; with other numbers of threads {list}", figures=told, list=listed)
    for device in bandwidth.devices:
        best = device.best
        figure = bandwidth_text(best) if best is not None else f"{DASH} ({device.why})"
        told = f"{told}; {device.device}: {figure}"
    if bandwidth.noisy:
        return tr("{figures}; disturbed by other programs", figures=told)
    return tr("{figures}, measured {date}", figures=told, date=bandwidth.measured_utc[:10])
