"""Operators of other people's networks where they are hard: sums that cancel out, batch norms of old opsets."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from inkport.benchmarks.checks.debug.graph import Graph
from inkport.benchmarks.checks.debug.judge import compare_traces
from inkport.benchmarks.checks.debug.pairing import Side
from inkport.core.target import Precision
from inkport.runtimes.onnx_graph import trace_onnx
from inkport.runtimes.onnx_reference import reference_evaluator


HEIGHT, WIDTH = 12, 97


@pytest.fixture(scope="module")
def graph_file(tmp_path_factory):
    """Every operator reads the image, so that none hides another."""
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], name="mean", axes=[2, 3], keepdims=1),
        helper.make_node("HardSigmoid", ["x"], ["gate"], name="gate", alpha=1 / 6, beta=0.5),
        helper.make_node("Erf", ["x"], ["erf"], name="erf"),
        helper.make_node("Sigmoid", ["far"], ["sigmoid"], name="sigmoid"),
        helper.make_node("Add", ["x", "below"], ["far"], name="far"),
        helper.make_node("BatchNormalization", ["x", *"sbmv"], ["norm"], name="norm"),
        helper.make_node("AveragePool", ["x"], ["pool"], name="pool", kernel_shape=[3, 3]),
    ]
    nodes[3], nodes[4] = nodes[4], nodes[3]
    constants = [numpy_helper.from_array(rng.uniform(0.5, 2, 8).astype(np.float32), name) for name in "sbmv"]
    constants.append(numpy_helper.from_array(np.float32(-12), "below"))
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8, HEIGHT, WIDTH])
    outputs = [helper.make_tensor_value_info(n.output[0], TensorProto.FLOAT, None) for n in nodes]
    model = helper.make_model(
        helper.make_graph(nodes, "ops", [image], outputs, constants), opset_imports=[helper.make_opsetid("", 11)]
    )
    model.ir_version = 8
    path = tmp_path_factory.mktemp("operators") / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture(scope="module")
def image():
    """Values whose mean all but vanishes beside them, as before squeeze and excitation."""
    image = np.random.default_rng(1).normal(0, 8, (1, 8, HEIGHT, WIDTH)).astype(np.float32)
    return image - image.mean(axis=(2, 3), keepdims=True)


def run_ort(model, feeds):
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feeds)), strict=True))


def run_reference(model, feeds):
    names = [value.name for value in model.graph.output]
    return dict(zip(names, reference_evaluator(model).run(names, dict(feeds)), strict=True))


@pytest.fixture(scope="module")
def sides(graph_file, image):
    import onnx

    model = onnx.load(graph_file)
    return tuple(
        Side(label=run.__name__, precision=Precision.FP32, trace=trace_onnx(model, "x", image, run))
        for run in (run_ort, run_reference)
    )


def test_engines_part_nowhere(graph_file, image, sides):
    comparison = compare_traces(Graph(graph_file), image, sides)
    assert [finding.operator.name for finding in comparison.divergences] == []
    assert {entry.operator.name for entry in comparison.compared} == {
        "mean", "gate", "erf", "far", "sigmoid", "norm", "pool",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["mean", "gate", "erf", "sigmoid", "norm", "pool"])
def test_an_error_of_a_hundred_thousandth_is_found(graph_file, image, sides, name):
    """Of the largest value of what it computes, or of what it sums."""
    scale = 8.0 if name in ("mean", "pool") else 1.0
    left, right = sides
    trace = tuple(
        dataclasses.replace(item, value=item.value + np.float32(1e-5 * scale)) if item.name == name else item
        for item in right.trace
    )
    changed = dataclasses.replace(right, trace=trace)
    assert {f.operator.name for f in compare_traces(Graph(graph_file), image, (left, changed)).divergences} == {name}
