"""Own a roofline to draw: of the simulated run, on a machine whose ceilings are made up."""

from __future__ import annotations

from tests.domain.test_throughput import throughput
from tests.gui.screenshots.tune import MODEL, shape
from tests.gui.simulated_run import Simulated, model, simulated
from tunesmith.domain.bandwidth import BandwidthReading, MemoryBandwidth
from tunesmith.domain.roofline import Roofline
from tunesmith.services.roofline import Model, roofline_of

BANDWIDTH = MemoryBandwidth(
    threads=8, readings=(BandwidthReading(size_bytes=64 * 2**20, bytes_per_s=(61e9,)),),
    foreign_cores=0.0, noisy=False,
)  # fmt: skip


def sample_roofline(
    run: Simulated | None = None, *, bandwidth: MemoryBandwidth | None = BANDWIDTH
) -> Roofline:
    """Of a run; of the one in the pictures if none is given."""
    run = run or simulated(model_path=MODEL)
    header = model(MODEL).header.model_copy(update={"kv_heads": (3,), "key_length": 64, "value_length": 64})
    return roofline_of(
        run.trials, Model(header, shape()), run.result.request.workload, bandwidth=bandwidth,
        throughput=(throughput("Q4_1", 4.2e11), throughput("F16", 3e11)),
        baseline=run.result.baseline.settings.digest, chosen=run.result.tuned.settings.digest,
    )  # fmt: skip
