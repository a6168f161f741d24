"""What is counted in a graph, beside what torch counts in the network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inkport import model
from inkport.benchmarks.checks.peers.onnx_size import count_macs, count_parameters
from inkport.core.artifact import bundled_artifacts


pytest.importorskip("torch", reason="an independent count")

from inkport.model.weights import load_weights
from inkport.train.prune.scan import count_macs as by_torch


SHIPPED = Path(model.__file__).parent / "shipped" / "convtext-tiny" / "weights.safetensors"


def test_parameters_of_a_graph_are_those_of_the_network(toy_artifact, toy_onnx):
    from safetensors.numpy import load_file

    weights = load_file(toy_artifact.file(".safetensors"))
    deployed = sum(
        t.size for n, t in weights.items() if not n.startswith("shortcut") and "running" not in n and "tracked" not in n
    )
    # Batch norms are folded into their convolutions, which adds biases and takes scales away.
    assert count_parameters(toy_onnx.file(".onnx")) == pytest.approx(deployed, rel=0.05)


@pytest.mark.parametrize("width", [64, 192])
def test_multiply_accumulates_of_a_graph_are_those_that_torch_counts(toy_artifact, toy_onnx, width):
    pytest.importorskip("onnxruntime", reason="tells the shapes")
    weights = load_weights(toy_artifact.file(".safetensors"))
    height = weights.spec.preprocess.height
    expected = by_torch(weights.network().eval(), height=height, width=width)
    assert count_macs(toy_onnx.file(".onnx"), np.zeros((1, 1, height, width), np.float32)) == expected


def test_those_of_the_shipped_int8_graph_are_those_of_the_shipped_weights():
    pytest.importorskip("onnxruntime", reason="tells the shapes")
    weights = load_weights(SHIPPED)
    expected = by_torch(weights.network().eval(), height=48, width=160)
    assert count_macs(bundled_artifacts()[0].file(".onnx"), np.zeros((1, 1, 48, 160), np.float32)) == expected


def test_multiply_accumulates_that_are_not_counted_are_no_number(tmp_path):
    onnx = pytest.importorskip("onnx", reason="the graph is made with it")
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in "xy"]
    graph = onnx.helper.make_graph([onnx.helper.make_node("LSTM", ["x", "w", "r"], ["y"])], "g", values[:1], values[1:])
    onnx.save(onnx.helper.make_model(graph), str(tmp_path / "lstm.onnx"))
    assert count_macs(tmp_path / "lstm.onnx", np.zeros((1, 1, 1), np.float32)) is None


def test_a_product_sums_over_the_transposed_axis_where_one_is(tmp_path):
    onnx = pytest.importorskip("onnx", reason="the graph is made with it")
    pytest.importorskip("onnxruntime", reason="tells the shapes")
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w"], ["y"], transA=1)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["k", "m"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.zeros((3, 7), np.float32), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(tmp_path / "gemm.onnx"))
    assert count_macs(tmp_path / "gemm.onnx", np.zeros((3, 5), np.float32)) == 3 * 5 * 7
