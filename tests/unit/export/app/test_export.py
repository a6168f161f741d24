"""The exporter: what it writes, what the file says of itself, what it refuses, and which mistakes it notices."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice

import numpy as np
import onnx
import pytest

import inkport.export.app.check as checking
from inkport.core.artifact import Provenance, load_artifact, new_artifact
from inkport.core.charset import Charset
from inkport.core.errors import ExportError, SpecError
from inkport.core.onnx_metadata import artifact_from_onnx, read_metadata
from inkport.core.preprocess import PreprocessSpec, prepare_bytes
from inkport.core.spec import NativeSpec
from inkport.core.target import Precision
from inkport.export.app import decoding, graph, preparation
from inkport.export.app.check import difference, expect
from inkport.export.app.graph import app_model
from inkport.export.app.interface import CONFIDENCES, OUTPUTS
from inkport.export.from_onnx.onnx_app import onnx_app_from_onnx
from inkport.export.plan import build
from inkport.export.quantize.qdq import saturation_warning
from inkport.runtimes.onnx_graph import load_onnx


def test_the_file_alone_says_what_it_is(int8, tmp_path):
    app, network = int8.app, int8.network
    assert (app.format, app.precision, app.spec) == ("onnx-app", Precision.INT8, network.spec)
    assert (app.root, app.provenance.parent) == (network.root, network.digest)
    opened = artifact_from_onnx(app.file(".onnx"), tmp_path / "opened")
    assert (opened.digest, opened.format) == (app.digest, "onnx-app")
    told = read_metadata(app.file(".onnx").read_bytes(), where="model")
    assert told["inkport.format"] == "onnx-app"
    assert told["inkport.version"] == network.spec.version
    assert json.loads(told["inkport.charset"])["symbols"] == "".join(network.spec.charset.symbols)
    assert json.loads(told["inkport.preprocess"])["resampling"] == "triangle-v2"
    assert told["inkport.licence"] == network.provenance.licence
    assert told["inkport.attribution"] == network.provenance.attribution
    assert len(told["inkport.digest"]) == 64


def test_the_file_of_a_network_says_nothing_new(fp32):
    told = read_metadata(fp32.network.file(".onnx").read_bytes(), where="model")
    assert "inkport.format" not in told


def test_operators_are_those_of_onnx_and_none_that_engines_read_differently(reader):
    model = onnx.load(reader.app.file(".onnx"))
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 18)]
    assert {node.domain for node in model.graph.node} == {""}
    added = {node.op_type for node in model.graph.node if node.name.startswith("app.")}
    assert not added & {"Resize", "ArgMax", "TopK", "If", "Loop", "Scan"}
    assert [value.name for value in model.graph.input] == ["image"]
    assert [value.name for value in model.graph.output] == list(OUTPUTS)


def test_the_network_inside_is_the_one_that_it_was(reader):
    """Operators and weights, in order and by name."""
    inside, network = (onnx.load(artifact.file(".onnx")).graph for artifact in (reader.app, reader.network))
    assert [node for node in inside.node if not node.name.startswith("app.")] == list(network.node)
    kept = [tensor for tensor in inside.initializer if not tensor.name.startswith("app.")]
    assert kept == list(network.initializer)


def test_equal_networks_give_equal_bytes(reader):
    network = load_onnx(reader.network.file(".onnx"))
    first, second = (app_model(network, reader.network.spec).SerializeToString(deterministic=True) for _ in "12")
    assert first == second


def test_the_plan_makes_it_of_either_precision(reader, tmp_path):
    """From where they are already there, so that no torch is needed."""
    precision = reader.network.precision
    artifact = build(reader.network, format="onnx-app", precision=precision, work=tmp_path)
    assert artifact.digest == reader.app.digest
    assert artifact.path == tmp_path / f"onnx-app-{precision}"


def test_int8_that_can_saturate_is_warned_of_as_the_network_is(int8):
    assert saturation_warning(int8.app).split(": ", 1)[1] == saturation_warning(int8.network).split(": ", 1)[1]


def made_of(source, spec, path):
    """Return a network's file as the artifact of another specification."""
    with new_artifact(
        path, spec=spec, format="onnx", precision=source.precision, provenance=Provenance(stage="test")
    ) as folder:
        (folder / "model.onnx").write_bytes(source.file(".onnx").read_bytes())
    return load_artifact(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"preprocess": PreprocessSpec(resampling="triangle-v1")}, "prepared by triangle-v1"),
        ({"preprocess": PreprocessSpec(max_width=2048 * 10)}, "int32"),
        ({"preprocess": PreprocessSpec(fit="squeeze")}, "imported"),
        ({"native": NativeSpec(input="x", output="y")}, "imported"),
        ({"charset": Charset((" ", "ab", "c"), free=True)}, "one code point each"),
    ],
)
def test_what_the_graph_cannot_express_is_refused(int8, tmp_path, change, said):
    source = int8.network
    other = made_of(source, replace(source.spec, **change), tmp_path / "other")
    with pytest.raises(SpecError, match=said) as caught:
        onnx_app_from_onnx(other, tmp_path / "out")
    assert caught.value.remedy
    assert not (tmp_path / "out").exists()


def test_a_network_of_another_opset_is_refused(reader):
    network = load_onnx(reader.network.file(".onnx"))
    network.opset_import[0].version = 17
    with pytest.raises(ExportError, match="17"):
        app_model(network, reader.network.spec)


def wrong_labels(charset):
    return replace(charset, symbols=(*charset.symbols[1:], charset.symbols[0]))


MISTAKES = {
    "swapped channels": ("tensor", preparation, "LUMA", preparation.LUMA[::-1]),
    "fewer bits": ("tensor", preparation, "SHIFT", preparation.SHIFT - 1),
    "a division": (
        "reads|confidences",
        preparation,
        "INVERSE",
        (float(np.float32(1 / 254)), 0.0),
    ),
    "another blank": ("reads", decoding, "BLANK", 1),
    "other labels": (
        "reads",
        graph,
        "emit_decoding",
        lambda emit, logits, charset, **rest: decoding.emit_decoding(emit, logits, wrong_labels(charset), **rest),
    ),
    "any width": ("fault", preparation, "MIN_SIDE_PX", 1),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_the_graph_is_noticed_and_its_stage_named(int8, tmp_path, monkeypatch, name):
    stage, module, attribute, wrong = MISTAKES[name]
    monkeypatch.setattr(module, attribute, wrong)
    if name == "a division":
        # The exporter would take its table instead.
        monkeypatch.setattr(preparation, "normalise", lambda values, _: preparation._scaled(values.astype(np.float32)))
    out = tmp_path / "out"
    with pytest.raises(ExportError, match=f"onnx_app_from_onnx: .* px .*{stage}"):
        onnx_app_from_onnx(int8.network, out)
    assert not out.exists()


def test_each_output_counts(int8):
    """An output that is a little off is a difference, named by the output."""
    import onnxruntime

    made = int8
    alone, whole = (onnxruntime.InferenceSession(a.file(".onnx")) for a in (made.network, made.app))
    _, picture = next(islice(checking.pictures(), 1, None))
    expected = expect(picture, made.network.spec, lambda images: alone.run(None, {"images": images})[0])
    found = dict(zip(OUTPUTS, whole.run(list(OUTPUTS), {"image": picture}), strict=True))
    assert len(expected.code_points) > 3
    assert difference(found, expected) == ""
    for name in OUTPUTS:
        changed = found[name].copy()
        changed.flat[-1] = changed.flat[-1] + 2e-5 if name == CONFIDENCES else changed.flat[-1] ^ 1
        said = difference({**found, name: changed}, expected)
        assert said.startswith({"code_points": "reads "}.get(name, name)), name


def test_pictures_that_the_harness_refuses_are_among_those_that_are_compared():
    shapes = [picture.shape for _, picture in checking.pictures()]
    assert {shape[2] for shape in shapes} == {1, 3}
    refused = [shape for shape in shapes if checking.fault_of(*shape[:2], PreprocessSpec())]
    assert 2 <= len(refused) < len(shapes) / 4
    for height, width, _ in refused:
        with pytest.raises(Exception, match="px"):
            prepare_bytes(np.zeros((height, width), np.uint8), PreprocessSpec())
