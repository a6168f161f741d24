"""``inkport quantize``: from a model and line sets to artifacts and reports."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from inkport.core.artifact import Provenance, load_artifact, new_artifact
from inkport.core.target import Precision
from inkport.lines.roles import Role, record_lines
from inkport.lines.source import read_lines


@pytest.fixture(scope="module")
def model(toy_spec, tmp_path_factory):
    """Darkness of a frame as its label, in two convolutions and a product."""
    size = toy_spec.charset.size
    arrays = {
        "w1": np.full((4, 1, 48, 4), -7 / 192, np.float32),
        "b1": np.full(4, 7.0, np.float32),
        "w2": np.eye(4, dtype=np.float32)[:, :, None, None],
        "w3": np.repeat(np.arange(size, dtype=np.float32)[None] / 2, 4, axis=0),
        "head.bias": -(np.arange(size, dtype=np.float32) ** 2),
        "axis": np.array([2]),
    }
    nodes = [
        helper.make_node("Conv", ["images", "w1", "b1"], ["a"], name="first", strides=[48, 4], kernel_shape=[48, 4]),
        helper.make_node("Conv", ["a", "w2"], ["b"], name="second", kernel_shape=[1, 1]),
        helper.make_node("Squeeze", ["b", "axis"], ["c"], name="squeeze"),
        helper.make_node("Transpose", ["c"], ["d"], name="transpose", perm=[0, 2, 1]),
        helper.make_node("MatMul", ["d", "w3"], ["e"], name="head"),
        helper.make_node("Add", ["e", "head.bias"], ["logits"], name="add"),
    ]
    graph = helper.make_graph(
        nodes,
        "reader",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 1, 48, "w"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", "t", size])],
        [numpy_helper.from_array(values, name) for name, values in arrays.items()],
    )
    path = tmp_path_factory.mktemp("model") / "onnx-fp32"
    with new_artifact(
        path, spec=toy_spec, format="onnx", precision=Precision.FP32, provenance=Provenance(stage="test")
    ) as folder:
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        onnx.save(made, folder / "model.onnx")
    return path


@pytest.fixture(scope="module")
def calibration(other_lines):
    """The commands refuse to calibrate on the proof."""
    return other_lines


def test_apply_makes_the_artifact_that_the_settings_ask_for(inkport, model, calibration, tmp_path):
    run = inkport(
        *("quantize", "apply", model, "--calibration", calibration, "--calibration-lines", 2),
        *(
            "--out",
            tmp_path / "int8",
            "--set",
            'ranges="entropy"',
            "--set",
            'keep_nodes=["head"]',
            "--set",
            "keep_fp32=[]",
            "--set",
            'operators=["MatMul", "Conv"]',
        ),
    )
    assert run.code == 0, run.err
    made = load_artifact(tmp_path / "int8")
    assert made.digest in run.out
    assert made.provenance.options["ranges"] == "entropy"
    assert made.provenance.options["keep_nodes"] == ["head"]
    assert made.provenance.options["operators"] == ["MatMul", "Conv"]
    assert len(made.provenance.calibration.ids) == 2


def test_from_a_scan_to_a_mixed_artifact_and_its_blank_bias(inkport, model, calibration, lines_folder, tmp_path):
    sets = ("--calibration", calibration, "--lines", lines_folder)
    report = tmp_path / "scan.json"
    run = inkport("quantize", "sensitivity", model, *sets, "--out", report, "--probes", 2, "--set", 'ranges="min-max"')
    assert run.code == 0, run.err
    found = json.loads(report.read_text(encoding="utf-8"))
    assert {row["name"] for row in found["rows"]} == {"first", "second", "head"}
    assert "| head | MatMul |" in run.out
    run = inkport(
        *("quantize", "search", model, "--sensitivity", report, *sets, "--out", tmp_path / "mixed", "--budget", 200)
    )
    assert run.code == 0, run.err
    assert load_artifact(tmp_path / "mixed").provenance.options["search"]["budget"] == 200
    run = inkport(
        *("quantize", "blank-bias", tmp_path / "mixed", "--fp32", model, "--lines", lines_folder),
        *("--out", tmp_path / "corrected"),
    )
    assert run.code == 0, run.err
    assert "deletions" in run.out
    corrected = load_artifact(tmp_path / "corrected").provenance
    assert corrected.options["head_bias"]["label"] == 0
    expected = {Role.CALIBRATION: read_lines([calibration]), Role.TUNING: read_lines([lines_folder])}
    assert corrected.line_digests == record_lines(expected)
    refused = inkport(
        *("quantize", "blank-bias", tmp_path / "mixed", "--fp32", model, "--lines", calibration),
        *("--out", tmp_path / "again"),
    )
    assert refused.code == 2
    assert "6 lines are among those that" in refused.err
    assert "was calibrated on" in refused.err


def test_the_proof_is_not_calibrated_on_and_the_scan_must_be_of_the_model(
    inkport, model, calibration, lines_folder, tmp_path
):
    sets = ("--calibration", lines_folder, "--lines", lines_folder)
    run = inkport("quantize", "sensitivity", model, *sets, "--out", tmp_path / "scan.json")
    assert run.code == 2
    assert "6 lines are in both --lines and --calibration" in run.err
    (tmp_path / "odd.json").write_text("{}", encoding="utf-8")
    run = inkport(
        *("quantize", "search", model, "--sensitivity", tmp_path / "odd.json", "--out", tmp_path / "mixed"),
        *("--calibration", calibration, "--lines", lines_folder),
    )
    assert run.code == 2
    assert "no report of a sensitivity scan" in run.err
