"""Claims about tunesmith.tuning.setting_text."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.domain.settings import SETTING_SPECS, CacheType, Settings
from tunesmith.errors import UsageError
from tunesmith.tuning.setting_text import format_cpu_list, format_setting, parse_cpu_list, parse_setting

CPUS = st.sets(st.integers(0, 4095), min_size=1, max_size=40).map(lambda found: tuple(sorted(found)))
VALUES: dict[str, list[object]] = {
    "flash_attn": ["auto", "on", "off"],
    "load_mode": ["auto", "none", "mmap", "mlock", "mmap+mlock", "dio"],
    "type_k": list(get_args(CacheType)),
    "type_v": list(get_args(CacheType)),
    "cpu_affinity": [None, (0,), (0, 1, 2, 8), (3, 5)],
    "n_gpu_layers": [-1, 0, 33],
    "rpc": [(), ("10.0.0.2:50052",), ("box:1", "10.0.0.2:50052")],
    "devices": [(), ("none",), ("RPC0", "Vulkan1")],
    "split_mode": ["none", "layer", "row", "tensor"],
    "override_tensor": [(), ("ffn_down=CPU",), (r"blk\.[0-7]\.ffn_.*_exps=CPU", "output=Vulkan1")],
    "tensor_split": [(), (1.0, 3.0), (0.5, 0.0, 2.25)],
}


@pytest.mark.parametrize("name", [spec.name for spec in SETTING_SPECS])
def test_every_value_of_every_setting_is_read_as_it_is_written(name: str) -> None:
    kind = Settings.model_fields[name].annotation
    values = VALUES.get(name, [True, False] if kind is bool else [1, 512])
    for value in values:
        assert parse_setting(name, format_setting(value)) == (name, value)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("t", "4", ("threads", 4)),
        ("--threads-batch", " 8 ", ("threads_batch", 8)),
        ("ngl", "-1", ("n_gpu_layers", -1)),
        ("fa", "ON", ("flash_attn", "on")),
        ("cache-type-k", "Q8_0", ("type_k", "q8_0")),
        ("repack", "no", ("use_extra_bufts", False)),
        ("op_offload", "yes", ("op_offload", True)),
        ("affinity", "0-2,7", ("cpu_affinity", (0, 1, 2, 7))),
        ("cpu_affinity", "all", ("cpu_affinity", None)),
        ("ts", "3/1", ("tensor_split", (3.0, 1.0))),
        ("rpc", "Box:0080, 10.0.0.2:1", ("rpc", ("box:80", "10.0.0.2:1"))),
    ],
)
def test_settings_go_by_the_names_people_use(name: str, value: str, expected: tuple[str, object]) -> None:
    assert parse_setting(name, value) == expected


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("speed", "9", "no setting called 'speed'"),
        ("threads", "many", "whole number"),
        ("threads", "1.5", "whole number"),
        ("repack", "maybe", "on or off"),
        ("flash_attn", "sometimes", "one of auto, on, off"),
        ("type_k", "q3_k", "type_k is one of"),
        ("affinity", "0-", "no list of CPUs"),
        ("tensor_split", "3;1", "no list of shares"),
        ("rpc", "box", "no address of an RPC server"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(name: str, value: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_setting(name, value)


@given(CPUS)
def test_cpu_lists_are_read_as_they_are_written(cpus: tuple[int, ...]) -> None:
    assert parse_cpu_list(format_cpu_list(cpus)) == cpus


def test_neighbouring_cpus_are_written_as_a_range() -> None:
    assert format_cpu_list((0, 1, 2, 3, 8, 10, 11)) == "0-3,8,10-11"


@pytest.mark.parametrize("text", ["", "  ", "none", "ALL"])
def test_no_list_means_no_binding(text: str) -> None:
    assert parse_cpu_list(text) is None


@pytest.mark.parametrize("text", ["x", "3-1", "-1", "1-", "1,,2", "0-5000", "1;2", "1 2"])
def test_what_is_no_cpu_list_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no list of CPUs"):
        parse_cpu_list(text)


@given(st.text(max_size=12))
def test_any_text_is_a_cpu_list_or_refused(text: str) -> None:
    try:
        found = parse_cpu_list(text)
    except UsageError:
        return
    assert found is None or list(found) == sorted(set(found))
