"""Own what a choice of a quantization is asked and returns, and the sentence that says it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tunesmith.domain.choice import Contender
from tunesmith.domain.digits import figures, fixed, percent
from tunesmith.domain.measurement import Quantity
from tunesmith.domain.quality import Quality, QualityLimits
from tunesmith.domain.request import TuneRequest
from tunesmith.services.context import Surroundings
from tunesmith.services.made_files import MadeFiles
from tunesmith.services.quality import DEFAULT_CHUNKS, DEFAULT_N_CTX, EvaluationText
from tunesmith.services.tune_result import TuneResult
from tunesmith.wording import tr

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tunesmith.domain.model import ModelIdentity

DEFAULT_MAX_KLD = 0.05
"""Nats per token."""

Outcome = Literal["picked", "source_is_best", "infeasible"]
Keep = Literal["pick", "within", "all"]
"""Which of the files made stay: the pick alone, all within the limit for the user to decide, or all.

What breaks the limit is removed at once but for ``all``, which also holds where the run is interrupted.
"""


@dataclass(frozen=True, slots=True)
class ChooseRequest:
    """What is chosen from, for what, and at which price."""

    tune: TuneRequest
    """What for; its model is the source."""
    types: tuple[str, ...] | None = None
    """None takes what there is and the ladder."""
    limits: QualityLimits = field(default_factory=lambda: QualityLimits(max_kld=DEFAULT_MAX_KLD))
    text_path: str | None = None
    """What quality is measured on; None is the text that ships with Tunesmith."""
    chunks: int = DEFAULT_CHUNKS
    n_ctx: int = DEFAULT_N_CTX
    """Tokens of a chunk."""
    folder: str | None = None
    """Where files are made; a folder of their own beside the source for None."""
    keep: Keep = "pick"


@dataclass(frozen=True, slots=True)
class ChooseResult:
    """What was chosen, and what from."""

    request: ChooseRequest
    run_id: str
    outcome: Outcome
    picked: str
    """Label of the pick."""
    sentence: str
    speedup: Quantity | None
    """Of the pick, tuned, over the source at llama.cpp's defaults, measured in pairs."""
    contenders: tuple[Contender, ...]
    tunes: Mapping[str, TuneResult]
    """By label, of those that were tuned."""
    source: ModelIdentity
    text: EvaluationText
    surroundings: Surroundings
    made: MadeFiles
    """What was made and is still there."""
    warnings: tuple[str, ...]
    seconds: float

    @property
    def tune(self) -> TuneResult | None:
        """Of the pick; None where it could not be tuned."""
        return self.tunes.get(self.picked)

    @property
    def folder(self) -> Path:
        """Where files were made."""
        return self.made.folder

    @property
    def pick(self) -> Contender:
        """What was chosen."""
        return next(contender for contender in self.contenders if contender.label == self.picked)


def beyond_text(limits: QualityLimits, quality: Quality, *, sure: bool) -> str:
    """Why a file left for its quality."""
    broken = []
    kld, top1 = quality.mean_kld.value, quality.top1_agreement.value
    ratio = quality.perplexity_ratio.value
    if limits.max_kld is not None and kld > limits.max_kld:
        values = {"value": fixed(kld, 4), "limit": figures(limits.max_kld, 6)}
        broken.append(tr("mean KLD {value} is above {limit}", **values))
    if limits.min_top1 is not None and top1 < limits.min_top1:
        values = {"value": percent(top1, 1), "limit": percent(limits.min_top1, 1)}
        broken.append(tr("top-1 agreement {value} is below {limit}", **values))
    if limits.max_perplexity_ratio is not None and ratio > limits.max_perplexity_ratio:
        values = {"value": fixed(ratio, 4), "limit": figures(limits.max_perplexity_ratio, 6)}
        broken.append(tr("perplexity ratio {value} is above {limit}", **values))
    told = "; ".join(broken)
    return told if sure else tr("{why}, as far as these chunks tell", why=told)


def choice_sentence(
    outcome: Outcome, pick: Contender, contenders: Sequence[Contender], speedup: Quantity | None
) -> str:
    """The result in one sentence a person can repeat.

    Args:
        outcome: how it ended.
        pick: what was chosen.
        contenders: all of them, the source first.
        speedup: of the pick, tuned, over the source at the defaults.
    """
    source, *others = contenders
    if outcome == "infeasible":
        return tr("Nothing satisfies the constraints: {why}", why=pick.why)
    if outcome == "source_is_best":
        if any(one.in_race for one in others):
            return tr(
                "{source} stays: no file within the quality limit was proven faster", source=source.label
            )
        if any(one.untimed for one in others):
            return tr(
                "{source} stays: the time ran out before the speed of another file was measured",
                source=source.label,
            )
        return tr("{source} stays: no other file is within the quality limit", source=source.label)
    told = tr("{label} is picked", label=pick.label)
    if speedup is not None and speedup.low is not None and speedup.high is not None:
        told = tr(
            "{picked}: tuned, it is {ratio} times as fast as {source} at llama.cpp's defaults "
            "({low}–{high}, {share} sure)",
            picked=told, ratio=fixed(speedup.median, 2), source=source.label, low=fixed(speedup.low, 2),
            high=fixed(speedup.high, 2), share=percent(speedup.confidence),
        )  # fmt: skip
    if pick.quality is not None and pick.size_bytes and source.size_bytes:
        told = tr(
            "{picked}, at a mean KL divergence of {kld} and {size} of its size",
            picked=told, kld=fixed(pick.quality.mean_kld.value, 4),
            size=percent(pick.size_bytes / source.size_bytes),
        )  # fmt: skip
    if pick.verdict == "undecided":
        told = tr(
            "{picked}; that this is within the limit is likely, not sure: more chunks would tell", picked=told
        )
    return told
