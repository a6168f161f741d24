"""What "your model: what works" says of a network of one's own, imported: each command runs, and finds nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from inkport import cli
from inkport.core.artifact import load_artifact
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
    """Run a command line that must succeed; return what it printed."""
    monkeypatch.chdir(tmp_path)

    def run_inkport(*arguments):
        monkeypatch.setattr(sys, "argv", ["inkport", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capsys.readouterr()
        assert caught.value.code == 0, err
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


def test_bench(run, model, readings):
    quick = ("--no-peaks", "--fresh", 0, "--most-queries", 64, "--precision", 9, "--json")
    (row,) = json.loads(run("bench", model, "--target", "onnxruntime:fp32", "--lines", readings, *quick))["targets"]
    assert row["scenarios"][0]["p50_ms"] > 0


def test_kit(run, model, readings):
    run(
        *("kit", "make", model, "--target", "onnxruntime:fp32", "--lines", readings, "--out", "kit.zip"),
        *("--most-lines", 6, "--golden", 2),
    )
    run("kit", "run", "kit.zip", "--out", "result.zip")
    (row,) = json.loads(run("kit", "check", "kit.zip", "result.zip", "--json"))["targets"]
    assert [stage["state"] for stage in row["stages"]] == ["right"] * 4
    assert row["parity"]["flipped_lines"] == 0


def test_diagnose_flips(run, model, readings):
    arguments = ("--target", "openvino:fp32", "--lines", readings, "--probes", 4, "--json")
    (row,) = json.loads(run("diagnose", "flips", model, *arguments))["targets"]
    assert (row["forecast"]["observed"], row["forecast"]["surprise"]) == (0, "as predicted")


def test_diagnose_invariance(run, model, readings):
    arguments = ("--target", "onnxruntime:fp32", "--lines", readings, "--sample", 2, "--json")
    (row,) = json.loads(run("diagnose", "invariance", model, *arguments))["targets"]
    assert {relation["status"] for relation in row["relations"]} == {"holds"}


def test_quantize_and_export(run, model, readings):
    run("quantize", "apply", model, "--calibration", readings, "--out", "int8")
    run("export", model, "--to", "openvino-fp32", "openvino-bf16", "--out", "made")
    source = load_artifact(model)
    for made in ("int8", "made/openvino-fp32", "made/openvino-bf16"):
        found = load_artifact(Path(made))
        assert (found.root, found.spec) == (source.digest, source.spec)
