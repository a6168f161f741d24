from __future__ import annotations

import numpy as np
import pytest

from inkport.core.artifact import Provenance, load_artifact, new_artifact
from inkport.core.errors import ExportError
from inkport.core.target import Precision
from inkport.export.from_onnx.openvino_ir import bf16_openvino_from_openvino, fp16_openvino_from_openvino


def compute_in_fp32(artifact, images):
    import openvino as ov

    return ov.Core().compile_model(artifact.file(".xml"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([images])[0]


def test_bf16_is_the_same_files_under_another_precision(toy_artifact, toy_openvino, tmp_path):
    made = bf16_openvino_from_openvino(toy_openvino, tmp_path / "openvino-bf16")
    assert made.files == toy_openvino.files
    assert made.digest != toy_openvino.digest
    assert (made.format, made.precision) == ("openvino", Precision.BF16)
    assert (made.root, made.provenance.parent) == (toy_artifact.digest, toy_openvino.digest)


def test_fp16_rounds_the_weights_and_is_the_same_twice(toy_artifact, toy_openvino, tmp_path, rng):
    made = fp16_openvino_from_openvino(toy_openvino, tmp_path / "openvino-fp16")
    assert (made.format, made.precision) == ("openvino", Precision.FP16)
    assert (made.root, made.provenance.parent) == (toy_artifact.digest, toy_openvino.digest)
    assert made.file(".bin").stat().st_size < 0.6 * toy_openvino.file(".bin").stat().st_size
    images = rng.random((2, 1, 48, 176), dtype=np.float32)
    wanted, found = compute_in_fp32(toy_openvino, images), compute_in_fp32(made, images)
    assert 0 < np.abs(found - wanted).max() < 5e-3 * np.abs(wanted).max()
    assert fp16_openvino_from_openvino(toy_openvino, tmp_path / "again").files == made.files


def test_files_that_are_no_ir_are_refused(toy_openvino, tmp_path):
    with new_artifact(
        tmp_path / "broken",
        spec=toy_openvino.spec,
        format="openvino",
        precision=Precision.FP32,
        provenance=Provenance(stage="test"),
    ) as folder:
        (folder / "model.xml").write_text("<net/>")
    with pytest.raises(ExportError, match="fp16_openvino_from_openvino"):
        fp16_openvino_from_openvino(load_artifact(tmp_path / "broken"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
