"""Own the parts of JSON documents that say on what something was measured, and what memory it takes."""

from __future__ import annotations

from tunesmith.domain.machine import Build
from tunesmith.domain.model import ModelIdentity
from tunesmith.domain.settings import Settings
from tunesmith.presentation.document import Document


class DeviceMemoryFacts(Document):
    """What a device would take, bytes."""

    name: str
    """``CPU`` is main memory."""
    free_bytes: int | None
    margin_bytes: int
    """What is kept free."""
    weights_bytes: int
    repacked_bytes: int
    """Copies of weights in another layout, beside the mapped file."""
    kv_bytes: int
    recurrent_bytes: int
    compute_bytes: int
    output_bytes: int
    upper_bytes: int
    """The most that is allocated or mapped."""
    expected_bytes: int
    """What will be resident."""
    fits: bool
    """Whether what must be free is, with the margin; pages of a mapped file need not be."""


class MemoryFacts(Document):
    """What a model would take of each device under some settings: a projection from its header."""

    settings: Settings
    devices: tuple[DeviceMemoryFacts, ...]
    """Main memory first."""
    upper_bytes: int
    expected_bytes: int
    fits: bool
    mapped: bool
    understood: bool
    """False where the architecture's cache is of a kind that is not known: bounds are guesses then."""
    calibrated: bool
    """Whether llama.cpp itself told the compute buffers."""


class ModelFacts(Document):
    """The model, in short."""

    path: str
    sha256: str
    name: str | None
    architecture: str
    quantization: str
    bits_per_weight: float
    parameters: int
    size_bytes: int


class MachineFacts(Document):
    """The machine class, in short."""

    fingerprint: str
    label: str


class BuildFacts(Document):
    """The llama.cpp build, in short."""

    binding_version: str
    llama_cpp_version: str
    ggml_version: str
    cpu_features: tuple[str, ...]
    backends: tuple[str, ...]


def model_facts(model: ModelIdentity) -> ModelFacts:
    """The model, in short."""
    header = model.header
    return ModelFacts(
        path=header.path,
        sha256=model.sha256,
        name=header.name,
        architecture=header.architecture,
        quantization=header.quantization,
        bits_per_weight=round(header.bits_per_weight, 3),
        parameters=header.parameters,
        size_bytes=header.file_bytes,
    )


def build_facts(build: Build) -> BuildFacts:
    """The build, in short."""
    return BuildFacts(
        binding_version=build.binding_version,
        llama_cpp_version=build.llama_cpp_version,
        ggml_version=build.ggml_version,
        cpu_features=build.cpu_features,
        backends=build.backends,
    )
