"""Own the roofline of a stored run: its samples, its model's header, its machine's ceilings."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from tunesmith import gguf
from tunesmith.domain.event_base import Part
from tunesmith.domain.roofline import Roofline, RooflinePoint, Standing
from tunesmith.errors import UsageError
from tunesmith.services.marked import marked
from tunesmith.store.records import MeasuredTrial
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.bandwidth import MemoryBandwidth
    from tunesmith.domain.measurement import Sample
    from tunesmith.domain.model import ModelHeader
    from tunesmith.domain.settings import Settings
    from tunesmith.domain.shape import ModelShape
    from tunesmith.domain.throughput import MatrixThroughput
    from tunesmith.domain.workload import Workload
    from tunesmith.store import Store


def read_roofline(store: Store, run_id: str) -> Roofline:
    """Every candidate of a stored run below the roof of its machine.

    Raises:
        NotFoundError: there is no such run.
        ModelFileError: the model is not where it was, or its header cannot be read.
        UsageError: nothing of the run can be placed.
        StoreError: or one of its kin.
    """
    run = store.run(run_id)
    header, shape = gguf.read_header_and_shape(Path(run.request.model_path))
    trials = [trial for trial in store.ledger(run.id).values() if isinstance(trial, MeasuredTrial)]
    marks = marked(store, run.id)
    return roofline_of(
        trials, Model(header, shape), run.request.workload,
        bandwidth=store.memory_bandwidth(run.machine_fingerprint),
        throughput=store.matrix_throughput(run.machine_fingerprint),
        baseline=marks.baseline, chosen=marks.chosen,
    )  # fmt: skip


class Model:
    """What a model's header says of bytes and operations."""

    def __init__(self, header: ModelHeader, shape: ModelShape) -> None:
        self._header, self._shape = header, shape

    def of(self, part: Part, workload: Workload, settings: Settings) -> tuple[float, float]:
        """Operations and bytes of a token, at least; of a batch's weights each token reads its share."""
        if part == "decode":
            step_bytes = gguf.decode_bytes(self._header, self._shape.tensors, workload, settings)
            return gguf.decode_operations(self._shape, workload), step_bytes / workload.parallel
        work = gguf.prefill_work(self._shape, workload)
        tokens = workload.prompt * workload.parallel
        batches = math.ceil(tokens / settings.n_ubatch) if tokens else 0
        return work.operations_per_token, work.weight_bytes * batches / max(1, tokens)

    def ceilings(
        self, workload: Workload, settings: Settings, bandwidth: MemoryBandwidth | None,
        throughput: tuple[MatrixThroughput, ...],
    ) -> tuple[float | None, float | None, str]:  # fmt: skip
        """Bytes/s and operations/s that the machine allows this model, and why one of them is not known."""
        work = gguf.prefill_work(self._shape, workload)
        seconds = work.seconds_per_token(throughput)
        level = work.operations_per_token / seconds if seconds else None
        read = gguf.decode_bytes(self._header, self._shape.tensors, workload, settings)
        slope = bandwidth.at_most(read) if bandwidth is not None else None
        if bandwidth is None:
            return slope, level, tr("memory bandwidth was not measured")
        if slope is None:
            return slope, level, tr("a token reads so little that caches may hold it")
        if not workload.prompt:
            return slope, level, tr("no prompt is read")
        return slope, level, "" if level is not None else tr("matrix throughput was not measured")


def roofline_of(
    trials: Iterable[MeasuredTrial], model: Model, workload: Workload, *,
    bandwidth: MemoryBandwidth | None, throughput: tuple[MatrixThroughput, ...],
    baseline: str, chosen: str,
) -> Roofline:  # fmt: skip
    """Place each candidate by the median of its samples.

    Args:
        trials: the run's.
        model: what a token takes of it.
        workload: the run's.
        bandwidth: the machine's; None where it is not known.
        throughput: the machine's, as far as it is known.
        baseline: digest of the settings that the others were compared with.
        chosen: digest of the settings that were kept; empty where none were.

    Raises:
        UsageError: nothing can be placed.
    """
    by_digest: defaultdict[str, list[MeasuredTrial]] = defaultdict(list)
    for trial in trials:
        by_digest[trial.settings.digest].append(trial)
    points: list[RooflinePoint] = []
    for digest, own in by_digest.items():
        standing: Standing = "chosen" if digest == chosen else "other"
        points += _points(own, model, workload, "baseline" if digest == baseline else standing)
    if not points:
        raise UsageError(
            tr("No candidate of this run can be placed: nothing was measured of it."),
            unharmed=tr("Nothing was changed."),
            todo=tr("Choose another run."),
        )
    first = next(iter(by_digest.values()))[0].settings
    slope, level, reason = model.ceilings(workload, first, bandwidth, throughput)
    order = {"other": 0, "baseline": 1, "chosen": 2}
    return Roofline(
        bandwidth_bytes_per_s=slope, operations_per_s=level, reason=reason,
        points=tuple(sorted(points, key=lambda point: order[point.standing])),
    )  # fmt: skip


def _points(
    trials: list[MeasuredTrial], model: Model, workload: Workload, standing: Standing
) -> Iterator[RooflinePoint]:
    samples = [trial.sample for trial in trials]
    for part, speed in _speeds(samples).items():
        operations, size_bytes = model.of(part, workload, trials[0].settings)
        if operations and size_bytes:
            yield RooflinePoint(
                part=part, candidate=trials[-1].candidate, standing=standing, tokens_per_s=speed,
                operations_per_token=operations, bytes_per_token=size_bytes,
            )  # fmt: skip


def _speeds(samples: list[Sample]) -> Mapping[Part, float]:
    """Medians of what nothing disturbed; of all where everything was disturbed."""
    steady = [sample for sample in samples if not sample.noisy] or samples
    prefill = [speed for sample in steady if (speed := sample.prefill_tokens_per_s)]
    decode = [speed for sample in steady if (speed := sample.decode_tokens_per_s)]
    told: dict[Part, float] = {}
    if prefill:
        told["prefill"] = median(prefill)
    if decode:
        told["decode"] = median(decode)
    return told
