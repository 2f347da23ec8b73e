"""Own where other programs keep their models: well-known folders, and Ollama's manifests."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PlaceKind = Literal["folder", "file", "ollama"]

_MAX_MANIFEST_BYTES = 1 << 20
_MAX_MANIFESTS = 5_000
_DIGEST = re.compile(r"sha256:(?P<hex>[0-9a-f]{64})")
_OLLAMA_LAYERS = tuple(f"application/vnd.ollama.image.{kind}" for kind in ("model", "projector", "adapter"))
_OLLAMA_HOST = "registry.ollama.ai"


@dataclass(frozen=True, slots=True)
class Place:
    """A folder or a file to look in for models."""

    name: str
    """Whose it is, such as ``LM Studio``; ``Watched folder`` or ``Opened file`` for the user's own."""
    path: Path
    kind: PlaceKind = "folder"


@dataclass(frozen=True, slots=True)
class NamedBlob:
    """A file of Ollama's, which is named by its hash, and the name people know it by."""

    name: str
    """Such as ``llama3.2:3b``."""
    path: Path


def well_known_places(
    *, home: Path | None = None, environ: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> list[Place]:
    """The folders of LM Studio, Ollama, Hugging Face, llama.cpp, Jan and GPT4All that exist here.

    Args:
        home: the user's folder; the real one unless told otherwise.
        environ: where these programs' own variables are looked up.
        platform: as ``sys.platform``.
    """
    found: list[Place] = []
    seen: set[Path] = set()
    for place in _candidates(home or Path.home(), environ, platform):
        try:
            real = place.path.resolve()
            if real in seen or not place.path.is_dir():
                continue
        except (OSError, RuntimeError, ValueError):  # RuntimeError: a symlink loop
            continue
        seen.add(real)
        found.append(place)
    return found


def _candidates(home: Path, environ: Mapping[str, str], platform: str) -> Iterator[Place]:
    def told(variable: str, *parts: str) -> list[Path]:
        text = environ.get(variable)
        return [Path(text).expanduser().joinpath(*parts)] if text else []

    data, cache = _user_folders(home, environ, platform)
    yield Place("LM Studio", home / ".lmstudio" / "models")
    yield Place("LM Studio", home / ".cache" / "lm-studio" / "models")
    ollama = [*told("OLLAMA_MODELS"), home / ".ollama" / "models"]
    if platform == "linux":
        ollama.append(Path("/usr/share/ollama/.ollama/models"))
    yield from (Place("Ollama", path, "ollama") for path in ollama)
    hugging = [*told("HF_HUB_CACHE"), *told("HF_HOME", "hub"), *told("XDG_CACHE_HOME", "huggingface", "hub")]
    hugging.append(home / ".cache" / "huggingface" / "hub")
    yield from (Place("Hugging Face", path) for path in hugging)
    yield from (Place("llama.cpp", path) for path in (*told("LLAMA_CACHE"), cache / "llama.cpp"))
    yield from (Place("Jan", path) for path in (home / "jan" / "models", data / "Jan" / "data"))
    yield Place("GPT4All", _gpt4all(home, environ, platform, data))


def _user_folders(home: Path, environ: Mapping[str, str], platform: str) -> tuple[Path, Path]:
    """Where programs keep data and caches: (data, cache)."""
    match platform:
        case "darwin":
            return home / "Library" / "Application Support", home / "Library" / "Caches"
        case "win32":
            roaming = environ.get("APPDATA") or str(home / "AppData" / "Roaming")
            return Path(roaming), _local_data(home, environ)
        case _:
            data = environ.get("XDG_DATA_HOME") or str(home / ".local" / "share")
            return Path(data), Path(environ.get("XDG_CACHE_HOME") or str(home / ".cache"))


def _local_data(home: Path, environ: Mapping[str, str]) -> Path:
    return Path(environ.get("LOCALAPPDATA") or str(home / "AppData" / "Local"))


def _gpt4all(home: Path, environ: Mapping[str, str], platform: str, data: Path) -> Path:
    base = _local_data(home, environ) if platform == "win32" else data
    return base / "nomic.ai" / "GPT4All"


def is_ollama_folder(folder: Path) -> bool:
    """Whether a folder is laid out as Ollama's models are."""
    return (folder / "manifests").is_dir() and (folder / "blobs").is_dir()


def ollama_blobs(models: Path) -> Iterator[NamedBlob]:
    """The model files that Ollama's manifests name; what cannot be read or understood is left out.

    Source: ``manifests/HOST/NAMESPACE/MODEL/TAG`` and ``blobs/sha256-HEX`` of Ollama's manifest package.
    """
    manifests = models / "manifests"
    for count, path in enumerate(sorted(manifests.glob("*/*/*/*"))):
        if count >= _MAX_MANIFESTS:
            return
        name = _ollama_name(path.relative_to(manifests).parts)
        for digest in _digests(path):
            yield NamedBlob(name, models / "blobs" / f"sha256-{digest}")


def _ollama_name(parts: tuple[str, ...]) -> str:
    host, namespace, model, tag = parts
    prefix = "" if namespace == "library" else f"{namespace}/"
    return f"{'' if host == _OLLAMA_HOST else host + '/'}{prefix}{model}:{tag}"


def _digests(manifest: Path) -> Iterator[str]:
    try:
        with manifest.open("rb") as file:
            content = json.loads(file.read(_MAX_MANIFEST_BYTES))
    except (OSError, ValueError, RecursionError):
        return
    layers = content.get("layers") if isinstance(content, dict) else None
    for layer in layers if isinstance(layers, list) else ():
        if not isinstance(layer, dict) or layer.get("mediaType") not in _OLLAMA_LAYERS:
            continue
        match = _DIGEST.fullmatch(str(layer.get("digest")))  # nothing else may become part of a path
        if match is not None:
            yield match["hex"]
