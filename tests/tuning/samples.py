"""Own samples of given speeds."""

from __future__ import annotations

from tunesmith.domain.measurement import Conditions, MemoryUse, Sample


def sample(
    *,
    prompt: int = 100,
    prefill_ms: float = 200.0,
    steps: int = 10,
    step_ms: float = 10.0,
    sequences: int = 1,
    memory: int | None = 100,
    noisy: bool = False,
    cost_s: float = 1.0,
) -> Sample:
    """A sample; ``prompt`` or ``steps`` of 0 leave that part out."""
    return Sample(
        prefill_tokens=prompt * sequences,
        prefill_ns=round(prefill_ms * 1e6) if prompt else None,
        step_ns=(round(step_ms * 1e6),) * steps,
        sequences=sequences,
        conditions=Conditions(foreign_cores=0.0, wait_share=0.0, steal_cores=0.0),
        memory=MemoryUse(peak_rss_bytes=memory, rss_bytes=memory, pss_bytes=None),
        noisy=noisy,
        started_mono_ns=1,
        cost_ns=round(cost_s * 1e9),
    )
