"""Own the recording of a run: a real tune's events, gzipped, one JSON document a line.

Run ``python -m tests.gui.record_run MODEL OUT.jsonl.gz`` to renew ``recorded_run.jsonl.gz``.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
from pathlib import Path

from tunesmith.domain.events import EVENTS, Event
from tunesmith.domain.request import SearchRules, TuneRequest
from tunesmith.domain.workload import Budget, Constraints, Objective, Workload
from tunesmith.errors import TunesmithError
from tunesmith.services.tune import start_tune
from tunesmith.store import Store

RECORDED = Path(__file__).parent / "recorded_run.jsonl.gz"


def recorded(path: Path = RECORDED) -> list[Event]:
    """The events of a recording."""
    with gzip.open(path, "rb") as file:
        return [EVENTS.validate_json(line) for line in file]


def record(model: str, target: Path, *, seconds: float = 150.0) -> None:
    """Tune a model for a while and write the events down."""
    request = TuneRequest(
        model_path=model,
        workload=Workload(prompt=128, generate=32),
        objective=Objective(),
        constraints=Constraints(),
        budget=Budget(name="custom", seconds=seconds, max_rounds=16, passes=1),
        rules=SearchRules(),
        preset=None,
        seed=1,
    )
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "store.sqlite3") as store:
        session = start_tune(request, store)
        with gzip.GzipFile(target, "wb", mtime=0) as file:
            for event in session.events():
                file.write(event.model_dump_json().encode() + b"\n")
        try:
            print(session.result().sentence)
        except TunesmithError as error:
            print(error)


if __name__ == "__main__":
    record(sys.argv[1], Path(sys.argv[2]))
