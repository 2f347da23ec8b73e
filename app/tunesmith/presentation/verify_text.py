"""Own how a verification reads on a terminal, and to Prometheus."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, get_args

from rich.text import Text

from tunesmith.domain.measurement import Quantity
from tunesmith.domain.verification import Answer, Verification
from tunesmith.presentation.numbers import DASH, duration_text, percent_text, quantity_text
from tunesmith.presentation.tables import facts
from tunesmith.wording import tr, trn

if TYPE_CHECKING:
    from rich.console import RenderableType

_STYLES: dict[Answer, str] = {"holds": "green", "drifted": "red", "cannot_tell": "yellow"}


def answer_text(answer: Answer) -> str:
    """An answer in words."""
    match answer:
        case "holds":
            return tr("holds")
        case "drifted":
            return tr("drifted")
        case _:
            return tr("cannot tell")


def ratio_text(ratio: Quantity | None) -> str:
    """A ratio as a change with its interval, such as ``-1.2% (-3.4% to +1.1%)``."""
    if ratio is None:
        return DASH
    if ratio.low is None or ratio.high is None:
        return percent_text(ratio.median)
    return tr(
        "{change} ({low} to {high})", change=percent_text(ratio.median), low=percent_text(ratio.low),
        high=percent_text(ratio.high),
    )  # fmt: skip


def verify_report(found: Verification) -> list[RenderableType]:
    """What ``verify`` prints for people."""
    measured, profile = found.measured, found.profile
    rows = [
        (tr("Profile"), f"{profile.id} · {profile.name}"),
        (tr("Model"), tr("the same") if found.model_matches else tr("another one")),
        (tr("Build"), found.build if found.build_matches else f"{found.build}, {tr('not')} {profile.build}"),
        (tr("Machine class"), found.machine_label),
        (tr("Speed"), ratio_text(found.speed_ratio)),
        (tr("Prefill"), ratio_text(found.prefill_ratio)),
        (tr("Decode"), ratio_text(found.decode_ratio)),
        (tr("Peak memory"), ratio_text(found.memory_ratio)),
    ]
    if found.speedup_ratio is not None:
        rows[5:5] = [
            (tr("Baseline"), ratio_text(found.baseline_ratio)),
            (tr("Speedup"), ratio_text(found.speedup_ratio)),
        ]
    if measured is not None:
        rows.append((tr("Decode now"), quantity_text(measured.decode_tokens_per_s, "tok/s")))
    told = trn("{count} fresh process", "{count} fresh processes", found.starts)
    if found.disturbed:
        told += ", " + trn("{count} disturbed by others", "{count} disturbed by others", found.disturbed)
    rows.append((tr("Measured"), f"{told}, {duration_text(found.seconds)}"))
    parts: list[RenderableType] = [Text(found.sentence, style=_STYLES[found.answer]), facts(rows)]
    if found.starts:
        parts.append(
            Text(tr("Changes against what the profile states; in brackets 95% intervals."), style="dim")
        )
    if not found.class_matches:
        parts.append(Text(_other_class(found)))
    return parts


def _other_class(found: Verification) -> str:
    told = [
        f"{each.what}: {each.profile or DASH} → {each.here or DASH}"
        for each in found.differences
        if max(len(each.profile), len(each.here)) <= 60
    ]
    if not told:
        return tr("This machine is of another class than the profile's.")
    return tr("This machine is of another class than the profile's: {facts}.", facts="; ".join(told))


def prometheus_text(found: Verification) -> str:
    """The verification in Prometheus's text format 0.0.4, for the node exporter's textfile collector."""
    profile = found.profile
    labels = {
        "profile": profile.id, "name": profile.name, "model": profile.model_name,
        "model_sha256": profile.model_sha256, "machine_class": found.machine_fingerprint,
        "build": found.build,
    }  # fmt: skip
    ratio = found.speed_ratio
    lines: list[str] = []

    def gauge(name: str, text: str, values: list[tuple[dict[str, str], float | None]]) -> None:
        known = [(more, value) for more, value in values if value is not None]
        if known:
            lines.extend((f"# HELP {name} {text}", f"# TYPE {name} gauge"))
            lines.extend(f"{name}{{{_labels(labels | more)}}} {value:.10g}" for more, value in known)

    gauge(
        "tunesmith_verify_answer", "1 for the answer that was given, 0 for the others.",
        [({"answer": each}, float(found.answer == each)) for each in get_args(Answer)],
    )  # fmt: skip
    gauge(
        "tunesmith_verify_speed_ratio", "Speed measured over speed stated; absent where it is not known.",
        [({}, ratio.median if ratio else None)],
    )  # fmt: skip
    gauge(
        "tunesmith_verify_speed_ratio_low",
        "Lower end of its 95% interval.",
        [({}, ratio.low if ratio else None)],
    )
    gauge(
        "tunesmith_verify_speed_ratio_high", "Upper end of its 95% interval.",
        [({}, ratio.high if ratio else None)],
    )  # fmt: skip
    for what, text, part in (
        ("baseline", "Speed of the baseline measured over stated; absent where it was not measured.",
         found.baseline_ratio),
        ("speedup", "Speedup over the baseline, measured over stated.", found.speedup_ratio),
    ):  # fmt: skip
        gauge(f"tunesmith_verify_{what}_ratio", text, [({}, part.median if part else None)])
    gauge("tunesmith_verify_margin", "How much slower counts as the same.", [({}, found.margin)])
    gauge("tunesmith_verify_samples", "Undisturbed samples.", [({}, float(found.starts - found.disturbed))])
    gauge("tunesmith_verify_disturbed", "Samples that others disturbed.", [({}, float(found.disturbed))])
    gauge("tunesmith_verify_foreign_cores", "CPU that others used, in cores.", [({}, found.foreign_cores)])
    for what, matches in (
        ("model", found.model_matches), ("build", found.build_matches), ("class", found.class_matches)
    ):  # fmt: skip
        gauge(
            f"tunesmith_verify_{what}_matches",
            f"Whether the {what} is the profile's.",
            [({}, float(matches))],
        )
    finished = datetime.fromisoformat(found.finished_utc).timestamp()
    gauge("tunesmith_verify_finished_timestamp_seconds", "When it ended, Unix time.", [({}, finished)])
    gauge("tunesmith_verify_duration_seconds", "How long it took.", [({}, found.seconds)])
    return "\n".join(lines) + "\n"


def _labels(labels: dict[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    """A label's value as the text format writes it: backslash, quote and line end escaped, nothing unseen."""
    plain = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return "".join(character if character.isprintable() else " " for character in plain)
