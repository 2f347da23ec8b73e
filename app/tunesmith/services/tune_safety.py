"""Own what a tune says of memory in the end: what stayed free, and how llama.cpp's own --fit compares."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from tunesmith import gguf
from tunesmith.domain.machine import Machine
from tunesmith.domain.measurement import Measurement
from tunesmith.domain.profile import DeviceRoom, FitComparison, Safety
from tunesmith.domain.settings import Settings
from tunesmith.errors import ModelFileError
from tunesmith.services.memory import Projector
from tunesmith.tuning.confirm import Confirmation
from tunesmith.tuning.headroom import margin_bytes
from tunesmith.tuning.llama_fit import fitted
from tunesmith.tuning.placement_options import used_devices

_LOG = logging.getLogger(__name__)


def safety_of(measured: Measurement, machine: Machine) -> Safety:
    """What was really run of the workload, and what that left free of the devices the model lay on."""
    workload = measured.workload
    rooms = [
        DeviceRoom(
            name=device.name, total_bytes=device.total_bytes,
            least_free_bytes=measured.device_free_bytes[device.name],
            margin_bytes=margin_bytes(device.total_bytes),
        )
        for device in machine.devices
        if device.name in measured.device_free_bytes and measured.device_memory_bytes.get(device.name)
    ]  # fmt: skip
    return Safety(
        longest_prompt_tokens=workload.depth + workload.prompt,
        context_tokens=measured.settings.n_ctx,
        devices=tuple(rooms),
    )


def fitted_settings(model_path: str, baseline: Settings, machine: Machine) -> Settings | None:
    """What llama.cpp's own --fit would make of the defaults here; None without a device, or where unknown.

    The binding does not bring it, so its rules are followed on memory that is projected.
    """
    if not used_devices(machine, baseline):
        return None
    try:
        layers = gguf.read_header(Path(model_path)).layers
        projector = Projector(model_path, machine)
    except ModelFileError:
        return None
    if not layers or not projector.of(baseline).understood:
        _LOG.info("what --fit would set is not known: the model's memory cannot be projected")
        return None

    def memory(settings: Settings) -> Sequence[int]:
        projection = projector.of(settings)
        return [projection.needed_bytes(device) for device in projection.devices[1:]]

    header = gguf.read_header(Path(model_path))
    return fitted(
        baseline, layers=layers, experts=bool(header.experts),
        free_bytes=[device.free_bytes or 0 for device in projector.of(baseline).devices[1:]], memory=memory,
    )  # fmt: skip


def fit_comparison(
    settings: Settings | None, *, baseline: Measurement, tuned: Measurement, confirmed: Confirmation | None
) -> FitComparison | None:
    """How what is kept compares with --fit; None where that is not known."""
    if settings is None:
        return None
    for name, measured in (("tuned", tuned), ("baseline", baseline)):
        if measured.settings == settings:
            same = tuned.settings == settings
            speedup = None if same or confirmed is None else confirmed.speedup
            return FitComparison.model_validate(
                {"settings": settings, "same_as": name, "measured": measured, "speedup": speedup}
            )
    if confirmed is None or confirmed.fitted is None or tuned.settings != confirmed.tuned.settings:
        return FitComparison(settings=settings, same_as=None, measured=None, speedup=None)
    return FitComparison(
        settings=settings, same_as=None, measured=confirmed.fitted, speedup=confirmed.against_fitted
    )
