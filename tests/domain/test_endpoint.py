"""Claims about the address of an RPC server, and about settings that name devices."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tunesmith.domain.endpoint import parse_endpoint, refuse_unnamed
from tunesmith.domain.settings import Settings
from tunesmith.errors import UsageError

PLAIN = Settings(threads=4, threads_batch=4, n_ctx=512)
THERE = "10.0.0.2:50052"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (" 192.168.1.20:50052 ", "192.168.1.20:50052"),
        ("Studio.Local:1", "studio.local:1"),
        ("gpu_box-2:065535", None),
        ("box:00080", "box:80"),
        ("box", None),
        (":50052", None),
        ("box:", None),
        ("box:0", None),
        ("box:65536", None),
        ("box:+80", None),
        ("box:8O", None),
        ("box:80:81", None),
        ("[::1]:50052", None),
        ("::1:50052", None),
        ("http://box:80", None),
        ("user@box:80", None),
        ("box.:80", None),
        ("-box:80", None),
        ("b" * 254 + ":80", None),
        ("box:٣", None),
    ],
)
def test_an_address_is_a_host_and_a_port_and_nothing_else(text: str, meant: str | None) -> None:
    if meant is not None:
        assert parse_endpoint(text) == meant
        return
    with pytest.raises(UsageError, match="no address of an RPC server") as caught:
        parse_endpoint(text)
    assert "host:port" in caught.value.todo


@given(st.text(max_size=40))
def test_any_text_is_an_address_that_stays_itself_or_is_refused(text: str) -> None:
    try:
        written = parse_endpoint(text)
    except UsageError:
        return
    assert parse_endpoint(written) == written
    assert written.isascii()
    assert written.count(":") == 1


def test_what_the_user_did_not_name_is_refused_with_what_to_type() -> None:
    refuse_unnamed((), ())
    refuse_unnamed((THERE,), ("box:1", THERE))
    with pytest.raises(UsageError, match="that you did not name: box:1") as caught:
        refuse_unnamed((THERE, "box:1"), (THERE,))
    assert caught.value.unharmed == "No connection was made."
    assert "--rpc box:1" in caught.value.todo


@pytest.mark.parametrize(
    "changes",
    [
        {"rpc": ("box",)},
        {"rpc": ("BOX:1",)},
        {"rpc": (THERE, THERE)},
        {"rpc": tuple(f"box:{port}" for port in range(1, 18))},
        {"devices": ("RPC0", "RPC0")},
        {"devices": ("none", "RPC0")},
        {"devices": ("",)},
        {"devices": ("a\x00b",)},
        {"tensor_split": (0.0, 0.0)},
        {"tensor_split": (1.0, -1.0)},
        {"tensor_split": (float("inf"), 1.0)},
        {"tensor_split": (1.0,) * 17},
        {"main_gpu": 16},
        {"split_mode": "columns"},
    ],
)
def test_devices_that_make_no_sense_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PLAIN.replace(**changes)


def test_settings_keep_the_name_they_had_before_devices_came() -> None:
    assert PLAIN.digest == "1f9bd9ee5a81"
    assert PLAIN.replace(rpc=(THERE,)).digest != PLAIN.digest
    assert PLAIN.replace(tensor_split=(1.0, 3.0)).digest != PLAIN.replace(tensor_split=(3.0, 1.0)).digest
