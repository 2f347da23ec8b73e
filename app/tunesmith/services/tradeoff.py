"""Own what the candidates of a stored tune are worth, one measure against another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tunesmith.domain.request import TuneRequest
from tunesmith.domain.tradeoff import Measured, Tradeoff, tradeoff_of
from tunesmith.errors import UsageError
from tunesmith.services.marked import marked
from tunesmith.store.records import LedgerEntry, MeasuredTrial
from tunesmith.tuning.objective import Scorer
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.energy import Energy
    from tunesmith.store import Store

_CONFIRM = "confirm"
_OTHERWISE = ("pilot", "memory", "steady", _CONFIRM)
"""Stages that measure more or less of the workload than the search does, by the ends of their names."""


def read_tradeoff(store: Store, run_id: str) -> Tradeoff:
    """Every candidate of a stored run.

    Raises:
        NotFoundError: there is no such run.
        UsageError: it is no tune, or nothing was measured in it.
        StoreError: or one of its kin.
    """
    run = store.run(run_id)
    if not isinstance(run.request, TuneRequest):
        raise UsageError(
            tr("This run measured one setting: there are no candidates to compare."),
            unharmed=tr("Nothing was changed."), todo=tr("Choose a tune."),
        )  # fmt: skip
    marks = marked(store, run.id)
    energies = () if marks.profile is None else (marks.profile.baseline_energy, marks.profile.tuned_energy)
    found = tradeoff_of_run(
        store.ledger(run.id).values(), run.request, baseline=marks.baseline, chosen=marks.chosen,
        energies=energies,
    )  # fmt: skip
    if not found.candidates:
        raise UsageError(
            tr("No candidate of this run can be compared: too little was measured of each."),
            unharmed=tr("Nothing was changed."), todo=tr("Choose another run."),
        )  # fmt: skip
    return found


def tradeoff_of_run(
    entries: Iterable[LedgerEntry], request: TuneRequest, *, baseline: str, chosen: str,
    energies: Iterable[Energy | None] = (),
) -> Tradeoff:  # fmt: skip
    """The candidates by the samples of the search; by those that confirmed where the search took none.

    Args:
        entries: the run's ledger.
        request: what the run was asked for.
        baseline: digest of the settings that the others were compared with.
        chosen: digest of the settings that were kept; empty where none were.
        energies: what the run told of energy in the end, and which of its sensors it did not believe.
    """
    told = [energy for energy in energies if energy is not None]
    trials = [entry for entry in entries if isinstance(entry, MeasuredTrial)]
    searched = [trial for trial in trials if not trial.stage.endswith(_OTHERWISE)]
    confirmed = [trial for trial in trials if trial.stage == _CONFIRM]
    scorer = Scorer(request.workload, request.objective, request.constraints, request.given_power)
    return tradeoff_of(
        (Measured(trial.candidate, trial.settings, trial.sample) for trial in searched or confirmed),
        request.workload, sorted(scorer.parts, reverse=True), baseline=baseline, chosen=chosen,
        given=request.given_power, lies=_lies(told),
        silent=next((one.decode.reason for one in told if one.origin == "none"), ""),
    )  # fmt: skip


def _lies(energies: Iterable[Energy]) -> dict[str, str]:
    """Why sensors were not believed, by their names: such a one is told of without any figure."""
    return {
        sensor.name: sensor.reason
        for energy in energies
        for sensor in energy.sensors
        if not sensor.counted and sensor.reason and sensor.idle_watts is None
    }
