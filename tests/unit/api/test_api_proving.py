"""``inkport.verify``, ``inkport.export``, ``inkport.compare`` return what the commands write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import inkport
from inkport.benchmarks.checks.compare.judge import Comparison
from inkport.benchmarks.report.envelope import Report
from inkport.core.errors import DataError, UsageError


TARGETS = """
[[target]]
name = "onnxruntime fp32"
runtime = "onnxruntime"
precision = "fp32"
"""


@pytest.fixture
def report(toy_artifact, lines_folder, tmp_path):
    pytest.importorskip("onnxruntime", reason="a target runs in onnxruntime")
    (tmp_path / "targets.toml").write_text(TARGETS)
    return inkport.verify(
        toy_artifact.path,
        lines=[lines_folder],
        targets=tmp_path / "targets.toml",
        latency_lines=0,
        out=tmp_path / "out",
    )


def test_verify_returns_the_record_of_the_report_and_writes_none(report, tmp_path):
    assert isinstance(report, Report)
    document = json.loads(report.to_json())
    assert [target.name for target in report.targets] == ["onnxruntime fp32"]
    assert document["targets"][0]["outcome"] == report.targets[0].outcome
    assert document["targets"][0]["parity"]["flips"] == []
    assert (document["exit_code"], document["data"]["lines"]) == (report.exit_code, 6)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["artifacts"]


def test_compare_returns_the_record_of_the_comparison(report, tmp_path):
    (tmp_path / "before.json").write_text(report.to_json(), encoding="utf-8")
    found = inkport.compare(tmp_path / "before.json", str(tmp_path / "before.json"))
    assert isinstance(found, Comparison)
    assert (found.exit_code, [target.name for target in found.targets]) == (0, ["onnxruntime fp32"])
    with pytest.raises(UsageError, match="neither may be negative"):
        inkport.compare(tmp_path / "before.json", tmp_path / "before.json", max_slower=-1)
    with pytest.raises(DataError):
        inkport.compare(tmp_path / "before.json", tmp_path / "absent.json")


def test_export_returns_the_artifact_and_does_not_make_it_again(toy_artifact, tmp_path):
    pytest.importorskip("onnxscript", reason="torch exports to ONNX with it")
    made = inkport.export(toy_artifact.path, to="onnx-fp32", out=tmp_path)
    assert (made.format, made.precision, made.path.parent) == ("onnx", "fp32", tmp_path)
    before = Path(made.path / "recogniser.json").stat().st_mtime_ns
    assert inkport.export(toy_artifact.path, to="onnx-fp32", out=tmp_path) == made
    assert Path(made.path / "recogniser.json").stat().st_mtime_ns == before


def test_export_says_what_it_can_make(tmp_path):
    with pytest.raises(UsageError, match="'onnx-w9' is nothing that inkport exports") as caught:
        inkport.export(to="onnx-w9", out=tmp_path)
    assert "onnx-int8" in caught.value.remedy
