"""Each way to find an activation's range, against ONNX Runtime's own calibrators or a search that tries everything."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnxruntime.quantization.calibrate import CalibrationMethod, create_calibrator

from inkport.export.quantize.calibration import choose_calibration
from inkport.export.quantize.onnx_int8 import Int8Options, int8_onnx_from_onnx
from inkport.export.quantize.ranges import BINS, LEVELS, Ranges, activation_ranges, divergence, entropy_range
from inkport.lines.source import read_lines


SEED = 2844919900
"""Of the draw on which both searches find the same threshold."""


@pytest.fixture
def model():
    """x (1, 1, h, w) -> Identity -> a -> Relu -> y; ONNX Runtime's calibrators do not look at a graph's input."""
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["a"], name="same"), helper.make_node("Relu", ["a"], ["y"], name="relu")],
        "toy",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, "h", "w"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, "h", "w"])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


@pytest.fixture
def skewed(rng):
    """Lines of values with a short tail below 0 and a long one above."""
    return [(rng.gamma(1.5, 1.0, (1, 1, 16, 600)) - 0.8).astype(np.float32) for _ in range(3)]


@pytest.fixture
def even():
    """Lines of values with the same long tail on both sides, one draw.

    The divergence is flat around its minimum: over eight draws the thresholds of two searches differed by up to 24 %.
    """
    rng = np.random.default_rng(SEED)
    lines = [rng.laplace(0.0, 1.0, (1, 1, 16, 600)).astype(np.float32) for _ in range(2)]
    return [np.concatenate([line, -line], axis=3) for line in lines]


def measured(model, lines, method, percentile=99.0):
    return activation_ranges(model, ("Relu",), lines, method=method, percentile=percentile)


def by_onnxruntime(model, lines, method, folder, **options):
    """The range of ``a`` according to ONNX Runtime's calibrator of that name."""
    onnx.save(model, folder / "model.onnx")
    feeds = iter([{"x": line} for line in lines])

    class Reader:
        def get_next(self):
            return next(feeds, None)

    calibrator = create_calibrator(
        str(folder / "model.onnx"),
        ["Relu"],
        augmented_model_path=str(folder / "augmented.onnx"),
        calibrate_method=method,
        extra_options=options,
    )
    calibrator.collect_data(Reader())
    low, high = calibrator.compute_data()["a"].range_value
    return float(np.squeeze(low)), float(np.squeeze(high))


def test_every_calibrator_finds_another_range_on_skewed_values(model, skewed):
    found = {method: measured(model, skewed, method)["a"] for method in Ranges}
    tops = sorted(high for _, high in found.values())
    assert min(b / a for a, b in pairwise(tops)) > 1.02, found
    assert found[Ranges.MIN_MAX][1] == tops[-1]


def test_min_max_is_that_of_onnxruntime(model, skewed, tmp_path):
    wanted = by_onnxruntime(model, skewed, CalibrationMethod.MinMax, tmp_path)
    assert measured(model, skewed, Ranges.MIN_MAX)["a"] == pytest.approx(wanted)


def test_percentile_is_that_of_onnxruntime_on_even_values(model, even, tmp_path):
    wanted = by_onnxruntime(model, even, CalibrationMethod.Percentile, tmp_path, num_bins=4001, percentile=99.0)
    assert measured(model, even, Ranges.PERCENTILE)["a"] == pytest.approx(wanted, rel=0.01)


def test_entropy_is_that_of_onnxruntime_on_even_values(model, even, tmp_path):
    """Theirs is for signed steps around 0, so it knows no other case."""
    wanted = by_onnxruntime(
        model, even, CalibrationMethod.Entropy, tmp_path, num_bins=BINS + 1, num_quantized_bins=LEVELS, symmetric=True
    )
    low, high = measured(model, even, Ranges.ENTROPY)["a"]
    assert (low, high) == pytest.approx(wanted, rel=0.05)
    assert high < 0.8 * max(line.max() for line in even), "something is cut off"


def slow_divergence(values, counts, threshold):
    """The same as ``divergence``, bin by bin, from its definition."""
    inside = [i for i, value in enumerate(values) if -threshold <= value <= threshold]
    p = {i: float(counts[i]) for i in inside}
    p[inside[0]] += sum(counts[: inside[0]])
    p[inside[-1]] += sum(counts[inside[-1] + 1 :])
    q = dict.fromkeys(inside, 0.0)
    for level in range(LEVELS):
        group = [i for place, i in enumerate(inside) if place * LEVELS // len(inside) == level]
        full = [i for i in group if p[i] > 0]
        for i in full:
            q[i] = sum(float(counts[j]) for j in group) / len(full) or 1e-4
    total_p, total_q = sum(p.values()), sum(q.values())
    return sum(p[i] / total_p * math.log(p[i] / total_p * total_q / q[i]) for i in inside if p[i] > 0)


def test_the_divergence_is_that_of_its_definition(rng):
    values = np.linspace(-1.0, 3.0, 1024)
    counts = rng.integers(0, 9, 1024) * np.exp(-np.abs(values) * 3).round(2)
    for threshold in (0.9, 1.3, 2.2, 3.0):
        assert divergence(values, counts, threshold) == pytest.approx(slow_divergence(values, counts, threshold))
    assert divergence(values, counts, 0.2) == np.inf


def test_no_threshold_keeps_the_distribution_better_than_the_chosen_one(rng):
    values = np.linspace(0.001, 6.0, 1024)
    counts = np.round(40_000 * np.exp(-values * 2)) + rng.integers(0, 3, 1024)
    low, high = entropy_range(values, counts)
    assert low == 0.0
    every = [slow_divergence(values, counts, top) for top in np.linspace(1.6, 6.0, 45)]
    assert slow_divergence(values, counts, high) <= min(every) + 1e-4


def test_the_zeros_of_a_relu_do_not_decide_its_range():
    values = np.linspace(0.0, 6.0, 2048)
    counts = np.round(40_000 * np.exp(-values))
    many = counts.copy()
    many[0] *= 1000
    assert entropy_range(values, many) == entropy_range(values, counts)


@pytest.mark.parametrize("method", list(Ranges))
def test_every_calibrator_gives_the_same_bytes_for_the_same_ids(method, toy_onnx, lines_folder, tmp_path):
    options = Int8Options(ranges=method, percentile=99.0)
    made = []
    for name in ("first", "second"):
        # Chosen and prepared anew, as a second run does.
        lines = choose_calibration(reversed(list(read_lines([lines_folder]))), toy_onnx.spec.preprocess, count=3)
        made.append(int8_onnx_from_onnx(toy_onnx, tmp_path / name, calibration=lines, options=options))
    assert made[0].files == made[1].files
    assert made[0].provenance == made[1].provenance
    assert made[0].provenance.options["ranges"] == method
    assert len(made[0].provenance.calibration.ids) == 3


def test_calibrators_give_different_files(toy_onnx, toy_calibration, tmp_path):
    made = [
        int8_onnx_from_onnx(
            toy_onnx, tmp_path / method, calibration=toy_calibration, options=Int8Options(ranges=method, percentile=99)
        )
        for method in Ranges
    ]
    assert len({artifact.digest for artifact in made}) == len(Ranges)
