"""Own the recording of this project's surfaces: which are recorded, and the machine's state while they are.

``python -m tests.benchmarks.record_surfaces --models FOLDER [--only NAME;NAME] [--out FOLDER]`` runs
``tunesmith survey`` once for each, on a machine with nothing else to do. ``FOLDER`` holds the models by the
names below; ``tunesmith quantize`` makes the quantizations that the demo packages do not bring.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.worlds.recorded import FOLDER, SUFFIX
from tests.support.rpc_server import RpcServer

VARIED = "threads,threads_batch,flash_attn,n_ubatch,type_k"
"""What a tune asks about on a machine of few equal cores and no GPU, but for how weights are laid out."""
ATTENTION = "flash_attn=auto,off"
FEW_BATCHES = "n_ubatch=512,128"
BUSY, IDLE = 0.1, 0.2
"""Seconds of each turn in which the competing process computes and rests."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One surface to record."""

    name: str
    model: str
    preset: str
    conditions: str = ""
    affinity: str = ""
    burn: bool = False
    """Whether another process competes meanwhile, a third of a core in bursts."""
    rpc: bool = False
    """Whether an RPC server on loopback, of two threads, is the second device; the build needs RPC."""
    varied: str = VARIED
    axes: tuple[str, ...] = (ATTENTION, FEW_BATCHES)
    rounds: int = 5
    pace: str = "0.2s"

    def command(self, models: Path, out: Path, servers: Sequence[str] = ()) -> list[str]:
        """The survey as a user would type it."""
        options = [
            "--preset",
            self.preset,
            "--vary",
            self.varied,
            "--rounds",
            str(self.rounds),
            "--pace",
            self.pace,
        ]
        options += [part for axis in self.axes for part in ("--axis", axis)]
        options += [part for server in servers for part in ("--rpc", server)]
        options += ["--affinity", self.affinity] if self.affinity else []
        options += ["--conditions", self.conditions] if self.conditions else []
        options += ["--output", str(out / f"{self.name}{SUFFIX}")]
        return [sys.executable, "-m", "tunesmith", "survey", str(models / self.model), *options]


RECORDINGS = (
    Recording("smollm2-q4_1-chat", "SmolLM2-135M-Q4_1.gguf", "chat"),
    Recording("smollm2-q8_0-chat", "SmolLM2-135M-Q8_0.gguf", "chat", rounds=4),
    Recording("gemma3-q4_k_m-chat", "gemma3-270m-Q4_K_M.gguf", "chat"),
    Recording("smollm2-q4_1-batch", "SmolLM2-135M-Q4_1.gguf", "batch", rounds=3),
    Recording(
        "smollm2-q4_1-long", "SmolLM2-135M-Q4_1.gguf", "long-document",
        axes=(ATTENTION, "n_ubatch=512,2048"), rounds=3,
    ),
    Recording(
        "smollm2-q4_1-chat-one-cpu", "SmolLM2-135M-Q4_1.gguf", "chat", "bound to one CPU", affinity="0"
    ),
    Recording(
        "smollm2-q4_1-chat-loaded", "SmolLM2-135M-Q4_1.gguf", "chat", "another process computes in bursts",
        burn=True,
    ),
    Recording(
        "smollm2-q4_1-chat-rpc", "SmolLM2-135M-Q4_1.gguf", "chat", "an RPC server on loopback, two threads",
        rpc=True, varied="threads,threads_batch,n_gpu_layers", axes=("n_gpu_layers=-1,24,15,0",), rounds=3,
    ),
)  # fmt: skip


def burst() -> None:
    """Compute and rest in turn, until killed."""
    while True:
        until = time.monotonic() + BUSY
        while time.monotonic() < until:
            pass
        time.sleep(IDLE)


@contextmanager
def competing(*, wanted: bool) -> Iterator[None]:
    """Let another process compete for the CPUs, if wanted."""
    if not wanted:
        yield
        return
    other = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.record_surfaces", "--burst"])
    try:
        yield
    finally:
        other.kill()
        other.wait()


@contextmanager
def second_device(*, wanted: bool) -> Iterator[tuple[str, ...]]:
    """A server that lends this machine's CPU as a second device, if wanted: its address."""
    if not wanted:
        yield ()
        return
    server = RpcServer(threads=2)
    server.start()
    try:
        yield (server.endpoint,)
    finally:
        server.kill()


def main() -> int:
    """Record what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--only", default="", help="names, divided by semicolons")
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--burst", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.burst:
        burst()
    if options.models is None:
        parser.error("--models names the folder of the models")
    options.out.mkdir(parents=True, exist_ok=True)
    wanted = set(filter(None, options.only.split(";"))) or {one.name for one in RECORDINGS}
    failed = []
    for recording in RECORDINGS:
        if recording.name not in wanted:
            continue
        began = time.monotonic()
        with competing(wanted=recording.burn), second_device(wanted=recording.rpc) as servers:
            command = recording.command(options.models, options.out, servers)
            code = subprocess.run(command, check=False).returncode
        print(f"{recording.name}: exit code {code}, {time.monotonic() - began:.0f} s", flush=True)
        failed += [recording.name] if code else []
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
