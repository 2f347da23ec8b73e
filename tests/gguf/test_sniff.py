"""Claims about files that are not GGUF."""

from __future__ import annotations

import io
import json
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from tunesmith.errors import ModelMalformed
from tunesmith.gguf import read_header


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("archive/data.pkl", b"x")
    return out.getvalue()


def _tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model.gguf"))
    return out.getvalue()


def _safetensors(header_bytes: int) -> bytes:
    return struct.pack("<Q", header_bytes) + json.dumps({"__metadata__": {}}).ljust(header_bytes).encode()


@pytest.mark.parametrize(
    ("content", "looks_like", "todo"),
    [
        (_safetensors(1000), "safetensors", "Convert"),
        (_safetensors(0x280), "safetensors", "Convert"),  # begins like a pickle
        (_safetensors(0x7B), "safetensors", "Convert"),  # begins like JSON
        (_zip(), "zip archive or a PyTorch", "Convert"),
        (pickle.dumps({"w": 1}, protocol=2), "PyTorch", "Convert"),
        (b"\x89HDF\r\n\x1a\n", "Keras", "Convert"),
        (b"tjgg\x03\0\0\0", "before GGUF", "Convert"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html><title>404</title>", "web page", "Download"),
        (b"<html><body>Sign in", "web page", "Download"),
        (b'<?xml version="1.0"?><Error>AccessDenied', "XML", "Download"),
        (b'{"error": "not found"}', "JSON", "Download"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS pointer", "git lfs pull"),
        (b"\x1f\x8b\x08\0", "gzip", "Unpack"),
        (_tar(), "tar", "Unpack"),
        (bytes(4096), "download", "Wait"),
    ],
)
def test_the_error_names_what_the_file_looks_like(
    tmp_path: Path, content: bytes, looks_like: str, todo: str
) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelMalformed) as caught:
        read_header(path)
    assert str(path) in caught.value.what
    assert looks_like in caught.value.what
    assert todo in caught.value.todo


@pytest.mark.parametrize("content", [b"x", b"hello world", b"ggug", b"\xff" * 600])
def test_an_unknown_file_is_only_said_not_to_be_gguf(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelMalformed, match="is not a GGUF file") as caught:
        read_header(path)
    assert "looks like" not in caught.value.what


def test_an_empty_file_is_said_to_be_empty(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.touch()
    with pytest.raises(ModelMalformed, match="is empty"):
        read_header(path)
