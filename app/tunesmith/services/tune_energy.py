"""Own the energy of a tune: idle power before it, and joules per token of what was confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunesmith.domain.energy import Energy, energy_of
from tunesmith.domain.events import Progress
from tunesmith.services.power_gauge import PowerGauge
from tunesmith.store import MeasuredTrial
from tunesmith.wording import tr

if TYPE_CHECKING:
    from tunesmith.domain.measurement import Measurement
    from tunesmith.domain.request import TuneRequest
    from tunesmith.services.metering import SampleSource
    from tunesmith.services.session import Controls, Stream
    from tunesmith.store import Store


def begin_gauge(request: TuneRequest, stream: Stream, controls: Controls) -> PowerGauge | None:
    """Begin to watch the sensors and measure the idle power; None where that was not wanted."""
    if not request.energy:
        return None
    gauge = PowerGauge()
    if gauge.reads:
        stream.emit(Progress(step=tr("idle power"), fraction=0.0, eta_seconds=None))
        gauge.idle(stop=lambda: controls.cancelled)
    return gauge


def confirmed_energy(
    store: Store, run_id: str, request: TuneRequest, source: SampleSource, measured: Measurement
) -> Energy | None:
    """The energy of the samples that confirmed some settings, those that others disturbed left out.

    None where nothing was watched and no watts were given, or there are no such samples.
    """
    gauge = getattr(source, "gauge", None)
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
    if isinstance(gauge, PowerGauge):
        return gauge.sum_up(chosen, request.given_power)
    return energy_of(chosen, given=request.given_power)
