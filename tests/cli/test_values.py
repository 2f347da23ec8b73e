"""Own the claims about sizes, times, shares, workloads and budgets on the command line."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.cli.values import (
    parse_budget,
    parse_devices,
    parse_ms,
    parse_servers,
    parse_share,
    parse_size,
    parse_workload,
)
from tunesmith.domain.workload import Workload
from tunesmith.errors import UsageError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("6GiB", 6 * 2**30),
        ("6 GB", 6 * 10**9),
        ("512M", 512 * 2**20),
        ("1.5k", 1536),
        ("77", 77),
        ("1TiB", 2**40),
    ],
)
def test_sizes_mean_what_their_units_say(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(("text", "ms"), [("500ms", 500), ("0.5s", 500), ("2min", 120_000), ("50", 50)])
def test_times_are_read_as_milliseconds(text: str, ms: float) -> None:
    assert parse_ms(text) == ms


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("0.05", 0.05), ("0", 0)])
def test_shares_may_be_percentages(text: str, share: float) -> None:
    assert parse_share(text) == share


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused_as_wrong_usage(text: str) -> None:
    for parse in (parse_size, parse_ms, parse_share, parse_workload, parse_budget):
        with contextlib.suppress(UsageError):
            parse(text)


def test_a_workload_is_read_back_from_its_label() -> None:
    workload = Workload(prompt=512, generate=128, depth=2048, parallel=4)
    assert parse_workload(workload.label) == workload


@pytest.mark.parametrize("text", ["prompt=0", "prompt=x", "depth", "prompt=1,banana=2", "prompt=-1", ""])
def test_a_workload_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_workload(text)


def test_a_budget_is_a_name_or_seconds() -> None:
    assert parse_budget("quick").name == "quick"
    assert parse_budget("45").seconds == 45
    assert parse_budget("2min").seconds == 120
    with pytest.raises(UsageError, match="budget"):
        parse_budget("soon")


def test_servers_and_devices_are_named_once_each() -> None:
    assert parse_servers(["Box:1,10.0.0.2:2", "box:1"]) == ("box:1", "10.0.0.2:2")
    assert parse_servers([]) == ()
    assert parse_devices(["RPC0", "RPC1, RPC0"]) == ("RPC0", "RPC1")
    assert parse_devices(["none"]) == ("none",)


@pytest.mark.parametrize("texts", [["box"], ["box:1,"], [f"box:{port}" for port in range(1, 18)]])
def test_what_names_no_server_is_refused(texts: list[str]) -> None:
    with pytest.raises(UsageError):
        parse_servers(texts)


@pytest.mark.parametrize("texts", [[""], ["RPC0,"], ["none", "RPC0"], [f"RPC{n}" for n in range(17)]])
def test_what_names_no_device_is_refused(texts: list[str]) -> None:
    with pytest.raises(UsageError):
        parse_devices(texts)
