"""What an installed package proves by itself: int8 against the ONNX in fp32, with no weights and no torch."""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path

import pytest

import inkport.commands._model as naming
from inkport.core.artifact import bundled_artifacts
from inkport.core.runtime import Availability
from inkport.model.runtime import TorchRuntime


LINES = 4


@pytest.fixture
def package(monkeypatch, tmp_path):
    """A package as the wheel has it, and the first sample lines."""
    monkeypatch.setattr(naming, "_shipped_folder", lambda: tmp_path / "nothing")
    samples = Path(str(files("inkport.benchmarks"))) / "samples"
    head, *rows = (samples / "lines.tsv").read_text(encoding="utf-8").splitlines(keepends=True)
    for row in rows[:LINES]:
        shutil.copy(samples / row.split("\t")[1], tmp_path)
    (tmp_path / "lines.tsv").write_text("".join([head, *rows[:LINES]]), encoding="utf-8")
    return ["--lines", tmp_path / "lines.tsv", "--latency-lines", 0, "--out", tmp_path / "out"]


def outcomes(tmp_path):
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    return report, {target["name"]: target for target in report["targets"]}


def test_int8_is_proven_against_the_packaged_fp32_without_torch(inkport, package, monkeypatch, tmp_path):
    absent = Availability(ok=False, reason="torch is not installed", remedy="pip install it")
    monkeypatch.setattr(TorchRuntime, "probe", lambda _: absent)
    code, _, err = inkport("verify", "--target", "onnxruntime:fp32", "onnxruntime:int8", *package)
    assert code == 0, err
    report, rows = outcomes(tmp_path)
    int8, *_, fp32 = bundled_artifacts()
    assert report["reference"]["artifact"]["sha256"] == fp32.digest
    assert "torch is not installed" in report["reference"]["note"]
    assert rows["onnxruntime:fp32"]["outcome"] == "reference"
    assert rows["onnxruntime:int8"]["artifact"]["sha256"] == int8.digest
    assert rows["onnxruntime:int8"]["parity"]["lines"] == LINES


def test_what_needs_the_weights_is_not_available_and_says_where_they_are(inkport, package, tmp_path):
    code, _, err = inkport("verify", "--target", "torch:fp32", "onnxruntime:int8", *package)
    assert code == 3, err
    report, rows = outcomes(tmp_path)
    assert report["reference"]["runtime"] == "onnxruntime"
    assert rows["torch:fp32"]["outcome"] == "unavailable"
    assert "repository, in model/shipped" in rows["torch:fp32"]["reason"]
