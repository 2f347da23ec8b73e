"""Servers on loopback, real ones: used, dead, silent, babbling, lost; and never without being named."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.store import values
from tests.support.cli import CommandLine
from tests.support.gguf_writer import tiny_llama
from tests.support.model_shapes import Size, qwen3moe
from tests.support.processes import children
from tests.support.rpc_server import RpcServer, free_port, rpc_server
from tunesmith.domain.events import RunFinished, TrialFailed, TrialMeasured
from tunesmith.domain.request import SearchRules, TuneRequest
from tunesmith.domain.settings import Settings
from tunesmith.domain.workload import BUDGETS, Constraints, Objective, Workload
from tunesmith.errors import Interrupted, RpcServerLost, RpcUnreachable, UsageError, WorkerOutOfMemory
from tunesmith.services import context
from tunesmith.services.chat import Chat
from tunesmith.services.chat_sides import Side
from tunesmith.services.profile_files import write_profile
from tunesmith.services.rig import Rig
from tunesmith.services.servers import ask_server
from tunesmith.services.session import Controls
from tunesmith.services.tune import start_tune
from tunesmith.services.worker_process import MachineProbe
from tunesmith.store import Store
from tunesmith.worker.protocol import NoisePolicy, Sampling

SETTINGS = Settings(threads=1, threads_batch=1, n_ctx=256)
WORKLOAD = Workload(prompt=32, generate=4)
QUIET = NoisePolicy(max_retries=0)


@pytest.fixture(scope="module")
def tiny_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama().write(tmp_path_factory.mktemp("models") / "tiny.gguf")


@pytest.fixture(scope="module")
def _server() -> Iterator[RpcServer]:
    with rpc_server() as server:
        yield server


@pytest.fixture
def server(_server: RpcServer) -> RpcServer:
    """A server that runs, whatever the test before did to it."""
    if _server.process is None:
        _server.start()
    return _server


@pytest.fixture(autouse=True)
def no_process_is_left(_server: RpcServer) -> Iterator[None]:
    yield
    process = _server.process
    assert children() == ({process.pid} if process else set())


@contextmanager
def listener(answer: bytes = b"") -> Iterator[str]:
    """Something that takes connections and is no RPC server: it says ``answer``, or nothing, and waits."""
    kept: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                one, _ = listening.accept()
                kept.append(one)
                one.sendall(answer)
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=accept)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()
    for one in kept:
        one.close()


# ---------------------------------------------------------------- reached, or not


def test_the_devices_of_a_server_are_listed_with_its_latency(
    tunesmith: CommandLine, server: RpcServer
) -> None:
    done = tunesmith.inline("devices", "--rpc", server.endpoint, "--json")
    assert done.code == 0, done.err
    device = done.document["devices"][0]
    assert (device["name"], device["description"], device["backend"]) == ("RPC0", server.endpoint, "RPC")
    (found,) = done.document["rpc_servers"]
    assert (found["endpoint"], found["devices"]) == (server.endpoint, ["RPC0"])
    assert 0 < found["latency_ms"] < 1000
    told = tunesmith.inline("devices", "--rpc", server.endpoint).out
    assert "not encrypted" in told
    assert "trusted networks only" in told


def test_a_dead_endpoint_is_told_and_takes_nobody_along(tunesmith: CommandLine, tiny_path: Path) -> None:
    endpoint = f"127.0.0.1:{free_port()}"
    for command in (("devices",), ("measure", tiny_path), ("tune", tiny_path)):
        done = tunesmith.inline(*command, "--rpc", endpoint, "--json")
        assert done.code == 2
        assert done.document["error"] == "rpc_unreachable"
        assert endpoint in done.document["what"]
        assert "Traceback" not in done.err
    with Store.open(tunesmith.folder / "store.sqlite3") as store:
        assert not store.runs()


@pytest.mark.parametrize("answer", [b"", b"\x00" * 7, b"HTTP/1.1 400 Bad Request\r\n\r\n" * 9, b"\xff" * 400])
def test_what_is_no_rpc_server_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    monkeypatch.setattr(context, "REACH_SECONDS", 1.0)
    with listener(answer) as endpoint, pytest.raises(RpcUnreachable, match=endpoint) as caught:
        context.survey_machine(rpc=(endpoint,))
    assert "one at a time" in caught.value.todo


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n" * 9])
def test_the_window_is_told_why_a_server_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    monkeypatch.setattr(context, "REACH_SECONDS", 1.0)
    with listener(answer) as endpoint:
        found = ask_server(endpoint, Controls())
    assert found.reached is None
    assert found.reason.endswith(".")
    assert "one at a time" in found.todo
    assert bool(answer) or "gives no answer" in found.reason


def test_a_test_that_is_not_wanted_any_more_ends_soon() -> None:
    controls = Controls()
    with listener() as endpoint:
        later = threading.Timer(0.5, controls.cancel)
        later.start()
        begun = time.monotonic()
        with pytest.raises(Interrupted):
            ask_server(endpoint, controls)
        assert time.monotonic() - begun < context.REACH_SECONDS - 1
        later.join()


def test_devices_that_are_not_there_are_told_before_a_model_is_loaded(
    tunesmith: CommandLine, server: RpcServer, tiny_path: Path
) -> None:
    done = tunesmith.inline("measure", tiny_path, "--rpc", server.endpoint, "--device", "RPC1")
    assert done.code == 2
    assert "no device RPC1" in done.err
    assert "RPC0" in done.err
    done = tunesmith.inline("measure", tiny_path, "--rpc", server.endpoint, "-ts", "1,2")
    assert done.code == 2
    assert "not so many devices" in done.err


# ---------------------------------------------------------------- used and lost


def test_a_server_of_this_machine_is_no_disturbance(server: RpcServer) -> None:
    probe = MachineProbe()
    probe.adopt((server.endpoint,))
    assert server.process is not None
    assert server.process.pid in probe._meter._own_pids
    assert probe._pid in probe._meter._own_pids


@pytest.mark.model
def test_a_measurement_runs_on_the_server(
    tunesmith: CommandLine, server: RpcServer, smollm2_path: Path
) -> None:
    work = ("--prompt", 32, "--generate", 4, "--repetitions", 1, "--threads", 1)
    done = tunesmith.inline("measure", smollm2_path, *work, "--rpc", server.endpoint, "--json")
    assert done.code == 0, done.err
    assert done.document["settings"]["rpc"] == [server.endpoint]
    assert done.document["machine"]["label"].endswith(server.endpoint)
    assert done.document["decode_tokens_per_s"]["median"] > 0
    assert "not encrypted" in done.err


def test_a_server_lost_ends_one_sample_and_the_next_is_taken_when_it_is_back(
    server: RpcServer, tiny_path: Path
) -> None:
    there = SETTINGS.replace(rpc=(server.endpoint,))
    with Rig(str(tiny_path), noise=QUIET, rpc=(server.endpoint,)) as rig:
        rig.sample(there, WORKLOAD)
        server.kill()
        with pytest.raises(RpcServerLost, match=r"The RPC server was lost") as caught:
            rig.sample(there, WORKLOAD)
        assert caught.value.unharmed
        with pytest.raises(RpcServerLost, match=f"No RPC server answers at {server.endpoint}"):
            rig.sample(there, WORKLOAD)
        server.start()
        rig.sample(there, WORKLOAD)


def test_one_worker_lives_at_a_time_since_a_server_serves_one(server: RpcServer, tiny_path: Path) -> None:
    there = SETTINGS.replace(rpc=(server.endpoint,))
    before = children()
    with Rig(str(tiny_path), noise=QUIET, rpc=(server.endpoint,)) as rig:
        for settings in (there, there.replace(n_gpu_layers=0), there):
            rig.sample(settings, WORKLOAD)
            assert len(children() - before) == 1


def tune_request(model: Path, server: RpcServer) -> TuneRequest:
    budget = BUDGETS["quick"].model_copy(update={"seconds": 3.0})
    return TuneRequest(
        model_path=str(model), workload=WORKLOAD, objective=Objective(), constraints=Constraints(),
        budget=budget, rules=SearchRules(vary=("n_gpu_layers",)), preset=None, seed=1, rpc=(server.endpoint,),
    )  # fmt: skip


def test_a_tune_whose_server_is_lost_for_good_ends_with_the_cause(
    server: RpcServer, tiny_path: Path, tmp_path: Path
) -> None:
    ample = BUDGETS["quick"].model_copy(update={"seconds": 30.0})  # it ends long before, with the server
    request = tune_request(tiny_path, server).model_copy(update={"budget": ample})
    with Store.open(tmp_path / "store.sqlite3") as store:
        session = start_tune(request, store)
        failed, measured, run_id = [], 0, ""
        for event in session.events():
            run_id = event.run_id or run_id
            measured += isinstance(event, TrialMeasured)
            if measured == 3:
                server.kill()
            if isinstance(event, TrialFailed):
                failed.append(event.cause)
            if isinstance(event, RunFinished):
                assert event.outcome == "failed"
        assert set(failed) == {"rpc_server_lost"}
        with pytest.raises(RpcServerLost):
            session.result()
        assert measured >= 3
        assert len(store.ledger(run_id)) >= 3


def test_a_run_goes_on_with_the_servers_that_are_named_again(
    server: RpcServer, tiny_path: Path, tmp_path: Path
) -> None:
    request = tune_request(tiny_path, server)
    with Store.open(tmp_path / "store.sqlite3") as store:
        session = start_tune(request, store)
        for event in session.events():
            if isinstance(event, TrialMeasured):
                session.cancel()
        with pytest.raises(Interrupted):
            session.result()
        unnamed = request.model_copy(update={"rpc": ()})
        with pytest.raises(UsageError, match="used other RPC servers") as caught:
            start_tune(unnamed, store, resume="latest").result()
        assert f"--resume --rpc {server.endpoint}" in caught.value.todo
        resumed = start_tune(request, store, resume="latest")
        replayed = [event.replayed for event in resumed.events() if isinstance(event, TrialMeasured)]
        resumed.result()
        assert replayed[0]


# ---------------------------------------------------------------- never unless named


def test_a_profile_that_names_a_server_connects_to_nothing_until_the_user_names_it(
    tunesmith: CommandLine, tiny_path: Path
) -> None:
    """Whoever listens would see a connection: none comes."""
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.1)
        endpoint = f"127.0.0.1:{trap.getsockname()[1]}"
        settings = SETTINGS.replace(n_ctx=1024, rpc=(endpoint,))
        foreign = values.profile().model_copy(update={"settings": settings})
        write_profile(foreign, tunesmith.folder / "foreign.json")
        assert tunesmith.inline("profiles", "import", tunesmith.folder / "foreign.json").code == 0
        done = tunesmith.inline("measure", tiny_path, "--profile", foreign.id)
        assert done.code == 2
        assert f"that you did not name: {endpoint}" in done.err
        assert f"--rpc {endpoint}" in done.err
        with closing(Chat(str(tiny_path), [Side("foreign", foreign.settings)])) as chat:
            answer = chat.ask("hello", sampling=Sampling())
            assert answer.wait(30)
            assert isinstance(answer.error, UsageError)
        with pytest.raises(UsageError, match="did not name"), Rig(str(tiny_path)) as rig:
            rig.sample(foreign.settings, WORKLOAD)
        with pytest.raises(TimeoutError):
            trap.accept()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of a process's address space")
def test_a_device_that_lacks_memory_ends_a_trial_and_holds_what_is_smaller(tmp_path: Path) -> None:
    """Some 50 MiB of experts for a server that takes 32: it says that it has all the machine's memory."""
    size = Size(layers=4, width=256, hidden=512, heads=8, experts=16, experts_used=2)
    model = str(qwen3moe(size).write(tmp_path / "mixture.gguf"))
    with rpc_server(memory_mib=32) as small:
        away = SETTINGS.replace(rpc=(small.endpoint,))
        with Rig(model, noise=QUIET, rpc=(small.endpoint,)) as rig:
            with pytest.raises(WorkerOutOfMemory, match="not enough memory on RPC0"):
                rig.sample(away, WORKLOAD)
            assert rig.sample(away.replace(n_cpu_moe=4), WORKLOAD).step_ns
