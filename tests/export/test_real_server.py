"""A real llama-server, started from what is exported, runs with every setting of the profile."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.export.jobs import tuned
from tests.export.unit_files import systemd_words
from tests.support.llama_server import Answering, answering, server_binary
from tests.support.rpc_server import free_port
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.settings import SETTING_SPECS
from tunesmith.export.job import Exported, Options
from tunesmith.export.targets import TARGETS, export_profiles

pytestmark = pytest.mark.model

PROFILE: TunedProfile = tuned(
    threads=1, threads_batch=2, n_ctx=768, n_seq_max=3, n_batch=96, n_ubatch=48, flash_attn="on",
    type_k="q8_0", type_v="q5_0", load_mode="none", n_gpu_layers=0, use_extra_bufts=False, op_offload=False,
    swa_full=True, cpu_affinity=(0,),
)  # fmt: skip
"""Nothing is as llama.cpp has it by itself, but for what needs a device that is not there."""
LOGGED = {
    "threads": r"n_threads = 1 \(",
    "threads_batch": r"n_threads_batch = 2\)",
    "n_ctx": r"n_ctx +=\s+768\b",
    "n_seq_max": r"n_seq_max +=\s+3\b",
    "n_batch": r"n_batch +=\s+96\b",
    "n_ubatch": r"n_ubatch +=\s+48\b",
    "flash_attn": r"flash_attn +=\s+enabled\b",
    "type_k": r"K \(q8_0\)",
    "type_v": r"V \(q5_0\)",
    "load_mode": r"load_mode = none\b",
    "cpu_affinity": r"Not enough set bits in CPU mask \(1\) to satisfy requested thread count: 2",
    "swa_full": r"swa_full is not supported by this model",
}
"""What the server says of each as it loads."""
UNSEEN = {"op_offload", "n_gpu_layers"}
"""Nothing tells of them on a CPU; that the server took them is all that is known."""
NEEDS_DEVICES = {
    "rpc", "devices", "split_mode", "main_gpu", "tensor_split", "n_cpu_moe", "n_cpu_ffn", "override_tensor",
    "offload_kqv", "no_host",
}  # fmt: skip
WORDY = ("--log-verbosity", "4", "--no-warmup")


@pytest.fixture(scope="module")
def binary() -> Path:
    """The server."""
    return server_binary()


@pytest.fixture
def model(tmp_path: Path, smollm2_path: Path) -> Path:
    """SmolLM2 under a name that nobody would give it."""
    folder = tmp_path / "my models, and 'yours' $HOME"
    folder.mkdir()
    link = folder / 'it is "SmolLM2" %h ünd mehr.gguf'
    link.symlink_to(smollm2_path)
    return link


@contextmanager
def started(words: list[str], port: int, folder: Path) -> Iterator[Answering]:
    """A server from a command line, told to listen elsewhere and to say more."""
    with answering([*words, "--host", "127.0.0.1", "--port", str(port), *WORDY], port, folder) as server:
        yield server


def made(name: str, model: Path, binary: Path) -> Exported:
    """The profile in a format."""
    exported = export_profiles([(PROFILE, str(model))], TARGETS[name], Options(executable=str(binary)))
    assert exported.losses == ()
    return exported


def lost(log: str) -> set[str]:
    """Settings that the log does not bear out."""
    missing = {name for name, pattern in LOGGED.items() if not re.search(pattern, log)}
    if "CPU_REPACK" in log:
        missing.add("use_extra_bufts")
    return missing


def check(server: Answering) -> None:
    """It runs with every setting, and speaks."""
    assert server.complete().strip()
    properties = server.get("/props")
    assert properties["total_slots"] == 3
    assert properties["default_generation_settings"]["n_ctx"] == 256
    assert lost(server.log) == set()


def test_every_setting_is_looked_for() -> None:
    seen = {*LOGGED, "use_extra_bufts"}
    assert seen | UNSEEN | NEEDS_DEVICES == {spec.name for spec in SETTING_SPECS}


def test_the_script_starts_a_server_with_every_setting(binary: Path, model: Path, tmp_path: Path) -> None:
    script = tmp_path / "serve.sh"
    script.write_text(made("llama-server", model, binary).text, "utf-8")
    port = free_port()
    with answering(
        ["/bin/sh", str(script), "--port", str(port), *WORDY], port, tmp_path,
        LD_LIBRARY_PATH=str(binary.parent),
    ) as server:  # fmt: skip
        check(server)


def test_systemds_command_starts_a_server_with_every_setting(
    binary: Path, model: Path, tmp_path: Path
) -> None:
    text = made("systemd", model, binary).text
    (line,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    port = free_port()
    with started(systemd_words(line), port, tmp_path) as server:
        check(server)


def test_composes_command_starts_a_server_with_every_setting(
    binary: Path, model: Path, tmp_path: Path
) -> None:
    (service,) = yaml.safe_load(made("compose", model, binary).text)["services"].values()
    (volume,) = service["volumes"]
    words = [word.replace("$$", "$") for word in service["command"]]
    inside = words[words.index("--model") + 1]
    outside = inside.replace(volume["target"], volume["source"].replace("$$", "$"), 1)
    assert outside == str(model)
    words[words.index("--model") + 1] = outside
    port = free_port()
    with started([str(binary), *words], port, tmp_path) as server:
        check(server)


def test_the_preset_file_starts_a_server_with_every_setting(
    binary: Path, model: Path, tmp_path: Path
) -> None:
    presets = tmp_path / "models.ini"
    presets.write_text(made("preset-ini", model, binary).text, "utf-8")
    port = free_port()
    with started([str(binary), "--models-preset", str(presets)], port, tmp_path) as server:
        (name,) = [each["id"] for each in server.get("/v1/models")["data"]]
        assert server.complete(model=name).strip()
        properties = server.get(f"/props?model={name}")
        assert properties["total_slots"] == 3
        assert lost(server.log) == set()


def test_the_environment_starts_a_server_with_all_that_has_a_variable(
    binary: Path, model: Path, tmp_path: Path
) -> None:
    exported = export_profiles([(PROFILE, str(model))], TARGETS["env"], Options())
    left = {loss.setting for loss in exported.losses}
    assert left == {"threads_batch", "cpu_affinity", "op_offload"}
    pairs = [word.partition("=") for word in shlex.split(exported.text, comments=True)]
    variables = {name: value for name, _, value in pairs}
    port = free_port()
    variables |= {"LLAMA_ARG_PORT": str(port)}
    with answering([str(binary), *WORDY], port, tmp_path, **variables) as server:
        assert server.complete().strip()
        assert lost(server.log) == {"threads_batch", "cpu_affinity"}


def test_a_setting_lost_on_the_way_is_seen(binary: Path, model: Path, tmp_path: Path) -> None:
    (line,) = re.findall(r"^ExecStart=(.*)$", made("systemd", model, binary).text, re.MULTILINE)
    words = systemd_words(line)
    for flag in ("--ubatch-size", "--cache-type-k", "--load-mode"):
        place = words.index(flag)
        del words[place : place + 2]
    port = free_port()
    with started(words, port, tmp_path) as server:
        assert lost(server.log) == {"n_ubatch", "type_k", "load_mode"}
