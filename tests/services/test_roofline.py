"""Claims about where a run's candidates stand below the roof of its machine."""

from __future__ import annotations

import pytest

from tests.domain.test_throughput import throughput
from tests.gui.sample_roofline import BANDWIDTH, sample_roofline
from tests.gui.screenshots.tune import shape
from tests.gui.simulated_run import Simulated, model, simulated
from tunesmith.domain.roofline import Roofline, RooflinePoint
from tunesmith.domain.workload import Workload
from tunesmith.errors import UsageError
from tunesmith.presentation.roofline import roofline_view, to_text
from tunesmith.services.roofline import Model, roofline_of


@pytest.fixture(scope="module")
def run() -> Simulated:
    return simulated()


@pytest.fixture(scope="module")
def roofline(run: Simulated) -> Roofline:
    return sample_roofline(run)


def point(roofline: Roofline, part: str, standing: str) -> RooflinePoint:
    return next(one for one in roofline.points if (one.part, one.standing) == (part, standing))


def test_every_candidate_stands_in_each_part_it_was_measured_in(run: Simulated, roofline: Roofline) -> None:
    measured = {
        (trial.settings.digest, part)
        for trial in run.trials
        for part, speed in (
            ("prefill", trial.sample.prefill_tokens_per_s), ("decode", trial.sample.decode_tokens_per_s),
        )
        if speed
    }  # fmt: skip
    assert len(roofline.points) == len(measured)
    assert [one.standing for one in roofline.points if one.part == "decode"].count("baseline") == 1


def test_a_point_is_its_speed_in_operations_at_its_intensity(run: Simulated, roofline: Roofline) -> None:
    decode = point(roofline, "decode", "baseline")
    assert decode.operations_per_s == decode.tokens_per_s * decode.operations_per_token
    weights = 30 * (576 * (576 * 2 + 192 * 2) + 3 * 576 * 1536) + 576 * 49152
    workload = run.result.request.workload
    held = workload.depth + workload.prompt + (1 + workload.generate) / 2
    assert decode.operations_per_token == 2 * weights + 2 * 30 * 9 * (64 + 64) * held
    assert 3 < decode.operations_per_byte < 3.3, "two operations for the 20/32 bytes of a weight"


def test_prefill_computes_more_with_a_byte_the_larger_its_batches(roofline: Roofline) -> None:
    baseline, tuned = (point(roofline, "prefill", standing) for standing in ("baseline", "chosen"))
    assert baseline.operations_per_byte > 1.9 * tuned.operations_per_byte, "n_ubatch is smaller"
    assert tuned.operations_per_s > baseline.operations_per_s


def test_the_roof_is_memory_at_the_left_and_matrices_at_the_right(roofline: Roofline) -> None:
    assert (roofline.bandwidth_bytes_per_s, roofline.reason) == (61e9, "")
    decode, prefill = (point(roofline, part, "chosen") for part in ("decode", "prefill"))
    assert roofline.allowed(decode) == pytest.approx(61e9 * decode.operations_per_byte)
    assert roofline.allowed(prefill) == roofline.operations_per_s == pytest.approx(4.2e11, rel=0.2)


@pytest.mark.parametrize(
    ("bandwidth", "kinds", "reason"),
    [
        (None, ("Q4_1", "F16"), "memory bandwidth was not measured"),
        (BANDWIDTH, ("Q8_0",), "matrix throughput was not measured"),
    ],
)
def test_half_a_roof_is_drawn_and_said_to_be_half(
    run: Simulated, bandwidth: object, kinds: tuple[str, ...], reason: str
) -> None:
    trials = run.trials[:4]
    header = model("/m.gguf").header
    found = roofline_of(
        trials, Model(header, shape()), run.result.request.workload,
        bandwidth=BANDWIDTH if bandwidth else None,
        throughput=tuple(throughput(kind, 1e11) for kind in kinds), baseline="", chosen="",
    )  # fmt: skip
    assert found.reason == reason
    assert found.allowed(found.points[0]) is None
    view = roofline_view(found)
    assert (view.slope is None) == (bandwidth is None)
    assert (view.level is None) == (bandwidth is not None)
    assert view.note == f"The roof is not whole: {reason}."
    assert not view.sentences


def test_a_run_without_samples_has_no_roofline(run: Simulated) -> None:
    with pytest.raises(UsageError):
        roofline_of(
            [], Model(model("/m.gguf").header, shape()), Workload(prompt=1, generate=1), bandwidth=BANDWIDTH,
            throughput=(), baseline="", chosen="",
        )  # fmt: skip


def test_the_picture_is_told_in_words(roofline: Roofline) -> None:
    view = roofline_view(roofline)
    assert len(view.sentences) == 2
    assert view.sentences[0].startswith("Prefill has computing as its ceiling, and reaches ")
    assert view.sentences[1].startswith("Decode has memory as its ceiling, and reaches ")
    assert {dot.name for dot in view.dots} == {
        "", "Prefill, tuned", "Prefill, the defaults", "Decode, tuned", "Decode, the defaults",
    }  # fmt: skip
    text = to_text(view)
    assert all(dot.reading in text for dot in view.dots)
    assert "memory, 61.0 GB/s" in text
    assert "% of the roof" in text


def test_all_that_is_drawn_lies_within_the_axes(roofline: Roofline) -> None:
    view = roofline_view(roofline)
    ends = [*(view.slope or ()), *(view.level or ()), *(dot.at for dot in view.dots)]
    assert all(view.x[0] <= x <= view.x[1] and view.y[0] <= y <= view.y[1] for x, y in ends)
    assert view.slope is not None
    assert view.level is not None
    assert view.slope[1] == pytest.approx(view.level[0])
    assert len(view.x_ticks) >= 2
    assert len(view.y_ticks) >= 3
