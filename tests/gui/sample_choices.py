"""Own made-up choices of a quantization: what there is to choose from, a run's events, its result."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.gui.simulated_run import Simulated, simulated
from tests.store.values import identity
from tests.tuning.machines import LAPTOP
from tunesmith.domain.choice import Contender, ContenderState
from tunesmith.domain.events import ContenderStanding, Event, Progress, RunFinished, RunStarted
from tunesmith.domain.machine import machine_class
from tunesmith.domain.measurement import Quantity
from tunesmith.domain.model import ModelHeader, ModelIdentity
from tunesmith.domain.quality import ChunkScore, QualityLimits, summarize_quality
from tunesmith.domain.request import TuneRequest
from tunesmith.domain.worker_events import ChunkScored, TensorQuantized, TextSplit
from tunesmith.services.choose_files import Foreseen, Offer
from tunesmith.services.choose_result import ChooseRequest, ChooseResult, beyond_text, choice_sentence
from tunesmith.services.context import Surroundings
from tunesmith.services.made_files import MadeFiles
from tunesmith.services.quality import EvaluationText
from tunesmith.tuning.space import baseline_settings
from tunesmith.wording import tr

SOURCE = "/home/ada/models/SmolLM2-135M-Instruct-F16.gguf"
FOLDER = Path("/home/ada/models/SmolLM2-135M-Instruct-F16-quantized")
MIB = 2**20
GIB = 2**30


@dataclass(frozen=True)
class Kind:
    """One quantization, as it would be measured."""

    name: str
    size_mib: float
    bits: float
    kld: float
    agreed: float
    ratio: float
    speed: float | None
    """Against the source; None for what breaks the limit."""
    state: ContenderState
    why: str = ""
    there: bool = False
    pareto: bool = False
    fallbacks: int = 0


def _slower(share: str) -> str:
    return tr("at least {share} slower than {label}", share=share, label="Q4_K_M")


def _no_gain(change: str, most: str) -> str:
    return tr(
        "no gain worth a change from {label}: {change}, at most {most}",
        label="Q4_K_M", change=change, most=most,
    )  # fmt: skip


KINDS = (
    Kind("Q8_0", 138.1, 8.50, 0.0040, 0.963, 1.001, 1.42, "slower",
         _slower("29.8%"), there=True,
         pareto=True),
    Kind("Q6_K", 131.8, 8.11, 0.0071, 0.951, 1.003, 1.38, "slower",
         _slower("31.6%"), fallbacks=30),
    Kind("Q5_K_M", 106.9, 6.56, 0.0142, 0.932, 1.009, 1.61, "slower",
         _slower("20.1%"), pareto=True,
         fallbacks=30),
    Kind("Q4_K_M", 100.6, 6.17, 0.0213, 0.917, 1.017, 2.09, "picked", pareto=True, fallbacks=30),
    Kind("Q4_0", 87.5, 5.37, 0.0418, 0.884, 1.032, 2.02, "tied",
         _no_gain("−3.2%", "+0.9%"),
         pareto=True),
    Kind("IQ4_XS", 89.1, 5.47, 0.0398, 0.889, 1.029, 1.18, "slower",
         _slower("41.3%"), fallbacks=30),
    Kind("Q3_K_M", 89.2, 5.47, 0.1022, 0.823, 1.081, None, "beyond", fallbacks=30),
    Kind("Q2_K", 84.1, 5.16, 0.4090, 0.696, 1.401, None, "beyond", fallbacks=30),
)  # fmt: skip


def header(path: str = SOURCE) -> ModelHeader:
    """Of the made-up source."""
    made = identity("cd" * 32, "SmolLM2 135M Instruct").header
    return made.model_copy(
        update={
            "path": path,
            "file_type": "F16",
            "file_bytes": round(258.3 * MIB),
            "vocabulary_size": 49152,
        }
    )


def offer(path: str = SOURCE) -> Offer:
    """What the service would say of it."""
    found = [
        Foreseen(
            kind=one.name, size_bytes=round(one.size_mib * MIB), bits_per_weight=one.bits,
            fallbacks=0 if one.there else one.fallbacks,
            paths=("/home/ada/models/SmolLM2-135M-Instruct.Q8_0.gguf",) if one.there else (), usual=True,
        )
        for one in KINDS
    ]  # fmt: skip
    further = Foreseen(
        kind="Q5_0", size_bytes=104 * MIB, bits_per_weight=6.4, fallbacks=0, paths=(), usual=False
    )
    return Offer(
        header=header(path), warnings=(), files=(*found, further), folder=FOLDER, free_bytes=42 * GIB
    )


def scores(kind: Kind, chunks: int, seed: int = 1) -> list[ChunkScore]:
    """Scores of so many chunks."""
    rng = random.Random(f"{kind.name}{seed}")
    found = []
    for chunk in range(chunks):
        kld = tuple(rng.expovariate(1 / kind.kld) for _ in range(64))
        source = tuple(rng.gauss(2.46, 1.2) for _ in range(64))
        nll = tuple(value + rng.gauss(kind.ratio - 1, 0.02) for value in source)
        agreed = sum(rng.random() < kind.agreed for _ in range(64))
        found.append(ChunkScore(chunk=chunk, kld=kld, nll=nll, source_nll=source, agreed=agreed))
    return found


def speedup(ratio: float) -> Quantity:
    """A ratio with its interval."""
    return Quantity(
        median=ratio, low=ratio * 0.97, high=ratio * 1.03, confidence=0.95, samples=(ratio,) * 6, noisy=False,
        interval="mean",
    )  # fmt: skip


def source() -> Contender:
    """The source."""
    return Contender(
        label=tr("{kind} (source)", kind="F16"), quantization="F16", is_source=True, path=SOURCE,
        size_bytes=round(258.3 * MIB), bits_per_weight=16.0,
    )  # fmt: skip


@dataclass
class Choice:
    """A whole made-up choice: its events, and its result if it comes to an end."""

    limits: QualityLimits = field(default_factory=lambda: QualityLimits(max_kld=0.05))
    folder: Path = FOLDER
    kinds: Sequence[Kind] = KINDS
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.files = MadeFiles(self.folder, lasting=True)
        baseline = baseline_settings(LAPTOP, self.tune.workload)
        self._tell(RunStarted(kind="measure", model_name="SmolLM2 135M Instruct", baseline=baseline))
        self._tell(ContenderStanding(contender=source()))
        for kind in self.kinds:
            self._tell(ContenderStanding(contender=self._waiting(kind)))
        for place, kind in enumerate(self.kinds):
            self._judge(place, kind)
        for kind in self.kinds:
            if kind.speed is not None:
                self._tell(ContenderStanding(contender=self.contender(kind, "within", raced=True)))
        picked = next(kind for kind in self.kinds if kind.state == "picked")
        self._tell(Progress(step=tr("Threads to decode"), fraction=0.78, eta_seconds=None))
        self._tell(ContenderStanding(contender=self.contender(picked, "finalist", raced=True)))
        for kind in self.kinds:
            self._tell(ContenderStanding(contender=self.contender(kind)))
        self.ended = [source().model_copy(update={"state": "slower", "pareto": True}),
                      *(self.contender(kind) for kind in self.kinds)]  # fmt: skip
        self._tell(RunFinished(outcome="measured", profile_id=None, sentence="done"))

    @property
    def tune(self) -> TuneRequest:
        """What it is for."""
        return self.tuned.result.request

    @property
    def tuned(self) -> Simulated:
        """The pick's tune."""
        if not hasattr(self, "_tuned"):
            self._tuned = simulated(model_path=SOURCE)
        return self._tuned

    def _tell(self, event: Event) -> None:
        number = len(self.events) + 1
        stamp = {"run_id": "20261126-150000-cd34", "seq": number, "mono_ns": 10**9 + number * 150_000_000}
        self.events.append(event.model_copy(update=stamp))

    def _waiting(self, kind: Kind) -> Contender:
        made = Contender(label=kind.name, quantization=kind.name, made=not kind.there, kept=kind.there)
        if not kind.there:
            return made
        there = {"path": f"/home/ada/models/{kind.name}.gguf", "size_bytes": round(kind.size_mib * MIB)}
        return made.model_copy(update={**there, "bits_per_weight": kind.bits})

    def path(self, kind: Kind) -> Path:
        """Where a file lies."""
        return Path(f"/home/ada/models/{kind.name}.gguf") if kind.there else self.folder / f"{kind.name}.gguf"

    def contender(self, kind: Kind, state: ContenderState | None = None, *, raced: bool = False) -> Contender:
        """A file as it stands once its quality is known."""
        read = 8 if kind.state == "beyond" else 40
        quality = summarize_quality(scores(kind, read))
        now = state or kind.state
        why = kind.why if now == kind.state else ""
        beyond = kind.state == "beyond"
        return Contender(
            label=kind.name, quantization=kind.name, path=str(self.path(kind)), made=not kind.there,
            kept=kind.there or not beyond, size_bytes=round(kind.size_mib * MIB), bits_per_weight=kind.bits,
            state="beyond" if beyond else now,
            why=beyond_text(self.limits, quality, sure=True) if beyond else why,
            quality=quality, verdict="beyond" if beyond else "within",
            kld_low=quality.mean_kld.value * 0.9, kld_high=quality.mean_kld.value * 1.1,
            speedup=speedup(kind.speed) if kind.speed and (raced or state is None) else None,
            measured=self.tuned.result.baseline if kind.speed and (raced or state is None) else None,
            pareto=kind.pareto and state is None,
        )  # fmt: skip

    def _judge(self, place: int, kind: Kind) -> None:
        begin = 0.5 * place / len(self.kinds)
        waiting = self._waiting(kind)
        if not kind.there:
            self._tell(ContenderStanding(contender=waiting.model_copy(update={"state": "making"})))
            for done in range(1, 6):
                self._tell(TensorQuantized(done=done * 54, total=272, tensor="blk"))
                step = f"{kind.name}, tensor {done * 54} of 272"
                self._tell(Progress(step=step, fraction=begin, eta_seconds=None))
        self._tell(ContenderStanding(contender=waiting.model_copy(update={"state": "judging"})))
        self._tell(TextSplit(tokens=9000, chunks_in_text=60, chunks=tuple(range(40)), vocabulary="", kept=0))
        for number, score in enumerate(scores(kind, 8), 1):
            self._tell(ChunkScored(score=score))
            step = tr("{step}, chunk {number} of {total}", step=kind.name, number=number, total=40)
            self._tell(Progress(step=step, fraction=begin + 0.03, eta_seconds=None))
        self._tell(ContenderStanding(contender=self.contender(kind, "within")))

    def until(self, state: ContenderState, label: str, more: int = 0) -> list[Event]:
        """The events up to where a file comes into a state, and some after it."""
        for place, event in enumerate(self.events):
            if isinstance(event, ContenderStanding) and (event.contender.label, event.contender.state) == (
                label, state,
            ):  # fmt: skip
                return self.events[: place + 1 + more]
        raise LookupError(label)

    @property
    def request(self) -> ChooseRequest:
        """What was asked."""
        return ChooseRequest(
            tune=self.tune, types=tuple(kind.name for kind in self.kinds), limits=self.limits, keep="within"
        )

    def result(self) -> ChooseResult:
        """How it ends."""
        picked = next(one for one in self.ended if one.state == "picked")
        gain = speedup(2.31)
        return ChooseResult(
            request=self.request, run_id="20261126-150000-cd34", outcome="picked", picked=picked.label,
            sentence=choice_sentence("picked", picked, self.ended, gain), speedup=gain,
            contenders=tuple(self.ended), tunes={picked.label: self.tuned.result},
            source=ModelIdentity(sha256="cd" * 32, header=header()),
            text=EvaluationText(name="mixed.txt", path=Path("mixed.txt"), sha256="ef" * 32),
            surroundings=Surroundings(LAPTOP, machine_class(LAPTOP)), made=self.files,
            warnings=(
                tr(
                    "{kind}: {tensors} tensors got a larger type, since their shape does not allow it.",
                    kind="Q4_K_M", tensors=30,
                ),
            ),
            seconds=1024.0,
        )  # fmt: skip

    def put_files(self) -> None:
        """Write what was made, small, into the folder."""
        self.files.open()
        for kind in self.kinds:
            if not kind.there and kind.state != "beyond":
                self.path(kind).write_bytes(b"GGUF")
                self.files.add(self.path(kind))
