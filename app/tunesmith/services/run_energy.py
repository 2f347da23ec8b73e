"""Own the energy of a stored run: of the defaults, and of the settings that were kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunesmith.domain.energy import Energy, energy_of
from tunesmith.errors import UsageError
from tunesmith.services.marked import marked
from tunesmith.store.records import MeasuredTrial
from tunesmith.wording import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tunesmith.domain.energy import GivenPower
    from tunesmith.domain.measurement import Sample
    from tunesmith.domain.profile import TunedProfile
    from tunesmith.store import Store


@dataclass(frozen=True, slots=True)
class RunEnergy:
    """What a run told of energy."""

    before: Energy
    """Of the defaults, or of what a measurement was about."""
    after: Energy | None
    """Of the settings that were kept; None where these are the defaults, or none were kept."""
    of_defaults: bool = True
    """Whether ``before`` is of llama.cpp's defaults, not of settings that were measured by themselves."""


def read_energy(store: Store, run_id: str) -> RunEnergy:
    """The energy of a run: as its profile states it, else by the samples that confirmed.

    Raises:
        NotFoundError: there is no such run.
        UsageError: it was asked for none, or nothing was measured of it.
        StoreError: or one of its kin.
    """
    run = store.run(run_id)
    marks = marked(store, run.id)
    if marks.profile is not None and (stated := energy_of_profile(marks.profile)) is not None:
        return stated
    if not run.request.energy and run.request.given_power is None:
        raise UsageError(
            tr("This run was asked to read no sensor of power."),
            unharmed=tr("Nothing was changed."),
            todo=tr("Tune again with sensors, or name what the machine draws."),
        )
    trials = [trial for trial in store.ledger(run.id).values() if isinstance(trial, MeasuredTrial)]
    told = [trial for trial in trials if trial.stage in ("confirm", "measure")]
    first = [trial.sample for trial in told if trial.settings.digest == marks.baseline]
    second = [trial.sample for trial in told if trial.settings.digest != marks.baseline]
    if not first:
        raise UsageError(
            tr("This run ended before its energy was confirmed."),
            unharmed=tr("Nothing was changed."),
            todo=tr("The Pareto plot tells what the search measured of each candidate."),
        )
    return RunEnergy(
        _energy(first, run.request.given_power),
        _energy(second, run.request.given_power) if second else None,
        of_defaults=run.kind == "tune",
    )


def energy_of_profile(profile: TunedProfile) -> RunEnergy | None:
    """What a profile states of energy; None where it was made without."""
    if profile.baseline_energy is None:
        return None
    kept = profile.tuned_energy if profile.settings != profile.baseline.settings else None
    return RunEnergy(profile.baseline_energy, kept)


def _energy(samples: Sequence[Sample], given: GivenPower | None) -> Energy:
    return energy_of([one for one in samples if not one.noisy] or samples, given=given)
