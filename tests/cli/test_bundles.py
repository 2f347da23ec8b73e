"""Claims about ``bundle``, ``keys`` and ``--headless --bundle``, as the maker and the device use them."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.store.values import profile
from tests.support.cli import CommandLine, Finished
from tunesmith import assets
from tunesmith.domain.machine import MachineClass, machine_class
from tunesmith.domain.profile import TunedProfile
from tunesmith.domain.workload import Workload
from tunesmith.services.context import Surroundings, identify_model, survey_machine
from tunesmith.services.profile_files import write_profile


def schema(name: str) -> Any:
    return json.loads((assets.profiles_dir() / f"schema/cli/{name}.schema.json").read_text("utf-8"))


def checked(done: Finished, name: str) -> Any:
    assert done.code == 0, done.err
    jsonschema.validate(done.document, schema(name))
    return done.document


@pytest.fixture(scope="module")
def found() -> Surroundings:
    """This machine."""
    return survey_machine()


def made_for(
    here: Surroundings, model: Path, number: int, *, cpus: int | None = None, gib: int | None = None
) -> TunedProfile:
    """A profile for this machine as it would be with so many CPUs and so much memory."""
    machine = here.machine
    if cpus is not None:
        cpu = machine.cpu.model_copy(update={"usable_cpus": cpus, "usable_cores": cpus})
        machine = machine.model_copy(update={"cpu": cpu})
    if gib is not None:
        memory = machine.memory.model_copy(update={"total_bytes": gib * 2**30})
        machine = machine.model_copy(update={"memory": memory})
    assert machine.build is not None
    base = profile(f"p-{number}", name=f"profile {number}")
    return base.model_copy(
        update={
            "model": identify_model(str(model)), "machine": machine_class(machine), "build": machine.build,
            "settings": base.settings.replace(threads=1, threads_batch=1),
        }
    )  # fmt: skip


def bundled(tunesmith: CommandLine, profiles: list[TunedProfile], *, serial: int = 1) -> Path:
    """A signed bundle, by the command line."""
    paths = []
    for each in profiles:
        path = tunesmith.folder / f"{each.id}.json"
        write_profile(each, path)
        paths.append(path)
    bundle = tunesmith.folder / f"fleet-{serial}.bundle"
    done = tunesmith.inline(
        "bundle", "create", *paths, "--name", "kiosk", "--serial", serial, "--expires", 90,
        "--output", bundle, "--json", "--quiet",
    )  # fmt: skip
    assert checked(done, "bundle-facts")["signed_with"] is None
    done = tunesmith.inline("bundle", "sign", bundle, "--key", "release", "--json", "--quiet")
    assert checked(done, "bundle-facts")["signed_with"]
    return bundle


@pytest.fixture
def maker(tunesmith: CommandLine) -> CommandLine:
    """A command line with a key called release."""
    checked(tunesmith.inline("keys", "create", "release", "--json"), "keys")
    return tunesmith


# ------------------------------------------------------------- keys


def test_a_key_is_made_trusted_listed_and_revoked(maker: CommandLine) -> None:
    folder = maker.folder / "config" / "keys"
    if os.name != "nt":
        assert stat.S_IMODE((folder / "release.key.pem").stat().st_mode) == 0o600
    (key,) = checked(maker.inline("keys", "list", "--json"), "keys")["keys"]
    assert key["trusted"]
    assert (folder / "release.pub.pem").read_text() == key["public_key"]
    revoked = maker.inline("keys", "revoke", "release", "--reason", "lost", "--json")
    assert not checked(revoked, "keys")["keys"][0]["trusted"]
    assert "revoked on" in maker.inline("keys", "list").out
    again = maker.inline("keys", "trust", folder / "release.pub.pem")
    assert again.code == 2
    assert "never trusted again" in again.err


def test_another_device_trusts_the_public_key_alone(maker: CommandLine, tmp_path: Path) -> None:
    device = CommandLine(tmp_path / "device")
    device.folder.mkdir()
    public = maker.folder / "config" / "keys" / "release.pub.pem"
    assert checked(device.inline("keys", "trust", public, "--json"), "keys")["keys"][0]["name"] == "release"
    assert (
        device.inline("keys", "trust", maker.folder / "config/keys/release.key.pem", "--name", "x").code == 2
    )


def test_a_locked_key_signs_with_its_passphrase_alone(tunesmith: CommandLine, smollm2_path: Path) -> None:
    words, wrong = tunesmith.folder / "words", tunesmith.folder / "wrong"
    words.write_text("open sesame\nnot this\n")
    wrong.write_text("open barley\n")
    assert tunesmith.inline("keys", "create", "release", "--passphrase-file", words).code == 0
    path = tunesmith.folder / "p.json"
    write_profile(profile(), path)
    bundle = tunesmith.folder / "b"
    create = ("bundle", "create", path, "--name", "k", "--serial", 1, "--output", bundle)
    assert tunesmith.inline(*create).code == 0
    assert tunesmith.inline("bundle", "sign", bundle, "--key", "release").code == 2
    assert (
        tunesmith.inline("bundle", "sign", bundle, "--key", "release", "--passphrase-file", wrong).code == 2
    )
    done = tunesmith.inline("bundle", "sign", bundle, "--key", "release", "--passphrase-file", words)
    assert done.code == 0, done.err
    assert tunesmith.inline("bundle", "verify", bundle).code == 0


@pytest.mark.parametrize("name", ["", "../x", "a b", "x" * 61])
def test_a_key_has_a_plain_name(tunesmith: CommandLine, name: str) -> None:
    assert tunesmith.inline("keys", "create", name).code == 2


# ------------------------------------------------------------- bundles


def test_a_bad_signature_ends_with_7_and_its_reason(maker: CommandLine) -> None:
    bundle = bundled(maker, [profile()])
    assert "release" in maker.inline("bundle", "verify", bundle).out
    bundle.write_bytes(bundle.read_bytes().replace(b'"serial":1', b'"serial":2'))
    done = maker.inline("bundle", "verify", bundle, "--json")
    assert done.code == 7
    jsonschema.validate(done.document, schema("error"))
    assert "changed after it was signed" in done.document["what"]
    assert maker.inline("bundle", "show", bundle).code == 0  # shown, but never taken


@pytest.mark.parametrize(("text", "words"), [("2020-01-01", "past"), ("soon", "no date"), ("0", "past")])
def test_an_expiry_is_a_day_to_come(maker: CommandLine, text: str, words: str) -> None:
    path = maker.folder / "p.json"
    write_profile(profile(), path)
    done = maker.inline(
        "bundle", "create", path, "--name", "k", "--serial", 1, "--expires", text, "--output", "b"
    )
    assert done.code == 2
    assert words in done.err


# ------------------------------------------------------------- on the device


def pick(tunesmith: CommandLine, bundle: Path, model: Path, *more: object) -> Finished:
    return tunesmith.inline("--headless", "--bundle", bundle, model, *more, "--json", "--quiet")


def test_a_device_picks_its_own_profile_and_writes_the_export(
    maker: CommandLine, smollm2_path: Path, found: Surroundings
) -> None:
    mine, other = made_for(found, smollm2_path, 1), made_for(found, smollm2_path, 2, cpus=64)
    bundle = bundled(maker, [other, mine])
    target = maker.folder / "run.sh"
    done = pick(maker, bundle, smollm2_path, "--to", "llama-server", "--output", target)
    document = checked(done, "pick")
    assert (document["fit"], document["profile_id"], document["distance"]) == ("exact", "p-1", 0.0)
    assert document["signed_by"] == "release"
    assert document["build_matches"]
    assert str(smollm2_path) in target.read_text("utf-8")
    assert not (maker.folder / "store.sqlite3").exists()


def test_none_that_fits_fails_with_2_and_says_what_to_do(
    maker: CommandLine, smollm2_path: Path, found: Surroundings
) -> None:
    bundle = bundled(maker, [made_for(found, smollm2_path, 1, cpus=64)])
    done = pick(maker, bundle, smollm2_path)
    assert done.code == 2
    assert "--otherwise tune" in done.document["todo"]
    near = pick(maker, bundle, smollm2_path, "--max-distance", 100)
    document = checked(near, "pick")
    assert document["fit"] == "compatible"
    assert document["distance"] > 3
    assert {each["fact"] for each in document["reasons"]} == {"usable_cpus", "usable_cores"}


@pytest.mark.model
def test_a_device_that_no_profile_fits_tunes_and_exports_what_it_found(
    maker: CommandLine, smollm2_path: Path, found: Surroundings
) -> None:
    workload = Workload(prompt=64, generate=16, depth=64)
    other = made_for(found, smollm2_path, 1, cpus=64).model_copy(update={"workload": workload})
    target = maker.folder / "run.sh"
    done = maker(
        "--headless", "--bundle", bundled(maker, [other]), smollm2_path, "--otherwise", "tune",
        "--budget", 10, "--to", "llama-server", "--output", target, "--json",
    )  # fmt: skip
    assert "Tuning here." in done.err
    if done.code == 5:  # a machine too busy to tell is an answer too
        assert not target.exists()
        return
    document = checked(done, "pick")
    assert document["fit"] == "tuned"
    (listed,) = maker("profiles", "list", "--json").document["profiles"]
    assert document["profile_id"] == listed["id"]
    shown = maker("profiles", "show", listed["id"], "--json").document["profile"]
    assert Workload.model_validate(shown["workload"]) == workload, "that of the bundle"
    assert str(smollm2_path) in target.read_text("utf-8")


def test_a_workload_that_is_not_in_the_bundle_is_told_with_what_is(
    maker: CommandLine, smollm2_path: Path, found: Surroundings
) -> None:
    bundle = bundled(maker, [made_for(found, smollm2_path, 1)])
    done = pick(maker, bundle, smollm2_path, "--workload", "prompt=9,generate=9,depth=0")
    assert done.code == 2
    assert "no profile for this workload" in done.document["what"]
    assert "--otherwise tune" in done.document["todo"]
    assert "response" in done.document["todo"]


def test_another_model_is_refused_with_7(maker: CommandLine, smollm2_path: Path) -> None:
    done = pick(maker, bundled(maker, [profile()]), smollm2_path)
    assert done.code == 7
    assert "another model" in done.document["what"]


def test_an_older_bundle_is_refused_after_a_newer_one(
    maker: CommandLine, smollm2_path: Path, found: Surroundings
) -> None:
    mine = [made_for(found, smollm2_path, 1)]
    old, new = bundled(maker, mine, serial=3), bundled(maker, mine, serial=4)
    assert pick(maker, new, smollm2_path).code == 0
    done = pick(maker, old, smollm2_path)
    assert done.code == 7
    assert "older" in done.document["what"]


def test_options_of_a_bundle_need_one(tunesmith: CommandLine, smollm2_path: Path) -> None:
    for more in (("--to", "env"), ("--otherwise", "tune"), ("--max-distance", 1), ("--allow-unsigned",)):
        done = tunesmith.inline("--headless", smollm2_path, *more)
        assert done.code == 2
        assert "--bundle" in done.err


def test_a_format_and_a_file_belong_together(maker: CommandLine, smollm2_path: Path) -> None:
    bundle = bundled(maker, [profile()])
    assert pick(maker, bundle, smollm2_path, "--to", "env").code == 2
    assert pick(maker, bundle, smollm2_path, "--output", "x").code == 2


def restricted(tunesmith: CommandLine, bundle: Path, model: Path, cpus: int, gib: int) -> Any:
    """Pick in a process of its own that may use so many CPUs and sees so much memory, as in a container."""
    arguments = ("--headless", "--bundle", str(bundle), str(model), "--json", "--quiet")
    code = (
        "import os, sys, tunesmith.machine.linux as linux\n"
        f"os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:{cpus}])\n"
        "limits = linux.LinuxReader.limits\n"
        f"linux.LinuxReader.limits = lambda self: with_memory(limits(self), {gib} * 2**30)\n"
        "import dataclasses\n"
        "def with_memory(found, size):\n"
        "    return dataclasses.replace(found, memory_limit_bytes=size)\n"
        f"sys.argv = ['tunesmith', *{arguments!r}]\n"
        "from tunesmith.__main__ import main\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=tunesmith.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="it takes Linux and two CPUs to be two machine classes",
)
def test_each_of_two_faked_machine_classes_gets_its_own_profile(
    maker: CommandLine, smollm2_path: Path, found: Surroundings
) -> None:
    """The first has one CPU and 1 GiB, the second two CPUs and 2 GiB; affinity is real, memory is as told."""
    classes: dict[str, MachineClass] = {}
    profiles = []
    for number, (cpus, gib) in enumerate([(1, 1), (2, 2)]):
        each = made_for(found, smollm2_path, number, cpus=cpus, gib=gib)
        profiles.append(each)
        classes[each.id] = each.machine
    bundle = bundled(maker, profiles)
    for number, (cpus, gib) in enumerate([(1, 1), (2, 2)]):
        document = restricted(maker, bundle, smollm2_path, cpus, gib)
        assert document["profile_id"] == f"p-{number}"
        assert (document["fit"], document["distance"]) == ("exact", 0.0)
        assert document["machine"]["fingerprint"] == classes[f"p-{number}"].fingerprint
    between = restricted(maker, bundle, smollm2_path, 2, 1)
    assert between["fit"] == "compatible"
    assert between["profile_id"] == "p-1"
    assert [each["fact"] for each in between["reasons"]] == ["memory_gib"]
