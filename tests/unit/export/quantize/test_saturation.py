from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from inkport.commands.export import export
from inkport.core.artifact import load_artifact
from inkport.core.target import Precision
from inkport.export.quantize.onnx_int8 import Int8Options, int8_onnx_from_onnx
from inkport.export.quantize.saturation import saturating_nodes, saturation_warning, worst_sums


def maddubs(activations, weights):
    """What VPMADDUBSW does to two unsigned and two signed bytes: two products, one sum, clipped to 16 bits."""
    return np.clip(activations[0] * weights[0] + activations[1] * weights[1], -32768, 32767)


def can_clip(first, second):
    """Try every pair of activations."""
    a, b = np.meshgrid(np.arange(256), np.arange(256))
    return bool((maddubs((a, b), (first, second)) != a * first + b * second).any())


def model_of(weights, operator="MatMul", *, zero=np.uint8, activation=True):
    """Build a graph of one product in QDQ form; weights as the operator takes them."""
    tensors = {
        "scale": np.array(0.1, np.float32),
        "zero": np.array(0, zero),
        "w": weights,
        "w_zero": np.array(0, weights.dtype),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "scale", "zero"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "scale", "w_zero"], ["wd"]),
        helper.make_node(operator, ["xd" if activation else "x", "wd"], ["y"], name="product"),
    ]
    rank = weights.ndim
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None] * rank)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * rank)],
        [numpy_helper.from_array(value, name) for name, value in tensors.items()],
    )
    return helper.make_model(graph)


@pytest.mark.parametrize(
    ("first", "second"),
    [(64, 64), (65, 64), (127, 1), (127, 2), (127, -127), (-64, -64), (-65, -64), (-127, -1), (-127, -2), (-128, 127)],
)
def test_the_limit_is_that_of_every_pair_of_activations_tried(first, second):
    expected = can_clip(first, second)
    (found,) = worst_sums(np.array([[first, second]], np.int8))
    assert (found[0] > 32767 or found[0] < -32768) == expected
    assert bool(saturating_nodes(model_of(np.array([[first], [second]], np.int8)))) == expected


def test_both_sides_of_the_limit_occur_above():
    assert not can_clip(127, 1)
    assert can_clip(127, 2)


def test_random_weights_against_brute_force(rng):
    weights = rng.integers(-128, 128, (3, 9), dtype=np.int8)
    expected = [
        [can_clip(int(row[i]), int(row[i + 1]) if i + 1 < len(row) else 0) for i in range(0, len(row), 2)]
        for row in weights
    ]
    sums = worst_sums(weights)
    np.testing.assert_array_equal((sums > 32767) | (sums < -32768), expected)
    (found,) = saturating_nodes(model_of(np.ascontiguousarray(weights.T)))
    assert (found.pairs, found.total) == (np.sum(expected), 15)


def test_pairs_of_a_product_lie_along_what_is_summed():
    along, across = np.array([[127, 0], [127, 0]], np.int8), np.array([[127, 127], [0, 0]], np.int8)
    (found,) = saturating_nodes(model_of(along))
    assert (found.node, found.operator, found.pairs, found.worst) == ("product", "MatMul", 1, 255 * 254)
    assert saturating_nodes(model_of(across)) == ()


def test_pairs_of_a_convolution_are_neighbouring_channels_of_one_place():
    channels, places = np.zeros((1, 2, 1, 2), np.int8), np.zeros((1, 2, 1, 2), np.int8)
    channels[0, :, 0, 0] = -100
    places[0, 0, 0, :] = -100
    (found,) = saturating_nodes(model_of(channels, "Conv"))
    assert (found.operator, found.pairs, found.total, found.worst) == ("Conv", 1, 2, -255 * 200)
    assert saturating_nodes(model_of(places, "Conv")) == ()


def test_signed_activations_unsigned_weights_and_fp32_products_are_none_of_it():
    full = np.full((4, 4), 127, np.int8)
    assert saturating_nodes(model_of(full))
    assert saturating_nodes(model_of(full, zero=np.int8)) == ()
    assert saturating_nodes(model_of(full.astype(np.uint8))) == ()
    assert saturating_nodes(model_of(full, activation=False)) == ()


def test_weights_of_seven_bits_cannot_saturate(toy_onnx, toy_int8, toy_calibration, tmp_path):
    """The graph of the real quantizer, checked by multiplying out its weights."""
    found = saturating_nodes(onnx.load(toy_int8.file(".onnx")))
    assert len(found) > 5
    assert {node.operator for node in found} == {"Conv", "MatMul"}
    warning = saturation_warning(toy_int8)
    assert f"{len(found)} int8 operators" in warning
    assert "\n" not in warning
    options = Int8Options(reduce_range=True)
    reduced = int8_onnx_from_onnx(toy_onnx, tmp_path / "reduced", calibration=toy_calibration, options=options)
    graph = onnx.load(reduced.file(".onnx")).graph
    weights = [numpy_helper.to_array(tensor) for tensor in graph.initializer if tensor.data_type == TensorProto.INT8]
    assert max(np.abs(w.astype(int)).max() for w in weights if w.ndim > 1) <= 64
    assert saturation_warning(reduced) == ""
    assert reduced.provenance.options["reduce_range"] is True


def test_other_artefacts_have_no_warning(toy_onnx):
    assert saturation_warning(toy_onnx) == ""


def test_without_onnx_it_says_that_it_did_not_look(toy_int8, monkeypatch):
    monkeypatch.setattr("inkport.export.quantize.saturation.find_spec", lambda _name: None)
    assert "not checked" in saturation_warning(replace(toy_int8, precision=Precision.INT8))


def test_export_warns_in_one_line(toy_onnx, lines_folder, tmp_path, capsys):
    export(str(toy_onnx.path), to=("onnx-int8",), calibration=(lines_folder,), out=tmp_path / "out")
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"warning: {saturation_warning(load_artifact(tmp_path / 'out' / 'onnx-int8'))}"
