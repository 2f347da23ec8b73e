"""Own the claims about the grammar: it starts at once, and knows every setting and preset."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest

from tunesmith.cli import files_parser, parser
from tunesmith.domain.settings import CACHE_TYPES_BY_PRECISION, SETTING_SPECS, LoadMode, setting_spec
from tunesmith.domain.workload import ObjectiveName
from tunesmith.services.presets import load_presets
from tunesmith.tuning.setting_text import parse_setting

HEAVY = (
    "PySide6",
    "pyqtgraph",
    "llama_cpp",
    "sqlmodel",
    "sqlalchemy",
    "numpy",
    "pydantic",
    "rich",
    "cryptography",
)


def _imported_by(*arguments: str) -> set[str]:
    code = (
        "import sys, contextlib, io\n"
        f"sys.argv = ['tunesmith', *{arguments!r}]\n"
        "from tunesmith.__main__ import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main()\n"
        "print(*{name.partition('.')[0] for name in sys.modules})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("tune", "--help"),
        ("measure", "--help"),
        ("survey", "--help"),
        ("speculate", "--help"),
        ("verify", "--help"),
        ("bundle", "create", "--help"),
        ("keys", "--help"),
        ("fleet", "report", "--help"),
    ],
)
def test_help_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    assert not _imported_by(*arguments) & set(HEAVY)


def test_a_headless_command_imports_no_qt_and_no_llama_cpp() -> None:
    assert not _imported_by("devices") & {"PySide6", "pyqtgraph", "llama_cpp", "sqlmodel"}
    assert not _imported_by("machine") & {"PySide6", "pyqtgraph", "llama_cpp"}  # it asks the store


def test_every_setting_has_a_flag_and_every_flag_a_setting() -> None:
    named = {name for name, *_ in parser.SETTING_FLAGS}
    assert named | {"n_seq_max", "rpc", "devices"} == {spec.name for spec in SETTING_SPECS}


def test_every_flag_is_the_one_llama_cpp_uses() -> None:
    for name, flags, _, _ in parser.SETTING_FLAGS:
        assert setting_spec(name).flag in flags


def test_the_grammar_names_what_the_domain_knows() -> None:
    assert set(parser.PRESETS) <= set(load_presets())
    assert get_args(ObjectiveName) == parser.OBJECTIVES
    assert set(files_parser.CACHE_TYPES) == set(CACHE_TYPES_BY_PRECISION)
    assert get_args(LoadMode) == parser.LOAD_MODES


@pytest.mark.parametrize("spec", SETTING_SPECS, ids=lambda spec: spec.name)
def test_a_setting_answers_to_its_name_its_flag_and_its_short_forms(spec: object) -> None:
    from tunesmith.domain.settings import SettingSpec

    assert isinstance(spec, SettingSpec)
    for name in (spec.name, spec.flag, *spec.aliases):
        assert setting_spec(name) is spec


def test_settings_are_read_as_users_write_them() -> None:
    assert parse_setting("fa", "ON") == ("flash_attn", "on")
    assert parse_setting("--threads", "4") == ("threads", 4)
    assert parse_setting("repack", "off") == ("use_extra_bufts", False)
    assert parse_setting("cpu_range", "0-2,5") == ("cpu_affinity", (0, 1, 2, 5))
