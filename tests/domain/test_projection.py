"""Where layers, experts and caches are projected to lie."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tunesmith.domain.machine import Device
from tunesmith.domain.model import TensorInfo
from tunesmith.domain.projection import layer_places, project, used_devices
from tunesmith.domain.settings import Settings
from tunesmith.domain.shape import LayerShape, ModelShape

LAYER_BYTES = 2**20
SETTINGS = Settings(threads=1, threads_batch=1, n_ctx=4096, load_mode="none")


def device(name: str, free_bytes: int = 2**30, *, kind: str = "gpu", backend: str = "CUDA") -> Device:
    return Device.model_validate(
        {
            "name": name,
            "description": name,
            "type": kind,
            "free_bytes": free_bytes,
            "total_bytes": free_bytes,
            "backend": backend,
        }
    )


def tensor(name: str, size_bytes: int = LAYER_BYTES) -> TensorInfo:
    return TensorInfo(name=name, type="F16", dims=(512, size_bytes // 1024), size_bytes=size_bytes)


def shape(layers: int = 8, *, experts: bool = False) -> ModelShape:
    names = ["attn_q.weight", "attn_k.weight", "attn_v.weight", "attn_output.weight"]
    tensors = [tensor("token_embd.weight"), tensor("output.weight")]
    for layer in range(layers):
        tensors += [tensor(f"blk.{layer}.{name}", LAYER_BYTES // 4) for name in names]
        if experts:
            tensors.append(tensor(f"blk.{layer}.ffn_up_exps.weight", 8 * LAYER_BYTES))
    attention = LayerShape(heads=8, kv_heads=2, key_length=64, value_length=64, feed_forward_length=0)
    return ModelShape(
        architecture="llama", layers=(attention,) * layers, tensors=tuple(tensors), embedding_length=512,
        vocabulary_size=32768, window=None, experts=8 if experts else 0, experts_used=2 if experts else 0,
        feed_forward_expert_length=0, inner_size=0, state_size=0, group_count=0, understood=True,
    )  # fmt: skip


def test_without_a_device_everything_lies_in_main_memory() -> None:
    projection = project(shape(), SETTINGS.replace(n_gpu_layers=99), ())
    assert [part.name for part in projection.devices] == ["CPU"]
    assert projection.host.weights_bytes == 10 * LAYER_BYTES
    assert projection.host.kv_bytes == 8 * 4096 * 2 * 128 * 2


def test_the_output_layer_is_the_first_to_be_offloaded_and_the_embeddings_never_are() -> None:
    gpu = (device("GPU0"),)
    places = [layer_places(8, SETTINGS.replace(n_gpu_layers=count), gpu) for count in (0, 1, 3, 9, -1)]
    assert [sum(place) for place in places] == [0, 1, 3, 9, 9]
    assert places[1] == (0,) * 8 + (1,)
    all_of_it = project(shape(), SETTINGS, gpu)
    assert [part.weights_bytes for part in all_of_it.devices] == [LAYER_BYTES, 9 * LAYER_BYTES]
    assert [part.kv_bytes > 0 for part in all_of_it.devices] == [False, True]


def test_devices_share_layers_as_told_or_by_free_memory() -> None:
    two = (device("GPU0", 3 * 2**30), device("GPU1", 2**30))
    assert layer_places(7, SETTINGS, two) == (1, 1, 1, 1, 1, 1, 2, 2)
    assert layer_places(7, SETTINGS.replace(tensor_split=(1.0, 3.0)), two) == (1, 1, 2, 2, 2, 2, 2, 2)
    assert layer_places(7, SETTINGS.replace(tensor_split=(1.0, 0.0)), two) == (1,) * 8


def test_a_point_between_two_devices_is_found_in_single_precision() -> None:
    three = tuple(device(f"GPU{number}") for number in range(3))
    places = layer_places(29, SETTINGS.replace(tensor_split=(0.1, 0.2, 0.7)), three)
    assert [places.count(index) for index in (1, 2, 3)] == [3, 6, 21]


def test_remote_devices_come_first_and_integrated_ones_only_alone() -> None:
    remote = device("RPC0", backend="RPC")
    gpu, igpu = device("GPU0"), device("iGPU", kind="igpu")

    def names(found: Sequence[Device]) -> list[str]:
        return [one.name for one in found]

    assert names(used_devices(SETTINGS, (gpu, igpu, remote))) == ["RPC0", "GPU0"]
    assert names(used_devices(SETTINGS, (igpu, remote))) == ["RPC0", "iGPU"]
    assert names(used_devices(SETTINGS.replace(devices=("none",)), (gpu,))) == []
    assert names(used_devices(SETTINGS.replace(devices=("iGPU",)), (gpu, igpu))) == ["iGPU"]
    one = SETTINGS.replace(split_mode="none", main_gpu=1)
    assert names(used_devices(one, (remote, gpu))) == ["GPU0"]


def test_experts_stay_in_main_memory_where_they_are_told_to() -> None:
    gpu = (device("GPU0"),)
    model = shape(experts=True)
    whole = project(model, SETTINGS, gpu)
    first_two = project(model, SETTINGS.replace(n_cpu_moe=2), gpu)
    patterns = project(model, SETTINGS.replace(override_tensor=(r"blk\.[01]\.ffn_up_exps=CPU",)), gpu)
    moved = whole.devices[1].weights_bytes - first_two.devices[1].weights_bytes
    assert moved == 2 * 8 * LAYER_BYTES
    assert [part.weights_bytes for part in patterns.devices] == [
        part.weights_bytes for part in first_two.devices
    ]


def test_a_cache_that_is_not_offloaded_lies_in_main_memory() -> None:
    gpu = (device("GPU0"),)
    here = project(shape(), SETTINGS.replace(offload_kqv=False), gpu)
    assert here.devices[1].kv_bytes == 0 < here.host.kv_bytes


def test_what_does_not_fit_is_named_and_a_margin_counts() -> None:
    small = (device("GPU0", 6 * LAYER_BYTES),)
    projection = project(shape(), SETTINGS, small, free_bytes=2**40)
    assert [part.name for part in projection.too_small()] == ["GPU0"]
    room = projection.devices[1].upper_bytes
    fits = project(shape(), SETTINGS, (device("GPU0", room),), free_bytes=2**40)
    assert fits.too_small() == ()
    assert [part.name for part in fits.too_small(1)] == ["GPU0"]


def test_pages_of_a_mapped_file_need_not_be_free() -> None:
    free_bytes = project(shape(), SETTINGS, ()).host.expected_bytes - LAYER_BYTES
    assert project(shape(), SETTINGS, (), free_bytes=free_bytes).too_small()
    mapped = SETTINGS.replace(load_mode="mmap")
    assert not project(shape(), mapped, (), free_bytes=free_bytes).too_small()


def test_what_is_expected_lies_between_what_is_certain_and_the_bound() -> None:
    host = project(shape(), SETTINGS, ()).host
    assert host.certain_bytes < host.expected_bytes < host.upper_bytes


@pytest.mark.parametrize("sequences", [1, 3, 8])
def test_each_sequence_has_its_share_of_the_context_and_no_less_than_256_tokens(sequences: int) -> None:
    cache = project(shape(), SETTINGS.replace(n_ctx=1000, n_seq_max=sequences), ()).host.kv_bytes
    per_sequence = {1: 1024, 3: 512, 8: 256}[sequences]
    assert cache == sequences * per_sequence * 8 * 2 * 128 * 2
