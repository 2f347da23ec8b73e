"""Own the energy of a tune: whether it can be told, idle power before it, joules per token in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunesmith.domain.energy import Energy, energy_of
from tunesmith.domain.events import Progress
from tunesmith.domain.sample_energy import too_slow
from tunesmith.errors import UsageError
from tunesmith.services.energy_check import energy_sensors
from tunesmith.services.power_gauge import PowerGauge, silence
from tunesmith.store import MeasuredTrial
from tunesmith.tuning.expense import Expense
from tunesmith.wording import tr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tunesmith.domain.measurement import Measurement
    from tunesmith.domain.request import TuneRequest
    from tunesmith.domain.workload import Objective
    from tunesmith.services.session import Controls, Stream
    from tunesmith.store import Store


def check_objective(request: TuneRequest, *, live: bool) -> None:
    """Refuse an objective that nothing here can tell, before anything is measured.

    Args:
        request: what is asked for.
        live: whether this machine is measured; a recorded source brings the energy of its samples.

    Raises:
        UsageError: prices are missing, or the energy can neither be read nor is it given.
    """
    objective = request.objective
    if objective.name == "cost" and (objective.prices is None or not objective.prices.costs_anything):
        raise UsageError(
            tr("What tokens cost is to be made best, but nothing has a price."),
            todo=tr("Name prices, such as --price electricity=0.30,currency=EUR."),
        )
    if not Expense(objective, request.given_power).by_sensors:
        return
    if not request.energy:
        raise _unread(objective, tr("sensors are not to be read"))
    if request.rpc:
        raise _unread(objective, tr("of RPC servers no sensor tells"))
    if not live:
        return
    found = energy_sensors()
    if why := silence(found):
        raise _unread(objective, why, [sensor.todo for sensor in found])
    if too_slow(found):
        raise _unread(objective, tr("a battery tells too seldom to tell candidates apart"))


def _unread(objective: Objective, why: str, todos: Sequence[str] = ()) -> UsageError:
    given = tr("Name what the machine draws: --load-watts and --idle-watts.")
    if objective.name == "cost":
        what = tr(
            "What tokens cost is to be made best, but the energy they take cannot be read: {reason}.",
            reason=why,
        )
    else:
        what = tr("Energy is to be made best, but it cannot be read: {reason}.", reason=why)
    return UsageError(
        what,
        unharmed=tr("Nothing was measured."),
        todo=" ".join((*dict.fromkeys(todo for todo in todos if todo), given)),
    )


def begin_gauge(request: TuneRequest, stream: Stream, controls: Controls) -> PowerGauge | None:
    """Begin to watch the sensors and measure the idle power; None where that was not wanted.

    Raises:
        UsageError: the objective needs sensors, and they are not believed.
    """
    if not request.energy:
        return None
    gauge = PowerGauge()
    if (silent := gauge.silent()) is not None:
        stream.emit(silent)
    else:
        stream.emit(Progress(step=tr("idle power"), fraction=0.0, eta_seconds=None))
        gauge.idle(stop=lambda: controls.cancelled)
    if Expense(request.objective, request.given_power).by_sensors:
        counted = [one for one in gauge.sensors if not one.why and one.covers != "memory"]
        doubts = gauge.doubts()
        why = "; ".join(
            tr("{sensor}: {reason}", sensor=one.name, reason=doubts[one.id])
            for one in counted
            if one.id in doubts
        )
        if why:
            gauge.close()
            raise _unread(request.objective, why)
    return gauge


def confirmed_energy(
    store: Store, run_id: str, request: TuneRequest, gauge: PowerGauge | None, measured: Measurement
) -> Energy | None:
    """The energy of the samples that confirmed some settings, those that others disturbed left out.

    None where nothing was watched and no watts were given, or there are no such samples.
    """
    if gauge is None and request.given_power is None:
        return None
    samples = [
        entry.sample
        for entry in store.ledger(run_id).values()
        if isinstance(entry, MeasuredTrial) and entry.stage == "confirm"
        and entry.settings == measured.settings
    ]  # fmt: skip
    chosen = [sample for sample in samples if not sample.noisy] or samples
    if not chosen:
        return None
    if gauge is None:
        return energy_of(chosen, given=request.given_power)
    return gauge.sum_up(chosen, request.given_power)
