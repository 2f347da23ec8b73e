"""Own one search of llama-parameter-scout, as its wizard calls it; runs in its environment, not in ours.

``python scout_session.py MODEL LLAMA_BENCH JOURNAL PROFILE REHEARSAL``. Progress goes to stderr; the last
line of standard output is what it recommends, as JSON. Read from its ``tui.py``: start and objective are
those of its wizard, as are the context's parts.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import sys
from pathlib import Path
from typing import Any


def main(model_path: str, bench: str, journal: str, label: str, rehearsal: str) -> None:
    """Search and tell."""
    parts = ("application", "models", "runner", "search", "toolchain", "model_inspector")
    application, models, runner, search, toolchain, inspector = (
        importlib.import_module(f"llama_parameter_scout.{part}") for part in parts
    )
    start = models.CandidateConfig(
        threads=4, batch_size=512, ubatch_size=512, n_gpu_layers=0, flash_attn=False,
        cache_type_k="f16", cache_type_v="f16",
    )  # fmt: skip
    context = models.NctxComposition(total=2048, prompt=512, generation=1024, depth=512)
    profile = search.get_profile(label)
    if rehearsal == "1":
        context = models.NctxComposition(total=64, prompt=32, generation=16, depth=16)
        profile = dataclasses.replace(profile, max_attempts=2)
    process = runner.ProductionRunner()
    app = application.Application(runner=process)
    tools = toolchain.inspect_toolchain(process, Path(bench))
    model = inspector.inspect_model(Path(model_path))
    spec = app.setup_session(model=model, n_ctx=context, candidate=start, cpu_only=True)
    request = models.SingleRunRequest(
        binary_path=Path(bench), model_path=Path(model_path), journal_path=Path(journal), n_ctx=context,
        candidate=start, binary_source="explicit",
    )  # fmt: skip
    session = app.start_or_resume_session(
        journal_path=request.journal_path, spec=spec, model=model, candidate=start, profile=profile,
        objective="balanced", toolchain=tools,
    )  # fmt: skip
    policy = models.ExecutionPolicy()

    def tell(event: Any) -> None:
        print(event.stage, event.message, file=sys.stderr, flush=True)

    screened = app.screen_candidates(
        request, profile=profile, session_spec=spec, policy=policy, objective="balanced",
        session_id=session.session_id, on_progress=tell,
    )  # fmt: skip
    found = app.validate_candidates(
        request, screened, objective="balanced", session_spec=spec, policy=policy, on_progress=tell
    )
    best = getattr(found, "recommendation", None)
    winner = None if best is None else dataclasses.asdict(best.candidate)
    told = {
        "winner": winner,
        "pp_median": getattr(best, "pp_median", None),
        "attempts": screened.attempts_used,
        "reason": None if best else "; ".join(failure.reason for failure in found.failures),
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
