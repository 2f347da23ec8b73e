"""Own the question what Python costs inside a timed region.

Run: ``python -m tests.benchmarks.python_share [--rounds 10]``. In one process, the same repetition is
timed by us around llama_decode and by llama.cpp itself (llama_perf_context); prints wall / llama.cpp - 1
for pp512 and tg128. Both clocks run over the very same calls, so a noisy machine does no harm.
"""

from __future__ import annotations

import argparse
import statistics
import sys

from tests.benchmarks.models import smollm2
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload


def main() -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()

    from tunesmith.engine import library
    from tunesmith.engine.context import InferenceContext
    from tunesmith.engine.model import LoadedModel
    from tunesmith.engine.timing import DepthCache, LiveTiming, TimedWorkload

    log, abort = library.LogBuffer(), library.AbortFlag()
    library.start(log)
    for name, workload in (
        ("pp512", Workload(prompt=512, generate=0)),
        ("tg128", Workload(prompt=0, generate=128)),
    ):
        settings = Settings(threads=options.threads, threads_batch=options.threads, n_ctx=workload.n_ctx)
        shares = []
        with LoadedModel(str(smollm2()), settings, log=log, abort=abort) as model:
            context = InferenceContext(model, settings, log=log, abort=abort)
            context.set_threads(options.threads, options.threads)
            timed = TimedWorkload(context, workload, depths=DepthCache(), live=LiveTiming())
            timed.warm_up()
            for _ in range(options.rounds):
                timed.prepare()
                context.perf_reset()
                run = timed.run()
                prefill_ms, _, decode_ms, _ = context.perf()
                theirs = (prefill_ms + decode_ms) * 1e6
                wall = (run.prefill_ns or 0) + sum(run.step_ns)
                shares.append(wall / theirs - 1)
            context.close()
        low, high = min(shares), max(shares)
        print(
            f"{name}: Python's share median {statistics.median(shares):.3%} (min {low:.3%}, max {high:.3%})"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
