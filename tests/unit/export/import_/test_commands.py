"""What "your model: what works" says of a network of one's own, imported: each command runs, and finds nothing."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from inkport import cli
from inkport.core.artifact import load_artifact
from inkport.export.from_onnx import fp16
from inkport.export.import_.importer import examine, write_import
from inkport.export.import_.settings import merged, parse_settings


for _package in ("onnxruntime", "openvino"):
    pytest.importorskip(_package, reason="the commands run with it")


@pytest.fixture(scope="module")
def model(theirs, tmp_path_factory):
    found = examine(theirs.model, charset=theirs.charset, given=merged({}, parse_settings(theirs.settings)))
    return write_import(found, tmp_path_factory.mktemp("commands") / "crnn").path


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run a command line, which must end with a code; return what it printed."""
    monkeypatch.chdir(tmp_path)

    def run_inkport(*arguments, code=0):
        monkeypatch.setattr(sys, "argv", ["inkport", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capsys.readouterr()
        assert caught.value.code == code, err
        return out

    return run_inkport


def test_read(run, model, theirs):
    out = run("read", *theirs.images[:3], "--model", model, "--format", "json")
    assert [found["text"] for found in json.loads(out)] == [theirs.read(image) for image in theirs.images[:3]]


def test_verify_and_compare(run, model, readings):
    arguments = ("verify", model, "--target", "onnxruntime:fp32", "openvino:fp32", "--lines", readings)
    report = json.loads(run(*arguments, "--latency-lines", 2, "--json"))
    for row in report["targets"]:
        assert (row["parity"]["lines"], row["parity"]["flipped_lines"], row["parity"]["cer"]) == (12, 0, 0)
        assert row["latency"]["p50_ms"] > 0
    compared = json.loads(run("compare", "out/verify/report.json", "out/verify/report.json", "--json"))
    assert [change["regressions"] for change in compared["targets"]] == [[], []]


def test_a_crash_of_the_engine_is_a_row(run, model, readings, monkeypatch):
    """In the child that first loads a recurrent network in fp16, as ONNX Runtime crashes on EasyOCR's."""
    monkeypatch.setattr(fp16, "LOADING", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    arguments = ("verify", model, "--target", "onnxruntime:fp16", "onnxruntime:fp32", "--lines", readings)
    half, single = json.loads(run(*arguments, "--latency-lines", 0, "--json", code=1))["targets"]
    assert half["outcome"] == "export-failed"
    assert single["parity"]["flipped_lines"] == 0
    assert "ONNX Runtime dies of signal 11 when it loads this network in fp16" in half["reason"]
    assert not list(Path("out").rglob("onnx-fp16"))


def test_bench(run, model, readings):
    quick = ("--no-peaks", "--fresh", 0, "--most-queries", 64, "--precision", 9, "--json")
    (row,) = json.loads(run("bench", model, "--target", "onnxruntime:fp32", "--lines", readings, *quick))["targets"]
    assert row["scenarios"][0]["p50_ms"] > 0


def test_kit(run, model, theirs, readings):
    """Of lines in colour: what it holds as right is what their own pipeline prepares and reads."""
    run(
        *("kit", "make", model, "--target", "onnxruntime:fp32", "--lines", readings, "--out", "kit.zip"),
        *("--most-lines", 6, "--golden", 2),
    )
    images = {path.name: path for path in theirs.images}
    with zipfile.ZipFile("kit.zip") as kit:
        lines = [line for line in json.loads(kit.read("kit.json"))["lines"] if line["id"] in images]
        golden = {line["id"]: line["golden"]["tensor"] for line in lines if line["golden"]}
        tensors = {name: np.load(io.BytesIO(kit.read(member))) for name, member in golden.items()}
    assert {line["id"]: line["reading"] for line in lines} == {
        line["id"]: theirs.read(images[line["id"]]) for line in lines
    }
    assert (len(lines), len(tensors)) == (6, 2)
    for name, tensor in tensors.items():
        np.testing.assert_allclose(tensor, theirs.prepare(images[name]), rtol=0, atol=1e-6)
    run("kit", "run", "kit.zip", "--out", "result.zip")
    (row,) = json.loads(run("kit", "check", "kit.zip", "result.zip", "--json"))["targets"]
    assert [stage["state"] for stage in row["stages"]] == ["right"] * 4
    assert row["parity"]["flipped_lines"] == 0


def test_diagnose_operators(run, model, readings):
    """The GRU among them, which both engines compute right."""
    arguments = ("onnxruntime:fp32", "openvino:fp32", "--lines", readings, "--json")
    report = json.loads(run("diagnose", "operators", "--model", model, *arguments))
    assert report["divergences"] == []


def test_diagnose_flips(run, model, readings):
    arguments = ("--target", "openvino:fp32", "--lines", readings, "--probes", 4, "--json")
    (row,) = json.loads(run("diagnose", "flips", model, *arguments))["targets"]
    assert (row["forecast"]["observed"], row["forecast"]["surprise"]) == (0, "as predicted")


def test_diagnose_invariance(run, model, readings):
    arguments = ("--target", "onnxruntime:fp32", "--lines", readings, "--sample", 2, "--json")
    (row,) = json.loads(run("diagnose", "invariance", model, *arguments))["targets"]
    assert {relation["status"] for relation in row["relations"]} == {"holds"}


def test_quantize_and_export(run, model, readings):
    # Its few products are all among what stays in fp32 by default.
    run("quantize", "apply", model, "--calibration", readings, "--out", "int8", "--set", "keep_fp32=[]")
    run("export", model, "--to", "openvino-fp32", "openvino-bf16", "--out", "made")
    source = load_artifact(model)
    for made in ("int8", "made/openvino-fp32", "made/openvino-bf16"):
        found = load_artifact(Path(made))
        assert (found.root, found.spec) == (source.digest, source.spec)
