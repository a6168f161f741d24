from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from inkport.export.quantize.ranges import Ranges, activation_ranges, least_squares_range


@pytest.fixture
def model():
    """x (1, 1, h, w) -> Relu -> y -> Neg -> z."""
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Neg", ["y"], ["z"])],
        "toy",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, "h", "w"])],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 1, "h", "w"])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


@pytest.fixture
def lines(rng):
    return [rng.normal(0.5, 1.0, (1, 1, 4, width)).astype(np.float32) for width in (30, 50, 200)]


def measured(model, lines, method, operators=("Relu",), percentile=99.0):
    return activation_ranges(model, operators, lines, method=method, percentile=percentile)


def test_min_max_covers_every_line_and_only_the_named_operators(model, lines):
    values = np.concatenate([line.ravel() for line in lines])
    found = measured(model, lines, Ranges.MIN_MAX)
    assert found == {
        "x": (pytest.approx(values.min()), pytest.approx(values.max())),
        "y": (0.0, pytest.approx(values.max())),
    }
    assert set(measured(model, lines, Ranges.MIN_MAX, operators=("Neg",))) == {"y", "z"}
    assert [output.name for output in model.graph.output] == ["z"], "the model itself is left as it is"


def test_percentile_cuts_the_same_share_as_numpy(model, lines):
    values = np.concatenate([line.ravel() for line in lines])
    low, high = measured(model, lines, Ranges.PERCENTILE)["x"]
    width = float(values.max() - values.min()) / 2048
    # Up to one histogram bin and the gap between two neighbouring values.
    assert low == pytest.approx(np.percentile(values, 0.5), abs=width + 0.1)
    assert high == pytest.approx(np.percentile(values, 99.5), abs=width + 0.1)


def test_a_rare_outlier_is_cut_when_that_lowers_the_squared_error():
    values = np.append(np.linspace(-1.0, 1.0, 2001), 3.0)
    counts = np.append(np.full(2001, 500), 1)

    def error(low, high):
        step = (high - low) / 255
        zero = round(-low / step)
        found = (np.clip(np.round(values / step) + zero, 0, 255) - zero) * step
        return counts @ np.square(found - values)

    low, high = least_squares_range(values, counts)
    assert error(low, high) < 0.5 * error(-1.0, 3.0)
    others = [error(-1.0, top) for top in np.linspace(0.5, 3.0, 60)]
    assert error(low, high) < 1.05 * min(others)


def test_even_values_are_not_cut():
    assert least_squares_range(np.linspace(-1.0, 3.0, 2048), np.ones(2048)) == pytest.approx((-1.0, 3.0), abs=0.05)


def test_zero_is_always_in_the_range():
    assert least_squares_range(np.linspace(2.0, 3.0, 100), np.ones(100))[0] == 0.0
    assert least_squares_range(np.linspace(-3.0, -2.0, 100), np.ones(100))[1] == 0.0


@pytest.mark.parametrize("method", list(Ranges))
def test_a_tensor_that_is_always_zero_has_a_range(model, method):
    found = measured(model, [np.zeros((1, 1, 4, 8), np.float32)], method)
    assert all(np.isfinite(ends).all() and ends[0] <= 0 <= ends[1] for ends in found.values())


def test_the_values_are_those_of_the_graph_as_it_will_be_quantized(toy_onnx, toy_calibration):
    model = onnx.load(toy_onnx.file(".onnx"))
    ranges = measured(model, toy_calibration.inputs[:1], Ranges.MIN_MAX, operators=("MatMul",))
    session = onnxruntime.InferenceSession(toy_onnx.file(".onnx"))
    logits = session.run(["logits"], {"images": toy_calibration.inputs[0]})[0]
    head = next(node for node in model.graph.node if node.output[0] == "logits")
    bias = onnx.numpy_helper.to_array(next(t for t in model.graph.initializer if t.name == "head.bias"))
    low, high = ranges[head.input[0]]
    assert low == pytest.approx((logits - bias).min(), abs=1e-4)
    assert high == pytest.approx((logits - bias).max(), abs=1e-4)
