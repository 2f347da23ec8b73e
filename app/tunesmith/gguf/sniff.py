"""Own the guess at what a file is when it is not GGUF."""

from __future__ import annotations

from typing import NamedTuple

from tunesmith.wording import tr

SNIFF_BYTES = 512

_CONVERT = tr(
    "Convert the model to GGUF with llama.cpp's convert_hf_to_gguf.py, or download a GGUF file of it."
)
_UNPACK = tr("Unpack it and choose the .gguf file inside.")
_LINK = tr("Download the model file itself, not the page or the text about it.")

_ZIP = tr("a zip archive or a PyTorch checkpoint")
_OLD_GGML = tr("a GGML file from before GGUF")

_MAGICS = (
    (b"version https://git-lfs", tr("a Git LFS pointer, not the model"), tr("Run `git lfs pull` beside it.")),
    (b"PK\x03\x04", _ZIP, _CONVERT),
    (b"\x80\x02", tr("a pickled PyTorch checkpoint"), _CONVERT),
    (b"\x89HDF", tr("a Keras (HDF5) model"), _CONVERT),
    (b"lmgg", _OLD_GGML, _CONVERT),
    (b"fmgg", _OLD_GGML, _CONVERT),
    (b"tjgg", _OLD_GGML, _CONVERT),
    (b"algg", _OLD_GGML, _CONVERT),
    (b"\x1f\x8b", tr("a gzip archive"), _UNPACK),
    (b"BZh", tr("a bzip2 archive"), _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", tr("a 7z archive"), _UNPACK),
    (b"\xfd7zXZ", tr("an xz archive"), _UNPACK),
    (b"\x28\xb5\x2f\xfd", tr("a zstd archive"), _UNPACK),
    (b"Rar!", tr("a rar archive"), _UNPACK),
)

_TEXTS = (
    (b"<!doctype html", tr("a web page"), _LINK),
    (b"<html", tr("a web page"), _LINK),
    (b"<?xml", tr("an XML message from a server"), _LINK),
    (b"{", tr("JSON text"), _LINK),
)


class Guess(NamedTuple):
    """What a file that is not GGUF looks like."""

    looks_like: str
    """With its article, such as ``a web page``; empty when nothing is known."""
    todo: str


def guess(start: bytes) -> Guess:
    """What a file looks like by its first SNIFF_BYTES bytes.

    Source: the signatures in the formats' own specifications; a safetensors file is the length of
    its JSON header in 8 bytes, then the JSON.
    """
    if start[8:9] == b"{" and start[4:8] == bytes(4):
        return Guess(tr("a safetensors file"), _CONVERT)
    for magic, looks_like, todo in _MAGICS:
        if start.startswith(magic):
            return Guess(looks_like, todo)
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for opening, looks_like, todo in _TEXTS:
        if text.startswith(opening):
            return Guess(looks_like, todo)
    if start[257:262] == b"ustar":
        return Guess(tr("a tar archive"), _UNPACK)
    if not start.strip(b"\0"):
        return Guess(
            tr("a download that has only been given room so far"), tr("Wait for it, or fetch it again.")
        )
    return Guess("", tr("Choose a .gguf file."))
