"""Own what is seen of a choice of a quantization: its events folded into rows and points, without Qt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from tunesmith.domain.choice import Contender
from tunesmith.domain.events import ContenderStanding, Event, Progress, RunFinished, RunStarted, StageStarted
from tunesmith.domain.measurement import Quantity
from tunesmith.domain.quality import ChunkScore, QualityLimits
from tunesmith.domain.worker_events import ChunkScored, TensorQuantized, TextSplit
from tunesmith.presentation.choose_text import state_text
from tunesmith.presentation.live import being_timed
from tunesmith.presentation.numbers import (
    DASH,
    bytes_text,
    decimals_for,
    duration_text,
    fixed,
    percent,
    quantity_text,
    rough_bytes_text,
)
from tunesmith.wording import tr, trn

Tone = Literal["plain", "quiet", "good", "bad"]
_OUT = frozenset({"beyond", "slower", "tied", "infeasible", "failed"})


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file of the model as the table shows it."""

    label: str
    size: str
    bits: str
    kld: str
    top1: str
    ratio: str
    speed: str
    status: str
    tone: Tone
    picked: bool

    @property
    def cells(self) -> tuple[str, ...]:
        """By COLUMNS of the table."""
        return (
            self.label, self.size, self.bits, self.kld, self.top1, self.ratio, self.speed, self.status,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Point:
    """One file in the plot of speed against quality."""

    label: str
    kld: float
    """Mean KL divergence from the source, nats per token; 0 for the source."""
    speed: float | None
    """Ratio to the source's; None where it was not measured."""
    low: float | None
    high: float | None
    size_bytes: int
    picked: bool
    pareto: bool
    out: bool
    """It breaks a limit or was not measured to the end."""


class ChoiceView:
    """Takes events one by one; what it holds may be drawn at any time."""

    def __init__(self, limits: QualityLimits, foretold_bytes: Mapping[str, int] | None = None) -> None:
        """Nothing is known yet.

        Args:
            limits: what was asked for.
            foretold_bytes: sizes of files that are not there yet, by type.
        """
        self.limits = limits
        self.contenders: dict[str, Contender] = {}
        self.run_id = ""
        self.model_name = ""
        self.step = tr("Looking at the machine and the model")
        self.fraction = 0.0
        self.seconds = 0.0
        self.end: RunFinished | None = None
        self.changed = 0
        """Counts what may be seen; changes when there is something new to draw."""
        self.timing = False
        """A sample is being timed, as far as is known."""
        self._foretold = dict(foretold_bytes or {})
        self._start_ns: int | None = None
        self._now = ""
        """Label of the file under way."""
        self._made = 0.0
        self._planned = 0
        self._scores: list[ChunkScore] = []

    def take_all(self, events: Iterable[Event]) -> None:
        """Take many events."""
        for event in events:
            self.take(event)

    def take(self, event: Event) -> None:
        """Take the next event of the run."""
        self.run_id = event.run_id or self.run_id
        self.timing = being_timed(event, before=self.timing)
        if event.mono_ns:
            self._start_ns = self._start_ns or event.mono_ns
            self.seconds = max(self.seconds, (event.mono_ns - self._start_ns) / 1e9)
        match event:
            case RunStarted():
                self.model_name = event.model_name
            case ContenderStanding():
                self._stand(event.contender)
            case TensorQuantized():
                self._made = event.done / max(1, event.total)
            case TextSplit():
                self._planned = len(event.chunks)
            case ChunkScored():
                self._scores.append(event.score)
            case StageStarted():
                self.step = event.title
            case Progress():
                self.step, self.fraction = event.step, event.fraction
            case RunFinished():
                self.end, self.fraction = event, 1.0
            case _:
                return
        self.changed += 1

    def _stand(self, contender: Contender) -> None:
        before = self.contenders.get(contender.label)
        self.contenders[contender.label] = contender
        if contender.state in ("making", "judging", "finalist") and (
            before is None or before.state != contender.state
        ):
            self._now, self._made, self._scores = contender.label, 0.0, []

    def take_end(self, contenders: Iterable[Contender]) -> None:
        """Show how all stand once the run is over."""
        self.contenders = {one.label: one for one in contenders}
        self._now = ""
        self.changed += 1

    # ------------------------------------------------------------- what is shown

    @property
    def progress_text(self) -> str:
        """How far it is, and since when."""
        return tr("{share} · {time}", share=percent(self.fraction), time=duration_text(self.seconds))

    @property
    def rows(self) -> list[FileRow]:
        """Every file, the source first."""
        return [self._row(one) for one in self.contenders.values()]

    def _row(self, one: Contender) -> FileRow:
        quality = one.quality
        return FileRow(
            label=one.label,
            size=self._size(one),
            bits=DASH if one.bits_per_weight is None else fixed(one.bits_per_weight, 2),
            kld=self._kld(one),
            top1="100%" if one.is_source else DASH if quality is None
            else percent(quality.top1_agreement.value, 1),
            ratio="1" if one.is_source else DASH if quality is None
            else fixed(quality.perplexity_ratio.value, 3),
            speed=speed_text(one),
            status=self.status(one),
            tone=_tone(one),
            picked=one.state == "picked",
        )  # fmt: skip

    def _size(self, one: Contender) -> str:
        if one.size_bytes is not None:
            return bytes_text(one.size_bytes)
        foretold = self._foretold.get(one.quantization)
        return DASH if foretold is None else tr("about {size}", size=rough_bytes_text(foretold))

    def _kld(self, one: Contender) -> str:
        if one.is_source:
            return "0"
        if one.quality is not None:
            return kld_text(one.quality.mean_kld.value, one.kld_low, one.kld_high)
        if one.label == self._now and self._scores:
            mean = fmean(score.mean_kld for score in self._scores)
            return tr("{value} so far", value=kld_text(mean, None, None))
        return DASH

    def status(self, one: Contender) -> str:
        """Where a file stands, in words."""
        running = self.end is None and one.label == self._now
        if one.state == "making":
            return tr("making {share}", share=percent(self._made)) if running else tr("not made to the end")
        if one.state == "judging":
            if not running:
                return tr("not judged to the end")
            if not self._scores:
                return tr("the source reads the text")
            return tr("judged {done} of {all} chunks", done=len(self._scores), all=self._planned)
        if one.is_source and one.state == "waiting":
            return tr("what the others are compared with")
        if one.state == "beyond":
            return tr("over the limit: {why}", why=one.why)
        if one.state in ("slower", "tied") and one.why:
            return one.why if one.in_race else tr("cannot win: {why}", why=one.why)
        if one.state == "finalist":
            return tr("being tuned") if running else tr("tuned")
        if one.state == "within" and one.speedup is None and not one.in_race:
            return tr("within the limit")
        told = state_text(one.state)
        return tr("{state}: {why}", state=told, why=one.why) if one.why else told

    @property
    def points(self) -> list[Point]:
        """Every file whose quality is known."""
        found = []
        for one in self.contenders.values():
            kld, size = one.mean_kld, one.size_bytes
            if kld is None or size is None:
                continue
            raced = one.speedup
            speed = 1.0 if one.is_source else None if raced is None else raced.median
            found.append(
                Point(
                    label=one.label, kld=kld, speed=speed, low=raced.low if raced else None,
                    high=raced.high if raced else None, size_bytes=size, picked=one.state == "picked",
                    pareto=one.pareto, out=one.state in ("beyond", "infeasible", "failed"),
                )
            )  # fmt: skip
        return found


def speed_text(one: Contender) -> str:
    """Such as ``2.31× (2.25–2.38)`` of the source's speed."""
    if one.is_source:
        return "1×"
    return DASH if one.speedup is None else ratio_text(one.speedup)


def ratio_text(ratio: Quantity) -> str:
    """A ratio with its interval."""
    value, space, rest = quantity_text(ratio, "").partition(" ")
    return f"{value}×{space}{rest}"


def kld_text(value: float, low: float | None, high: float | None) -> str:
    """A mean KL divergence with where it lies, at 95%."""
    if low is None or high is None:
        return fixed(value, 4)
    places = min(5, max(3, decimals_for((high - low) / 2)))
    return f"{fixed(value, places)} ({fixed(max(0.0, low), places)}–{fixed(high, places)})"


def _tone(one: Contender) -> Tone:
    if one.state == "picked":
        return "good"
    if one.state in ("failed", "infeasible"):
        return "bad"
    return "quiet" if one.state in _OUT or one.state == "waiting" else "plain"


def files_sentence(count: int, size_bytes: int, folder: str) -> str:
    """What was made and is there."""
    return trn(
        "{count} file made, {size}, in {folder}", "{count} files made, {size}, in {folder}", count,
        size=bytes_text(size_bytes), folder=folder,
    )  # fmt: skip
