"""Exports obey the schemas of those that read them, and systemd's own verifier."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.export.jobs import exported, tuned
from tunesmith.export.job import Options

COMPOSE = Path(__file__).parent / "schemas" / "compose-spec.json"
AWKWARD_PATH = "/my models, 'yours' $HOME/it is \"x\" %h ; # ü.gguf"


def gpu(backend: str, **settings: Any) -> Any:
    """A profile that was tuned on a GPU."""
    made = tuned(**settings)
    return made.model_copy(update={"build": made.build.model_copy(update={"backends": (backend,)})})


@pytest.mark.parametrize("backend", ["CPU", "CUDA", "ROCm", "Vulkan"])
def test_a_compose_file_obeys_the_compose_specification(backend: str) -> None:
    made = exported("compose", gpu(backend, load_mode="mlock"), gpu(backend, threads=2), path=AWKWARD_PATH)
    schema = jsonschema.Draft7Validator(json.loads(COMPOSE.read_text("utf-8")))
    schema.validate(yaml.safe_load(made.text))
    assert not schema.is_valid({"services": {"x": {"comand": []}}})


@pytest.mark.parametrize("backend", ["CPU", "CUDA"])
def test_a_manifest_obeys_kubernetes_schema(backend: str, kubernetes: types.ModuleType) -> None:
    made = exported("kubernetes", gpu(backend, load_mode="mlock"), gpu(backend, threads=2), path=AWKWARD_PATH)
    documents = list(yaml.safe_load_all(made.text))
    assert [document["kind"] for document in documents] == ["Deployment", "Service"] * 2
    for document in documents:
        kubernetes.validate(document, "1.34", strict=True)
    documents[0]["spec"]["replica"] = 1
    with pytest.raises(kubernetes.ValidationError):
        kubernetes.validate(documents[0], "1.34", strict=True)


@pytest.fixture
def kubernetes() -> types.ModuleType:
    """Kubernetes' schemas, from a PyPI package."""
    reason = "the package kubernetes-validate is not installed"
    module: types.ModuleType = pytest.importorskip("kubernetes_validate", reason=reason)
    return module


def test_systemd_itself_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    verifier = shutil.which("systemd-analyze")
    if verifier is None:
        pytest.skip("systemd-analyze is not installed")
    made = exported(
        "systemd", tuned(load_mode="mlock", cpu_affinity=(0, 2)), path=AWKWARD_PATH,
        options=Options(executable=sys.executable),
    )  # fmt: skip
    unit = tmp_path / made.file_name
    unit.write_text(made.text, "utf-8")
    assert _verdict(verifier, unit) == ""
    unit.write_text(made.text.replace("ExecStart=", 'ExecStart="'), "utf-8")
    assert _verdict(verifier, unit) != ""


def _verdict(verifier: str, unit: Path) -> str:
    done = subprocess.run(
        [verifier, "verify", "--man=no", "--generators=no", "--recursive-errors=no", str(unit)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    lines = (done.stdout + done.stderr).splitlines()
    return "\n".join(line for line in lines if unit.name in line)
