"""Own what is shown of a finished choice: the sentence, the number, and everything about one file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunesmith.domain.choice import Contender
from tunesmith.domain.digits import figures
from tunesmith.domain.quality import Quality, QualityLimits
from tunesmith.presentation.choice_view import kld_text, ratio_text
from tunesmith.presentation.choose_text import limits_text
from tunesmith.presentation.numbers import bytes_text, duration_text, fixed, percent, quantity_text
from tunesmith.presentation.quality_text import estimate_text
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.services.choose_result import ChooseResult
    from tunesmith.services.tune_result import TuneResult

Rows = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ChoiceHeadline:
    """A result at a glance."""

    sentence: str
    big: str
    """The one large number; empty where nothing was gained."""
    note: str


@dataclass(frozen=True, slots=True)
class FileDetails:
    """Everything about one file."""

    title: str
    why: str
    """Why it was picked or not."""
    sections: tuple[tuple[str, Rows], ...]


def headline(result: ChooseResult) -> ChoiceHeadline:
    """The result in a sentence and a number."""
    source, pick = result.contenders[0], result.pick
    note = tr("Chosen in {time}.", time=duration_text(result.seconds))
    if result.outcome == "infeasible":
        return ChoiceHeadline(tr("Nothing keeps your limits: {why}", why=pick.why), "", note)
    if result.outcome == "source_is_best":
        others = result.contenders[1:]
        if any(one.in_race for one in others):
            told = tr("{source} is already the best here within your limit", source=source.quantization)
        elif any(one.untimed for one in others):
            told = tr(
                "{source} stays: the time ran out before another file's speed was measured",
                source=source.quantization,
            )
        else:
            told = tr("{source} stays: nothing else keeps your limit", source=source.quantization)
        return ChoiceHeadline(told, "", note)
    parts = []
    speedup = result.speedup
    if speedup is not None:
        ratio = fixed(speedup.median, 1 if speedup.median >= 1.95 else 2)
        parts.append(tr("{ratio} times as fast as {source}", ratio=ratio, source=source.quantization))
    if pick.size_bytes and source.size_bytes:
        parts.append(tr("{share} of its size", share=percent(pick.size_bytes / source.size_bytes)))
    if pick.quality is not None:
        parts.append(_kept_text(result.request.limits, pick.quality))
    sentence = tr("{label}: {facts}", label=pick.label, facts=", ".join(parts))
    if pick.verdict == "undecided":
        note = tr("{note} That it keeps the limit is likely, not sure: more chunks would tell.", note=note)
    if speedup is None:
        return ChoiceHeadline(sentence, "", note)
    value, _, interval = ratio_text(speedup).partition(" ")
    sure = tr("tuned, against the source at llama.cpp's defaults")
    if interval:
        sure = tr("{share} sure of {interval}, {what}", share=percent(speedup.confidence),
                  interval=interval.strip("()"), what=sure)  # fmt: skip
    return ChoiceHeadline(sentence, value, tr("{sure}. {note}", sure=sure, note=note))


def _kept_text(limits: QualityLimits, quality: Quality) -> str:
    """The measure that was limited, and the limit; the KL divergence where nothing was."""
    told = []
    kld = fixed(quality.mean_kld.value, 3 if quality.mean_kld.value >= 0.01 else 4)
    if limits.max_kld is not None:
        told.append(
            tr("quality loss KLD {kld}, under your limit of {limit}", kld=kld,
               limit=figures(limits.max_kld, 6))
        )  # fmt: skip
    if limits.max_perplexity_ratio is not None:
        told.append(
            tr("perplexity {ratio} times the source's, under your limit of {limit}",
               ratio=fixed(quality.perplexity_ratio.value, 3),
               limit=figures(limits.max_perplexity_ratio, 6))
        )  # fmt: skip
    if limits.min_top1 is not None:
        told.append(
            tr("top-1 agreement {top1}, over your limit of {limit}",
               top1=percent(quality.top1_agreement.value, 1), limit=percent(limits.min_top1, 1))
        )  # fmt: skip
    return ", ".join(told) or tr("quality loss KLD {kld}", kld=kld)


# ---------------------------------------------------------------- one file


def details(one: Contender, limits: QualityLimits, tune: TuneResult | None, *, over: bool) -> FileDetails:
    """What there is to say about a file.

    Args:
        one: the file.
        limits: what was asked for.
        tune: of this file, if it was tuned.
        over: whether the choice is over.
    """
    sections: list[tuple[str, Rows]] = []
    if one.quality is not None:
        sections.append((tr("Quality against the source"), _quality_rows(one, one.quality)))
    if speed := _speed_rows(one):
        sections.append((tr("Measured side by side, not tuned"), speed))
    if tune is not None:
        sections.append((tr("Tuned"), _tune_rows(tune)))
    sections.append((tr("File"), _file_rows(one)))
    return FileDetails(title=one.label, why=_why(one, limits, over=over), sections=tuple(sections))


def _why(one: Contender, limits: QualityLimits, *, over: bool) -> str:
    if one.is_source and one.state != "picked":
        return tr("The source: the others are compared with it.")
    match one.state:
        case "picked":
            if one.is_source:
                return tr("It stays: no other file within the limit was proven faster.")
            return tr("Picked: within the limit ({limit}) nothing was proven faster.",
                      limit=limits_text(limits))  # fmt: skip
        case "beyond":
            return tr("Left out for its quality: {why}.", why=one.why)
        case "slower":
            return tr("Not picked: {why}.", why=one.why or tr("slower"))
        case "tied":
            return tr("Not picked: {why}. Ties go to the file that is truer to the source.",
                      why=one.why or tr("no faster"))  # fmt: skip
        case "infeasible":
            return tr("Not picked, it breaks a limit: {why}.", why=one.why)
        case "failed":
            return tr("It could not be measured: {why}", why=one.why)
        case "within" | "finalist" if over:
            return tr("Not picked: it was not proven faster before the time ran out.")
        case _ if over:
            return tr("The run ended before it was measured.")
        case _:
            return tr("Still to be decided.")


def _quality_rows(one: Contender, quality: Quality) -> Rows:
    rows = [
        (tr("Mean KLD"), estimate_text(quality.mean_kld)),
        (tr("Median KLD"), estimate_text(quality.median_kld)),
        (tr("99% KLD"), estimate_text(quality.p99_kld)),
        (tr("Largest KLD"), estimate_text(quality.max_kld)),
        (tr("Top-1"), estimate_text(quality.top1_agreement, scale=100, unit="%")),
        (tr("Perplexity"), estimate_text(quality.perplexity)),
        (tr("Source's"), estimate_text(quality.source_perplexity)),
        (tr("Ratio"), estimate_text(quality.perplexity_ratio)),
    ]
    if one.kld_low is not None and one.kld_high is not None:
        told = kld_text(quality.mean_kld.value, one.kld_low, one.kld_high)
        rows.insert(1, (tr("95% sure of"), told.partition("(")[2].rstrip(")")))
    chunks = tr("{chunks} chunks, {tokens} tokens", chunks=quality.chunks, tokens=quality.tokens_scored)
    return [*rows, (tr("Read"), chunks)]


def _speed_rows(one: Contender) -> Rows:
    rows: Rows = []
    if one.speedup is not None and not one.is_source:
        rows.append((tr("Speed"), tr("{ratio} of the source's", ratio=ratio_text(one.speedup))))
    measured = one.measured
    if measured is not None:
        for name, quantity in (
            (tr("Prefill"), measured.prefill_tokens_per_s), (tr("Decode"), measured.decode_tokens_per_s),
        ):  # fmt: skip
            if quantity is not None:
                rows.append((name, quantity_text(quantity, "tok/s")))
        peak = measured.peak_memory_bytes
        if peak is not None:
            rows.append((tr("Memory"), bytes_text(max(peak.samples))))
    return rows


def _tune_rows(tune: TuneResult) -> Rows:
    rows = [(tr("Against its defaults"), ratio_text(tune.speedup))]
    rows += [(change.setting, f"{change.before} → {change.after}") for change in tune.changes]
    if not tune.changes:
        rows.append((tr("Settings"), tr("llama.cpp's defaults")))
    return rows


def _file_rows(one: Contender) -> Rows:
    rows = [(tr("Size"), bytes_text(one.size_bytes))]
    if one.bits_per_weight is not None:
        rows.append((tr("Bits/weight"), fixed(one.bits_per_weight, 2)))
    if one.made:
        rows.append((tr("Made"), tr("in this run, kept") if one.kept else tr("in this run, removed")))
    elif one.path is not None:
        rows.append((tr("Made"), tr("was there before")))
    if one.path is not None:
        rows.append((tr("Path"), one.path))
    return rows
