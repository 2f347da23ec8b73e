"""Claims about finding models."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from pathlib import Path

import pytest

from tests.store.values import identity, profile
from tests.support.gguf_writer import GgufWriter, tiny_llama, write_shards
from tunesmith import gguf
from tunesmith.domain.model import ModelHeader
from tunesmith.domain.shape import ModelShape
from tunesmith.errors import UsageError
from tunesmith.gguf import read_header, read_header_and_shape, read_shape
from tunesmith.services import library, model_files
from tunesmith.services.fit import fit, needed_bytes, usual_projection
from tunesmith.services.library import LibraryEntry, Scan, ScanResult, demo_model, read_entry, tuned_models
from tunesmith.services.model_places import Place, well_known_places
from tunesmith.services.watched import MAX_FILES, Watched, forget, load_watched, watch
from tunesmith.store import Store


def scan(tmp_path: Path, *places: Place) -> ScanResult:
    return Scan().run(places, tmp_path / "cache")


def names(result: ScanResult) -> list[str]:
    return [Path(entry.path).name for entry in result.entries]


def model(path: Path, *, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return tiny_llama(layers=1, kind="F16", seed=seed).write(path)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def test_models_are_found_in_folders_below_and_hidden_files_are_not(tmp_path: Path, models: Path) -> None:
    model(models / "publisher" / "Tiny" / "a.gguf")
    model(models / "B.GGUF")
    model(models / ".part" / "c.gguf")
    model(models / "._a.gguf")
    (models / "readme.md").write_text("no model")
    result = scan(tmp_path, Place("Watched folder", models))
    assert names(result) == ["B.GGUF", "a.gguf"]
    assert result.complete
    first = result.entries[0]
    assert (first.kind, first.name, first.problem) == ("model", "Tiny", None)
    assert first.header is not None
    assert first.size_bytes == (models / "B.GGUF").stat().st_size


def test_shards_are_one_model_and_a_missing_one_is_named(tmp_path: Path, models: Path) -> None:
    whole, lacking = models / "whole", models / "lacking"
    for folder in (whole, lacking):
        folder.mkdir()
        shards = [tiny_llama(layers=1, kind="F16"), GgufWriter().add_tensor("extra.weight", (32,))]
        count = 9 + 1 + 2 + 1  # one layer's, token_embd, output_norm and output, and the extra one
        write_shards(folder, "tiny", shards, tensors=count)
    (lacking / "tiny-00002-of-00002.gguf").unlink()
    by_folder = {Path(e.path).parent.name: e for e in scan(tmp_path, Place("x", models)).entries}
    entry = by_folder["whole"]
    assert entry.kind == "model", entry.problem
    assert entry.header is not None
    assert len(entry.header.shards) == 2
    assert entry.size_bytes == sum(path.stat().st_size for path in whole.iterdir())
    assert by_folder["lacking"].kind == "broken"
    assert "tiny-00002-of-00002.gguf is missing" in str(by_folder["lacking"].problem)
    one = read_entry(str(whole / "tiny-00002-of-00002.gguf"))
    assert one.path == str(whole / "tiny-00001-of-00002.gguf")


def test_a_broken_file_is_kept_with_its_reason(tmp_path: Path, models: Path) -> None:
    (models / "page.gguf").write_text("<!DOCTYPE html><html></html>")
    (models / "cut.gguf").write_bytes(tiny_llama().to_bytes()[:200])
    (models / "empty.gguf").touch()
    for entry in scan(tmp_path, Place("x", models)).entries:
        assert entry.kind == "broken"
        assert entry.header is None
        assert entry.problem
        assert str(models) not in entry.problem, "the path stands beside it"


def test_what_is_no_model_to_run_is_told_apart(tmp_path: Path, models: Path) -> None:
    for name, keys in {
        "lora": {"general.type": "adapter", "general.architecture": "llama"},
        "mmproj": {"general.type": "mmproj", "general.architecture": "clip"},
        "old-mmproj": {"general.architecture": "clip"},
        "imatrix": {"general.type": "imatrix", "general.architecture": "imatrix"},
        "vocabulary": {"general.architecture": "llama"},
    }.items():
        writer = GgufWriter()
        for key, value in keys.items():
            writer.add(key, value)
        if name != "vocabulary":
            writer.add_tensor("x.weight", (32,))
        writer.write(models / f"{name}.gguf")
    kinds = {Path(e.path).stem: e.kind for e in scan(tmp_path, Place("x", models)).entries}
    assert kinds == {
        "lora": "adapter", "mmproj": "projector", "old-mmproj": "projector", "imatrix": "other",
        "vocabulary": "other",
    }  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="symlinks need a privilege on Windows")
def test_symlink_loops_end_and_a_file_met_twice_is_one(tmp_path: Path, models: Path) -> None:
    model(models / "a.gguf")
    (models / "loop").symlink_to(models)
    (models / "self.gguf").symlink_to(models / "self.gguf")
    (models / "again.gguf").symlink_to(models / "a.gguf")
    result = scan(tmp_path, Place("x", models), Place("y", models / "loop"))
    assert names(result) == ["a.gguf"]


def test_the_walk_has_a_bounded_depth_and_length(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = models.joinpath(*["d"] * model_files.MAX_DEPTH)
    model(deep / "in.gguf")
    model(deep / "d" / "out.gguf")
    assert names(scan(tmp_path, Place("x", models))) == ["in.gguf"]
    monkeypatch.setattr(model_files, "MAX_SEEN", 3)
    assert "too many files" in scan(tmp_path, Place("x", models)).problems[0]


def test_a_missing_folder_is_told_and_the_rest_is_found(tmp_path: Path, models: Path) -> None:
    model(models / "a.gguf")
    result = scan(tmp_path, Place("x", tmp_path / "gone"), Place("x", models))
    assert names(result) == ["a.gguf"]
    assert result.problems == (f"The folder {tmp_path / 'gone'} is not there.",)


def test_a_missing_file_is_a_broken_entry(tmp_path: Path) -> None:
    [entry] = scan(tmp_path, Place("x", tmp_path / "gone.gguf", "file")).entries
    assert entry.kind == "broken"
    assert "There is no file" in str(entry.problem)


def test_a_second_scan_reads_no_header_again_until_the_file_changes(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def counting(path: Path) -> tuple[ModelHeader, ModelShape]:
        read.append(path)
        return read_header_and_shape(path)

    monkeypatch.setattr(gguf, "read_header_and_shape", counting)
    a, b = model(models / "a.gguf"), model(models / "b.gguf")
    first = scan(tmp_path, Place("x", models))
    assert read == [a, b]
    assert scan(tmp_path, Place("x", models)) == first
    assert read == [a, b]
    os.utime(a, ns=(1, 1))
    scan(tmp_path, Place("x", models))
    assert read == [a, b, a]


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b'{"tunesmith_library":2}\n', b"[]\n" * 9])
def test_a_damaged_cache_is_ignored(tmp_path: Path, models: Path, content: bytes) -> None:
    model(models / "a.gguf")
    cache = tmp_path / "cache" / "library.jsonl"
    cache.parent.mkdir()
    cache.write_bytes(content)
    assert names(scan(tmp_path, Place("x", models))) == ["a.gguf"]
    lines = cache.read_bytes().splitlines()
    assert len(lines) == 2
    cache.write_bytes(lines[0] + b"\n{broken\n" + lines[1] + b"\n")
    assert names(scan(tmp_path, Place("x", models))) == ["a.gguf"]


def test_a_cancelled_scan_keeps_what_it_found_and_what_was_known(tmp_path: Path, models: Path) -> None:
    for name in "abc":
        model(models / f"{name}.gguf")
    one = Scan()

    def stop_after_first(_entry: LibraryEntry) -> None:
        one.cancel()

    result = one.run([Place("x", models)], tmp_path / "cache", stop_after_first)
    assert names(result) == ["a.gguf"]
    assert not result.complete
    assert (one.done, one.total) == (1, 3)


def test_progress_can_be_read_from_another_thread(tmp_path: Path, models: Path) -> None:
    model(models / "a.gguf")
    one = Scan()
    thread = threading.Thread(target=lambda: one.run([Place("x", models)], tmp_path / "cache"))
    thread.start()
    thread.join()
    assert (one.folder, one.done, one.total) == (str(models), 1, 1)


def test_ollamas_manifests_name_its_blobs(tmp_path: Path) -> None:
    home = tmp_path / "home"
    root = home / ".ollama" / "models"
    content = tiny_llama(layers=1, kind="F16").to_bytes()
    digest = hashlib.sha256(content).hexdigest()
    (root / "blobs").mkdir(parents=True)
    (root / "blobs" / f"sha256-{digest}").write_bytes(content)
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}"}
    evil = {"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../etc/passwd"}
    for place, layers in {
        "registry.ollama.ai/library/tiny/latest": [layer, evil, {"mediaType": "text/plain"}],
        "hf.co/bartowski/tiny/q4": [layer],
        "registry.ollama.ai/library/bad/latest": "nonsense",
    }.items():
        manifest = root / "manifests" / place
        manifest.parent.mkdir(parents=True, exist_ok=True)
        manifest.write_text(json.dumps({"layers": layers}))
    (root / "manifests" / "registry.ollama.ai" / "library" / "bad" / "broken").write_bytes(b"\xff{")
    places = well_known_places(home=home, environ={}, platform="linux")
    [entry] = scan(tmp_path, *[place for place in places if place.path.is_relative_to(home)]).entries
    assert (entry.place, entry.kind) == ("Ollama", "model")
    assert entry.name == "hf.co/bartowski/tiny:q4"
    [again] = scan(tmp_path, Place("Watched folder", root)).entries
    assert again.name == entry.name


@pytest.mark.parametrize(
    ("platform", "environ", "folders"),
    [
        (
            "linux", {},
            {
                ".lmstudio/models": "LM Studio", ".cache/lm-studio/models": "LM Studio",
                ".ollama/models": "Ollama", ".cache/huggingface/hub": "Hugging Face",
                ".cache/llama.cpp": "llama.cpp", "jan/models": "Jan", ".local/share/Jan/data": "Jan",
                ".local/share/nomic.ai/GPT4All": "GPT4All",
            },
        ),
        (
            "darwin", {},
            {
                "Library/Caches/llama.cpp": "llama.cpp", "Library/Application Support/Jan/data": "Jan",
                "Library/Application Support/nomic.ai/GPT4All": "GPT4All",
            },
        ),
        (
            "win32", {},
            {
                "AppData/Local/llama.cpp": "llama.cpp", "AppData/Roaming/Jan/data": "Jan",
                "AppData/Local/nomic.ai/GPT4All": "GPT4All",
            },
        ),
        (
            "linux", {"LLAMA_CACHE": "{home}/l", "OLLAMA_MODELS": "{home}/o", "HF_HOME": "{home}/h"},
            {"o": "Ollama", "h/hub": "Hugging Face", "l": "llama.cpp"},
        ),
    ],
)  # fmt: skip
def test_well_known_folders_are_those_that_exist(
    tmp_path: Path, platform: str, environ: dict[str, str], folders: dict[str, str]
) -> None:
    told = {key: value.format(home=tmp_path) for key, value in environ.items()}

    def found() -> dict[str, str]:
        places = well_known_places(home=tmp_path, environ=told, platform=platform)
        inside = [place for place in places if place.path.is_relative_to(tmp_path)]
        return {place.path.relative_to(tmp_path).as_posix(): place.name for place in inside}

    assert found() == {}
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    assert found() == folders


@pytest.mark.skipif(os.name == "nt", reason="symlinks need a privilege on Windows")
def test_hugging_faces_snapshots_are_named_by_the_link_and_counted_once(tmp_path: Path) -> None:
    repository = tmp_path / "hub" / "models--x--tiny"
    blob = model(repository / "blobs" / "abc123")
    for revision in ("1", "2"):
        snapshot = repository / "snapshots" / revision
        snapshot.mkdir(parents=True)
        (snapshot / "tiny.gguf").symlink_to(blob)
    result = scan(tmp_path, Place("Hugging Face", tmp_path / "hub"))
    assert names(result) == ["tiny.gguf"]


def test_watched_folders_are_remembered_once_and_forgotten(tmp_path: Path) -> None:
    config = tmp_path / "config"
    assert load_watched(config) == Watched()
    watch(config, folders=["/b", "/a", "/b"])
    watch(config, folders=["/a"], files=["/f.gguf"])
    known = load_watched(config)
    assert (known.folders, known.files) == (("/b", "/a"), ("/f.gguf",))
    assert [place.kind for place in known.places()] == ["folder", "folder", "file"]
    forget(config, ["/b", "/f.gguf"])
    assert load_watched(config) == Watched(folders=("/a",))
    many = watch(config, files=[f"/{number}" for number in range(MAX_FILES + 5)]).files
    assert (len(many), many[0]) == (MAX_FILES, "/5")
    assert [path.name for path in config.iterdir()] == ["library.json"]


def test_a_damaged_list_of_watched_folders_is_told_and_left(tmp_path: Path) -> None:
    (tmp_path / "library.json").write_text("{")
    with pytest.raises(UsageError, match="left as it is"):
        load_watched(tmp_path)
    with pytest.raises(UsageError, match="left as it is"):
        watch(tmp_path, folders=["/a"])
    assert (tmp_path / "library.json").read_text() == "{"


def test_what_is_needed_is_weights_and_kv_cache_and_what_computing_takes(tmp_path: Path) -> None:
    path = model(tmp_path / "a.gguf")
    host = usual_projection(read_shape(path)).host
    # 4096 tokens, K and V of 2 bytes, 1 KV head of 32, 1 layer
    assert host.kv_bytes == 4096 * 2 * 2 * 32
    assert needed_bytes(read_shape(path)) == host.expected_bytes
    assert host.expected_bytes > read_header(path).weights_bytes + host.kv_bytes
    assert [fit(100, free) for free in (1000, 110, 100, 99)] == ["yes", "tight", "tight", "no"]


def test_what_is_tuned_is_known_by_path_and_size(tmp_path: Path) -> None:
    one, other = identity("a" * 64, path="/models/a.gguf"), identity("b" * 64, path="/models/b.gguf")
    with Store.open(tmp_path / "store.sqlite3") as store:
        store.save_profile(profile("p-1", model=one, created_utc="2026-01-01T00:00:00+00:00"))
        store.save_profile(profile("p-2", model=one, created_utc="2026-02-01T00:00:00+00:00"))
        store.save_profile(profile("p-3", model=other))
        tuned = tuned_models(store)
    assert set(tuned) == {
        ("/models/a.gguf", one.header.file_bytes),
        ("/models/b.gguf", other.header.file_bytes),
    }
    assert tuned["/models/a.gguf", one.header.file_bytes].profile_id == "p-2"


def test_the_demo_model_is_found_without_importing_its_package(
    smollm2_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert demo_model() == smollm2_path
    monkeypatch.setattr(library, "DEMO_PACKAGE", "no_such_package")
    assert demo_model() is None


@pytest.mark.parametrize("place", ["lib/tunesmith/models", "share/tunesmith/models"])
def test_a_frozen_program_finds_the_demo_model_beside_it_and_nowhere_else(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "usr" / place).mkdir(parents=True)
    model = tmp_path / "usr" / place / "small.gguf"
    model.write_bytes(b"GGUF")
    monkeypatch.setattr(library, "DEMO_PACKAGE", "no_such_package")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "usr/lib/tunesmith/tunesmith"))
    assert demo_model() is None, "it is not frozen"
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert demo_model() == model
