"""Own what is soaked where nobody names settings: a profile's own, or llama.cpp's defaults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tunesmith.domain.soak import SoakRequest
from tunesmith.machine.probe import probe_machine
from tunesmith.tuning.space import baseline_settings

if TYPE_CHECKING:
    from tunesmith.domain.profile import TunedProfile
    from tunesmith.domain.workload import Workload


def profile_request(
    profile: TunedProfile, seconds: float, *, rpc: Sequence[str] = (), power_limit_watts: float | None = None
) -> SoakRequest:
    """A profile's model, settings and workload; ``rpc`` are the servers that the user named for it."""
    settings = profile.settings.replace(rpc=tuple(rpc)) if rpc else profile.settings
    return SoakRequest(
        model_path=profile.model.header.path, workload=profile.workload, settings=settings, seconds=seconds,
        rpc=tuple(rpc), power_limit_watts=power_limit_watts,
    )  # fmt: skip


def defaults_request(
    model_path: str, workload: Workload, seconds: float, *, rpc: Sequence[str] = (),
    power_limit_watts: float | None = None,
) -> SoakRequest:  # fmt: skip
    """A model as llama.cpp would run this workload here when it is told nothing."""
    settings = baseline_settings(probe_machine(), workload)
    return SoakRequest(
        model_path=model_path, workload=workload, settings=settings.replace(rpc=tuple(rpc)), seconds=seconds,
        rpc=tuple(rpc), power_limit_watts=power_limit_watts,
    )  # fmt: skip
