"""Own the comparison of projected memory with what llama.cpp itself says: ten shapes and real models.

    python -m tests.benchmarks.memory_projection MODEL.gguf … --output docs/benchmarks/memory.md

Nothing is allocated: llama.cpp reckons each of the loads (``no_alloc``). With --measure, each MODEL is also
loaded and run once, in a process of its own, to see what is resident.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.model_shapes import SHAPES, write_shape
from tests.support.rpc_server import RpcServer
from tunesmith import gguf
from tunesmith.domain.machine import Device
from tunesmith.domain.overrides import MAIN_MEMORY
from tunesmith.domain.projection import Projection, project
from tunesmith.domain.reserve import Reserve
from tunesmith.domain.settings import CacheType, FlashAttention, Settings
from tunesmith.engine import library, memory, rpc
from tunesmith.engine.errors import EngineError
from tunesmith.worker.handle import WorkerHandle

CONTEXTS = (512, 2048, 8192, 32768)
CACHES: tuple[tuple[FlashAttention, CacheType], ...] = (
    ("on", "f16"), ("off", "f16"), ("on", "q8_0"), ("on", "q4_0"),
)  # fmt: skip
SEQUENCES = (1, 4)
PARTS = ("weights", "context", "compute", "total")
MIB = 2**20


@dataclass
class Errors:
    """Of one model: how much higher the projection is than what llama.cpp says, by part."""

    compared: int = 0
    low: dict[str, float] = field(default_factory=dict)
    high: dict[str, float] = field(default_factory=dict)
    milliseconds: list[float] = field(default_factory=list)

    def take(self, projected: Sequence[int], real: Sequence[int]) -> None:
        """Compare the parts of one device."""
        self.compared += 1
        for name, ours, theirs in zip(PARTS, projected, real, strict=True):
            if theirs == 0:
                assert ours == 0, name
                continue
            error = ours / theirs - 1
            self.low[name] = min(self.low.get(name, error), error)
            self.high[name] = max(self.high.get(name, error), error)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the table; 1 if a part is ever below what llama.cpp says, or out of the bounds of issue 6."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path, nargs="*")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--measure", action="store_true")
    options = parser.parse_args(arguments)
    log = library.LogBuffer()
    library.start(log)
    servers = [RpcServer(), RpcServer()]
    with tempfile.TemporaryDirectory() as folder:
        paths = [(name, write_shape(name, Path(folder))) for name in SHAPES]
        paths += [(path.stem, path) for path in options.models]
        try:
            for server in servers:
                server.start()
            rpc.connect(tuple(server.endpoint for server in servers))
            devices = library.devices()
            alone = [(name, _compare(path, log, (), list(_alone()))) for name, path in paths]
            divided = [
                (name, _compare(path, log, devices, list(_divided(path, devices)))) for name, path in paths
            ]
        finally:
            for server in servers:
                server.kill()
    resident = [_resident(path) for path in options.models] if options.measure else []
    text = _page(alone, divided, resident)
    if options.output is not None:
        options.output.write_text(text, encoding="utf-8")
    print(text)
    return int(any(_is_wrong(errors) for _, errors in alone))


def _is_wrong(errors: Errors) -> bool:
    bounds = {"weights": 0.02, "context": 0.02, "total": 0.05}
    return any(error < 0 for error in errors.low.values()) or any(
        errors.high.get(name, 0) > bound for name, bound in bounds.items()
    )


def _settings(**changes: object) -> Settings:
    base = Settings(threads=1, threads_batch=1, n_ctx=4096, load_mode="none", devices=("none",))
    return base.replace(**changes)


def _alone() -> Iterator[Settings]:
    """Everything in main memory."""
    for n_ctx in CONTEXTS:
        for flash_attn, cache in CACHES:
            for sequences in SEQUENCES if (flash_attn, cache) == CACHES[0] else SEQUENCES[:1]:
                yield _settings(
                    n_ctx=n_ctx, flash_attn=flash_attn, type_k=cache, type_v=cache, n_seq_max=sequences
                )


def _divided(path: Path, devices: Sequence[Device]) -> Iterator[Settings]:
    """On one and two devices beside main memory."""
    names = tuple(device.name for device in devices if device.backend == "RPC")
    layers = gguf.read_header(path).layers or 1
    for used, split in ((names[:1], ()), (names, ()), (names, (1.0, 3.0))):
        for count in (1, layers // 2, -1):
            for flash_attn in ("on", "off"):
                yield _settings(devices=used, tensor_split=split, n_gpu_layers=count, flash_attn=flash_attn)
    yield _settings(devices=names[:1], n_gpu_layers=-1, n_cpu_moe=layers // 2, n_cpu_ffn=layers // 2)


def _compare(path: Path, log: library.LogBuffer, devices: Sequence[Device], cases: list[Settings]) -> Errors:
    shape = gguf.read_shape(path)
    features = library.build(library.devices()).cpu_features
    errors = Errors()
    for settings in cases:
        begun = time.perf_counter()
        projection = project(shape, settings, devices, cpu_features=features)
        errors.milliseconds.append(1000 * (time.perf_counter() - begun))
        try:
            told = memory.reserve(str(path), settings, log=log, abort=library.AbortFlag())
        except EngineError as error:
            print(f"{path.stem}: {error.message}", file=sys.stderr)
            continue
        for projected, real in _pairs(projection, told):
            errors.take(projected, real)
    return errors


def _pairs(projection: Projection, told: Reserve) -> Iterator[tuple[list[int], list[int]]]:
    """For each device the bytes of weights, context, computing and all together, ours and llama.cpp's."""
    for device in projection.devices:
        buffers = [buffer for buffer in told.buffers if (buffer.device or MAIN_MEMORY) == device.name]
        ours = [
            device.weights_bytes + device.repacked_bytes,
            device.kv_bytes + device.recurrent_bytes,
            device.compute_bytes,
        ]
        real = [
            sum(buffer.weights_bytes or 0 for buffer in buffers),
            sum(buffer.context_bytes or 0 for buffer in buffers),
            sum(buffer.compute_bytes for buffer in buffers),
        ]
        yield [*ours, sum(ours)], [*real, sum(real)]


@dataclass(frozen=True)
class Resident:
    """What one run had resident, bytes."""

    name: str
    load_mode: str
    expected: int
    upper: int
    real: int
    bare: int
    """Of a worker without a model; not in the expectation."""


def _resident(path: Path) -> list[Resident]:
    found = []
    features = library.build(library.devices()).cpu_features
    for load_mode in ("mmap", "none"):
        settings = _settings(load_mode=load_mode, devices=())
        host = project(gguf.read_shape(path), settings, (), cpu_features=features).host
        with WorkerHandle() as worker:
            bare = _rss(worker.pid)
            (sample,) = worker.measure(
                model_path=str(path), settings=settings, workload={"prompt": 512, "generate": 4}
            )
        real = sample.memory.peak_rss_bytes or 0
        found.append(Resident(path.stem, load_mode, host.expected_bytes, host.upper_bytes, real - bare, bare))
    return found


def _rss(pid: int) -> int:
    import psutil

    return int(psutil.Process(pid).memory_info().rss)


def _percent(error: float | None) -> str:
    if error is None:
        return "–"
    return "0" if error == 0 else f"{100 * error:+.2f}%"


def _table(found: Sequence[tuple[str, Errors]]) -> list[str]:
    lines = [
        "| Model | compared | weights | caches and states | computing | together | ms |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, errors in found:
        cells = [
            _percent(errors.low.get(part))
            if errors.low.get(part) == errors.high.get(part)
            else f"{_percent(errors.low.get(part))} to {_percent(errors.high.get(part))}"
            for part in PARTS
        ]
        median = sorted(errors.milliseconds)[len(errors.milliseconds) // 2]
        lines.append(f"| {name} | {errors.compared} | {' | '.join(cells)} | {median:.0f} |")
    return lines


def _page(
    alone: Sequence[tuple[str, Errors]], divided: Sequence[tuple[str, Errors]],
    resident: Sequence[Sequence[Resident]],
) -> str:  # fmt: skip
    build = library.build(library.devices())
    lines = [
        "# Projected memory against what llama.cpp says",
        "",
        "How much higher the projection from the header alone is than the bytes that llama.cpp itself",
        "reckons for the same load (`no_alloc`, its memory breakdown). 0 is to the byte, a negative number",
        "is a projection that is too low. The last column is how long a projection takes, in milliseconds.",
        "",
        f"{build.label}, {len(alone)} models: ten generated ones of random weights, narrow but of every",
        "shape, and real ones.",
        "",
        "## In main memory",
        "",
        f"Contexts of {', '.join(map(str, CONTEXTS))} tokens, caches in f16, q8_0 and q4_0, flash attention",
        f"on and off, 1 sequence and, in f16, {SEQUENCES[-1]}; ubatch 512.",
        "",
        *_table(alone),
        "",
        "## Divided among devices",
        "",
        "One and two RPC devices: one layer, half of the layers and all, split by free memory and 1 to 3,",
        "flash attention on and off; and half of the layers with experts or feed-forward weights in main",
        "memory. Where it is not known for sure which results are passed between devices, room is left.",
        "Each device counts by itself.",
        "",
        *_table(divided),
        "",
    ]
    if resident:
        lines += [
            "## Resident",
            "",
            "One run of 512 tokens prompt and 4 generated at a context of 4096, in a fresh process: peak of",
            "its resident memory less that of a process without a model.",
            "",
            "| Model | load mode | expected, MiB | at most, MiB | measured, MiB | measured / expected |",
            "|---|---|---|---|---|---|",
        ]
        for one in (one for found in resident for one in found):
            lines.append(
                f"| {one.name} | {one.load_mode} | {one.expected / MIB:.1f} | {one.upper / MIB:.1f} "
                f"| {one.real / MIB:.1f} | {one.real / one.expected:.3f} |"
            )
        lines.append("")
    command = "python -m tests.benchmarks.memory_projection MODEL.gguf … --measure --output"
    lines += [f"Renew with `{command} docs/benchmarks/memory.md`.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
