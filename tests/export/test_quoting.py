"""Whatever a path holds, it stays in its place: each format is read back with the real parser."""

from __future__ import annotations

import ast
import csv
import json
import re
import shlex
import subprocess
from pathlib import PurePosixPath
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from tests.export.jobs import AWKWARD, AWKWARD_PATHS, exported, exported_or_refused, tuned
from tests.export.unit_files import systemd_words
from tunesmith.errors import UsageError
from tunesmith.export import quoting
from tunesmith.export.job import Options
from tunesmith.export.server_args import server_arguments
from tunesmith.export.targets import TARGETS

SOME = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
FLAGS = server_arguments(tuned().settings).words


def words_of_sh(script: str) -> list[str]:
    """What a POSIX shell would run, by the shell itself."""
    runs = script.replace("exec ", "printf '%s\\0' ", 1)
    done = subprocess.run(["sh", "-c", runs], capture_output=True, check=True, timeout=20)
    return done.stdout.decode().split("\0")[:-1]


def mounted(value: str) -> dict[str, str]:
    """What ``--mount`` says, as Docker and Podman read it."""
    (fields,) = csv.reader([value])
    return dict(field.partition("=")[::2] for field in fields)


@SOME
@given(path=AWKWARD_PATHS)
def test_a_shell_sees_the_path_as_one_word(path: str) -> None:
    made = exported("llama-server", path=path)
    words = words_of_sh(made.text)
    assert words[:3] == ["llama-server", "--model", path]
    assert words[3 : 3 + len(FLAGS)] == FLAGS


@SOME
@given(path=AWKWARD_PATHS)
def test_docker_sees_the_folder_and_the_file(path: str) -> None:
    made = exported_or_refused("docker-run", path)
    if made is None:
        assert re.search(r"[\x00-\x1f\x7f]", path)
        return
    words = words_of_sh(made.text)
    mount = mounted(words[words.index("--mount") + 1])
    assert (mount["source"], mount["target"]) == (str(PurePosixPath(path).parent), "/models")
    assert words[words.index("--model") + 1] == f"/models/{PurePosixPath(path).name}"


@SOME
@given(path=AWKWARD_PATHS)
def test_compose_sees_the_folder_and_the_file(path: str) -> None:
    made = exported_or_refused("compose", path)
    if made is None:
        return
    (service,) = yaml.safe_load(made.text)["services"].values()
    interpolated = [_interpolated(word) for word in service["command"]]
    assert interpolated[:2] == ["--model", f"/models/{PurePosixPath(path).name}"]
    assert interpolated[2 : 2 + len(FLAGS)] == FLAGS
    assert _interpolated(service["volumes"][0]["source"]) == str(PurePosixPath(path).parent)


def _interpolated(text: str) -> str:
    """What Compose makes of a value: ``$$`` is a dollar, anything else would be a variable."""
    assert "$" not in text.replace("$$", "")
    return text.replace("$$", "$")


@SOME
@given(path=AWKWARD_PATHS)
def test_kubernetes_sees_the_folder_and_the_file(path: str) -> None:
    made = exported_or_refused("kubernetes", path)
    if made is None:
        return
    deployment, service = yaml.safe_load_all(made.text)
    pod = deployment["spec"]["template"]["spec"]
    arguments = [_interpolated(word) for word in pod["containers"][0]["args"]]
    assert arguments[:2] == ["--model", f"/models/{PurePosixPath(path).name}"]
    assert arguments[2 : 2 + len(FLAGS)] == FLAGS
    assert pod["volumes"][0]["hostPath"]["path"] == str(PurePosixPath(path).parent)
    assert service["kind"] == "Service"


@SOME
@given(path=AWKWARD_PATHS)
def test_systemd_sees_the_path_as_one_word(path: str) -> None:
    made = exported("systemd", path=path)
    (line,) = [line for line in made.text.split("\n") if line.startswith("ExecStart=")]
    words = systemd_words(line.removeprefix("ExecStart="))
    assert words[:3] == ["llama-server", "--model", path]
    assert words[3 : 3 + len(FLAGS)] == FLAGS


@SOME
@given(path=AWKWARD_PATHS)
def test_quadlet_sees_the_folder_and_the_file(path: str) -> None:
    made = exported_or_refused("quadlet", path)
    if made is None:
        return
    lines = dict(line.partition("=")[::2] for line in made.text.split("\n") if "=" in line)
    (mount,) = systemd_words(lines["Mount"])
    assert mounted(mount)["source"] == str(PurePosixPath(path).parent)
    assert systemd_words(lines["Exec"])[:2] == ["--model", f"/models/{PurePosixPath(path).name}"]


@SOME
@given(path=AWKWARD_PATHS)
def test_an_ini_holds_the_path_or_says_that_it_cannot(path: str) -> None:
    made = exported_or_refused("preset-ini", path)
    if made is None:
        assert re.search(r"[;#\r\n]|[ \t]$", path)
        return
    lines = re.split(r"\r\n|\n|\r", made.text)  # as llama.cpp's own grammar has it
    values = [line.partition("=")[2].strip(" \t") for line in lines if line.startswith("model =")]
    assert values == [path]


@SOME
@given(path=AWKWARD_PATHS)
def test_llama_swap_sees_the_path_as_one_word(path: str) -> None:
    made = exported_or_refused("llama-swap", path)
    if made is None:
        assert re.search(r"[\x00-\x1f\x7f]|\$\{", path)
        return
    assert made.text.count("${") == 1  # the port
    (model,) = yaml.safe_load(made.text)["models"].values()
    kept = [line for line in model["cmd"].split("\n") if not line.strip().startswith("#")]
    words = shlex.split("\n".join(kept))
    assert words[words.index("--model") + 1] == path
    assert words[-len(FLAGS) :] == FLAGS


@SOME
@given(path=AWKWARD_PATHS)
def test_json_and_python_hold_the_path(path: str) -> None:
    assert json.loads(exported("koboldcpp", path=path).text)["model_param"] == path
    tree = ast.parse(exported("python", path=path).text)
    (call,) = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name(node) == "Llama"]
    values = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    assert values["model_path"] == path
    assert exported("lm-studio", path=path).file_name == f"{PurePosixPath(path).name}.json"


def _name(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""


@SOME
@given(path=AWKWARD_PATHS)
def test_a_shell_that_reads_the_environment_file_sees_the_path(path: str) -> None:
    text = exported("env", path=path).text
    script = f'set -a\n{text}\nprintf \'%s\\0\' "$LLAMA_ARG_MODEL" "$LLAMA_ARG_THREADS"'
    done = subprocess.run(["sh", "-c", script], capture_output=True, check=True, timeout=20)
    assert done.stdout.decode().split("\0")[:2] == [path, "8"]


@SOME
@given(word=AWKWARD)
def test_powershell_doubles_every_kind_of_quote_and_nothing_else(word: str) -> None:
    quoted = quoting.powershell(word)
    if quoted == word:
        assert re.fullmatch(r"[A-Za-z0-9_/.:=+-]+", word)
        assert not word.startswith("-")
        return
    inner = quoted[1:-1]
    assert re.sub("(['\u2018\u2019\u201a\u201b])\\1", r"\1", inner) == word
    for run in re.findall("['\u2018\u2019\u201a\u201b]+", inner):
        assert len(run) % 2 == 0


@SOME
@given(path=AWKWARD_PATHS)
def test_a_batch_file_holds_the_path_or_says_that_it_cannot(path: str) -> None:
    made = exported_or_refused("llama-server", path, options=Options(shell="cmd"))
    if made is None:
        assert re.search(r'["\r\n\x1a]', path)
        return
    (line,) = [line for line in made.text.split("\r\n") if line.lstrip().startswith("--model")]
    word = line.strip().removeprefix("--model ").removesuffix(" ^")
    assert "%" not in word.replace("%%", "")
    word = word.replace("%%", "%")
    if word != path:  # nothing means anything to cmd between quotes
        assert word.startswith('"')
        assert word.endswith('"')
        trailing = len(path) - len(path.rstrip("\\"))
        assert word[1:-1] == path + "\\" * trailing
    else:
        assert not set(path) & set(' &|<>^"%(),;=!\t')


@SOME
@given(name=AWKWARD.filter(str.strip))
def test_a_profiles_name_breaks_out_of_no_comment(name: str) -> None:
    named: Any = tuned().model_copy(update={"name": name})
    for target in ("llama-server", "preset-ini", "systemd", "ollama", "env", "python", "quadlet"):
        plain, other = exported(target), exported(target, named)
        assert len(plain.text.split("\n")) == len(other.text.split("\n"))
        assert len(plain.text.splitlines()) == len(other.text.splitlines())
    for target in ("compose", "kubernetes", "llama-swap"):
        documents = list(yaml.safe_load_all(exported(target, named).text))
        assert len(documents) == (2 if target == "kubernetes" else 1)


@pytest.mark.parametrize("path", ["/m/\udcff.gguf", "", "/m/a\0b.gguf"])
def test_a_path_that_is_no_text_is_refused_everywhere(path: str) -> None:
    for name in TARGETS:
        with pytest.raises(UsageError, match="path"):
            exported(name, path=path)
