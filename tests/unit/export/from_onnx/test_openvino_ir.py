from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import inkport.export.from_onnx.openvino_ir as exporter
from inkport.core.artifact import Provenance, load_artifact, new_artifact
from inkport.core.errors import ExportError
from inkport.core.registry import open_session
from inkport.core.target import Precision


@pytest.mark.parametrize(("batch", "width"), [(1, 32), (2, 208), (3, 112)])
def test_openvino_agrees_with_onnx_runtime(toy_onnx, toy_openvino, rng, batch, width):
    images = rng.random((batch, 1, 48, width), dtype=np.float32)
    wanted = onnxruntime.InferenceSession(toy_onnx.file(".onnx")).run(["logits"], {"images": images})[0]
    with open_session(toy_openvino, runtime="openvino") as session:
        np.testing.assert_allclose(session.run(images), wanted, atol=2e-5)


def test_converting_twice_gives_the_same_bytes(toy_onnx, toy_openvino, tmp_path):
    assert exporter.openvino_from_onnx(toy_onnx, tmp_path / "again").files == toy_openvino.files


def test_weights_stay_fp32_and_no_path_of_this_machine_is_kept(toy_artifact, toy_onnx, toy_openvino):
    text = toy_openvino.file(".xml").read_text(encoding="utf-8")
    assert "FP16" not in text
    assert str(toy_onnx.path) not in text
    assert str(Path(exporter.__file__).parents[2]) not in text
    assert toy_openvino.precision == Precision.FP32
    assert (toy_openvino.root, toy_openvino.provenance.parent) == (toy_artifact.digest, toy_onnx.digest)


def test_a_file_that_is_no_onnx_is_refused(toy_onnx, tmp_path):
    with new_artifact(
        tmp_path / "broken",
        spec=toy_onnx.spec,
        format="onnx",
        precision=Precision.FP32,
        provenance=Provenance(stage="test"),
    ) as folder:
        (folder / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(ExportError, match="openvino_from_onnx"):
        exporter.openvino_from_onnx(load_artifact(tmp_path / "broken"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_kill_while_writing_leaves_the_old_artifact_and_no_debris(toy_onnx, toy_openvino, tmp_path, monkeypatch):
    import openvino

    out = tmp_path / "openvino-fp32"
    shutil.copytree(toy_openvino.path, out)

    def killed(_model, path, **_):
        Path(path).write_text("<half")
        raise KeyboardInterrupt

    monkeypatch.setattr(openvino, "save_model", killed)
    with pytest.raises(KeyboardInterrupt):
        exporter.openvino_from_onnx(toy_onnx, out)
    assert load_artifact(out).files == toy_openvino.files
    assert list(tmp_path.iterdir()) == [out]
