"""Own the scenes of the tune page: the form, a run, its ends."""

from __future__ import annotations

import math
from typing import Any

from tests.gui.screenshots.machine import SERVERS, ask_nobody, with_servers
from tests.gui.screenshots.scene import Ready, at_once, keep_at_end, scene, settle
from tests.gui.simulated_run import FakeSession, flat_truth, laptop_truth, simulated
from tunesmith.domain.events import PowerRead
from tunesmith.domain.model import TensorInfo
from tunesmith.domain.shape import LayerShape, ModelShape
from tunesmith.errors import NoisyMachineError
from tunesmith.gui.pages.tune import TunePage
from tunesmith.gui.window import MainWindow
from tunesmith.machine.energy_reader import ONLY_ROOT
from tunesmith.services.tune_result import TuneResult

MODEL = "/home/ada/models/SmolLM2-135M-Instruct.Q4_1.gguf"


def _tensor(name: str, *dims: int) -> TensorInfo:
    """Weights of a matrix in Q4_1, which takes 20 bytes for 32 of them, or of a vector in F32."""
    elements = math.prod(dims)
    if len(dims) == 1:
        return TensorInfo(name=name, type="F32", dims=dims, size_bytes=elements * 4)
    return TensorInfo(name=name, type="Q4_1", dims=dims, size_bytes=elements // 32 * 20)


def shape() -> ModelShape:
    """What the header of MODEL says of its layers."""
    width, hidden, kv, vocabulary = 576, 1536, 192, 49152
    matrices = (
        ("attn_q", width, width), ("attn_k", width, kv), ("attn_v", width, kv), ("attn_output", width, width),
        ("ffn_gate", width, hidden), ("ffn_up", width, hidden), ("ffn_down", hidden, width),
        ("attn_norm", width), ("ffn_norm", width),
    )  # fmt: skip
    layers = [_tensor(f"blk.{n}.{name}.weight", *dims) for n in range(30) for name, *dims in matrices]
    layer = LayerShape(heads=9, kv_heads=3, key_length=64, value_length=64, feed_forward_length=hidden)
    return ModelShape(
        architecture="llama", layers=(layer,) * 30,
        tensors=(
            _tensor("token_embd.weight", width, vocabulary), *layers, _tensor("output_norm.weight", width)
        ),
        embedding_length=width, vocabulary_size=vocabulary, window=None, experts=0, experts_used=0,
        feed_forward_expert_length=0, inner_size=0, state_size=0, group_count=0, understood=True,
    )  # fmt: skip


def session_of(state: str) -> FakeSession[TuneResult]:
    """What the page is told in a state."""
    if state == "no-gain":
        run = simulated(flat_truth, model_path=MODEL)
        return FakeSession(run.events, run.result)
    if state == "frugal":
        run = simulated(
            lambda settings: laptop_truth(settings).times(watts=1 / settings.threads), model_path=MODEL,
            sensor=True, objective="efficiency",
        )  # fmt: skip
        return FakeSession(run.events, run.result)
    run = simulated(laptop_truth, model_path=MODEL, sensor=state == "power")
    if state == "power":
        return FakeSession(run.events[:1100], None)
    if state == "no-power":
        why = PowerRead(watts=None, why=f"package-0: {ONLY_ROOT}; dram: {ONLY_ROOT}")
        return FakeSession([run.events[0], why, *run.events[1:900]], None)
    if state == "early":
        return FakeSession(run.events[:160], None)
    if state == "running":
        return FakeSession(run.events[:900], None)
    if state == "error":
        return FakeSession(
            run.events[:300],
            NoisyMachineError(
                "The machine was too noisy to tell: no answer for Threads to decode.",
                unharmed="All samples are kept in run 20261123-174501-ab12.",
                todo="Close other programs and tune again.",
            ),
        )
    return FakeSession(run.events, run.result)


def _page(window: MainWindow, model: str = MODEL) -> TunePage:
    window.show_page("tune")
    page = window.page("tune")
    assert isinstance(page, TunePage)
    if model:
        page.setup.set_model(model)
        settle()
    return page


@scene("tune-empty")
def _empty(window: MainWindow) -> Ready:
    _page(window, "")
    return at_once


@scene("tune-form", kept=True)
def _form(window: MainWindow) -> Ready:
    page = _page(window)
    return lambda: bool(page.setup.file.model_name and page.setup.projected.bars.texts)


@scene("tune-servers", furnish=with_servers, kept=True)
def _with_servers(window: MainWindow) -> Ready:
    """A server that answered is ticked, and its memory counts."""
    page = _page(window)
    servers = window.context.servers
    servers.ask = ask_nobody
    for endpoint in SERVERS[:2]:
        servers.test(endpoint)
    page.setup.servers.choose(SERVERS[0])

    keep_at_end(page.setup.area)
    return lambda: len(page.setup.projected.bars.texts) == 2


@scene("tune-workload")
def _workload(window: MainWindow) -> Ready:
    _page(window).setup.show_workload.setChecked(True)
    return at_once


def _run(window: MainWindow, state: str) -> tuple[TunePage, FakeSession[TuneResult]]:
    page = _page(window)
    session = session_of(state)

    def start(*_arguments: object, **_options: object) -> Any:
        return session

    page.run._start = start
    page.begin()
    return page, session


def _under_way(window: MainWindow, state: str) -> Ready:
    page, session = _run(window, state)
    return lambda: page.state == "running" and not session.waiting


@scene("tune-early")
def _early(window: MainWindow) -> Ready:
    return _under_way(window, "early")


@scene("tune-running", kept=True)
def _running(window: MainWindow) -> Ready:
    return _under_way(window, "running")


@scene("tune-power", kept=True)
def _with_power(window: MainWindow) -> Ready:
    """A made-up sensor tells the power."""
    return _under_way(window, "power")


@scene("tune-no-power")
def _without_power(window: MainWindow) -> Ready:
    """Sensors are there, and may not be read."""
    return _under_way(window, "no-power")


@scene("tune-result", kept=True)
def result_scene(window: MainWindow) -> Ready:
    page, _session = _run(window, "result")
    return lambda: page.state == "result"


@scene("tune-frugal")
def _frugal(window: MainWindow) -> Ready:
    """Tokens per joule were made best; the sensor is made up."""
    page, _session = _run(window, "frugal")
    return lambda: page.state == "result"


@scene("tune-no-gain", kept=True)
def _no_gain(window: MainWindow) -> Ready:
    page, _session = _run(window, "no-gain")
    return lambda: page.state == "result"


@scene("tune-error")
def _error(window: MainWindow) -> Ready:
    page, _session = _run(window, "error")
    return lambda: page.state == "setup" and not page.run.busy
