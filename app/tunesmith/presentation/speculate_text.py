"""Own what ``tunesmith speculate`` prints, for programs and for people."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Literal

from pydantic import Field
from rich.text import Text

from tunesmith import __version__
from tunesmith.domain.digits import fixed
from tunesmith.domain.measurement import Quantity
from tunesmith.domain.settings import Settings
from tunesmith.domain.speculation import Acceptance, Plan
from tunesmith.presentation.document import Document
from tunesmith.presentation.fact_documents import (
    BuildFacts,
    MachineFacts,
    ModelFacts,
    build_facts,
    model_facts,
)
from tunesmith.presentation.measure_text import settings_line
from tunesmith.presentation.numbers import (
    DASH,
    bytes_text,
    duration_text,
    percent,
    quantity_text,
)
from tunesmith.presentation.server_command import drafting_arguments, server_arguments
from tunesmith.presentation.tables import facts, grid
from tunesmith.services.speculate import plan_text
from tunesmith.tuning.speculation import SpeculationOutcome
from tunesmith.wording import tr

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tunesmith.services.speculate_result import MeasuredPlan, SpeculateResult
    from tunesmith.tuning.speculation import Estimate


class BatchCost(Document):
    """What one batch of so many tokens takes, logits for all of them included."""

    tokens: int
    seconds: Quantity
    relative: float
    """Of the median to that of one token."""


class DraftCounts(Document):
    """What became of the drafts on the texts of one round."""

    cycles: int
    """Batches of the target."""
    drafted: int
    accepted: int
    acceptance_rate: float | None
    """Accepted of drafted; null if nothing was drafted."""
    mean_accepted: float
    """Accepted tokens of a batch."""
    tokens_per_cycle: float


class EstimatedPlan(DraftCounts):
    """A way to draft, as it would do on these texts: counts that hold, a speedup that is an estimate."""

    plan: Plan
    estimated_speedup: float


class TextDifference(Document):
    """Where a text with drafts left the one that plain decoding gives."""

    prompt: int
    token: int
    gap: float | None
    """By how much plain decoding's token led the next, in logits."""


class MeasuredSpeculation(DraftCounts):
    """A way to draft, really run."""

    plan: Plan
    tokens_per_s: Quantity
    speedup: Quantity | None
    """Against plain decoding, in pairs; null for plain decoding itself."""
    draft_share: float
    """Of the time, what drafting took."""
    identical: bool
    """Whether the texts are those of plain decoding to the last token."""
    differences: tuple[TextDifference, ...]


class SpeculateDocument(Document):
    """``tunesmith speculate``."""

    schema_name: Literal["tunesmith.speculate/1"] = Field(default="tunesmith.speculate/1", alias="schema")
    tunesmith_version: str
    outcome: SpeculationOutcome
    sentence: str
    best: Plan
    """How to generate here."""
    speedup: Quantity
    """Of the fastest way to draft that was measured, against plain decoding."""
    acceptance_rate: float | None
    """Of the same."""
    mean_accepted: float
    """Of the same."""
    cost_curve: tuple[BatchCost, ...]
    draft_cost_curve: tuple[BatchCost, ...]
    estimates: tuple[EstimatedPlan, ...]
    plain: MeasuredSpeculation
    measured: tuple[MeasuredSpeculation, ...]
    """Fastest first."""
    server_arguments: tuple[str, ...]
    """llama-server's, for the best way."""
    text: str | None
    """Path of the text that the beginnings were cut from; null for the one that ships."""
    prompt_tokens: tuple[int, ...]
    """Of each beginning."""
    generated_tokens: tuple[int, ...]
    rounds: int
    prompt_seconds: float
    draft_prompt_seconds: float
    """What reading a beginning takes longer with a draft model, which reads it too; 0 without one."""
    settings: Settings
    draft_settings: Settings | None
    model: ModelFacts
    draft: ModelFacts | None
    machine: MachineFacts
    build: BuildFacts
    seconds: float


# ---------------------------------------------------------------- the document


def speculate_document(result: SpeculateResult) -> SpeculateDocument:
    """What ``speculate`` prints."""
    found, request = result.surroundings, result.request
    build = found.machine.build
    assert build is not None  # noqa: S101 (there was a worker)
    fastest = result.fastest
    return SpeculateDocument(
        tunesmith_version=__version__,
        outcome=result.outcome,
        sentence=outcome_sentence(result),
        best=result.best,
        speedup=result.speedups[fastest.plan.label],
        acceptance_rate=fastest.acceptance.rate,
        mean_accepted=fastest.acceptance.mean_accepted,
        cost_curve=_costs(result.curve),
        draft_cost_curve=_costs(result.draft_curve),
        estimates=tuple(
            EstimatedPlan(plan=e.plan, estimated_speedup=e.speedup, **_counts(e.acceptance))
            for e in result.estimates
        ),
        plain=_measured(result.plain, None),
        measured=tuple(_measured(one, result.speedups[one.plan.label]) for one in result.measured),
        server_arguments=tuple(speculation_arguments(result)),
        text=request.text_path,
        prompt_tokens=result.prompt_lengths,
        generated_tokens=result.text_lengths,
        rounds=request.rounds,
        prompt_seconds=result.prompt_seconds,
        draft_prompt_seconds=result.draft_prompt_seconds,
        settings=result.settings,
        draft_settings=result.draft_settings,
        model=model_facts(result.model),
        draft=None if result.draft is None else model_facts(result.draft),
        machine=MachineFacts(
            fingerprint=found.machine_class.fingerprint, label=found.machine_class.label
        ),
        build=build_facts(build),
        seconds=round(result.seconds, 3),
    )  # fmt: skip


def _costs(curve: dict[int, Quantity]) -> tuple[BatchCost, ...]:
    return tuple(
        BatchCost(tokens=size, seconds=cost, relative=round(cost.median / curve[1].median, 4))
        for size, cost in curve.items()
    )


def _counts(found: Acceptance) -> dict[str, float | None]:
    return {
        "cycles": found.cycles, "drafted": found.drafted, "accepted": found.accepted,
        "acceptance_rate": found.rate, "mean_accepted": found.mean_accepted,
        "tokens_per_cycle": found.tokens_per_cycle,
    }  # fmt: skip


def _measured(one: MeasuredPlan, speedup: Quantity | None) -> MeasuredSpeculation:
    return MeasuredSpeculation.model_validate(
        {
            **_counts(one.acceptance),
            "plan": one.plan,
            "tokens_per_s": one.tokens_per_s,
            "speedup": speedup,
            "draft_share": round(one.draft_share, 4),
            "identical": not one.differences,
            "differences": tuple(
                TextDifference(prompt=d.prompt, token=d.token, gap=d.gap) for d in one.differences
            ),
        }
    )


def speculation_arguments(result: SpeculateResult) -> list[str]:
    """llama-server's program and arguments for the best way to generate."""
    return [
        *server_arguments(result.settings, result.request.model_path),
        *drafting_arguments(result.best, result.request.draft_path, result.draft_settings),
    ]


# ---------------------------------------------------------------- for people


def outcome_sentence(result: SpeculateResult) -> str:
    """What the measurement says, in a sentence or two."""
    ratio = result.speedups[result.fastest.plan.label]
    values = {"plan": plan_text(result.fastest.plan), "ratio": _ratio_text(ratio)}
    match result.outcome:
        case "faster":
            return tr(
                "Drafting pays here: with {plan} the speed is {ratio} that of plain decoding.", **values
            )
        case "plain_is_best":
            return tr(
                "Plain decoding is best here: the fastest way to draft, {plan}, has {ratio} its speed.",
                **values,
            )
        case "not_proven":
            return tr(
                "No way to draft is proven faster than plain decoding here, which stays as the simpler one: "
                "the fastest, {plan}, has {ratio} its speed.",
                **values,
            )
        case "too_noisy":
            return tr(
                "The machine was too noisy to tell whether drafting pays: the fastest way, {plan}, had "
                "{ratio} the speed of plain decoding. Let the machine come to rest, or give more --rounds.",
                **values,
            )


def _ratio_text(ratio: Quantity) -> str:
    """Such as ``1.42 times (1.31–1.53)``."""
    return quantity_text(ratio, tr("times"))


def speculate_report(result: SpeculateResult) -> list[RenderableType]:
    """What ``speculate`` prints for people."""
    parts: list[RenderableType] = [facts(_head(result)), _cost_table(result)]
    if result.estimates:
        parts.append(_estimate_table(result))
    parts += [_measured_table(result), Text(outcome_sentence(result), style="bold")]
    confidence = percent(result.speedups[result.fastest.plan.label].confidence, 1)
    parts.append(
        Text(
            tr(
                "In brackets: intervals; those of the ratios hold together with 95% confidence, each with "
                "{confidence}, for these texts on this machine.",
                confidence=confidence,
            ),
            style="dim",
        )
    )
    parts += [Text(note, style="yellow") for note in _notes(result)]
    parts.append(Text(shlex.join(speculation_arguments(result))))
    return parts


def _head(result: SpeculateResult) -> list[tuple[str, str]]:
    def name(header_name: str | None, path: str, quantization: str, size_bytes: int) -> str:
        return f"{header_name or path} · {quantization} · {bytes_text(size_bytes)}"

    header = result.model.header
    rows = [(tr("Model"), name(header.name, header.path, header.quantization, header.file_bytes))]
    if result.draft is not None:
        header = result.draft.header
        rows.append(
            (tr("Draft model"), name(header.name, header.path, header.quantization, header.file_bytes))
        )
    request = result.request
    texts = tr(
        "{source}: {prompts} beginnings of up to {length} tokens, {tokens} after each, {rounds} rounds",
        source=request.text_path or tr("the text that ships"), prompts=len(result.prompt_lengths),
        length=max(result.prompt_lengths), tokens=request.tokens, rounds=request.rounds,
    )  # fmt: skip
    rows += [
        (tr("Text"), texts),
        (tr("Settings"), settings_line(result.settings)),
        (tr("Took"), duration_text(result.seconds)),
    ]
    return rows


def _cost_table(result: SpeculateResult) -> RenderableType:
    one = result.curve[1].median
    rows = [
        (
            str(size),
            quantity_text(cost, "ms", scale=1e-3),
            fixed(cost.median / one, 2),
            fixed(1e3 * cost.median / size, 2),
            quantity_text(result.draft_curve.get(size), "ms", scale=1e-3),
        )
        for size, cost in result.curve.items()
    ]
    head = (tr("Tokens in a batch"), tr("takes"), tr("times one"), tr("ms a token"), tr("draft model"))
    width = len(head) if result.draft_curve else len(head) - 1
    return grid(head[:width], [row[:width] for row in rows], right=range(width))


def _estimate_table(result: SpeculateResult) -> RenderableType:
    """The best estimate of each draft length of the draft model, or of each number of tokens alike."""
    best: dict[tuple[str, int], Estimate] = {}
    for estimate in result.estimates:
        plan = estimate.plan
        key = (plan.drafter, plan.length if plan.drafter == "draft" else plan.ngram)
        if key not in best or estimate.speedup > best[key].speedup:
            best[key] = estimate
    rows = [(plan_text(e.plan), *_acceptance_cells(e.acceptance), fixed(e.speedup, 2)) for e in best.values()]
    head = (tr("Way to draft"), tr("accepted"), tr("per batch"), tr("estimated speedup"))
    return grid(head, rows, right=(1, 2, 3))


def _acceptance_cells(found: Acceptance) -> tuple[str, str]:
    share = DASH if found.rate is None else percent(found.rate, 0)
    return f"{found.accepted}/{found.drafted} ({share})", fixed(found.mean_accepted, 2)


def _measured_table(result: SpeculateResult) -> RenderableType:
    rows = [
        (
            plan_text(one.plan),
            *_acceptance_cells(one.acceptance),
            quantity_text(one.tokens_per_s, "tok/s"),
            quantity_text(result.speedups.get(one.plan.label), ""),
        )
        for one in (result.plain, *result.measured)
    ]
    head = (tr("Measured"), tr("accepted"), tr("per batch"), tr("speed"), tr("against plain"))
    return grid(head, rows, right=(1, 2, 3, 4))


def _notes(result: SpeculateResult) -> list[str]:
    notes = []
    for one in result.measured:
        count = len(one.differences)
        if count:
            notes.append(
                tr(
                    "With {plan}, the text after {count} of {prompts} beginnings is not that of plain "
                    "decoding: a batch of another size rounds two nearly equal tokens the other way.",
                    plan=plan_text(one.plan), count=count, prompts=len(result.prompt_lengths),
                )
            )  # fmt: skip
    if result.draft_prompt_seconds and result.best.drafter == "draft":
        notes.append(
            tr(
                "A prompt of {tokens} tokens takes {more} ms longer, since the draft model reads it too.",
                tokens=max(result.prompt_lengths), more=fixed(1e3 * result.draft_prompt_seconds, 0),
            )
        )  # fmt: skip
    if not any(one.acceptance.drafted for one in result.measured):
        notes.append(tr("Nothing in these texts came twice, so that nothing was drafted."))
    return notes
