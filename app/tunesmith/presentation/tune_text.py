"""Own how a tune's result and a profile read on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from tunesmith.domain.gain import gained
from tunesmith.domain.measurement import Measurement
from tunesmith.domain.profile import Change, TunedProfile
from tunesmith.presentation.cost_text import priced_text
from tunesmith.presentation.energy_text import energy_comparison, energy_notes, energy_rows
from tunesmith.presentation.guarantee import guarantee_text
from tunesmith.presentation.kept_soak_text import kept_rows, kept_sentences
from tunesmith.presentation.limit_text import all_limits
from tunesmith.presentation.measure_text import REPEAT_NOTE, noise_sentence, quantity_rows, settings_line
from tunesmith.presentation.numbers import DASH, duration_text, percent_text
from tunesmith.presentation.safety_text import fit_sentence, safety_sentence
from tunesmith.presentation.steady_text import steady_parts
from tunesmith.presentation.tables import facts, grid
from tunesmith.wording import tr, trn

if TYPE_CHECKING:
    from rich.console import RenderableType

    from tunesmith.services.tune_result import TuneResult


def effect_text(change: Change) -> str:
    """What a change did, such as ``+12.4% (+9.8% to +15.1%)``."""
    effect = change.effect
    if effect is None:
        return DASH
    if effect.low is None or effect.high is None:
        return percent_text(effect.median)
    return f"{percent_text(effect.median)} ({percent_text(effect.low)} to {percent_text(effect.high)})"


def _comparison(
    baseline: Measurement, tuned: Measurement, label: str | None,
    energy: Sequence[tuple[str, str, str]] = (),
) -> RenderableType:  # fmt: skip
    before, after = quantity_rows(baseline), quantity_rows(tuned)
    rows = [(name, old, new) for (name, old), (_, new) in zip(before, after, strict=True)]
    rows += energy
    return grid(("", label or "llama.cpp's defaults", "tuned"), rows)


def _changes(changes: tuple[Change, ...]) -> RenderableType:
    rows = [(c.setting, c.before, c.after, effect_text(c)) for c in changes]
    return grid(("Setting", "from", "to", "effect when it was chosen"), rows)


def tune_report(result: TuneResult) -> list[RenderableType]:
    """What ``tune`` prints for people: a sentence, then the proof."""
    parts: list[RenderableType] = [Text(f"{result.sentence}.", style="bold"), Text()]
    label = result.request.baseline.label if result.request.baseline else None
    if result.changes:
        energy = energy_comparison(result.baseline_energy, result.tuned_energy)
        parts += [_changes(result.changes), _comparison(result.baseline, result.tuned, label, energy)]
    else:
        parts.append(facts([*quantity_rows(result.baseline), *energy_rows(result.baseline_energy)]))
    parts.append(Text(REPEAT_NOTE, style="dim"))
    if result.steady is not None:
        parts += [*steady_parts(result.steady), Text()]
    if proven := guarantee_text(result.guarantee):
        parts.append(Text(proven))
    limits = all_limits(result.tuned, result.tuned_limit, result.tuned_prefill_limit)
    parts += [Text(limit) for limit in limits]
    for sentence in (safety_sentence(result.safety), fit_sentence(result.fit, result.request.objective.name)):
        if sentence:
            parts.append(Text(sentence))
    parts += [Text(note, style="dim") for note in energy_notes(result.tuned_energy)]
    noise = noise_sentence(result.tuned)
    if noise is not None:
        parts.append(Text(noise, style="yellow"))
    samples = trn("{count} sample", "{count} samples", result.trials)
    parts.append(Text(f"{samples} in {duration_text(result.seconds)}, run {result.run_id}."))
    if result.profile is not None:
        parts.append(Text(f"Saved as profile {result.profile.id}: {result.profile.name}."))
    return parts


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def profile_report(profile: TunedProfile) -> list[RenderableType]:
    """What ``profiles show`` prints for people."""
    speedup = profile.speedup
    ratio = f"{speedup.median:.3f}"
    if speedup.low is not None and speedup.high is not None and speedup.samples:
        ratio += f" ({speedup.low:.3f}–{speedup.high:.3f}, {speedup.confidence:.0%} sure)"
    rows = [
        ("Profile", f"{profile.id} · {profile.name}"),
        ("Model", f"{profile.model.header.name} · {profile.model.header.quantization}"),
        ("SHA-256", profile.model.sha256),
        ("Machine class", f"{profile.machine.label} · {profile.machine.fingerprint}"),
        ("Build", profile.build.label),
        ("Workload", profile.workload.label),
        ("Objective", profile.objective.name),
        ("Outcome", profile.outcome.replace("_", " ")),
        (f"{_capital(gained(profile.objective.name))} against {profile.baseline_label or 'defaults'}", ratio),
        ("Settings", settings_line(profile.settings)),
        ("Made", f"{profile.created_utc} by Tunesmith {profile.tunesmith_version}, run {profile.run_id}"),
    ]
    if profile.cost is not None:
        rows.append(("Cost", priced_text(profile.cost)))
    if profile.notes:
        rows.append(("Notes", profile.notes))
    parts: list[RenderableType] = [facts(rows), Text()]
    if profile.changes:
        parts.append(_changes(profile.changes))
        energy = energy_comparison(profile.baseline_energy, profile.tuned_energy)
        parts.append(_comparison(profile.baseline, profile.tuned, profile.baseline_label, energy))
    else:
        parts.append(facts([*quantity_rows(profile.tuned), *energy_rows(profile.tuned_energy)]))
    if proven := guarantee_text(profile.guarantee):
        parts.append(Text(proven))
    parts.append(Text(REPEAT_NOTE, style="dim"))
    parts += [Text(note, style="dim") for note in energy_notes(profile.tuned_energy)]
    if profile.steady is not None:
        parts += steady_parts(profile.steady)
    if profile.soak is not None:
        parts += [Text(), grid(("", tr("Burst"), tr("Sustained")), kept_rows(profile.soak))]
        parts += [Text(sentence) for sentence in kept_sentences(profile.soak)]
    return parts
