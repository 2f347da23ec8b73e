"""Own how the physical limit of decoding reads."""

from __future__ import annotations

from tunesmith.domain.bandwidth import DecodeLimit, MemoryBandwidth
from tunesmith.domain.digits import fixed, memory_text, percent
from tunesmith.domain.measurement import Measurement
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
    if bandwidth.noisy:
        return tr("{figures}; disturbed by other programs", figures=told)
    return tr("{figures}, measured {date}", figures=told, date=bandwidth.measured_utc[:10])
