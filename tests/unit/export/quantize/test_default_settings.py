"""What somebody made with other settings is not what an export would make, and must not stand for it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

import inkport.export.plan as planning
from inkport.core.artifact import Calibration, Provenance, load_artifact, new_artifact
from inkport.core.target import Precision
from inkport.export.plan import STAGES, build, has_default_settings
from inkport.export.quantize.calibration import CalibrationSet


LINES = CalibrationSet(inputs=(), record=Calibration(ids=("a",), sha256="11"))
STAGE = next(stage for stage in STAGES if stage.target == ("onnx", Precision.INT8))


def artifact(path, spec, target, parent=None, **options):
    provenance = Provenance(
        stage="test",
        root=parent and parent.root,
        parent=parent and parent.digest,
        options=options,
        calibration=parent and LINES.record,
    )
    with new_artifact(path, spec=spec, format=target[0], precision=target[1], provenance=provenance) as folder:
        (folder / "model.bin").write_text(str(options))
    return load_artifact(path)


@pytest.mark.parametrize(
    ("options", "default"),
    [
        ({}, True),
        ({"ranges": "least-squares", "percentile": 99.99, "reduce_range": False}, True),
        ({"ranges": "min-max"}, False),
        ({"keep_fp32": []}, False),
        ({"keep_nodes": ["node_conv2d_3"]}, False),
        ({"head_bias": {"label": 0, "offset": -0.2}}, False),
        ({"ranges": "learned in training", "qat": {"recipe": "1"}}, True),
        ({"ranges": "learned in training", "qat": {"recipe": "1"}, "symmetric": True}, False),
    ],
)
def test_only_defaults_count_as_such(toy_spec, tmp_path, monkeypatch, options, default):
    onnx = artifact(tmp_path / "onnx", toy_spec, ("onnx", Precision.FP32))
    there = artifact(tmp_path / "work/onnx-int8", toy_spec, STAGE.target, onnx, **options)
    assert has_default_settings(there, STAGE) == default
    made = []

    def quantize(source, out, **_):
        made.append(out)
        return artifact(out, toy_spec, STAGE.target, source)

    monkeypatch.setattr("inkport.export.quantize.onnx_int8.int8_onnx_from_onnx", quantize)
    where = {"format": "onnx", "precision": Precision.INT8, "work": tmp_path / "work"}
    found = build(onnx, **where, calibration=LINES)
    assert made == ([] if default else [tmp_path / "work/onnx-int8"])
    assert has_default_settings(found, STAGE)


@pytest.mark.parametrize("stage", [stage for stage in planning.STAGES if stage.settings], ids=lambda s: s.target[0])
def test_what_ships_is_what_an_export_makes(stage):
    bundle = Path(str(files("inkport") / "bundle"))
    found = [load_artifact(path.parent) for path in bundle.glob("*/recogniser.json")]
    fitting = [artifact for artifact in found if (artifact.format, artifact.precision) == stage.target]
    assert fitting
    assert all(has_default_settings(artifact, stage) for artifact in fitting)
