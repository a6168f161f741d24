"""What is made of somebody else's graph: other formats, read line by line against their own pipeline."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from inkport.core.artifact import load_artifact
from inkport.core.errors import ExportError
from inkport.core.preprocess import prepare
from inkport.core.recogniser import Recogniser
from inkport.core.registry import open_session
from inkport.core.target import Precision
from inkport.export.import_.importer import examine, write_import
from inkport.export.import_.settings import parse_settings
from inkport.export.plan import build
from inkport.lines.line import Line


torch = pytest.importorskip("torch", reason="the recognisers are written in torch")

from inkport.export.from_torch.onnx_network import OnnxNetwork  # noqa: E402 - needs torch


@pytest.fixture(scope="module")
def imported(theirs, tmp_path_factory):
    given = parse_settings(theirs.settings)
    return write_import(
        examine(theirs.model, charset=theirs.charset, given=given), tmp_path_factory.mktemp("i") / "crnn"
    )


@pytest.fixture(scope="module")
def read(theirs, imported):
    """Return the texts of their lines, as a port reads them."""
    pre = imported.spec.preprocess
    inputs = [prepare(Line(id="x", image=path, text="").pixels(pre), pre) for path in theirs.images]

    def texts(artifact, runtime):
        with open_session(artifact, runtime=runtime) as session:
            return [found.text for found in Recogniser(artifact.spec, session).read_prepared(inputs, batch=3)]

    return texts


@pytest.fixture(scope="module")
def narrow(tmp_path_factory):
    """A network of one width, which returns logits (n, c, t)."""
    folder = tmp_path_factory.mktemp("narrow")
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 12, (32, 4), stride=(32, 4)), torch.nn.SiLU(), torch.nn.Flatten(2), torch.nn.Conv1d(12, 6, 1)
    ).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network, (torch.zeros(1, 1, 32, 64),), folder / "narrow.onnx", dynamo=False, output_names=["scores/6"]
        )
    (folder / "charset.txt").write_text("a\nb\nc\nd\ne\n", encoding="utf-8")
    given = parse_settings(["blank=0"])
    found = examine(folder / "narrow.onnx", like="dtrb", charset=folder / "charset.txt", given=given)
    return write_import(found, folder / "imported")


@pytest.mark.parametrize("runtime", ["openvino", "ncnn"])
def test_a_port_of_their_graph_reads_what_their_pipeline_reads(theirs, imported, read, tmp_path, runtime):
    pytest.importorskip(runtime, reason="the engine under test")
    if runtime == "ncnn":
        pytest.importorskip("pnnx", reason="the converter under test")
    before = imported.file(".onnx").read_bytes()
    port = build(imported, format=runtime, precision=Precision.FP32, work=tmp_path)
    assert read(port, runtime) == [theirs.read(path) for path in theirs.images]
    assert port.provenance.parent == imported.digest
    assert imported.file(".onnx").read_bytes() == before


def test_their_graph_in_torch_computes_what_their_network_does(theirs, imported):
    """Recurrent layers among it, whose gates stand in another order, and shapes that are computed."""
    import onnx

    network = OnnxNetwork(onnx.load(theirs.model), imported.spec.output.name).eval()
    for lines, width in ((1, 160), (3, 160), (2, 333)):
        images = torch.randn(lines, 3, 32, width)
        with torch.inference_mode():
            np.testing.assert_allclose(network(images), theirs.network(images), atol=2e-5)


def test_an_lstm_in_torch_computes_what_onnxruntime_does(rng):
    import onnx
    import onnxruntime
    from onnx import helper, numpy_helper

    def weight(name, *shape):
        return numpy_helper.from_array(rng.normal(0, 0.5, shape).astype(np.float32), name)

    node = helper.make_node("LSTM", ["x", "w", "r", "b"], ["y"], hidden_size=5, direction="bidirectional")
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in "xy"]
    weights = [weight("w", 2, 20, 7), weight("r", 2, 20, 5), weight("b", 2, 40)]
    graph = helper.make_graph([node], "lstm", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    x = rng.normal(size=(9, 2, 7)).astype(np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        found = OnnxNetwork(model, "y").eval()(torch.from_numpy(x))
    np.testing.assert_allclose(found, session.run(None, {"x": x})[0], atol=1e-5)


@pytest.mark.parametrize("kind", ["NonMaxSuppression", "GridSample"])
def test_an_operator_that_has_no_counterpart_is_named(kind):
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy"]
    graph = helper.make_graph([helper.make_node(kind, ["x"], ["y"], name="odd")], "g", ends[:1], ends[1:])
    with pytest.raises(ExportError, match=f"onnx::{kind} \\(at odd\\)"):
        OnnxNetwork(helper.make_model(graph), "y")


@pytest.mark.parametrize(
    ("format_", "reason"),
    [
        ("litert", "LiteRT runs fixed widths, this graph is for 160..4096 px"),
        ("executorch", "recurrent layers, whose length torch.export fixes"),
    ],
)
def test_what_cannot_be_made_of_a_recurrent_graph_says_why(imported, tmp_path, format_, reason):
    pytest.importorskip({"litert": "litert_torch"}.get(format_, format_), reason="the converter under test")
    with pytest.raises(ExportError, match=reason):
        build(imported, format=format_, precision=Precision.FP32, work=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("format_", "runtime", "package"),
    [
        # 9 and 13 s of a core; LiteRT's 7 stay for the three of them.
        pytest.param("coreml", "coreml-mil", "coremltools", marks=pytest.mark.slow),
        pytest.param("executorch", "executorch", "executorch", marks=pytest.mark.slow),
        ("litert", "litert", "litert_torch"),
    ],
)
def test_a_graph_of_one_width_in_each_format(narrow, tmp_path, format_, runtime, package):
    pytest.importorskip(package, reason="the converter under test")
    port = build(narrow, format=format_, precision=Precision.FP32, work=tmp_path)
    images = np.random.default_rng(0).normal(size=(3, 1, 32, 64)).astype(np.float32)
    with open_session(narrow, runtime="onnxruntime") as session:
        expected = session.run(images)
    with open_session(port, runtime=runtime) as session:
        np.testing.assert_allclose(session.run(images), expected, atol=1e-4)


def test_int8_in_which_nothing_would_be_quantized_is_refused(narrow, tmp_path):
    """Its only matrix products are its first two convolutions, and those are the stem."""
    from inkport.core.artifact import Calibration
    from inkport.export.quantize.calibration import CalibrationSet
    from inkport.export.quantize.onnx_int8 import Int8Options, int8_onnx_from_onnx

    image = narrow.spec.preprocess.blank(64)
    lines = CalibrationSet(inputs=(image, image + 1), record=Calibration(ids=("a", "b"), sha256="11"))
    with pytest.raises(ExportError, match="none of its 2 convolutions and matrix products would be in int8"):
        int8_onnx_from_onnx(narrow, tmp_path / "int8", calibration=lines)
    assert not (tmp_path / "int8").exists()
    made = int8_onnx_from_onnx(narrow, tmp_path / "int8", calibration=lines, options=Int8Options(keep_fp32=()))
    assert load_artifact(tmp_path / "int8").digest == made.digest
