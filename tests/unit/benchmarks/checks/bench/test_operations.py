"""Multiply-accumulates against torch's own counter, and against the definition."""

from __future__ import annotations

import numpy as np
import pytest

from inkport.benchmarks.checks.bench.efficiency import Operations, count_operations, efficiency
from inkport.benchmarks.measure.width_cost import fit_curve
from inkport.benchmarks.run.peaks import Peak, Peaks
from inkport.core.errors import DataError
from inkport.core.target import Precision


onnx = pytest.importorskip("onnx", reason="operations are counted in the graph")


@pytest.mark.parametrize("width", [64, 320])
def test_the_toy_takes_what_torch_counts(toy_artifact, toy_onnx, width):
    torch = pytest.importorskip("torch", reason="the counted networks are torch modules")
    flops = pytest.importorskip("torch.utils.flop_counter", reason="the oracle is torch's counter")
    from inkport.model.weights import load_weights
    from inkport.model.zoo import build

    weights = load_weights(toy_artifact.file(".safetensors"))
    network = build(weights.spec.name, weights.spec.charset.size, weights.config).eval()
    with flops.FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 1, 48, width))
    found = count_operations(toy_onnx.file(".onnx"), height=48, width=width)
    # torch counts two per multiply-accumulate.
    assert found.macs == pytest.approx(counter.get_total_flops() / 2, rel=0.01)


def save(tmp_path, nodes, constants, out):
    from onnx import TensorProto, helper, numpy_helper

    shape = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "g",
        [shape("x", TensorProto.FLOAT, ["n", 1, "h", "w"])],
        [shape(out, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


def test_a_convolution_and_a_product_by_hand(tmp_path):
    from onnx import helper

    nodes = [
        helper.make_node("Conv", ["x", "k"], ["c"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("MatMul", ["r", "m"], ["y"]),
    ]
    constants = {"k": np.zeros((6, 1, 3, 3), np.float32), "m": np.zeros((16, 5), np.float32)}
    found = count_operations(save(tmp_path, nodes, constants, "y"), height=8, width=32)
    assert found.macs == 6 * 4 * 16 * 9 + 6 * 4 * 5 * 16
    assert found.elements == (8 * 32 + 6 * 9 + 6 * 4 * 16) + (6 * 4 * 16 + 16 * 5 + 6 * 4 * 5)


def test_a_recurrent_layer_by_hand(tmp_path):
    from onnx import helper

    nodes = [
        helper.make_node("Squeeze", ["x", "axis"], ["s"]),
        helper.make_node("LSTM", ["s", "w", "r"], ["y"], hidden_size=5, direction="bidirectional"),
    ]
    constants = {
        "axis": np.array([1]),
        "w": np.zeros((2, 20, 32), np.float32),
        "r": np.zeros((2, 20, 5), np.float32),
    }
    # The squeezed image (n, h, w) is taken for h items of a batch at one step.
    found = count_operations(save(tmp_path, nodes, constants, "y"), height=8, width=32)
    assert found.macs == 8 * 2 * 4 * 5 * (32 + 5)


def test_a_shape_that_does_not_follow_is_refused(tmp_path):
    from onnx import helper

    nodes = [helper.make_node("NonZero", ["x"], ["z"]), helper.make_node("Cast", ["z"], ["f"], to=1)]
    nodes += [helper.make_node("Transpose", ["f"], ["t"]), helper.make_node("MatMul", ["f", "t"], ["y"])]
    with pytest.raises(DataError, match="not known"):
        count_operations(save(tmp_path, nodes, {}, "y"), height=8, width=32)


def test_shares_of_the_peaks():
    curve = fit_curve([100, 200, 300], [1.0, 2.0, 3.0])
    peaks = Peaks(threads=1, compute={"fp32": Peak(gmac_per_s=50.0, by="x"), "bf16": None}, copy_gb_per_s=8.0)
    operations = {200: Operations(macs=20_000_000, elements=1_000_000)}
    (found,) = efficiency(curve, operations, Precision.FP32, peaks)
    assert (found.gmac_per_s, found.of_peak) == (pytest.approx(10.0), pytest.approx(0.2))
    assert (found.gb_per_s, found.of_bandwidth) == (pytest.approx(2.0), pytest.approx(0.25))
    (half,) = efficiency(curve, operations, Precision.BF16, peaks)
    assert (half.of_peak, half.gb_per_s) == (None, pytest.approx(1.0))
    (without,) = efficiency(curve, operations, Precision.FP32, None)
    assert (without.of_peak, without.of_bandwidth) == (None, None)
    assert efficiency(None, operations, Precision.FP32, peaks) == []
