from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from inkport.core.artifact import Provenance, load_artifact, new_artifact
from inkport.core.errors import ExportError
from inkport.core.target import Precision
from inkport.export.from_onnx.fp16 import fp16_onnx_from_onnx, to_half
from inkport.export.graph import portable_bytes


@pytest.fixture(scope="module")
def toy_fp16(toy_onnx, tmp_path_factory):
    return fp16_onnx_from_onnx(toy_onnx, tmp_path_factory.mktemp("toy-fp16") / "onnx-fp16")


def graph_of(nodes, *, weights=(), inputs=("images",), outputs=("logits",), shape=("n", 4)):
    def values(names):
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in names]

    graph = helper.make_graph(nodes, "test", values(inputs), values(outputs), list(weights))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def weight(name, values):
    return numpy_helper.from_array(np.asarray(values, dtype=np.float32), name)


def run(model, images):
    session = onnxruntime.InferenceSession(portable_bytes(model), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: images})[0]


def test_logits_are_those_of_torch_in_half(toy_artifact, toy_fp16, rng):
    """torch rounds weights and every layer's result by itself: an oracle that shares no code with the exporter."""
    torch = pytest.importorskip("torch", reason="the oracle is torch")
    from inkport.model.weights import load_weights

    network = load_weights(toy_artifact.file(".safetensors")).network()
    session = onnxruntime.InferenceSession(toy_fp16.file(".onnx"), providers=["CPUExecutionProvider"])
    for shape in ((1, 1, 48, 32), (3, 1, 48, 272)):
        images = rng.random(shape, dtype=np.float32)
        with torch.inference_mode():
            exact = network(torch.from_numpy(images)).numpy()
            half = network.half()(torch.from_numpy(images).half()).float().numpy()
            network.float()
        found = session.run(["logits"], {"images": images})[0]
        assert found.dtype == np.float32
        scale = np.abs(exact).max()
        assert 0 < np.abs(found - exact).max() < 5e-3 * scale
        assert np.abs(found - half).max() < 5e-3 * scale


def test_every_float_but_the_border_is_half(toy_onnx, toy_fp16):
    graph = onnx.load(toy_fp16.file(".onnx")).graph
    assert {value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)} == {TensorProto.FLOAT}
    before = onnx.load(toy_onnx.file(".onnx")).graph
    kinds = [(t.name, t.data_type) for t in before.initializer]
    swap = {TensorProto.FLOAT: TensorProto.FLOAT16}
    assert [(t.name, t.data_type) for t in graph.initializer] == [(n, swap.get(k, k)) for n, k in kinds]
    assert len(graph.node) == len(before.node) + 2
    assert toy_fp16.bytes < 0.7 * toy_onnx.bytes


def test_the_artifact_is_the_same_twice_and_records_its_origin(toy_artifact, toy_onnx, toy_fp16, tmp_path):
    again = fp16_onnx_from_onnx(toy_onnx, tmp_path / "again")
    assert again.files == toy_fp16.files
    assert (again.format, again.precision) == ("onnx", Precision.FP16)
    assert (again.root, again.provenance.parent) == (toy_artifact.digest, toy_onnx.digest)


def test_casts_and_constants_inside_the_graph_follow():
    model = graph_of(
        [
            helper.make_node("Cast", ["images"], ["whole"], to=TensorProto.INT64),
            helper.make_node("Cast", ["whole"], ["again"], to=TensorProto.FLOAT),
            helper.make_node("Constant", [], ["half"], value=weight("value", [0.5])),
            helper.make_node("Mul", ["again", "half"], ["logits"]),
        ]
    )
    to_half(model)
    np.testing.assert_array_equal(run(model, np.array([[1.5, 2, 3, -4]], np.float32)), [[0.5, 1, 1.5, -2]])


def test_what_an_operator_takes_in_fp32_alone_stays():
    scales = weight("scales", [1, 2])
    model = graph_of([helper.make_node("Resize", ["images", "", "scales"], ["logits"])], weights=[scales])
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 8
    to_half(model)
    assert model.graph.initializer[0].data_type == TensorProto.FLOAT
    assert run(model, np.ones((1, 4), np.float32)).shape == (1, 8)


def test_a_tensor_that_is_an_output_and_read_inside_is_cast_once():
    nodes = [helper.make_node("Relu", ["images"], ["logits"]), helper.make_node("Neg", ["logits"], ["other"])]
    model = graph_of(nodes, outputs=("logits", "other"))
    to_half(model)
    session = onnxruntime.InferenceSession(portable_bytes(model), providers=["CPUExecutionProvider"])
    logits, other = session.run(None, {"images": np.array([[1, -1, 2, 0.5]], np.float32)})
    np.testing.assert_array_equal(logits, [[1, 0, 2, 0.5]])
    np.testing.assert_array_equal(other, -logits)


@pytest.mark.parametrize(("value", "fits"), [(65504.0, True), (65520.0, False), (-1e30, False), (-np.inf, True)])
def test_a_weight_beyond_fp16_is_refused(value, fits):
    model = graph_of([helper.make_node("Add", ["images", "w"], ["logits"])], weights=[weight("w", [1, 1, 1, value])])
    if fits:
        to_half(model)
        assert numpy_helper.to_array(model.graph.initializer[0])[3] == np.float16(value)
    else:
        with pytest.raises(ExportError, match="w holds"):
            to_half(model)


def test_a_graph_within_a_node_is_refused():
    branch = helper.make_graph(
        [helper.make_node("Relu", ["images"], ["inner"])],
        "branch",
        [],
        [helper.make_tensor_value_info("inner", TensorProto.FLOAT, ("n", 4))],
    )
    flag = numpy_helper.from_array(np.array(1, dtype=bool), "flag")
    model = graph_of(
        [helper.make_node("If", ["flag"], ["logits"], name="choice", then_branch=branch, else_branch=branch)],
        weights=[flag],
    )
    with pytest.raises(ExportError, match=r"choice \(If\)"):
        to_half(model)


def test_a_network_that_fp16_breaks_is_refused(toy_onnx, tmp_path):
    """ONNX Runtime's CPU kernels would not show it: they keep these sums in fp32."""
    model = onnx.load(toy_onnx.file(".onnx"))
    head = next(node for node in reversed(model.graph.node) if node.op_type == "MatMul")
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name in head.input)
    values = numpy_helper.to_array(tensor)
    large = values / np.abs(values).max() * np.float32(6e4)
    tensor.CopyFrom(numpy_helper.from_array(large, tensor.name))
    with new_artifact(
        tmp_path / "large",
        spec=toy_onnx.spec,
        format="onnx",
        precision=Precision.FP32,
        provenance=Provenance(stage="test"),
    ) as folder:
        onnx.save(model, folder / "model.onnx")
    with pytest.raises(ExportError, match="too close to the 65504"):
        fp16_onnx_from_onnx(load_artifact(tmp_path / "large"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_onnx_is_refused(toy_onnx, tmp_path):
    with new_artifact(
        tmp_path / "broken",
        spec=toy_onnx.spec,
        format="onnx",
        precision=Precision.FP32,
        provenance=Provenance(stage="test"),
    ) as folder:
        (folder / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(ExportError, match="fp16_onnx_from_onnx"):
        fp16_onnx_from_onnx(load_artifact(tmp_path / "broken"), tmp_path / "out")
