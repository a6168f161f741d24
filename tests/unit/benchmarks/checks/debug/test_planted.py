"""Faults at random places of a graph: the tool names the very operator, and nothing in a graph without fault."""

from __future__ import annotations

import subprocess
import sys

import pytest

from inkport.benchmarks.checks.debug.reproduction import write_reproduction


onnx = pytest.importorskip("onnx", reason="graphs are built with onnx")


def nodes(artifact, *kinds):
    return [node for node in onnx.load(artifact.file(".onnx")).graph.node if node.op_type in kinds]


def attribute(model, node_name, name):
    node = next(node for node in model.graph.node if node.name == node_name)
    return next(a for a in node.attribute if a.name == name)


@pytest.mark.parametrize("_draw", range(3))
def test_a_wrong_epsilon_is_found(_draw, *, rng, toy_onnx, planted, compared):
    names = [node.name for node in nodes(toy_onnx, "LayerNormalization")]
    name, epsilon = rng.choice(names), rng.choice([1e-3, 1e-4, 1e-12])

    def change(model):
        attribute(model, name, "epsilon").f = epsilon

    found = compared(planted(toy_onnx, change)).divergences
    assert [one.operator.name for one in found] == [name]
    assert found[0].fault == "operator"


@pytest.mark.parametrize("_draw", range(6))
def test_a_swapped_axis_is_found(_draw, *, rng, toy_onnx, planted, compared):
    names = [node.name for node in nodes(toy_onnx, "Transpose", "Softmax", "Concat") if node.name not in SHAPES]
    name = rng.choice(names)

    def change(model):
        node = next(node for node in model.graph.node if node.name == name)
        if node.op_type == "Transpose":
            perm = attribute(model, name, "perm").ints
            first, second = rng.choice(len(perm), size=2, replace=False)
            perm[first], perm[second] = perm[second], perm[first]
        else:
            attribute(model, name, "axis").i = {"Softmax": -2, "Concat": 1}[node.op_type]

    assert compared(planted(toy_onnx, change)).divergences[0].operator.name == name


SHAPES = {"node_Concat_25", "node_Concat_49", "node_Concat_84"}
"""Concatenations of sizes."""


@pytest.mark.parametrize("factor", [1 / 8, 1 / 4, 64])
@pytest.mark.parametrize("_draw", range(2))
def test_a_wrong_scale_of_an_activation_is_found(_draw, factor, *, rng, debug_int8, planted, compared, scale_constant):
    quantizer = rng.choice([node.name for node in nodes(debug_int8, "QuantizeLinear")])
    scale = next(node.input[1] for node in nodes(debug_int8, "QuantizeLinear") if node.name == quantizer)
    found = compared(planted(debug_int8, lambda model: scale_constant(model, scale, factor))).divergences
    # What was cut off can be missed by later quantizers too, whose ranges were measured with it.
    assert found[0].fault == "quantizer"
    assert found[0].side.quantizer(found[0].value).operator == quantizer


@pytest.mark.parametrize("_draw", range(3))
def test_a_wrong_scale_of_a_weight_is_found(_draw, *, rng, debug_int8, planted, compared, scale_constant):
    choices = [node for node in nodes(debug_int8, "DequantizeLinear") if node.input[0].endswith("_quantized")]
    node = choices[rng.integers(len(choices))]
    found = compared(planted(debug_int8, lambda model: scale_constant(model, node.input[1], 0.5))).divergences
    assert (found[0].fault, found[0].value) == ("weight", node.output[0])
    # Later quantizers may cut off what comes of it: their ranges were measured without the fault.
    assert {one.fault for one in found[1:]} <= {"quantizer"}


def test_two_faults_are_two_findings_in_order(toy_onnx, planted, compared):
    names = [node.name for node in nodes(toy_onnx, "LayerNormalization")][1:3]

    def change(model):
        for name in names:
            attribute(model, name, "epsilon").f = 1e-2

    assert [one.operator.name for one in compared(planted(toy_onnx, change)).divergences] == names


def test_int8_parts_nowhere_from_fp32(debug_int8, compared):
    comparison = compared(debug_int8)
    assert [one.tensor for one in comparison.divergences] == []
    assert comparison.checks > 200
    # The difference itself is far beyond fp32: a tolerance would have reported it.
    assert max(entry.difference for entry in comparison.compared) > 1e-3


def test_the_reference_evaluator_parts_nowhere_from_onnxruntime(toy_onnx, compared):
    comparison = compared(toy_onnx, "onnx-reference")
    assert comparison.divergences == ()
    assert len(comparison.compared) > 80


@pytest.mark.parametrize("kind", ["epsilon", "axis", "scale"])
def test_the_reproduction_shows_the_difference_alone(
    kind, *, tmp_path, toy_onnx, debug_int8, planted, compared, opened, scale_constant
):
    def change(model):
        if kind == "epsilon":
            attribute(model, "node_layer_norm_2", "epsilon").f = 1e-3
        elif kind == "axis":
            attribute(model, "node_softmax", "axis").i = -2
        else:
            scale_constant(model, "relu_1_scale", 1 / 8)

    source = debug_int8 if kind == "scale" else toy_onnx
    faulty = planted(source, change)
    comparison = compared(faulty)
    first = comparison.divergences[0]
    folder = write_reproduction(first, opened(faulty).session, tmp_path / "out").folder
    run = subprocess.run([sys.executable, folder / "reproduce.py"], capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stderr
    assert run.stdout.startswith("largest difference")
    part = onnx.load(folder / "model.onnx")
    assert len(part.graph.node) == (2 if kind == "scale" else 1)

    # With the right operator in its place the difference is gone.
    opened(source).session.isolate(first.value, first.inputs, folder)
    again = subprocess.run([sys.executable, folder / "reproduce.py"], capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stdout
