"""Own profiles of real models whose evidence was measured a moment ago: no tune is needed for that."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tunesmith.domain.measurement import Measurement, Quantity
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.statistics import quantity
from tunesmith.domain.summary import summarize
from tunesmith.domain.workload import Constraints, Objective, Workload
from tunesmith.services.context import identify_model, survey_machine
from tunesmith.services.rig import Rig
from tunesmith.tuning.space import baseline_settings

SMALL = Workload(prompt=16, generate=12)


def real_profile(
    model_path: Path,
    *,
    starts: int = 4,
    workload: Workload = SMALL,
    threads: int | None = 1,
    changes: Mapping[str, object] | None = None,
) -> TunedProfile:
    """A profile of the defaults, or of changes to them, each sample in a process of its own.

    Args:
        threads: one waits for no other, however busy the machine is; None leaves the defaults as they are.
        changes: what the profile sets; the defaults are measured in turn. None makes it its own baseline.
    """
    found = survey_machine()
    build = found.machine.build
    assert build is not None
    settings = baseline_settings(found.machine, workload)
    if threads is not None:
        settings = settings.replace(threads=threads, threads_batch=threads)
    defaults, samples, others = settings, [], []
    if changes is not None:
        settings = defaults.replace(**changes)
    with Rig(str(model_path), live=1) as rig:
        for number in range(starts):
            samples.append(rig.sample(settings, workload, group=f"start-{number}"))
            if changes is not None:
                others.append(rig.sample(defaults, workload, group=f"start-{number}/baseline"))
    measured = summarize(samples, settings, workload)
    baseline, speedup = measured, quantity([1.0], interval="mean")
    if changes is not None:
        baseline = summarize(others, defaults, workload)
        assert baseline.response_ms is not None
        assert measured.response_ms is not None
        pairs = zip(baseline.response_ms.samples, measured.response_ms.samples, strict=True)
        speedup = quantity([before / after for before, after in pairs], interval="mean")
    return TunedProfile(
        id="p-real", name="the defaults", created_utc="2026-11-26T12:00:00+00:00", tunesmith_version="0.1.0",
        run_id="r-none", outcome="defaults_are_best", model=identify_model(str(model_path)),
        machine=found.machine_class, build=build, workload=workload, objective=Objective(),
        constraints=Constraints(), settings=settings, speedup=speedup, baseline=baseline, tuned=measured,
        changes=(),
    )  # fmt: skip


def claiming(profile: TunedProfile, times: float) -> TunedProfile:
    """The same profile, doctored to claim so many times its speed."""
    stated = profile.tuned

    def scaled(quantity: Quantity | None, factor: float) -> Quantity | None:
        if quantity is None:
            return None
        return quantity.model_copy(
            update={
                "samples": tuple(value * factor for value in quantity.samples),
                "median": quantity.median * factor,
                "low": None if quantity.low is None else quantity.low * factor,
                "high": None if quantity.high is None else quantity.high * factor,
            }
        )

    changed: Measurement = stated.model_copy(
        update={
            "response_ms": scaled(stated.response_ms, 1 / times),
            "ttft_ms": scaled(stated.ttft_ms, 1 / times),
            "itl_ms": scaled(stated.itl_ms, 1 / times),
            "prefill_tokens_per_s": scaled(stated.prefill_tokens_per_s, times),
            "decode_tokens_per_s": scaled(stated.decode_tokens_per_s, times),
        }
    )
    return profile.model_copy(update={"tuned": changed, "speedup": scaled(profile.speedup, times)})
