"""Own what made-up devices found when they verified, as files in a folder."""

from __future__ import annotations

from pathlib import Path

from tests.services.test_verify import machine, tuned, verify
from tunesmith.domain.verification import Verification

GATEWAY, LAPTOP, OFFICE = (
    "Cortex-A76 · 4 cores · 8 GiB", "Intel Core Ultra 7 155H · 16 cores · 32 GiB",
    "AMD Ryzen 5 5600G · 6 cores · 16 GiB",
)  # fmt: skip
BUILDS = ("llama-cpp-python 0.3.36 (llama.cpp 0.5.0-dev)", "llama-cpp-python 0.3.40 (llama.cpp 0.5.2)")
PROFILE = "SmolLM2 135M Instruct Q4_1 · chat"
DEVICES = (
    # name, machine class, which build, kind of answer, when
    ("hall-2/press-01", GATEWAY, 0, "holds", "2026-11-24T06:02:11+00:00"),
    ("hall-2/press-02", GATEWAY, 0, "holds", "2026-11-24T06:02:14+00:00"),
    ("hall-2/press-03", GATEWAY, 1, "slower", "2026-11-24T06:03:40+00:00"),
    ("hall-2/press-04", GATEWAY, 1, "slow", "2026-11-24T06:03:52+00:00"),
    ("hall-2/press-05-behind-the-second-conveyor", GATEWAY, 0, "cannot_tell", "2026-11-24T06:04:07+00:00"),
    ("office/front-desk", OFFICE, 0, "holds", "2026-11-23T17:30:00+00:00"),
    ("office/meeting-room", OFFICE, 1, "slow", "2026-11-23T17:31:09+00:00"),
    ("ada", LAPTOP, 0, "holds", "2026-11-20T09:12:48+00:00"),
)  # fmt: skip
"""Devices of three classes, some with a newer build."""


def _answers() -> dict[str, Verification]:
    profile = tuned(machine(6))
    return {
        "holds": verify(profile, machine(7)),
        "slow": verify(profile, machine(7, slower=1.3)),
        "slower": verify(profile, machine(7, slower=2.0)),
        "cannot_tell": verify(profile, machine(7, busy=lambda _n, _r: True)),
    }


def fill_folder(folder: Path) -> Path:
    """Put a result for each device there, and a file that is none."""
    answers = _answers()
    for name, label, build, kind, when in DEVICES:
        found = answers[kind]
        named = found.profile.model_copy(update={"name": PROFILE, "model_name": "SmolLM2 135M Instruct"})
        told = found.model_copy(
            update={
                "machine_label": label, "machine_fingerprint": f"{len(label):016x}", "build": BUILDS[build],
                "finished_utc": when, "profile": named,
            }
        )  # fmt: skip
        path = folder / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(told.model_dump_json(by_alias=True), "utf-8")
    (folder / "inventory.json").write_text("{}")
    return folder


def known_words() -> set[str]:
    """What the made-up devices say of themselves."""
    return {
        word for name, label, build, _kind, _when in DEVICES
        for word in (name, BUILDS[build], *label.split(" · "))
    } | {PROFILE}  # fmt: skip
