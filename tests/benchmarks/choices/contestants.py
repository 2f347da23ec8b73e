"""Own how a quantization is chosen by Tunesmith and by fituna: what they are asked, and what they answer."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.benchmarks.choices.record import Pick, Question
from tests.benchmarks.rivals import Unreadable
from tunesmith.domain.settings import Settings

UNREACHABLE = 100_000.0
"""Tokens per second that nothing reaches: fituna then tells the fastest one that it measured."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and where it is to be worked on."""

    question: Question
    source: Path
    text: Path
    folder: Path
    """Empty, for whatever is made; what was picked stays there."""
    python: Path
    """Of fituna's virtual environment."""
    tools: Path
    """A folder with llama-quantize, llama-perplexity and llama-bench of one build."""


class Chooser(Protocol):
    """Someone who chooses, run as a process of its own."""

    @property
    def name(self) -> str:
        """With what makes it different from others of its kind."""
        ...

    @property
    def package(self) -> str:
        """Its name on PyPI."""
        ...

    def command(self, asked: Asked) -> list[str]:
        """The command line."""
        ...

    def read(self, output: str, errors: str, asked: Asked, baseline: Settings) -> Pick:
        """What it chose.

        Raises:
            Unreadable: nothing, or it cannot be told.
        """
        ...


@dataclass(frozen=True, slots=True)
class Tunesmith:
    """Ours: the fastest within the limit, its settings tuned besides."""

    budget: str = "60"
    name: str = "Tunesmith"
    package: str = "tunesmith"

    def command(self, asked: Asked) -> list[str]:
        """With a store of its own; nothing is known beforehand."""
        question = asked.question
        return [
            sys.executable, "-m", "tunesmith", "tune", str(asked.source),
            "--quantization", ",".join(question.types),
            "--max-perplexity-ratio", str(question.max_perplexity_ratio), "--text", str(asked.text),
            "--chunks", str(question.chunks), "--objective", "decode",
            "--workload", f"prompt={question.prompt},generate={question.generate},depth=0",
            "--budget", self.budget, "--output", str(asked.folder / "made"),
            "--store", str(asked.folder / "store.sqlite3"), "--json", "--quiet",
        ]  # fmt: skip

    def read(self, output: str, errors: str, asked: Asked, baseline: Settings) -> Pick:
        """The pick of its document."""
        try:
            document = json.loads(output)
            pick = next(one for one in document["contenders"] if one["label"] == document["picked"])
        except (ValueError, KeyError, StopIteration) as error:
            raise Unreadable("it printed no document") from error
        if document["outcome"] != "picked":
            raise Unreadable(f"it picked nothing: {document['sentence']}")
        tuned = document["tune"]["tuned"] if document["tune"] else None
        settings = baseline if tuned is None else Settings.model_validate_json(json.dumps(tuned["settings"]))
        return Pick(
            quantization=pick["quantization"], file=pick["path"],
            settings=settings.replace(n_ctx=baseline.n_ctx, n_seq_max=baseline.n_seq_max),
            decode_tokens_per_s=tuned["decode_tokens_per_s"]["median"] if tuned else None,
            perplexity_ratio=pick["quality"]["perplexity_ratio"]["value"], claim=document["sentence"],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fituna:
    """fituna's ``run``: of the types that keep its limit, the truest one that reaches a speed."""

    target_tokens_per_s: float = UNREACHABLE
    factor: float | None = None
    """How many times the source's speed that is; None is the unreachable one."""
    package: str = "fituna"

    @property
    def name(self) -> str:
        """With the speed it is asked for."""
        return "fituna, the fastest" if self.factor is None else f"fituna, {self.factor:g} times the source"

    def command(self, asked: Asked) -> list[str]:
        """Its context is what is read and generated, so that it measures from an empty one, as ours does."""
        question = asked.question
        return [
            str(asked.python.parent / "fituna"), "run", "--model", str(asked.source),
            "--target-tps", f"{self.target_tokens_per_s:g}",
            "--max-quality-loss", f"{(question.max_perplexity_ratio - 1) * 100:g}",
            "--ctx", str(question.prompt + question.generate), "--quant", ",".join(question.types),
            "--quality-corpus", str(asked.text), "--ppl-chunks", str(question.chunks),
            "--llama-bin-dir", str(asked.tools), "--out", str(asked.folder / "made"), "--json",
        ]  # fmt: skip

    def read(self, output: str, errors: str, asked: Asked, baseline: Settings) -> Pick:
        """Its JSON where the speed was reached; else the closest attempt, which it tells in words."""
        try:
            document = json.loads(output)
            quality, layers = document["quality"], document["config"]["ngl"]
            return Pick(
                quantization=document["config"]["quant"], file=document["gguf_path"],
                settings=baseline.replace(n_gpu_layers=layers) if layers else baseline,
                decode_tokens_per_s=document["bench"]["gen_tok_per_sec"],
                perplexity_ratio=1 + quality["quality_loss_pct"] / 100,
                claim="meets the target" if document["meets_target"] else "does not meet the target",
            )  # fmt: skip
        except (ValueError, KeyError):
            return self._closest(errors, baseline)

    def _closest(self, errors: str, baseline: Settings) -> Pick:
        told = {
            name: re.search(pattern, errors)
            for name, pattern in {
                "quant": r"quant +: (\S+)", "speed": r"gen tok/s +\(tg\): ([\d.]+)",
                "loss": r"quality loss +: (-?[\d.]+)%", "file": r"artifact: (.+?\.gguf)",
            }.items()
        }  # fmt: skip
        found = {name: match[1] for name, match in told.items() if match is not None}
        if len(found) < len(told):
            raise Unreadable("it told no result and no closest attempt")
        return Pick(
            quantization=found["quant"], file=found["file"], settings=baseline,
            decode_tokens_per_s=float(found["speed"]), perplexity_ratio=1 + float(found["loss"]) / 100,
            claim="the closest attempt: the target was not met",
        )  # fmt: skip
