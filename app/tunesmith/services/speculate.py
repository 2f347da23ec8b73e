"""Own the tuning of speculative decoding: whether drafting pays, by whom, and how many tokens at once."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import TypeVar

from tunesmith.domain.events import Progress, StageStarted
from tunesmith.domain.measurement import Quantity
from tunesmith.domain.model import ModelHeader, ModelIdentity
from tunesmith.domain.settings import Settings
from tunesmith.domain.speculation import (
    FEWEST_PROMPT_TOKENS,
    NGRAMS,
    PLAIN,
    BatchRound,
    Continuation,
    CostCurve,
    DraftersReady,
    Plan,
    Predictions,
    PromptsRead,
    SpeculationResult,
    acceptance,
    curve_sizes,
    cut_prompts,
    same_beginning,
    samples_by_size,
)
from tunesmith.domain.statistics import quantity
from tunesmith.errors import Interrupted, UsageError
from tunesmith.services.context import Surroundings, identify_model, read_model, survey_machine
from tunesmith.services.session import Controls, Session, Stream
from tunesmith.services.speculate_checks import (
    check_memory,
    compare_headers,
    draft_mismatch,
    read_text,
    too_short,
)
from tunesmith.services.speculate_result import Difference, MeasuredPlan, SpeculateRequest, SpeculateResult
from tunesmith.tuning.speculation import (
    Estimate,
    KnownText,
    draft_estimates,
    judge,
    lookup_estimates,
    shortlist,
    speedups,
)
from tunesmith.wording import tr
from tunesmith.worker.handle import WorkerHandle

STAGE = "speculate"
CURVE_ROUNDS = 5
_CHARACTERS_PER_TOKEN = 8
"""More than a token of any usual text has, so that a piece yields as many tokens as are wanted."""
_MEASURED = 3

R = TypeVar("R")


def start_speculate(request: SpeculateRequest) -> Session[SpeculateResult]:
    """Find out in the background; nothing is kept but what the session returns.

    The session's result raises ModelFileError, UsageError, InfeasibleError, WorkerError or Interrupted.
    """
    return Session(lambda stream, controls: _speculate(request, stream, controls))


def _speculate(request: SpeculateRequest, stream: Stream, controls: Controls) -> SpeculateResult:
    begun = time.monotonic()
    if request.draft_path is None and max(request.lengths or (request.max_length,)) < min(NGRAMS):
        raise UsageError(
            tr("Prompt lookup drafts {count} tokens or more.", count=min(NGRAMS)),
            todo=tr("Give larger --lengths or a larger --max-length, or name a draft model."),
        )
    header = read_model(request.model_path)
    draft_header = read_model(request.draft_path) if request.draft_path is not None else None
    if draft_header is not None:
        compare_headers(header, draft_header)
    pieces = cut_prompts(
        read_text(request.text_path), request.prompts, request.prompt_tokens * _CHARACTERS_PER_TOKEN
    )
    try:
        found = survey_machine(controls)
        check_memory(header, draft_header, request.settings.n_ctx, found)
        model = identify_model(request.model_path, controls)
        draft = identify_model(request.draft_path, controls) if request.draft_path is not None else None
        with WorkerHandle(on_event=stream.emit, interrupted=lambda: controls.cancelled) as worker:
            run = _Run(request, header, draft_header, worker, stream, controls)
            return run.run(pieces, model, draft, found, begun)
    except Interrupted:
        raise Interrupted(
            tr("The measurement was interrupted; nothing of it is kept."),
            todo=tr("Start it again for a whole one."),
        ) from None


# ---------------------------------------------------------------- the run


class _Run:
    """One run in its thread."""

    def __init__(
        self, request: SpeculateRequest, header: ModelHeader, draft_header: ModelHeader | None,
        worker: WorkerHandle, stream: Stream, controls: Controls,
    ) -> None:  # fmt: skip
        self._request = request
        self._worker = worker
        self._stream = stream
        self._controls = controls
        self.settings = _able_to_go_back(request.settings, header)
        self.draft_settings = None
        if draft_header is not None:  # llama-server's defaults for it, but for what both share
            plain = request.settings.replace(type_k="f16", type_v="f16")
            self.draft_settings = _able_to_go_back(plain, draft_header)
        self._order = random.Random(request.seed)  # noqa: S311 (an order, not a secret)

    def run(
        self, pieces: Sequence[str], model: ModelIdentity, draft: ModelIdentity | None, found: Surroundings,
        begun: float,
    ) -> SpeculateResult:  # fmt: skip
        self._stage(tr("Loading"), ())
        ready = self._ask(DraftersReady, do="get_ready")
        if ready.difference:
            raise draft_mismatch(self._request.draft_path or "", ready.difference)
        prompts = self._prompts(pieces)
        plain = self._plain(prompts)
        texts = self._texts(prompts, plain)
        curve, draft_curve = self._curves(prompts[0])
        estimates = self._estimates(texts, curve, draft_curve)
        plans = self._plans(estimates)
        taken = self._measure(prompts, plans)
        speeds = {plan.label: [_speed(row) for row in rows] for plan, rows in taken.items()}
        noisy = {plan.label: _mostly_noisy(rows) for plan, rows in taken.items()}
        ratios = speedups(
            speeds[PLAIN.label], {plan.label: speeds[plan.label] for plan in plans},
            {plan.label: noisy[plan.label] or noisy[PLAIN.label] for plan in plans},
        )  # fmt: skip
        outcome, fastest = judge(ratios)
        by_label = {
            plan.label: _measured(plan, rows, speeds[plan.label], plain, noisy=noisy[plan.label])
            for plan, rows in taken.items()
        }
        order = sorted(ratios, key=lambda label: -ratios[label].median)
        runs = [run for rows in taken.values() for row in rows for run in row]
        return SpeculateResult(
            request=self._request,
            settings=self.settings,
            draft_settings=self.draft_settings,
            model=model,
            draft=draft,
            surroundings=found,
            prompt_lengths=tuple(map(len, prompts)),
            text_lengths=tuple(len(text.tokens) for text in texts),
            curve=_quantities(curve),
            draft_curve=_quantities(draft_curve),
            estimates=tuple(estimates),
            plain=by_label[PLAIN.label],
            measured=tuple(by_label[label] for label in order),
            speedups=ratios,
            outcome=outcome,
            fastest=by_label[fastest],
            prompt_seconds=_median_seconds([run.prompt_ns for run in runs]),
            draft_prompt_seconds=_median_seconds(
                [run.draft_prompt_ns for run in runs if run.draft_prompt_ns]
            ),
            seconds=time.monotonic() - begun,
        )

    def _ask(self, kind: type[R], **task: object) -> R:
        self._controls.wait_if_paused()
        draft = None
        if self.draft_settings is not None:
            draft = {"model_path": self._request.draft_path, "settings": self.draft_settings}
        answer: SpeculationResult = self._worker.speculate(
            model_path=self._request.model_path, settings=self.settings, draft=draft, task=task
        )
        if not isinstance(answer, kind):
            msg = f"the worker answered {answer.kind} to {task['do']}"
            raise TypeError(msg)
        return answer

    def _stage(self, title: str, candidates: tuple[str, ...]) -> None:
        self._stream.emit(StageStarted(stage=STAGE, title=title, candidates=candidates))

    def _progress(self, step: str, done: int, total: int, since: float) -> None:
        share = done / total
        spent = time.monotonic() - since
        eta = spent * (1 - share) / share if done else None
        self._stream.emit(Progress(step=step, fraction=share, eta_seconds=eta))

    # ------------------------------------------------------------- acceptance

    def _prompts(self, pieces: Sequence[str]) -> list[tuple[int, ...]]:
        if not pieces:
            raise too_short()
        read = self._ask(
            PromptsRead, do="read_prompts", texts=tuple(pieces), max_tokens=self._request.prompt_tokens
        )
        prompts = [prompt for prompt in dict.fromkeys(read.prompts) if len(prompt) >= FEWEST_PROMPT_TOKENS]
        if not prompts:
            raise too_short()
        return prompts

    def _continue(self, prompt: tuple[int, ...], plan: Plan, *, gaps: bool = False) -> Continuation:
        return self._ask(
            Continuation, do="continue", prompt=prompt, max_tokens=self._request.tokens, plan=plan, gaps=gaps
        )

    def _plain(self, prompts: Sequence[tuple[int, ...]]) -> list[Continuation]:
        """The texts that all plans must come to, with how sure each token was."""
        begun, found = time.monotonic(), []
        self._stage(
            tr("Going on with {prompts} beginnings, {tokens} tokens each", prompts=len(prompts),
               tokens=self._request.tokens), (),
        )  # fmt: skip
        for index, prompt in enumerate(prompts):
            self._progress(tr("the text that plain decoding gives"), index, len(prompts), begun)
            found.append(self._continue(prompt, PLAIN, gaps=True))
        if all(len(text.tokens) < 2 for text in found):
            raise UsageError(
                tr("The model ends every beginning of this text at once, so there is nothing to draft."),
                todo=tr("Name another text with --text."),
            )
        return found

    def _texts(
        self, prompts: Sequence[tuple[int, ...]], plain: Sequence[Continuation]
    ) -> list[KnownText]:  # fmt: skip
        texts = []
        for prompt, text in zip(prompts, plain, strict=True):
            predicted: tuple[int, ...] = ()
            if self.draft_settings is not None:
                predicted = self._ask(
                    Predictions, do="predict", prompt=prompt, continuation=text.tokens
                ).tokens
            texts.append(KnownText(prompt, text.tokens, predicted))
        return texts

    # ------------------------------------------------------------- what it costs

    def _curves(self, prompt: tuple[int, ...]) -> tuple[list[BatchRound], list[BatchRound]]:
        begun = time.monotonic()
        sizes = curve_sizes(self._request.max_length)
        self._stage(tr("What batches of so many tokens cost"), tuple(map(str, sizes)))
        curve, draft_curve = [], []
        for number in range(CURVE_ROUNDS):
            self._progress(tr("what a batch costs"), number, CURVE_ROUNDS, begun)
            seed = self._order.getrandbits(32)
            common = {"do": "time_batches", "prompt": prompt, "seed": seed}
            curve.append(self._ask(BatchRound, model="target", sizes=sizes, **common))
            if self.draft_settings is not None:
                draft_curve.append(self._ask(BatchRound, model="draft", sizes=(1, 2), **common))
        return curve, draft_curve

    def _estimates(
        self, texts: Sequence[KnownText], curve: Sequence[BatchRound], draft_curve: Sequence[BatchRound]
    ) -> list[Estimate]:
        wanted, longest = self._request.tokens, self._request.max_length
        target = CostCurve(samples_by_size(curve))
        found = lookup_estimates(
            texts, wanted, max_length=longest, target=target, also=self._request.lengths or ()
        )
        if draft_curve:
            draft = CostCurve(samples_by_size(draft_curve))
            found += draft_estimates(texts, wanted, max_length=longest, target=target, draft=draft)
        return found

    def _plans(self, estimates: Sequence[Estimate]) -> list[Plan]:
        """What is really measured: the most promising, or the lengths that were asked for."""
        kinds = ("draft", "lookup") if self.draft_settings is not None else ("lookup",)
        chosen: list[Estimate] = []
        if self._request.lengths is not None:
            for length in self._request.lengths:
                fitting = [
                    e for e in estimates if e.plan.length == length and e.plan.drafter == kinds[0]
                ]  # fmt: skip
                chosen += shortlist(fitting, 1)
        else:
            shares = (_MEASURED - 1, 1) if len(kinds) > 1 else (_MEASURED - 1,)
            for kind, share in zip(kinds, shares, strict=True):
                chosen += shortlist([e for e in estimates if e.plan.drafter == kind], share)
        return [estimate.plan for estimate in chosen]

    # ------------------------------------------------------------- the measurement

    def _measure(
        self, prompts: Sequence[tuple[int, ...]], plans: Sequence[Plan]
    ) -> dict[Plan, list[list[Continuation]]]:
        """Every plan and plain decoding on every beginning, in a fresh order each time; by round."""
        begun, done = time.monotonic(), 0
        every = [PLAIN, *plans]
        total = self._request.rounds * len(prompts) * len(every)
        self._stage(tr("Measuring side by side"), tuple(map(plan_text, every)))
        taken: dict[Plan, list[list[Continuation]]] = {plan: [] for plan in every}
        for number in range(self._request.rounds):
            for rows in taken.values():
                rows.append([])
            for prompt in prompts:
                for plan in self._order.sample(every, len(every)):
                    step = tr("round {number} of {total}", number=number + 1, total=self._request.rounds)
                    self._progress(step, done, total, begun)
                    taken[plan][-1].append(self._continue(prompt, plan))
                    done += 1
        return taken


def plan_text(plan: Plan) -> str:
    """A plan in words."""
    match plan.drafter:
        case "plain":
            return tr("plain decoding")
        case "draft":
            return tr("draft model, length {length}", length=plan.length)
        case "lookup":
            return tr("prompt lookup by {ngram}, length {length}", ngram=plan.ngram, length=plan.length)


def _able_to_go_back(settings: Settings, header: ModelHeader) -> Settings:
    """Settings under which tokens can be taken back: with a sliding window all of the context is kept."""
    return settings.replace(swa_full=True) if header.sliding_window else settings


def _speed(row: Sequence[Continuation]) -> float:
    """Tokens/s of one round over all beginnings; the first token of each comes with the prompt."""
    return sum(len(run.tokens) - 1 for run in row) / sum(run.elapsed_ns for run in row) * 1e9


def _mostly_noisy(rows: Sequence[Sequence[Continuation]]) -> bool:
    runs = [run.noisy for row in rows for run in row]
    return 2 * sum(runs) >= len(runs)


def _quantities(rounds: Sequence[BatchRound]) -> dict[int, Quantity]:
    noisy = 2 * sum(taken.noisy for taken in rounds) >= max(1, len(rounds))
    return {size: quantity(values, noisy=noisy) for size, values in samples_by_size(rounds).items()}


def _measured(
    plan: Plan, rows: Sequence[Sequence[Continuation]], speeds: Sequence[float],
    plain: Sequence[Continuation], *, noisy: bool,
) -> MeasuredPlan:  # fmt: skip
    first = rows[0]
    runs = [run for row in rows for run in row]
    differences = []
    for index, (run, reference) in enumerate(zip(first, plain, strict=True)):
        if run.tokens != reference.tokens:
            at = same_beginning(run.tokens, reference.tokens)
            gap = reference.gaps[at - 1] if 0 < at <= len(reference.gaps) else None
            differences.append(Difference(prompt=index, token=at, gap=gap))
    return MeasuredPlan(
        plan=plan,
        acceptance=acceptance([(len(run.tokens), run.cycles) for run in first]),
        tokens_per_s=quantity(speeds, noisy=noisy),
        draft_share=sum(run.draft_ns for run in runs) / sum(run.elapsed_ns for run in runs),
        differences=tuple(differences),
    )


def _median_seconds(values_ns: Sequence[int]) -> float:
    ordered = sorted(values_ns)
    return ordered[len(ordered) // 2] / 1e9 if ordered else 0.0
