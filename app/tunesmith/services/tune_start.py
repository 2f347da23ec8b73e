"""Own where a tune starts: the baseline, what the user fixed, and what llama.cpp's --fit would set."""

from __future__ import annotations

from collections.abc import Mapping

from tunesmith.domain.request import KnownSettings, TuneRequest
from tunesmith.domain.settings import Settings
from tunesmith.errors import UsageError
from tunesmith.services.baseline import with_given
from tunesmith.services.context import Surroundings, narrowed
from tunesmith.services.tune_safety import fitted_settings
from tunesmith.tuning.setting_text import parse_setting
from tunesmith.tuning.space import baseline_settings, check_rules
from tunesmith.wording import tr

FIT_LABEL = tr("llama.cpp's --fit")
_SHARED_BY_BOTH = ("n_ctx", "n_seq_max")
"""Settings that belong to the workload: fixed by the user, they hold for the baseline too."""
_OF_THE_RUN = ("rpc", "devices")
"""Settings that are named for a run, and hold for the baseline too."""


def starting_points(request: TuneRequest, found: Surroundings) -> tuple[Settings, Settings]:
    """The baseline, and where the search starts: the baseline with what the user fixed.

    Raises:
        UsageError: a fixed setting makes no sense, or what is to be varied is not tuned.
    """
    check_rules(request.rules)
    baseline = baseline_settings(found.machine, request.workload)
    if request.baseline is not None:
        baseline = with_given(baseline, request.baseline)
    baseline = baseline.replace(rpc=request.rpc, devices=request.devices)
    fixed = dict(parse_setting(name, value) for name, value in request.rules.fix.items())
    if not fixed.keys().isdisjoint(_OF_THE_RUN):
        raise UsageError(tr("Servers and devices are not fixed, but named with --rpc and --device."))
    shared = {name: value for name, value in fixed.items() if name in _SHARED_BY_BOTH}
    try:
        return baseline.replace(**shared), baseline.replace(**fixed)
    except ValueError as error:
        raise UsageError(tr("The fixed settings make no sense: {reason}.", reason=error)) from None


def lowered_start(start: Settings, changes: Mapping[str, object], request: TuneRequest) -> Settings:
    """Where the search starts once the baseline lays less on devices, but for what the user fixed."""
    fixed = {parse_setting(name, value)[0] for name, value in request.rules.fix.items()}
    return start.replace(**{name: value for name, value in changes.items() if name not in fixed})


def with_fit(request: TuneRequest, found: Surroundings) -> TuneRequest:
    """The request with what llama.cpp's own --fit would set now, as the first candidate if it differs."""
    baseline, _ = starting_points(request, found)
    fit = fitted_settings(request.model_path, baseline, narrowed(found.machine, request.devices))
    if fit is None:
        return request
    first = (KnownSettings(label=FIT_LABEL, settings=fit),) if fit != baseline else ()
    return request.model_copy(update={"fitted": fit, "known": (*first, *request.known)})
