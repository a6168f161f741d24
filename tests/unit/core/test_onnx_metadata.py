"""An exported ONNX file by itself is the artifact that it came from; what was changed or is not ours is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest


onnx = pytest.importorskip("onnx", reason="the oracle that reads the files")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from inkport.commands._model import resolve_model  # noqa: E402
from inkport.core.artifact import Artifact, Provenance, load_artifact, new_artifact  # noqa: E402
from inkport.core.charset import Charset  # noqa: E402
from inkport.core.errors import ArtifactCorruptError, ArtifactNotFoundError  # noqa: E402
from inkport.core.onnx_metadata import (  # noqa: E402
    artifact_from_onnx,
    read_metadata,
    with_metadata,
    without_metadata,
)
from inkport.core.preprocess import PreprocessSpec  # noqa: E402
from inkport.core.spec import RecogniserSpec  # noqa: E402
from inkport.core.target import Precision  # noqa: E402


SPEC = RecogniserSpec(
    name="toy-é", version="3", stride=4, preprocess=PreprocessSpec(mean=0.5, std=0.25), charset=Charset(tuple(' "aé\\'))
)
MADE = Provenance(
    stage="int8_onnx_from_onnx", root="ab" * 32, parent="cd" * 32, licence="CC-BY-4.0", attribution="Zoë & co."
)


def graph(scale=1.0):
    """A model of one multiplication, with a weight long enough for a length of several bytes."""
    nodes = [helper.make_node("Mul", ["images", "w"], ["logits"])]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "toy",
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, [40000])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [40000])],
            [numpy_helper.from_array(np.full(40000, scale, np.float32), "w")],
        ),
        ir_version=8,
    )
    # Written behind metadata_props, which is field 14: what is appended is not what comes last in the schema.
    model.training_info.add()
    return model


@pytest.fixture
def artifact(tmp_path) -> Artifact:
    path = tmp_path / "artifact"
    with new_artifact(path, spec=SPEC, format="onnx", precision=Precision.INT8, provenance=MADE) as folder:
        data = with_metadata(graph().SerializeToString(), SPEC, precision=Precision.INT8, provenance=MADE)
        (folder / "model.onnx").write_bytes(data)
    return load_artifact(path)


def test_onnx_reads_what_is_written_and_the_graph_is_what_it_was(artifact):
    model = onnx.load(artifact.file(".onnx"))
    onnx.checker.check_model(model)
    found = {entry.key.removeprefix("inkport."): entry.value for entry in model.metadata_props}
    assert (found["name"], found["version"], found["precision"]) == ("toy-é", "3", "int8")
    assert (found["licence"], found["attribution"]) == ("CC-BY-4.0", "Zoë & co.")
    assert json.loads(found["charset"]) == {"symbols": ' "aé\\', "digest": SPEC.charset.digest}
    assert json.loads(found["preprocess"])["resampling"] == "triangle-v2"
    del model.metadata_props[:]
    assert model == graph()
    assert found["digest"] == hashlib.sha256(graph().SerializeToString()).hexdigest()


def test_onnx_runtime_reads_it_too(artifact):
    onnxruntime = pytest.importorskip("onnxruntime", reason="another reader of the same file")
    session = onnxruntime.InferenceSession(artifact.file(".onnx"), providers=["CPUExecutionProvider"])
    known = read_metadata(artifact.file(".onnx").read_bytes(), where="x")
    assert session.get_modelmeta().custom_metadata_map == known
    images = np.ones(40000, np.float32)
    np.testing.assert_array_equal(session.run(None, {"images": images})[0], images)


def test_a_file_by_itself_is_the_artifact_that_it_came_from(artifact, tmp_path):
    alone = shutil.copy(artifact.file(".onnx"), tmp_path / "renamed by somebody.onnx")
    found = resolve_model(str(alone))
    assert found.spec == SPEC
    assert (found.format, found.precision, found.digest) == ("onnx", Precision.INT8, artifact.digest)
    assert (found.root, found.provenance.parent) == (artifact.root, MADE.parent)
    assert (found.provenance.licence, found.provenance.attribution) == ("CC-BY-4.0", "Zoë & co.")


def test_it_is_written_once_however_often_it_is_written(artifact):
    data = artifact.file(".onnx").read_bytes()
    again = with_metadata(data, SPEC, precision=Precision.INT8, provenance=MADE)
    assert again == data
    other = with_metadata(data, SPEC, precision=Precision.INT8, provenance=replace(MADE, licence="CC0-1.0"))
    assert without_metadata(other, where="x") == without_metadata(data, where="x")
    assert read_metadata(other, where="x")["inkport.licence"] == "CC0-1.0"
    assert len(read_metadata(other, where="x")) == len(read_metadata(data, where="x"))


def changed(model, key, value):
    for entry in model.metadata_props:
        if entry.key == f"inkport.{key}":
            entry.value = value
            return
    raise KeyError(key)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m.graph.initializer[0].CopyFrom(graph(2.0).graph.initializer[0]), "SHA-256 of the graph"),
        (lambda m: changed(m, "digest", "0" * 64), "SHA-256 of the graph"),
        (lambda m: changed(m, "schema", "2"), "metadata of schema 2, this inkport reads 1"),
        (lambda m: changed(m, "stride", "5"), "stride 5 does not divide"),
        (lambda m: changed(m, "stride", "four"), "inkport.stride"),
        (lambda m: changed(m, "preprocess", "null"), "not a recogniser specification"),
        (lambda m: changed(m, "charset", '{"symbols": "ab", "digest": "0"}'), "charset"),
        (lambda m: changed(m, "precision", "int7"), "int7"),
        (lambda m: m.metadata_props.pop(3), "no inkport."),
        (lambda m: m.ClearField("metadata_props"), "without inkport's metadata"),
    ],
)
def test_what_was_changed_or_is_not_ours_is_refused(artifact, tmp_path, change, says):
    model = onnx.load(artifact.file(".onnx"))
    change(model)
    onnx.save(model, tmp_path / "changed.onnx")
    with pytest.raises(ArtifactCorruptError, match=says):
        artifact_from_onnx(tmp_path / "changed.onnx", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_keys_of_others_are_left_alone(artifact, tmp_path):
    model = onnx.load(artifact.file(".onnx"))
    entry = model.metadata_props.add()
    entry.key, entry.value = "author", "somebody"
    onnx.save(model, tmp_path / "more.onnx")
    assert artifact_from_onnx(tmp_path / "more.onnx", tmp_path / "out").spec == SPEC


@pytest.mark.parametrize("cut", [1, 2, 7, 100, 1000, -1, -200])
def test_a_file_that_is_cut_off_is_refused(artifact, tmp_path, cut):
    (tmp_path / "cut.onnx").write_bytes(artifact.file(".onnx").read_bytes()[:cut])
    with pytest.raises(ArtifactCorruptError):
        artifact_from_onnx(tmp_path / "cut.onnx", tmp_path / "out")


@pytest.mark.parametrize("data", [b"", b"junk", b"\xff" * 30, b"\x00\x01", b"\x72\xff\xff\xff\xff\xff\xff\xff\xff\x7f"])
def test_what_is_no_onnx_file_is_refused(tmp_path, data):
    (tmp_path / "x.onnx").write_bytes(data)
    with pytest.raises(ArtifactCorruptError, match=r"x\.onnx: "):
        resolve_model(str(tmp_path / "x.onnx"))
    with pytest.raises(ArtifactNotFoundError):
        artifact_from_onnx(tmp_path / "nosuch.onnx", tmp_path / "out")


def test_a_whole_reader_is_told_from_a_network_and_other_formats_are_refused(tmp_path):
    for said in ("onnx-app", "onnx-of-tomorrow"):
        data = with_metadata(graph().SerializeToString(), SPEC, precision=Precision.INT8, provenance=MADE, format=said)
        (tmp_path / f"{said}.onnx").write_bytes(data)
    assert artifact_from_onnx(tmp_path / "onnx-app.onnx", tmp_path / "opened").format == "onnx-app"
    with pytest.raises(ArtifactCorruptError, match="onnx-of-tomorrow") as caught:
        artifact_from_onnx(tmp_path / "onnx-of-tomorrow.onnx", tmp_path / "refused")
    assert caught.value.remedy
    assert not (tmp_path / "refused").exists()
