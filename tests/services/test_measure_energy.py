"""Claims about the energy that a measurement tells, from idle to joules per token."""

from __future__ import annotations

import pytest

from tests.services.test_power_gauge import PACKAGE, gauge
from tests.support.gguf_writer import tiny_llama
from tunesmith.domain.events import Progress
from tunesmith.domain.request import MeasureRequest
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import Workload
from tunesmith.presentation.measure_documents import measure_document
from tunesmith.services import measure
from tunesmith.store import MeasuredTrial, Store


def test_a_measurement_tells_joules_per_token_and_keeps_what_each_sample_drew(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("energy")
    meter, _ = gauge(PACKAGE, period_s=0.002)
    monkeypatch.setattr(measure, "PowerGauge", lambda: meter)
    monkeypatch.setattr(measure, "with_ceilings", lambda found, *_rest: found)
    request = MeasureRequest(
        model_path=str(tiny_llama().write(folder / "tiny.gguf")),
        workload=Workload(prompt=8, generate=480), repetitions=2,
        settings=Settings(threads=1, threads_batch=1, n_ctx=512),
    )  # fmt: skip
    with Store.open(folder / "store.db") as store:
        session = measure.start_measure(request, store)
        told = list(session.events())
        result = session.result()
        trials = list(store.ledger(result.run_id).values())
    assert any(isinstance(event, Progress) and event.step == "idle power" for event in told)
    energy = measure_document(result, None).energy
    assert energy is not None
    assert energy.idle_watts == pytest.approx(20, rel=0.1)
    assert "ask for more tokens" in energy.prefill.reason
    assert energy.decode.watts == pytest.approx(20, rel=0.1)
    assert len(trials) == 2
    for trial in trials:
        assert isinstance(trial, MeasuredTrial)
        (use,) = trial.sample.conditions.power
        assert use.decode_joules is not None
