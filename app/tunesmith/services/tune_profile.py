"""Own how a tune's result becomes a profile."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path

from tunesmith import __version__
from tunesmith.domain.profile import TunedProfile
from tunesmith.services.tune_result import TuneResult


def new_profile(run_id: str, result: TuneResult) -> TunedProfile:
    """The profile that a run ends with, under an id of its own."""
    request, found, header = result.request, result.surroundings, result.model.header
    build = found.machine.build
    assert build is not None  # noqa: S101 (survey_machine fills it in)
    model_name = header.name or Path(request.model_path).stem
    return TunedProfile(
        id=secrets.token_hex(4),
        name=f"{model_name} {header.quantization} · {request.preset or request.workload.label}",
        created_utc=datetime.now(tz=UTC).isoformat(timespec="seconds"),
        tunesmith_version=__version__,
        run_id=run_id,
        outcome=result.outcome,
        model=result.model,
        machine=found.machine_class,
        build=build,
        workload=request.workload,
        objective=request.objective,
        constraints=request.constraints,
        settings=result.tuned.settings,
        speedup=result.speedup,
        baseline=result.baseline,
        tuned=result.tuned,
        changes=result.changes,
        guarantee=result.guarantee,
        steady=result.steady,
        safety=result.safety,
        fit=result.fit,
        baseline_energy=result.baseline_energy,
        tuned_energy=result.tuned_energy,
        projected_memory_bytes=result.projected_memory_bytes,
        baseline_label=request.baseline.label if request.baseline else None,
    )
