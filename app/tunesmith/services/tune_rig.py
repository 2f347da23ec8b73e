"""Own what takes a tune's samples on this machine: live workers, and what watches them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunesmith.services.context import live_workers, read_model
from tunesmith.services.rig import Rig
from tunesmith.services.tune_energy import begin_gauge
from tunesmith.tuning.expense import Expense
from tunesmith.tuning.pace import STEADY_SECONDS
from tunesmith.worker.protocol import NoisePolicy

if TYPE_CHECKING:
    from tunesmith.domain.request import TuneRequest
    from tunesmith.services.context import Surroundings
    from tunesmith.services.metering import GaugedSource
    from tunesmith.services.session import Controls, Stream


def live_rig(request: TuneRequest, found: Surroundings, stream: Stream, controls: Controls) -> GaugedSource:
    """Live workers for a request.

    Raises:
        UsageError: energy is to be made best, and the sensors are not believed.
    """
    header = read_model(request.model_path)
    by_sensors = Expense(request.objective, request.given_power).by_sensors
    return Rig(
        request.model_path,
        live=live_workers(header, found.machine),
        noise=NoisePolicy(),
        on_event=stream.emit,
        interrupted=lambda: controls.interrupted,
        rpc=request.rpc,
        gauge=begin_gauge(request, stream, controls),
        steady_seconds=STEADY_SECONDS if by_sensors else 0.0,
    )
