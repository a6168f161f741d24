"""``inkport compress`` on the toy: killed while it trains, resumed, run again, and asked to choose."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from inkport.benchmarks.report.schema import schema_of
from inkport.cli import main
from inkport.compress.members import CompressReport
from inkport.core.artifact import load_artifact


pytest.importorskip("torch", reason="a stage trains")
pytest.importorskip("onnxruntime", reason="members run in onnxruntime")

RECIPE = """
start = "{start}"
[lines]
train = ["train"]
val = ["val"]
test = ["test"]
[measure]
latency_lines = 3
[[stage]]
name = "onnx"
kind = "export"
from = "start"
format = "onnx"
precision = "fp32"
[[stage]]
name = "tuned"
kind = "train"
from = "start"
recipe = {{ validate_every = 12, checkpoint_every = 2, optim = {{ steps = 24, batch = 4 }} }}
[[stage]]
name = "tuned-onnx"
kind = "export"
from = "tuned"
format = "onnx"
precision = "fp32"
[[stage]]
name = "engine"
kind = "export"
from = "onnx"
format = "tensorrt"
precision = "fp32"
[[target]]
name = "tuned"
stage = "tuned-onnx"
runtime = "onnxruntime"
[[target]]
name = "base"
stage = "onnx"
runtime = "onnxruntime"
[[target]]
stage = "engine"
runtime = "tensorrt"
"""


@pytest.fixture
def recipe(tmp_path, toy_artifact, lines_folder) -> Path:
    for role, indices in (("train", (0, 1, 2, 3)), ("val", (4,)), ("test", (5,))):
        (tmp_path / role).mkdir()
        for index in indices:
            for suffix in (".png", ".gt.txt"):
                name = f"line{index}{suffix}"
                (tmp_path / role / name).write_bytes((lines_folder / name).read_bytes())
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.format(start=toy_artifact.path), encoding="utf-8")
    return path


@pytest.fixture
def compress(monkeypatch, capsys, recipe, tmp_path):
    """Run the command in this process; returns exit code, what it printed, and the report."""

    def run(*arguments: object) -> tuple[object, str, str, dict]:
        words = ["compress", recipe, "--out", tmp_path / "out", "--threads", 1, *arguments]
        monkeypatch.setattr(sys, "argv", ["inkport", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        report = json.loads((tmp_path / "out" / "compress.json").read_text(encoding="utf-8"))
        return ended.value.code, printed.out, printed.err, report

    return run


def kill_while_it_trains(recipe: Path, out: Path) -> None:
    command = [sys.executable, "-m", "inkport", "compress", str(recipe), "--out", str(out), "--threads", "1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 500
    while not list(out.glob("stages/tuned/work-*/checkpoint.safetensors")):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def statuses(report: dict) -> dict[str, str]:
    return {stage["name"]: stage["status"] for stage in report["stages"]}


def test_killed_resumed_and_asked_to_choose(recipe, compress, toy_artifact, tmp_path):
    out = tmp_path / "out"
    kill_while_it_trains(recipe, out)
    assert not (out / "stages/tuned/stage.json").exists()
    assert not (out / "compress.json").exists()

    code, _, told, report = compress()
    assert code == 3, "tensorrt is not here"
    assert statuses(report) == {"onnx": "kept", "tuned": "made", "tuned-onnx": "made", "engine": "unavailable"}
    assert re.search(r"continuing after step \d+", told)
    schema = schema_of("compress")
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(report, schema)

    # The way back to the start, by digests, agrees with what lies in the folders.
    tuned, base, engine = report["members"]
    weights = load_artifact(out / "stages/tuned/artifact")
    graph = load_artifact(out / "stages/tuned-onnx/artifact")
    chain = [("tuned-onnx", graph.digest), ("tuned", weights.digest), ("start", toy_artifact.digest)]
    assert [(step["stage"], step["sha256"]) for step in tuned["lineage"]] == chain
    assert (graph.provenance.parent, weights.provenance.parent) == (weights.digest, toy_artifact.digest)
    assert weights.digest != toy_artifact.digest
    assert (tuned["own_weights"], base["own_weights"]) == (True, False)
    assert str(tmp_path) not in json.dumps(weights.provenance.options)

    # What was measured.
    assert engine["failure"] == "unavailable"
    assert "tensorrt" in engine["reason"]
    assert base["val"]["delta"] == 0
    assert report["baseline"] == "base", "of the start's own weights, although it is not the first"
    assert [m["speed"]["n"] for m in (tuned, base)] == [1, 1]
    assert min(m["peak_memory_mib"] for m in (tuned, base)) > 10
    assert (report["val"]["lines"], report["test"]["lines"]) == (1, 1)
    assert tuned["pareto"] or tuned["dominated_by"] == ["base"]

    # Its views: every member is named, the drawing is one.
    page = (out / "compress.md").read_text(encoding="utf-8")
    drawing = ET.fromstring((out / "compress.svg").read_text(encoding="utf-8"))  # noqa: S314 - our own
    assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
    assert all(name in page for name in ("| tuned |", "| base |", "| engine, tensorrt |", "compress.svg"))
    assert len(list(drawing.iter("{http://www.w3.org/2000/svg}circle"))) == 4

    # A second run repeats nothing, and a budget judges what was measured by another margin.
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.json") if path.name != "compress.json"}
    code, printed, _, again = compress("--budget", "cer=0.01", "--select-out", tmp_path / "chosen")
    assert statuses(again) == {"onnx": "kept", "tuned": "kept", "tuned-onnx": "kept", "engine": "unavailable"}
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.json") if path.name != "compress.json"} == before
    assert [m["speed"] for m in again["members"]] == [m["speed"] for m in report["members"]]
    assert again["margin"] == pytest.approx(0.0001)
    assert (code, again["choice"]["member"]) == (1, None), "one line proves nothing"
    assert "INCONCLUSIVE" in printed
    assert not (tmp_path / "chosen").exists()


def test_the_chosen_artifact_is_copied(compress, recipe, tmp_path, other_lines):
    # Few stages and many lines: enough of them to prove that the start reads what the start reads.
    text = recipe.read_text(encoding="utf-8")
    stages = text.split("[[stage]]")
    target = '[[target]]\nname = "base"\nstage = "onnx"\nruntime = "onnxruntime"\n'
    recipe.write_text(f"{stages[0]}[[stage]]{stages[1]}{target}", encoding="utf-8")
    for copy in range(60):
        for suffix in (".png", ".gt.txt"):
            source = other_lines / f"line{copy % 4}{suffix}"
            (tmp_path / "val" / f"copy{copy}{suffix}").write_bytes(source.read_bytes())
    code, printed, told, report = compress("--budget", "cer=30", "--select-out", tmp_path / "chosen")
    assert code == 0, printed + told
    assert report["choice"]["member"] == "base"
    assert load_artifact(tmp_path / "chosen").digest == report["members"][0]["artifact"]["sha256"]
    assert "base is the fastest" in printed
    assert "test: " in printed


def test_the_schema_knows_every_field_and_no_other():
    schema = schema_of("compress")["$defs"]["compress"]
    assert schema["properties"].keys() == {"check", "exit_code", *(field.name for field in fields(CompressReport))}
    assert set(schema["required"]) == schema["properties"].keys()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--budget", "wer=1"), "not a budget"),
        (("--select-out", "x"), "add --budget"),
        (("--threads", "0"), "at least 1"),
    ],
)
def test_wrong_requests_are_exit_code_2(recipe, inkport_code, arguments, message):
    code, told = inkport_code("compress", recipe, *arguments)
    assert code == 2
    assert message in told


@pytest.fixture
def inkport_code(monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["inkport", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, capsys.readouterr().err

    return run
