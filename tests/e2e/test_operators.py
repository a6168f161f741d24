"""``inkport diagnose operators`` as a whole: exit codes, text, JSON against its schema, and the reproduction."""

from __future__ import annotations

import json
import subprocess
import sys

import jsonschema
import pytest

from inkport.benchmarks.report.schema import schema_of
from inkport.core.artifact import Provenance, load_artifact, new_artifact


onnx = pytest.importorskip("onnx", reason="graphs are built with onnx")


@pytest.fixture
def debug(lines_folder, toy_artifact, tmp_path):
    def run(*arguments):
        command = [sys.executable, "-m", "inkport", "diagnose", "operators", *map(str, arguments)]
        command += ["--model", str(toy_artifact.path), "--lines", str(lines_folder), "--out", str(tmp_path / "out")]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def faulty(toy_onnx, tmp_path):
    model = onnx.load(toy_onnx.file(".onnx"))
    node = next(node for node in model.graph.node if node.name == "node_layer_norm_3")
    next(a for a in node.attribute if a.name == "epsilon").f = 1e-3
    path, parent = tmp_path / "faulty", Provenance(stage="test")
    with new_artifact(path, spec=toy_onnx.spec, format="onnx", precision=toy_onnx.precision, provenance=parent) as to:
        (to / "model.onnx").write_bytes(model.SerializeToString())
    return load_artifact(path)


def schema():
    return schema_of("debug")


def test_a_fault_ends_in_a_name_and_a_folder_that_runs(debug, toy_onnx, faulty, tmp_path):
    run = debug(toy_onnx.path, faulty.path)
    assert run.returncode == 1, run.stderr
    assert "They part at LayerNormalization node_layer_norm_3" in " ".join(run.stdout.split())
    assert "where they agree, the kernel is at fault" in " ".join(run.stdout.split())
    result = json.loads((tmp_path / "out" / "operators.json").read_text(encoding="utf-8"))
    jsonschema.validate(result, schema())
    first = result["divergences"][0]
    assert (first["target"], first["operator"], first["fault"]) == (str(faulty.path), "node_layer_norm_3", "operator")
    alone = subprocess.run([sys.executable, f"{first['reproduction']}/reproduce.py"], capture_output=True, check=False)
    assert alone.returncode == 1


def test_targets_that_agree_end_in_0(debug, toy_onnx):
    run = debug(toy_onnx.path, f"onnx-reference:{toy_onnx.path}", "--json")
    assert run.returncode == 0, run.stdout + run.stderr
    result = json.loads(run.stdout)
    jsonschema.validate(result, schema())
    assert result["divergences"] == []


@pytest.mark.parametrize(
    ("target", "code", "message"),
    [
        ("nowhere", 2, "is neither a target nor an artifact's directory"),
        ("onnxruntime:fp99", 2, "is neither a target"),
        ("nosuch:fp32", 2, "is not registered"),
        ("ort-web:fp32", None, ""),
    ],
)
def test_what_cannot_be_debugged_is_said(debug, toy_onnx, target, code, message):
    run = debug(toy_onnx.path, target)
    assert run.returncode in ({code} if code else {2, 3})
    assert message in run.stderr
    assert "Traceback" not in run.stderr
