"""Recurrent operators: rounding that each time step hands to the next is no fault, and faults are found beside it."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, load, numpy_helper

from inkport.benchmarks.checks.debug.graph import Graph
from inkport.benchmarks.checks.debug.judge import compare_traces
from inkport.benchmarks.checks.debug.pairing import Side
from inkport.core.target import Precision
from inkport.runtimes.onnx_graph import trace_onnx
from inkport.runtimes.onnx_reference import reference_evaluator


GATES = {"GRU": 3, "LSTM": 4, "RNN": 1}
STEPS, INPUTS, UNITS = 120, 24, 48


def weights(kind, rng):
    """As large as in trained networks, and larger: what a step rounds grows on its way to the end."""

    def tensor(name, *shape):
        return numpy_helper.from_array(rng.normal(0, 1.5 / np.sqrt(shape[-1]), shape).astype(np.float32), name)

    rows = GATES[kind] * UNITS
    return [tensor("w", 2, rows, INPUTS), tensor("r", 2, rows, UNITS), tensor("b", 2, 2 * rows)]


@pytest.fixture(scope="module", params=GATES)
def graph_file(request, tmp_path_factory):
    kind = request.param
    more = {"linear_before_reset": 1} if kind == "GRU" else {}
    node = helper.make_node(kind, ["x", "w", "r", "b"], ["y"], name=kind, hidden_size=UNITS, **more)
    node.attribute.append(helper.make_attribute("direction", "bidirectional"))
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, [STEPS, 1, INPUTS])
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([node], "g", [image], [output], weights(kind, np.random.default_rng(0)))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    path = tmp_path_factory.mktemp(kind) / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture(scope="module")
def image():
    """As after a Relu."""
    return np.maximum(np.random.default_rng(1).normal(size=(STEPS, 1, INPUTS)), 0).astype(np.float32)


def run_ort(model, feeds):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return {"y": session.run(["y"], dict(feeds))[0]}


def run_reference(model, feeds):
    return {"y": reference_evaluator(model).run(["y"], dict(feeds))[0]}


def side(model, image, run):
    return Side(label=run.__name__, precision=Precision.FP32, trace=trace_onnx(model, "x", image, run))


@pytest.fixture
def divergences(graph_file, image):
    """Compare ONNX Runtime with another side; return the names of the sides that part from the graph."""

    def compare(second):
        targets = (side(load(graph_file), image, run_ort), second)
        return [finding.side.label for finding in compare_traces(Graph(graph_file), image, targets).divergences]

    return compare


def test_engines_part_nowhere(graph_file, image, divergences):
    assert divergences(side(load(graph_file), image, run_reference)) == []


def changed(found, change):
    trace = tuple(
        dataclasses.replace(item, value=change(item.value)) if item.name == "y" else item for item in found.trace
    )
    return dataclasses.replace(found, trace=trace)


def shifted(value):
    return value + np.float32(1e-4)


def half(value):
    return value.astype(np.float16).astype(np.float32)


def late(value):
    return np.roll(value, 1, axis=0)


@pytest.mark.parametrize("fault", [shifted, half, late])
def test_a_result_that_is_off_is_found(graph_file, image, divergences, fault):
    """By a ten thousandth of the state's range, by rounding the state to fp16, by one step."""
    wrong = changed(side(load(graph_file), image, run_reference), fault)
    assert divergences(wrong) == ["run_reference"]


def test_a_step_of_one_direction_that_is_off_is_found(graph_file, image, divergences):
    """A single step of a single direction, which a bound for all of them together would hide."""

    def one_step(value):
        value = value.copy()
        value[STEPS // 2, 1] += np.float32(5e-5)
        return value

    assert divergences(changed(side(load(graph_file), image, run_reference), one_step)) == ["run_reference"]


def test_a_cell_that_is_computed_otherwise_is_found(graph_file, image, divergences):
    """The engine runs another cell: a reset gate before the product instead of after it, another function."""
    model = load(graph_file)
    (node,) = model.graph.node
    if node.op_type == "GRU":
        next(one for one in node.attribute if one.name == "linear_before_reset").i = 0
    else:
        functions = {"LSTM": ["Sigmoid", "Tanh", "Sigmoid"], "RNN": ["Sigmoid"]}[node.op_type]
        node.attribute.append(helper.make_attribute("activations", functions * 2))
    assert divergences(side(model, image, run_ort_otherwise)) == ["run_ort_otherwise"]


def run_ort_otherwise(model, feeds):
    return run_ort(model, feeds)
