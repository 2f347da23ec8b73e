"""Own what is seen on standard error while a run goes on: a live line, or plain lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from contextlib import nullcontext
from typing import TYPE_CHECKING

from tunesmith.cli.output import Output
from tunesmith.domain.events import (
    CandidateStanding,
    ContenderStanding,
    Event,
    Progress,
    RoundDiscarded,
    RunStarted,
    StageFinished,
    StageStarted,
    TrialFailed,
    TrialMeasured,
)
from tunesmith.domain.worker_events import LogLine, ServerReached, TokensTimed
from tunesmith.presentation.machine_facts import server_text
from tunesmith.presentation.numbers import duration_text

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

_LINE_EVERY_SECONDS = 10.0


def follow(events: Iterable[Event], output: Output) -> None:
    """Show a run's events until they end."""
    if output.quiet:
        for _ in events:
            pass
        return
    view: _Live | _Plain = _Live(output) if sys.stderr.isatty() else _Plain(output)
    with view.shown():
        for event in events:
            view.take(event)


class _Words:
    """Turns events into lines; None for what is not worth one."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._told: set[tuple[str, str]] = set()

    def line(self, event: Event) -> str | None:
        match event:
            case RunStarted(resumed=resumed, model_name=name, kind=kind):
                verb = "Resuming" if resumed else ("Tuning" if kind == "tune" else "Measuring")
                return f"{verb} {name}"
            case ServerReached():
                return server_text(event)
            case StageStarted(title=title, candidates=candidates):
                return f"{title}: {', '.join(candidates)}" if candidates else title
            case CandidateStanding(state="lost" | "tied" | "failed" | "infeasible", why=why) if why:
                return self._once(event.stage, event.candidate, f"  {event.candidate}: out, {why}")
            case StageFinished(winner=winner, sentence=sentence):
                return f"  {sentence}" if winner else None
            case ContenderStanding(contender=contender) if contender.state in ("beyond", "failed"):
                return self._once("choice", contender.label, f"  {contender.label}: out, {contender.why}")
            case ContenderStanding(contender=contender) if contender.quality is not None:
                kld = f"mean KLD {contender.quality.mean_kld.value:.4f}"
                return self._once("choice", contender.label, f"  {contender.label}: within the limit, {kld}")
            case TrialFailed(candidate=candidate, message=message, cause=cause):
                return f"  {candidate}: failed ({cause}): {message}"
            case RoundDiscarded(drift=drift):
                change = f"{100 * abs(drift):.0f}%"
                return f"  a round was thrown away: the machine's speed changed by {change} within it"
            case LogLine(level="warning" | "error", text=text) if self._output.verbose:
                return f"  llama.cpp: {text}"
            case _:
                return None

    def _once(self, stage: str, candidate: str, line: str) -> str | None:
        if (stage, candidate) in self._told:
            return None
        self._told.add((stage, candidate))
        return line


class _Plain:
    """Plain lines for logs and pipes: what is decided, and now and then how far it is."""

    def __init__(self, output: Output) -> None:
        self._words = _Words(output)
        self._said = 0.0

    def shown(self) -> AbstractContextManager[None]:
        return nullcontext()

    def take(self, event: Event) -> None:
        line = self._words.line(event)
        if line is not None:
            self._print(line)
        if isinstance(event, Progress) and time.monotonic() - self._said > _LINE_EVERY_SECONDS:
            self._said = time.monotonic()
            left = f", about {duration_text(event.eta_seconds)} left" if event.eta_seconds else ""
            self._print(f"[{event.fraction:4.0%}] {event.step}{left}")

    @staticmethod
    def _print(line: str) -> None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


class _Live:
    """A progress bar with the current candidate and its speed, and the decided above it."""

    def __init__(self, output: Output) -> None:
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        self._words = _Words(output)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.fields[speed]}"),
            console=output.console(stderr=True),
            transient=True,
            refresh_per_second=4,
        )
        self._task = self._bar.add_task("starting", total=1.0, left="", speed="")
        self._tokens: dict[str, float] = {}

    def shown(self) -> AbstractContextManager[object]:
        return self._bar

    def take(self, event: Event) -> None:
        line = self._words.line(event)
        if line is not None:
            self._bar.console.print(line, markup=False)
        match event:
            case Progress(step=step, fraction=fraction, eta_seconds=eta):
                left = f"{duration_text(eta)} left" if eta else ""
                self._bar.update(self._task, description=step, completed=fraction, left=left)
            case TokensTimed(part=part, tokens=tokens, elapsed_ns=elapsed) if elapsed > 0:
                self._tokens[part] = tokens / elapsed * 1e9
                speeds = [f"{name} {value:.0f} tok/s" for name, value in sorted(self._tokens.items())]
                self._bar.update(self._task, speed=" · ".join(speeds))
            case TrialMeasured():
                self._tokens.clear()
            case _:
                pass
