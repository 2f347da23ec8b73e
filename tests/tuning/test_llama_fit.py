"""Claims about what llama.cpp's --fit would set, on a made-up model whose memory is easily reckoned."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from tunesmith.domain.settings import Settings
from tunesmith.tuning.llama_fit import FIT_MARGIN_BYTES, MemoryOf, fitted

GIB = 2**30
LAYERS = 32
BASE = Settings(threads=8, threads_batch=8, n_ctx=4096)


def model(devices: int, *, dense: float = 0.25, experts: float = 0.0, output: float = 0.5) -> MemoryOf:
    """GiB of a layer's dense weights, of its experts, and of the output layer."""

    def memory(settings: Settings) -> Sequence[int]:
        number = LAYERS + 1 if settings.n_gpu_layers < 0 else min(settings.n_gpu_layers, LAYERS + 1)
        shares = settings.tensor_split or (1.0,) * devices
        taken = [0.0] * devices
        for place, layer in enumerate(range(LAYERS + 1 - number, LAYERS + 1)):
            at, sum_, device = (place + 0.5) / number * sum(shares), 0.0, 0
            for device, share in enumerate(shares):  # noqa: B007
                sum_ += share
                if at < sum_:
                    break
            stays = any(
                re.search(override.rpartition("=")[0], f"blk.{layer}.ffn_up_exps.weight")
                for override in settings.override_tensor
            )
            if layer == LAYERS:
                taken[device] += output
            else:
                taken[device] += dense + (0 if stays else experts)
        return [round(one * GIB) for one in taken]

    return memory


def fit(*free_gib: float, experts: float = 0.0, settings: Settings = BASE) -> Settings:
    return fitted(
        settings, layers=LAYERS, experts=bool(experts), free_bytes=[round(one * GIB) for one in free_gib],
        memory=model(len(free_gib), experts=experts),
    )  # fmt: skip


def test_where_all_fits_beside_a_gib_nothing_is_changed() -> None:
    assert fit(9.5) == BASE
    assert fit(6.0, 6.0) == BASE
    assert FIT_MARGIN_BYTES == GIB


def test_of_a_dense_model_as_many_layers_as_fit_go_on_the_device() -> None:
    """8.5 GiB in all; 5 - 1 GiB hold the output and 14 layers."""
    assert fit(5.0).n_gpu_layers == 15
    assert fit(0.9).n_gpu_layers == 0


def test_several_devices_are_filled_from_the_last_one() -> None:
    found = fit(3.0, 4.0)
    assert found.tensor_split == (8.0, 11.0)
    assert found.n_gpu_layers == 19


def test_experts_stay_behind_before_layers_do() -> None:
    """40.5 GiB, of which 8.5 are not experts: 16 - 1 - 8.5 GiB hold the experts of six layers."""
    found = fit(16.0, experts=1.0)
    assert found.n_gpu_layers == LAYERS + 1
    assert len(found.override_tensor) == LAYERS - 6 - 1 + 1
    assert found.override_tensor[0].startswith(r"blk\.6\.ffn_")
    assert model(1, experts=1.0)(found)[0] <= 15 * GIB


def test_what_is_placed_by_hand_is_left_alone() -> None:
    for changes in ({"n_gpu_layers": 8}, {"n_cpu_moe": 3}, {"override_tensor": ("ffn=CPU",)}):
        by_hand = BASE.replace(**changes)
        assert fit(2.0, settings=by_hand) == by_hand
    assert fitted(BASE, layers=LAYERS, experts=False, free_bytes=[], memory=model(1)) == BASE


@pytest.mark.parametrize("free", [1.5, 2.0, 3.3, 7.7, 9.4])
@pytest.mark.parametrize("experts", [0.0, 0.5])
def test_what_it_sets_fits(free: float, experts: float) -> None:
    found = fit(free, experts=experts)
    assert model(1, experts=experts)(found)[0] <= (free - 1) * GIB
