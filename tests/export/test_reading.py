"""Configurations of other programs are read back into settings, and nothing else passes for one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.export.jobs import AWKWARD_PATHS, CHANGED, exported, exported_or_refused, tuned
from tunesmith.domain.settings import Settings
from tunesmith.errors import UsageError
from tunesmith.export import koboldcpp, llama_swap, lm_studio, ollama, preset_ini
from tunesmith.export.found import Found
from tunesmith.services.baseline import MAX_BYTES, read_baseline, with_given

READERS: dict[str, Callable[[str], list[Found]]] = {
    "preset-ini": preset_ini.read,
    "llama-swap": llama_swap.read,
    "ollama": ollama.read,
    "lm-studio": lm_studio.read,
    "koboldcpp": koboldcpp.read,
}
NAMES = {
    "preset-ini": "models.ini", "llama-swap": "config.yaml", "ollama": "Modelfile",
    "lm-studio": "s.gguf.json", "koboldcpp": "s.kcpps",
}  # fmt: skip
HERE = Settings(threads=8, threads_batch=8, n_ctx=1024)
SOME = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("setting", CHANGED)
def test_what_is_exported_reads_back_as_it_was(name: str, setting: str) -> None:
    made = exported(name, tuned(**CHANGED[setting]))
    (found,) = READERS[name](made.text)
    wanted = tuned(**CHANGED[setting]).settings
    lost = {loss.setting for loss in made.losses}
    for key, value in found.settings.items():
        if key == "n_ctx" and name == "ollama":
            assert value == wanted.n_ctx // wanted.n_seq_max
        elif not (name == "lm-studio" and key == "n_gpu_layers"):  # a ratio there
            assert value == getattr(wanted, key), key
    share = {"n_gpu_layers", "n_cpu_moe"} if name == "lm-studio" else set()
    if setting not in lost | share and not (name == "ollama" and setting == "n_seq_max"):
        assert setting in found.settings
    assert name in ("koboldcpp", "lm-studio") or set(found.ignored) <= {"--host", "--port"}


@pytest.mark.parametrize("name", ["preset-ini", "llama-swap", "ollama", "koboldcpp"])
@SOME
@given(path=AWKWARD_PATHS)
def test_the_models_path_reads_back(name: str, path: str) -> None:
    made = exported_or_refused(name, path)
    if made is not None:
        (found,) = READERS[name](made.text)
        assert found.model == path


@pytest.mark.parametrize("name", READERS)
@SOME
@given(text=st.text(max_size=300))
def test_any_text_is_read_or_refused_in_words(name: str, text: str) -> None:
    try:
        READERS[name](text)
    except UsageError as error:
        told = error
        assert all((told.what, told.unharmed, told.todo))


@pytest.mark.parametrize("name", READERS)
@SOME
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_in_words(name: str, data: st.DataObject) -> None:
    text = exported(name).text
    at = data.draw(st.integers(0, len(text)))
    damaged = text[:at] + data.draw(st.text(max_size=12)) + text[at + data.draw(st.integers(0, 30)) :]
    try:
        for found in READERS[name](damaged):
            with_given(HERE, baseline(found))
    except UsageError as error:
        assert error.what  # noqa: PT017 (both ways are right)


def baseline(found: Found) -> Any:
    """What a tune is told of it."""
    from tunesmith.domain.request import GivenBaseline

    return GivenBaseline(label="x", settings=found.settings)


WRITTEN = {
    "models.ini": """
version = 1
[*]
threads = 6 ; on the big cores
[other]
model = /m/other.gguf
[mine]
model = /m/s.gguf
LLAMA_ARG_CTX_SIZE = 4096
b = 512
ngl = auto
fa = off
mmap = 0
jinja = true
cpu-range = 2-4
""",
    "config.yaml": """
macros:
  server: |
    /opt/llama-server
      --port ${PORT}
  many: "-t 6 ${batch}"
  batch: "-b 512"
models:
  other:
    cmd: llama-server -m /m/other.gguf --port ${PORT}
  mine:
    cmd: |
      ${server} ${many}
      # the small one
      -m "/m/s.gguf" --ctx-size=4096 -ngl 99 --no-mmap \\
      -fa off --jinja --cpu-mask 0x1C
""",
    "s.kcpps": '{"model_param": "/m/s.gguf", "threads": 6, "blasbatchsize": 512, "contextsize": 4096,'
    ' "gpulayers": -1, "flashattention": false, "usemmap": false, "usecublas": ["normal"]}',
    "s.gguf.json": '{"preset": "", "operation": {"fields": []}, "load": {"fields": ['
    '{"key": "llm.load.llama.cpuThreadPoolSize", "value": 6},'
    '{"key": "llm.load.contextLength", "value": 4096},'
    '{"key": "llm.load.llama.evalBatchSize", "value": 512},'
    '{"key": "llm.load.llama.flashAttention", "value": false},'
    '{"key": "llm.load.llama.tryMmap", "value": false},'
    '{"key": "llm.load.numCpuExpertLayersRatio", "value": 0}]}}',
    "Modelfile": 'from """/m/s.gguf"""\nPARAMETER num_thread 6\nparameter num_ctx 4096\n'
    'PARAMETER num_batch 512\nPARAMETER use_mmap false\nPARAMETER stop "<|end|>"\n'
    'SYSTEM """\nPARAMETER x\n"""\n',
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_by_hand_is_read_for_the_model_that_is_tuned(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(WRITTEN[name], "utf-8")
    given, ignored = read_baseline(path, "/elsewhere/s.gguf")
    assert given.settings["threads"] == 6
    assert given.settings["n_ctx"] == 4096
    assert given.settings["n_batch"] == 512
    assert given.settings["load_mode"] == "none"
    if name in ("models.ini", "config.yaml"):
        assert given.settings["cpu_affinity"] == (2, 3, 4)
        assert "mine" in given.label
    if name != "Modelfile":
        assert given.settings["flash_attn"] == "off"
    assert ignored
    whole = with_given(HERE, given)
    assert (whole.threads, whole.threads_batch, whole.n_ctx, whole.n_ubatch) == (6, 6, 4096, 512)


@pytest.mark.parametrize("name", ["models.ini", "config.yaml"])
def test_a_file_with_several_models_asks_which(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(WRITTEN[name], "utf-8")
    with pytest.raises(UsageError, match="several models") as caught:
        read_baseline(path, "/m/unknown.gguf")
    assert "mine" in caught.value.todo
    assert read_baseline(path, "/m/unknown.gguf", "mine")[0].settings["threads"] == 6
    with pytest.raises(UsageError, match="no model called"):
        read_baseline(path, "/m/s.gguf", "yours")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("x.ini", "threads", "neither a section"),
        ("x.ini", "[a]\nthreads = many", "makes no sense"),
        ("x.ini", "[a]\nthreads = 100000", "makes no sense"),
        ("x.ini", "[a]\nmodel = /m.gguf", "says nothing"),
        ("x.yaml", "models: !!python/object/apply:os.system [true]", "no configuration"),
        ("x.yaml", "models: {a: {cmd: 'x \"'}}", "not closed"),
        ("x.yaml", "models: [1]", "no models"),
        ("x.yaml", "a: &a [*a]", "no models"),
        ("x.kcpps", "[]", "names neither"),
        ("x.json", "{", "no JSON"),
        ("x.json", '{"load": 3}', "load.fields"),
        ("Modelfile", 'FROM "', "not closed"),
        ("Modelfile", "PARAMETER num_ctx 3", "no FROM"),
        ("notes.txt", "hello", "cannot be told"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_reason(
    name: str, text: str, words: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=words):
        read_baseline(path, "/m/s.gguf")


def test_a_file_that_is_too_large_or_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.ini"
    path.write_bytes(b";" * (MAX_BYTES + 1))
    with pytest.raises(UsageError, match="larger than 1 MiB"):
        read_baseline(path, "s")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="UTF-8"):
        read_baseline(path, "s")
    with pytest.raises(UsageError, match="cannot be read"):
        read_baseline(tmp_path / "nothing.ini", "s")


def test_macros_that_grow_without_end_are_refused(tmp_path: Path) -> None:
    macros = "\n".join(f'  m{n}: "{" ".join([f"${{m{n + 1}}}"] * 12)}"' for n in range(9))
    path = tmp_path / "config.yaml"
    path.write_text(f'macros:\n{macros}\n  m9: "x"\nmodels:\n  a:\n    cmd: "server ${{m0}}"\n', "utf-8")
    with pytest.raises(UsageError):
        read_baseline(path, "s")


def test_servers_and_sequences_of_a_file_are_never_taken() -> None:
    (found,) = preset_ini.read("[a]\nrpc = evil:1\nparallel = 9\ndevice = RPC0\nthreads = 2")
    whole = with_given(HERE, baseline(found))
    assert (whole.rpc, whole.devices, whole.n_seq_max, whole.threads) == ((), (), 1, 2)


def test_a_configuration_that_contradicts_itself_is_refused() -> None:
    (found,) = preset_ini.read("[a]\nflash-attn = off\ncache-type-v = q8_0")
    with pytest.raises(UsageError, match="makes no sense here"):
        with_given(HERE, baseline(found))
