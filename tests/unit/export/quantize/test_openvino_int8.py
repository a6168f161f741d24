from __future__ import annotations

import sys
import xml.etree.ElementTree as ET

import numpy as np
import onnx
import pytest

import inkport.export.plan as planning
import inkport.export.quantize.openvino_int8 as exporter
from inkport.core.errors import ExportError
from inkport.core.registry import open_session
from inkport.core.target import Precision
from inkport.export.quantize.calibration import choose_calibration
from inkport.export.quantize.onnx_int8 import Int8Options, nodes_of
from inkport.lines.source import read_lines


@pytest.fixture(scope="module")
def toy_int8(toy_onnx, toy_calibration, tmp_path_factory):
    out = tmp_path_factory.mktemp("toy-openvino-int8") / "openvino-int8"
    return exporter.int8_openvino_from_onnx(toy_onnx, out, calibration=toy_calibration)


def layers(artifact):
    """Return the type and the inputs' layers of each layer, by name, from the XML alone."""
    tree = ET.parse(artifact.file(".xml")).getroot()  # noqa: S314 - our own file
    found = {layer.get("id"): layer for layer in tree.iter("layer")}
    ports = sorted(tree.iter("edge"), key=lambda edge: int(edge.get("to-port")))
    edges = [(edge.get("to-layer"), edge.get("from-layer")) for edge in ports]
    return {
        layer.get("name"): (layer.get("type"), [found[source].get("type") for to, source in edges if to == key])
        for key, layer in found.items()
    }


def test_what_stays_in_fp32_is_what_onnx_keeps_and_every_depthwise_convolution(toy_onnx, toy_int8):
    model = onnx.load(toy_onnx.file(".onnx"))
    kept = set(nodes_of(model, Int8Options().keep_fp32))
    every = {node.name: node.op_type for node in model.graph.node if node.op_type in {"Conv", "MatMul"}}
    found = layers(toy_int8)
    quantized = set()
    for name in every:
        kind, sources = found.get(f"{name}/WithoutBiases", found[name])
        assert kind in {"Convolution", "GroupConvolution", "MatMul"}, name
        # Weights of 8 bits are converted and multiplied by their step; others are constants as they are.
        if sources[1] == "Multiply":
            quantized.add(name)
            assert kind != "GroupConvolution", name
    assert quantized == set(every) - kept
    assert len(quantized) > 5


def test_lines_of_any_width_read_like_fp32(toy_onnx, toy_int8, toy_calibration, lines_folder):
    every = choose_calibration(read_lines([lines_folder]), toy_onnx.spec.preprocess, count=6)
    unseen = [x for x, i in zip(every.inputs, every.record.ids, strict=True) if i not in toy_calibration.record.ids]
    assert len({image.shape[3] for image in every.inputs}) > 2, "the widths differ"
    assert len(unseen) == 2
    with (
        open_session(toy_onnx, runtime="onnxruntime") as exact,
        open_session(toy_int8, runtime="openvino") as session,
    ):
        for images in unseen:
            wanted, found = exact.run(images), session.run(images)
            assert 0 < np.linalg.norm(found - wanted) / np.linalg.norm(wanted) < 0.1


def test_the_same_bytes_twice_no_chatter_and_nothing_sent(toy_onnx, toy_int8, toy_calibration, tmp_path, capfd):
    again = exporter.int8_openvino_from_onnx(toy_onnx, tmp_path / "again", calibration=toy_calibration)
    assert again.files == toy_int8.files
    assert capfd.readouterr() == ("", "")
    # NNCF, like OpenVINO, reports to its makers through this package if it can be imported.
    assert sys.modules["openvino_telemetry"] is None


def test_the_artifact_records_lines_options_and_origin(toy_artifact, toy_onnx, toy_int8, toy_calibration):
    provenance = toy_int8.provenance
    assert (toy_int8.format, toy_int8.precision) == ("openvino", Precision.INT8)
    assert provenance.calibration == toy_calibration.record
    assert (provenance.root, provenance.parent) == (toy_artifact.digest, toy_onnx.digest)
    assert provenance.options["ignored_types"] == ["GroupConvolution"]
    assert set(provenance.tools) == {"inkport", "openvino", "nncf"}


def test_kernels_that_fail_on_a_width_are_found_out(toy_onnx, toy_calibration, tmp_path, monkeypatch):
    """Where a run returns no frames, as int8 depthwise convolutions did, nothing is exported."""
    import openvino

    monkeypatch.setattr(openvino, "compile_model", lambda *_: lambda _: [np.zeros((1, 0, 3), np.float32)])
    with pytest.raises(ExportError, match=r"have shape \(1, 0, 3\)"):
        exporter.int8_openvino_from_onnx(toy_onnx, tmp_path / "out", calibration=toy_calibration)
    assert not (tmp_path / "out").exists()


def test_without_nncf_the_remedy_is_the_extra(toy_onnx, toy_calibration, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(ExportError, match="needs nncf") as caught:
        planning.build(
            toy_onnx, format="openvino", precision=Precision.INT8, work=tmp_path, calibration=toy_calibration
        )
    assert "pip install 'inkport[nncf]'" in caught.value.remedy
