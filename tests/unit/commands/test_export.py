from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from inkport.commands.export import export
from inkport.core.artifact import load_artifact
from inkport.core.errors import ArtifactCorruptError, ExportError, LineDataError, UsageError


def test_one_line_per_artifact_with_path_format_precision_size_and_digest(toy_onnx, lines_folder, tmp_path, capsys):
    arguments = {
        "to": ("openvino-fp32", "onnx-int8"),
        "calibration": (lines_folder,),
        "calibration_lines": 3,
        "out": tmp_path / "out",
    }
    export(str(toy_onnx.path), **arguments)
    first = capsys.readouterr().out
    rows = [line.split() for line in first.splitlines()]
    assert [row[1:3] for row in rows] == [["openvino", "fp32"], ["onnx", "int8"]]
    for row in rows:
        artifact = load_artifact(Path(row[0]))
        assert row[-1] == artifact.digest
        assert float(row[3]) == pytest.approx(artifact.bytes / 1e6, abs=0.006)
    assert len(load_artifact(tmp_path / "out" / "onnx-int8").provenance.calibration.ids) == 3
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    export(str(toy_onnx.path), **arguments)
    assert capsys.readouterr().out == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before


def test_an_unknown_target_names_the_known_ones(toy_onnx, tmp_path):
    with pytest.raises(UsageError, match="onnx-int4") as caught:
        export(str(toy_onnx.path), to=("onnx-int4",), out=tmp_path / "out")
    assert "onnx-int8" in caught.value.remedy
    assert not (tmp_path / "out").exists()


def test_widths_for_nothing_that_enumerates_them_are_refused(toy_onnx, tmp_path):
    with pytest.raises(UsageError, match="none of openvino-fp32 enumerates widths"):
        export(str(toy_onnx.path), to=("openvino-fp32",), widths=(256,), out=tmp_path / "out")


def test_a_tampered_artifact_is_refused(toy_onnx, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(toy_onnx.path, copy)
    data = bytearray((copy / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (copy / "model.onnx").write_bytes(data)
    with pytest.raises(ArtifactCorruptError, match="SHA-256"):
        export(str(copy), to=("openvino-fp32",), out=tmp_path / "out")


def test_int8_asks_for_calibration_lines(toy_onnx, tmp_path):
    with pytest.raises(ExportError) as caught:
        export(str(toy_onnx.path), to=("onnx-int8",), out=tmp_path / "out")
    assert "--calibration" in caught.value.remedy


def test_a_bad_calibration_image_is_refused_or_skipped_aloud(toy_onnx, lines_folder, tmp_path, capsys):
    folder = tmp_path / "lines"
    shutil.copytree(lines_folder, folder)
    (folder / "line3.png").write_bytes(b"")
    arguments = {"to": ("onnx-int8",), "calibration": (folder,), "out": tmp_path / "out"}
    with pytest.raises(LineDataError, match=r"line3\.png"):
        export(str(toy_onnx.path), **arguments)
    export(str(toy_onnx.path), skip="bad-image", **arguments)
    assert "left out of calibration: 1 bad-image: line3.png" in capsys.readouterr().err
    assert len(load_artifact(tmp_path / "out" / "onnx-int8").provenance.calibration.ids) == 5
