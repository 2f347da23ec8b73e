"""Own llama-parameter-scout: its standard search, from the values that its wizard starts with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.rivals.base import Found, Place, Unreadable, changed
from tunesmith.domain.settings import Settings

_MARK = '{"winner": '
_NAMES = {
    "threads": "threads", "batch_size": "n_batch", "ubatch_size": "n_ubatch",
    "n_gpu_layers": "n_gpu_layers", "cache_type_k": "type_k", "cache_type_v": "type_v",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ParameterScout:
    """Its search has no command line, only a terminal wizard: a script makes the wizard's calls instead."""

    name: str = "llama-parameter-scout"
    package: str = "llama-parameter-scout"
    objective: str = (
        "“balanced”: the geometric mean of prefill and generation beside its baseline; in fact prefill "
        "alone, since it reads llama-bench's first record for both"
    )

    def command(self, place: Place) -> list[str]:
        """The script beside this module, run by the other environment's Python."""
        return [
            str(place.python), "-P", str(Path(__file__).with_name("scout_session.py")), str(place.model),
            str(_compatible(place)), str(place.folder / "journal.json"),
            "quick" if place.rehearsal else "standard", "1" if place.rehearsal else "0",
        ]  # fmt: skip

    def is_result(self, line: str) -> bool:
        """The script's last line."""
        return line.startswith(_MARK)

    def read(self, output: str, baseline: Settings) -> Found:
        """What it recommends."""
        lines = [line for line in output.splitlines() if self.is_result(line)]
        if not lines:
            raise Unreadable("it recommended nothing")
        told = json.loads(lines[-1])
        if told["winner"] is None:
            raise Unreadable(f"it recommended nothing: {told['reason']}")
        chosen = told["winner"]
        changes = {ours: chosen[theirs] for theirs, ours in _NAMES.items()}
        changes["threads_batch"] = chosen["threads"]
        changes["flash_attn"] = "on" if chosen["flash_attn"] else "off"
        claim = f"{told['pp_median']:.1f} tokens/s (prefill of its validation), {told['attempts']} attempts"
        return Found(changed(baseline, **changes), claim)


def _compatible(place: Place) -> Path:
    """A llama-bench that the scout can read.

    Today's llama-bench prints ``--version`` to stderr, with which the scout stops. It knows older ones that
    refused ``--version``, and asks llama-cli beside them: so that is what it finds.
    """
    folder = place.folder / "bin"
    folder.mkdir(exist_ok=True)
    bench = folder / "llama-bench"
    bench.write_text(
        f"""#!/bin/sh
[ "$1" = --version ] && {{ echo "error: unrecognized option --version" >&2; exit 1; }}
exec '{place.llama_bench}' "$@"
""",
        "utf-8",
    )
    cli = folder / "llama-cli"
    cli.write_text(f"""#!/bin/sh\nexec '{place.llama_bench}' --version 2>&1\n""", "utf-8")
    for script in (bench, cli):
        script.chmod(0o755)
    return bench
