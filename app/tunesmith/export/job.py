"""Own what every export has in common: what is asked for, what comes of it, and what gets lost."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.settings import SETTING_SPECS, Settings
from tunesmith.errors import UsageError
from tunesmith.export.costs import cost_lines
from tunesmith.wording import tr

Shell = Literal["posix", "powershell", "cmd"]
SHELLS: tuple[Shell, ...] = ("posix", "powershell", "cmd")


@dataclass(frozen=True, slots=True)
class Job:
    """One profile to be exported."""

    profile: TunedProfile
    model_path: str
    """Where the model's file lies on the machine that the export is for."""
    name: str
    """What sections and services are called: ASCII letters, digits, ``.``, ``_`` and ``-``; no two alike."""

    @property
    def settings(self) -> Settings:
        """What is to be carried over."""
        return self.profile.settings


@dataclass(frozen=True, slots=True)
class Options:
    """What else a target wants to know."""

    shell: Shell = "posix"
    target_version: str | None = None
    """Of the program that will read the export, such as ``b6000``; None for the newest known."""
    host: str = "127.0.0.1"
    port: int = 8080
    executable: str = "llama-server"
    image: str | None = None
    """Container image; by the profile's accelerator if None."""


@dataclass(frozen=True, slots=True)
class Loss:
    """One setting that a target cannot be told."""

    job: str
    setting: str
    value: str
    reason: str

    def __str__(self) -> str:
        return f"{self.setting} = {self.value}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Exported:
    """A file, and what it could not carry."""

    file_name: str
    text: str
    losses: tuple[Loss, ...] = ()
    notes: tuple[str, ...] = ()
    """What is left to do by hand, a sentence each."""


class Target(Protocol):
    """One format; each is a module, and this is what it has."""

    NAME: str
    """As ``--to`` takes it."""
    TITLE: str
    """For people."""
    SEVERAL: bool
    """Whether one file can hold several profiles."""

    def export(self, jobs: Sequence[Job], options: Options) -> Exported:
        """Write the profiles.

        Raises:
            UsageError: a path or another text cannot be written in this format at all.
        """
        ...


def value_text(settings: Settings, name: str) -> str:
    """A setting's value in words: ``on``, ``512``, ``0,2``."""
    value = getattr(settings, name)
    match value:
        case bool():
            return "on" if value else "off"
        case float():
            return f"{value:g}"
        case tuple():
            return ",".join(f"{item:g}" if isinstance(item, float) else str(item) for item in value)
        case _:
            return str(value)


def is_plain(settings: Settings, name: str) -> bool:
    """Whether a setting is as llama.cpp has it by itself, so that nothing is lost if nobody says it."""
    if name == "threads_batch":
        return settings.threads_batch == settings.threads
    field = Settings.model_fields[name]
    return not field.is_required() and getattr(settings, name) == field.default


def losses(
    job: Job, carried: Collection[str], reasons: Mapping[str, str], *, replaced: Collection[str] = ()
) -> tuple[Loss, ...]:
    """What is neither carried nor as llama.cpp has it by itself, in the order of the table of settings.

    Args:
        job: what is exported.
        carried: names of the settings that the file states.
        reasons: why a setting is not, and what to do, by its name.
        replaced: settings that will have another value than llama.cpp's own, so that even its own gets lost.
    """
    return tuple(
        Loss(
            job.name, spec.name, value_text(job.settings, spec.name),
            reasons.get(spec.name) or tr("there is no place for it in this format"),
        )
        for spec in SETTING_SPECS
        if spec.name not in carried and (spec.name in replaced or not is_plain(job.settings, spec.name))
    )  # fmt: skip


def one_line(text: str) -> str:
    """A text that stays where it is put, in a comment: no line ends, nothing that cannot be seen."""
    kept = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(kept.split())


def heading(job: Job) -> list[str]:
    """What a file says of a profile in comments, a line each."""
    profile = job.profile
    header = profile.model.header
    gain = profile.speedup
    digest = profile.model.sha256[:16]
    lines = [
        f"Tuned profile {profile.id}: {profile.name}",
        f"Model {header.name or header.architecture} {header.quantization}, SHA-256 {digest}…",
        f"Tuned on {profile.machine.label} ({profile.machine.fingerprint}), {profile.build.label}",
        f"For {profile.workload.label}, objective {profile.objective.name}",
    ]
    if profile.outcome != "defaults_are_best" and gain.low is not None and gain.high is not None:
        lines.append(
            f"{gain.median:.2f} times as good as the baseline ({gain.low:.2f} to {gain.high:.2f}, "
            f"{100 * gain.confidence:.0f}% interval)"
        )
    return [one_line(line) for line in (*lines, *cost_lines(profile))]


def comments(jobs: Iterable[Job], lost: Iterable[Loss], prefix: str = "# ") -> list[str]:
    """Comment lines: where the settings come from and which could not be carried over."""
    lines = [line for job in jobs for line in heading(job)]
    lines += [one_line(f"Not carried over: {loss}") for loss in lost]
    return [prefix + line for line in lines]


def refuse_characters(text: str, pattern: str, target: str, which: str) -> None:
    """Say that a path cannot be written in a format, because nothing in it quotes some characters.

    Args:
        text: the path.
        pattern: a regular expression of what cannot be written.
        target: the format's title.
        which: the characters in words.

    Raises:
        UsageError: the pattern is found.
    """
    if re.search(pattern, text):
        raise UsageError(
            tr(
                "{target} cannot hold the path {path}: it has no way to write {which}.",
                target=target, path=repr(text), which=which,
            ),
            unharmed=tr("Nothing was written."),
            todo=tr("Rename the file, or give another path with --model."),
        )  # fmt: skip


def short_name(text: str) -> str:
    """A text as a name that every format takes: ASCII letters, digits, ``.``, ``_`` and ``-``."""
    kept = re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-._")[:60].strip("-._")
    return kept or "model"


def dns_name(name: str) -> str:
    """A short name as a DNS label (RFC 1123): lower case, digits and ``-``, with room for a number."""
    label = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:50].strip("-")
    return label or "model"


def unique(names: Iterable[str]) -> list[str]:
    """Names with a number where one was there before."""
    taken: set[str] = set()
    made = []
    for name in names:
        number, each = 1, name
        while each.lower() in taken:
            number += 1
            each = f"{name}-{number}"
        taken.add(each.lower())
        made.append(each)
    return made
