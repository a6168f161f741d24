"""What TensorRT's documentation says against a graph, on the toy's own graphs and on one fault each."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from inkport.core.artifact import load_artifact
from inkport.core.errors import ExportError
from inkport.export.from_onnx import trt_lint
from inkport.export.from_onnx.fp16 import fp16_onnx_from_onnx
from inkport.export.from_onnx.trt_lint import lint_tensorrt, operator_table
from inkport.export.graph import onnx_forward
from inkport.export.quantize.calibration import choose_calibration
from inkport.export.quantize.onnx_int8 import int8_onnx_from_onnx
from inkport.export.quantize.qdq import symmetric_model
from inkport.lines.source import read_lines
from inkport.runtimes.logits import sample_images


pytest.importorskip("torch", reason="the toy needs torch")

BUNDLE = Path(__file__).parents[4] / "src" / "inkport" / "bundle" / "convtext-tiny-int8"


@pytest.fixture(scope="module")
def int8(toy_onnx, lines_folder, tmp_path_factory):
    calibration = choose_calibration(read_lines([lines_folder]), toy_onnx.spec.preprocess)
    return int8_onnx_from_onnx(toy_onnx, tmp_path_factory.mktemp("int8") / "onnx-int8", calibration=calibration)


def graph(*nodes, inputs=(("x", TensorProto.FLOAT, (1, 3, 8, 8)),), constants=(), opset=18):
    inputs = [helper.make_tensor_value_info(*each) for each in inputs]
    outputs = [helper.make_empty_tensor_value_info(nodes[-1].output[0])]
    constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants]
    made = helper.make_graph(nodes, "g", inputs, outputs, constants)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(made, opset_imports=opsets)


def node(kind, *inputs, **attributes):
    return helper.make_node(kind, inputs, ["y"], name=f"the_{kind}", **attributes)


def test_the_table_knows_every_operator_of_onnx_up_to_its_opset():
    table = operator_table()
    known = {
        schema.name
        for schema in onnx.defs.get_all_schemas()
        if schema.domain == "" and schema.since_version <= table.opset[1]
    }
    # The documentation says nothing of Swish, which came with opset 24.
    assert known - table.types.keys() - table.unsupported == {"Swish"}
    assert not table.types.keys() & table.unsupported
    assert (table.tensorrt, table.opset) == ("10.15", (9, 24))
    source = json.loads((Path(trt_lint.__file__).parent / "trt_operators.json").read_text(encoding="utf-8"))["source"]
    assert source == "https://github.com/onnx/onnx-tensorrt/blob/main/docs/operators.md"


def test_nothing_stands_against_the_toy_in_fp32_and_fp16(toy_onnx, tmp_path):
    fp16 = fp16_onnx_from_onnx(toy_onnx, tmp_path / "fp16")
    assert lint_tensorrt(onnx.load(toy_onnx.file(".onnx"))) == ()
    assert lint_tensorrt(onnx.load(fp16.file(".onnx"))) == ()


@pytest.mark.parametrize("which", ["toy", "bundle"])
def test_int8_for_x86_is_refused_and_its_symmetric_form_is_not(int8, which):
    artifact = int8 if which == "toy" else load_artifact(BUNDLE)
    model = onnx.load(artifact.file(".onnx"))
    problems = lint_tensorrt(model)
    expected = ["QuantizeLinear does not make UINT8", "DequantizeLinear does not take UINT8", "needs a zero point of 0"]
    # The toy's quantized convolutions have no biases.
    expected += ["DequantizeLinear does not take INT32"] if which == "bundle" else []
    for words in expected:
        assert any(words in problem for problem in problems), problems
    symmetric = symmetric_model(model)
    onnx.checker.check_model(symmetric, full_check=True)
    assert lint_tensorrt(symmetric) == ()
    assert lint_tensorrt(model) == problems, "the source was changed"


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (graph(node("Det", "x")), "operator Det is not supported in TensorRT 10.15 (at the_Det)"),
        (graph(node("Swish", "x"), opset=24), "operator Swish is unknown in TensorRT 10.15 (at the_Swish)"),
        (graph(node("Relu", "x"), opset=8), "opset 8 is outside 9..24"),
        (graph(node("Relu", "x"), opset=25), "opset 25 is outside 9..24"),
        (graph(node("FusedConv", "x", domain="com.microsoft")), "operator com.microsoft::FusedConv is not one of ONNX"),
        (graph(node("Sin", "x"), inputs=[("x", TensorProto.INT32, (4,))]), "Sin does not take INT32"),
        (graph(node("Identity", "x"), inputs=[("x", TensorProto.UINT8, (4,))]), "Identity does not take UINT8"),
        (
            graph(node("ReduceMean", "x", "a"), inputs=[("x", 1, (4, 4)), ("a", TensorProto.INT64, (1,))]),
            "ReduceMean needs a constant for its input 1",
        ),
        (
            graph(
                node("QuantizeLinear", "x", "s", "z"),
                constants=[("s", np.float32(1)), ("z", np.int8(3))],
            ),
            "QuantizeLinear needs a zero point of 0",
        ),
        (
            graph(
                node("QuantizeLinear", "x", "s", "z"),
                constants=[("s", np.float32(1)), ("z", np.uint8(0))],
            ),
            "QuantizeLinear does not make UINT8",
        ),
        (graph(node("MaxPool", "x", kernel_shape=[2, 2], dilations=[2, 2])), "MaxPool takes no dilations"),
        (graph(node("AveragePool", "x", kernel_shape=[2])), "AveragePool works in 2 or 3 dimensions only"),
        (graph(node("LSTM", "x", "w", "r", hidden_size=4, layout=1)), "LSTM needs layout = 0"),
        (graph(node("Constant", value_string=b"a")), "Constant takes no attribute value_string"),
        (graph(node("ScatterND", "x", "i", "u", reduction="add")), "ScatterND takes no reduction"),
        (
            graph(helper.make_node("MaxPool", ["x"], ["y", "indices"], name="m", kernel_shape=[2, 2])),
            "MaxPool has its first output only (at m)",
        ),
    ],
)
def test_each_restriction_is_named(model, problem):
    (found,) = lint_tensorrt(model)
    assert found.startswith(problem)


def test_what_may_stay_passes():
    axes = ("a", np.array([1], np.int64))
    for model in (
        graph(node("ReduceMean", "x", "a"), constants=[axes]),
        graph(node("MaxPool", "x", kernel_shape=[2, 2], dilations=[1, 1])),
        graph(node("ConstantOfShape", "n"), inputs=[("n", TensorProto.INT64, (2,))]),
        graph(node("Sin", "x"), inputs=[("x", TensorProto.DOUBLE, (4,))]),
    ):
        assert lint_tensorrt(model) == ()


def test_operators_in_branches_are_seen_and_many_places_are_counted():
    inner = helper.make_graph([node("Det", "x")], "then", [], [helper.make_empty_tensor_value_info("y")])
    branch = helper.make_node("If", ["c"], ["z"], then_branch=inner, else_branch=inner)
    relu = [helper.make_node("Det", ["x"], [f"o{index}"], name=f"d{index}") for index in range(4)]
    made = graph(branch, *relu, inputs=[("c", TensorProto.BOOL, ()), ("x", TensorProto.FLOAT, (2, 2))])
    (found,) = lint_tensorrt(made)
    assert found.endswith("(at the_Det, the_Det, d0 and 3 more)")


# The symmetric form


def test_the_symmetric_form_computes_what_int8_computes(int8, toy_onnx):
    model = onnx.load(int8.file(".onnx"))
    spec = int8.spec
    images = sample_images(spec.preprocess, 256)
    exact = onnx_forward(toy_onnx.file(".onnx"), spec)(images)
    found = onnx_forward(symmetric_model(model).SerializeToString(), spec)(images)
    unsigned = onnx_forward(int8.file(".onnx"), spec)(images)
    error = np.abs(found - exact).mean() / exact.std()
    assert 0 < error < 3 * np.abs(unsigned - exact).mean() / exact.std() < 0.5


def test_a_relu_that_the_quantizer_left_to_the_range_comes_back():
    constants = [("s", np.float32(0.5)), ("z", np.uint8(0))]
    quantize = helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], name="q")
    dequantize = helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"], name="d")
    model = graph(quantize, dequantize, inputs=[("x", TensorProto.FLOAT, (4,))], constants=constants)
    made = symmetric_model(model)
    assert [each.op_type for each in made.graph.node] == ["Relu", "QuantizeLinear", "DequantizeLinear"]
    import onnxruntime

    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    found = session.run(None, {"x": np.array([-100, -1, 60, 127.5], np.float32)})[0]
    np.testing.assert_allclose(found, [0, 0, 60, 127.5], atol=0.51)


@pytest.mark.parametrize(
    ("zero", "words"), [(np.int8(5), "expected uint8, or int8 around 0, found int8 around 5"), (None, "constants")]
)
def test_a_form_that_nobody_makes_is_refused(zero, words):
    constants = [("s", np.float32(0.5))] + ([("z", zero)] if zero is not None else [])
    inputs = [("x", TensorProto.FLOAT, (4,))] + ([("z", TensorProto.UINT8, ())] if zero is None else [])
    with pytest.raises(ExportError, match=words):
        symmetric_model(graph(node("QuantizeLinear", "x", "s", "z"), inputs=inputs, constants=constants))
