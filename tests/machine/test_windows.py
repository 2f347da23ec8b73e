"""Claims about reading Windows, on recorded records and registry values."""

from __future__ import annotations

import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.machine.windows import ProcessorRecord, WindowsReader, parse_records
from tunesmith.machine.windows_api import processor_records, registry_value

VERSION = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
BIOS = r"HARDWARE\DESCRIPTION\System\BIOS"
PROCESSOR = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"


def record(relationship: int, efficiency_class: int, *masks: tuple[int, int]) -> bytes:
    """Pack a record as winnt.h lays it out."""
    body = struct.pack("<BB20xH", 1, efficiency_class, len(masks))
    body += b"".join(struct.pack("<QH6x", mask, group) for group, mask in masks)
    return struct.pack("<II", relationship, 8 + len(body)) + body


def hybrid_laptop() -> bytes:
    """2 performance cores of two threads, 8 efficiency cores; a cache record lies between."""
    cores = [record(0, 1, (0, 0b11)), record(0, 1, (0, 0b1100))]
    cores += [record(0, 0, (0, 1 << bit)) for bit in range(4, 12)]
    cache = struct.pack("<II", 2, 56) + bytes(48)
    return b"".join(cores[:3]) + cache + b"".join(cores[3:]) + record(3, 0, (0, 0xFFF))


def reader(buffer: bytes, values: dict[tuple[str, str], str] | None = None) -> WindowsReader:
    return WindowsReader(lambda: parse_records(buffer), lambda key, name: (values or {}).get((key, name)))


def test_a_hybrid_laptop_s_kinds_follow_the_efficiency_class() -> None:
    windows = reader(hybrid_laptop())
    assert [core.kind for core in windows.cores()] == ["performance"] * 2 + ["efficiency"] * 8
    assert windows.cores()[0].cpus == (0, 1)
    assert windows.logical_cpus() == 12
    assert windows.sockets() == 1


def test_llama_counts_cores_of_every_kind() -> None:
    assert reader(hybrid_laptop()).llama_default_threads() == 10
    assert reader(b"").llama_default_threads() is None


def test_one_efficiency_class_tells_no_kind() -> None:
    windows = reader(record(0, 0, (0, 0b11)) + record(0, 0, (0, 0b1100)))
    assert {core.kind for core in windows.cores()} == {"unknown"}


def test_two_sockets_in_two_processor_groups() -> None:
    cores = b"".join(record(0, 0, (group, 1 << bit)) for group in (0, 1) for bit in range(64))
    packages = record(3, 0, (0, 2**64 - 1)) + record(3, 0, (1, 2**64 - 1))
    windows = reader(cores + packages)
    assert windows.sockets() == 2
    assert windows.cores()[64].cpus == (64,)
    assert windows.cores()[64].socket == 1


def test_the_registry_names_processor_and_system() -> None:
    windows = reader(
        b"",
        {
            (PROCESSOR, "ProcessorNameString"): "13th Gen Intel(R) Core(TM) i5-1335U   ",
            (VERSION, "ProductName"): "Windows 10 Pro",
            (VERSION, "DisplayVersion"): "23H2",
            (VERSION, "CurrentBuildNumber"): "22631",
            (BIOS, "SystemManufacturer"): "Microsoft Corporation",
            (BIOS, "SystemProductName"): "Virtual Machine",
        },
    )
    assert windows.cpu_model() == "13th Gen Intel(R) Core(TM) i5-1335U"
    assert windows.os_name() == "Windows 11 23H2"
    assert windows.virtualization() == "Hyper-V"


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"ProductName": "Windows Server 2022 Standard", "CurrentBuildNumber": "20348"}, None),
        ({"ProductName": "Windows 10 Home", "CurrentBuildNumber": "19045"}, "Windows 10"),
        ({"ProductName": "Windows 10 Home"}, "Windows"),
        ({}, "unknown"),
    ],
)
def test_the_system_is_named_by_its_build(values: dict[str, str], name: str | None) -> None:
    told = reader(b"", {(VERSION, key): value for key, value in values.items()}).os_name()
    assert (told or "unknown") == (name or values["ProductName"])


def test_no_answer_is_unknown() -> None:
    windows = reader(b"")
    assert windows.cores() == ()
    assert (windows.cpu_model(), windows.sockets(), windows.logical_cpus()) == (None, None, None)
    assert windows.virtualization() is None


def test_a_truncated_record_ends_the_list() -> None:
    whole = record(0, 0, (0, 1))
    assert len(parse_records(whole + whole[:-1])) == 1
    assert parse_records(whole[:20]) == ()


@given(st.binary(max_size=300))
def test_no_buffer_makes_the_parser_raise(buffer: bytes) -> None:
    windows = reader(buffer)
    assert all(core.cpus for core in windows.cores())


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 255), st.integers(0, 2**64 - 1)), max_size=8))
def test_no_records_make_the_reader_raise(records: list[tuple[bool, int, int]]) -> None:
    windows = WindowsReader(
        lambda: [ProcessorRecord(is_core, kind, ((0, mask),)) for is_core, kind, mask in records],
        lambda key, name: None,
    )
    windows.cores()
    windows.llama_default_threads()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows answers")
def test_elsewhere_nothing_is_answered() -> None:
    assert processor_records() == ()
    assert registry_value(VERSION, "ProductName") is None
