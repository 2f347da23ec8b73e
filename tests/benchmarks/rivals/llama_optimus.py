"""Own llama-optimus: 45 trials twice around a grid of 18, by the mean speed of generating 192 tokens."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from tests.benchmarks.rivals.base import Found, Place, Unreadable, changed
from tunesmith.domain.settings import Settings

_SERVER = "$LLAMA_BIN/llama-server"
_NAMES = {"-t": "threads", "--batch-size": "n_batch", "--ubatch-size": "n_ubatch", "-ngl": "n_gpu_layers"}
_CLAIM = re.compile(r"^Best Stage_3 (\w+) tokens/sec: ([0-9.]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class LlamaOptimus:
    """The result is the llama-server command that it prints; two benchmarks of its own come after that."""

    name: str = "llama-optimus"
    package: str = "llama-optimus"
    objective: str = "generation speed alone: the mean of 3 runs of 192 tokens from an empty context"

    def command(self, place: Place) -> list[str]:
        """Its defaults, spelled out; in a rehearsal one trial of 16 tokens."""
        shown = [
            str(place.python.parent / "llama-optimus"), "--llama-bin", str(place.llama_bench.parent),
            "--model", str(place.model), "--trials", "1" if place.rehearsal else "45", "--metric", "tg",
        ]  # fmt: skip
        return [*shown, "--no-warmup", "--repeat", "1", "--n-tokens", "16"] if place.rehearsal else shown

    def is_result(self, line: str) -> bool:
        """The llama-server command."""
        return line.strip().startswith(_SERVER)

    def read(self, output: str, baseline: Settings) -> Found:
        """Its llama-server command. Override patterns are for the experts of MoE models and are left out."""
        lines = [line for line in output.splitlines() if self.is_result(line)]
        if not lines:
            raise Unreadable("it printed no llama-server command")
        changes: dict[str, object] = {}
        notes = []
        words = iter(shlex.split(lines[-1]))
        for word in words:
            if word in _NAMES:
                changes[_NAMES[word]] = int(next(words))
                if word == "-t":  # llama-server prefills with as many
                    changes["threads_batch"] = changes["threads"]
            elif word == "--override-tensor":
                notes.append(
                    f"chose --override-tensor '{next(words)}', which matches no tensor of a dense model"
                )
            elif word == "--flash-attn":  # printed without a value, which llama-server now refuses
                changes["flash_attn"] = "on"
                notes.append("printed --flash-attn without its value; read as on")
        failed = sum(line.startswith("Error:") for line in output.splitlines())
        if failed:
            notes.append(f"{failed} of its trials failed in llama-bench")
        claims = _CLAIM.findall(output)
        claim = f"{float(claims[-1][1]):.1f} tokens/s ({claims[-1][0]}192)" if claims else "none"
        return Found(changed(baseline, **changes), claim, tuple(notes))
