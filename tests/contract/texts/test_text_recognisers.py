"""Recognisers that return text: every command takes them, and what needs scores per frame is not judged."""

from __future__ import annotations

import json
import re
import sys

import numpy as np
import pytest
from PIL import Image

import inkport
from inkport import cli
from inkport.core import registry
from inkport.core.artifact import Provenance, load_artifact, new_artifact
from inkport.core.errors import UnsupportedFormatError, UsageError
from inkport.core.spec import Decoder, RecogniserSpec
from inkport.core.target import Precision


ROW = '[[target]]\nname = "{name}"\nruntime = "{name}"\nprecision = "fp32"\nbudget = {{ cer_margin = {margin} }}\n'


@pytest.fixture
def run(plugins, monkeypatch, capsys, tmp_path):  # noqa: ARG001 - they are registered
    """Run a command line; return its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)

    def run_inkport(*arguments):
        monkeypatch.setattr(sys, "argv", ["inkport", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return caught.value.code, *capsys.readouterr()

    return run_inkport


def targets(folder, *names, margin=0.2, more=""):
    file = folder / "targets.toml"
    file.write_text("".join(ROW.format(name=name, margin=margin) + more for name in names), encoding="utf-8")
    return ("--targets", file)


def test_a_sidecar_of_version_2_says_that_it_returns_text(place):
    sidecar = json.loads((place / "model" / "recogniser.json").read_text(encoding="utf-8"))
    assert (sidecar["schema"], sidecar["spec"]["decoder"]) == (2, "text")
    assert sidecar["spec"]["input"] == {"name": "images", "shape": ["n", "1", "h", "w"], "dtype": "uint8"}
    assert RecogniserSpec.from_dict(sidecar["spec"], where="here").decoder is Decoder.TEXT


FAULTS = {
    "first-line-only": r"first-line-only on cpu: drops the batch: 1 lines come back for 2",
    "first-line-repeated": r"first-line-repeated on cpu: drops the batch: the first line's text comes back",
    "too-sure": r"too-sure on cpu: returns a confidence of 1\.5, expected a number within 0\.\.1, or None",
    "bare-texts": r"bare-texts on cpu: returns a list of str, expected ReadText",
    "scores": r"scores on cpu: returns a ndarray, expected a list of texts",
    "exits": r"exits on cpu: tried to end the whole process \(exit code 0\)",
    "draws": r"draws on cpu: wants to write into its input, which is read-only",
}


def test_verify_judges_texts_and_names_each_fault(run, place, tmp_path):
    names = ("reader", "slips", *FAULTS)
    code, out, _ = run(
        *("verify", place / "model", *targets(tmp_path, *names), "--lines", place / "lines.tsv"),
        *("--latency-lines", 2, "--json"),
    )
    report = json.loads(out)
    rows = {row["name"]: row for row in report["targets"]}
    assert code == 1
    assert report["reference"]["runtime"] == "reader"
    assert report["reference"]["note"].startswith("target 'reader', the first that reads with the model as it is")
    honest = rows["reader"]
    assert (honest["outcome"], honest["parity"]["flipped_lines"], honest["parity"]["cer"]) == ("pass", 0, 0)
    assert honest["latency"]["p50_ms"] > 0
    assert report["host"] is None
    for name, reason in FAULTS.items():
        assert rows[name]["outcome"] == "run-failed", name
        assert re.search(reason, rows[name]["reason"]), rows[name]["reason"]


def test_texts_are_those_of_its_own_pipeline_and_a_port_that_slips_is_named(run, place, tmp_path):
    # Its file and its pipeline are known: what flips, and how, follows from these alone.
    read = dict(row.split("\t") for row in (place / "readings.tsv").read_text(encoding="utf-8").splitlines()[1:])
    code, out, _ = run(
        *("verify", place / "model", *targets(tmp_path, "reader", "slips", margin=0.001)),
        *("--lines", place / "lines.tsv", "--latency-lines", 0, "--json"),
    )
    slips = json.loads(out)["targets"][1]
    assert (code, slips["outcome"]) == (1, "text-differs")
    flips = {flip["id"]: flip for flip in slips["parity"]["flips"]}
    assert set(flips) == {name for name, text in read.items() if "3" in text}
    for name, flip in flips.items():
        assert (flip["reading_reference"], flip["reading"]) == (read[name], read[name].replace("3", "8"))
        assert [(change["reference"], change["target"]) for change in flip["changes"]] == [("3", "8")] * read[
            name
        ].count("3")
        gaps = {flip["gap"], flip["gap_reference"], *(change["gap"] for change in flip["changes"])}
        assert gaps == {None}


@pytest.mark.parametrize("command", ["flips", "invariance"])
def test_what_needs_frames_is_not_judged_and_does_not_fail(run, place, tmp_path, command):
    arguments = ("diagnose", command, place / "model", *targets(tmp_path, "reader"), "--lines", place / "few.tsv")
    code, out, _ = run(*arguments)
    assert code == 0
    assert "Not judged: glyphs returns text (decoder=text) and no scores per frame" in re.sub(r"\s+", " ", out)
    code, out, _ = run(*arguments, "--json")
    (row,) = json.loads(out)["targets"]
    assert (code, row["outcome"]) == (0, "not-judged")


@pytest.mark.parametrize("named", ["folder", "model"])
def test_operators_are_not_judged_either(run, place, named):
    ways = {
        "folder": (f"reader:{place / 'model'}", place / "model"),
        "model": ("onnxruntime:fp32", "onnxruntime:int8", "--model", place / "model"),
    }
    code, out, _ = run("diagnose", "operators", *ways[named], "--json")
    assert code == 0
    assert {row["outcome"] for row in json.loads(out)["targets"]} == {"not-judged"}
    code, out, _ = run("diagnose", "operators", *ways[named])
    assert code == 0
    assert "not judged" in out


def test_the_lines_closest_to_changing_are_not_known(run, place, tmp_path):
    chosen = targets(tmp_path, "reader", more='lines = 4\nchoose = "fragile"\n')
    code, out, _ = run("verify", place / "model", *chosen, "--lines", place / "lines.tsv", "--json")
    (row,) = json.loads(out)["targets"]
    assert (code, row["outcome"]) == (0, "not-judged")
    assert "tell the lines closest to changing" in row["reason"]


def test_a_language_model_is_not_judged(run, place, tmp_path):
    arguments = (*targets(tmp_path, "reader"), "--lines", place / "few.tsv", "--latency-lines", 0, "--lm", "fr-en")
    code, out, _ = run("verify", place / "model", *arguments, "--json")
    assert code == 0
    report = json.loads(out)
    assert report["note"].startswith("language model: not judged: glyphs returns text")
    assert report["lm"] is None
    code, out, err = run(
        "read", place / "line00.png", "--model", place / "model", "--runtime", "reader", "--lm", "fr-en"
    )
    assert (code, out) == (0, f"{text_of(place, 0)}\n")
    assert "language model: not judged" in err


def text_of(place, number):
    return (place / "lines.tsv").read_text(encoding="utf-8").splitlines()[number + 1].partition("\t")[2]


def test_read_prints_texts_and_how_sure_they_are(run, place):
    code, out, _ = run(
        *("read", place / "line00.png", place / "line01.png", "--model", place / "model", "--runtime", "reader"),
        *("--format", "json"),
    )
    assert code == 0
    for number, found in enumerate(json.loads(out)):
        assert (found["text"], found["symbols"], found["runtime"]) == (text_of(place, number), [], "reader")
        assert 0 < found["confidence"] <= 1


@pytest.mark.usefixtures("plugins")
def test_the_python_interface_reads_and_verifies(place, tmp_path):
    with inkport.load(place / "model", "reader") as recogniser:
        found = recogniser.read(place / "line02.png")
        assert (found.text, found.symbols) == (text_of(place, 2), ())
        array = np.asarray(Image.open(place / "line02.png"))
        assert recogniser.read(array) == found
        assert [read.text for read in recogniser.read_many([array, place / "line03.png"])] == [
            text_of(place, 2),
            text_of(place, 3),
        ]
    (path,) = targets(tmp_path, "reader")[1:]
    report = inkport.verify(place / "model", lines=[place / "few.tsv"], targets=path, latency_lines=0)
    assert report.targets[0].parity.flipped_lines == 0
    with pytest.warns(UserWarning, match="language model: not judged"):
        inkport.load(place / "model", "reader", lm="fr-en").close()


def test_bench_times_lines_of_different_sizes(run, place, tmp_path):
    code, out, _ = run(
        *("bench", place / "model", *targets(tmp_path, "reader"), "--lines", place / "few.tsv", "--fresh", 1),
        *("--no-peaks", "--most-queries", 64, "--precision", 9, "--scenario", "single-stream", "multi-stream"),
        *("--out", tmp_path / "bench", "--json"),
    )
    (row,) = json.loads(out)["targets"]
    assert (code, row["outcome"]) == (0, "pass")
    assert [found["scenario"] for found in row["scenarios"]] == ["single-stream", "multi-stream"]
    assert row["fresh"]["first_run_ms"] > 0


def test_a_kit_carries_images_and_texts(run, place, tmp_path):
    kit, result = tmp_path / "kit.zip", tmp_path / "result.zip"
    made = run(
        *("kit", "make", place / "model", *targets(tmp_path, "reader", "slips"), "--lines", place / "lines.tsv"),
        *("--most-lines", 40, "--golden", 4, "--out", kit),
    )
    assert made[0] == 0, made[2]
    assert run("kit", "run", kit, "--out", result)[0] == 0
    code, out, _ = run("kit", "check", kit, result, "--json")
    (row,) = json.loads(out)["targets"]
    assert (code, row["parity"]["flipped_lines"]) == (0, 0)
    assert [stage["state"] for stage in row["stages"]] == ["not shown", "not shown", "not shown", "not judged"]
    assert run("kit", "run", kit, "--target", "slips", "--out", result)[0] == 0
    _, out, _ = run("kit", "check", kit, result, "--json")
    (row,) = json.loads(out)["targets"]
    assert row["parity"]["flipped_lines"] > 0


def test_compare_takes_the_reports(run, place, tmp_path):
    for name in ("before", "after"):
        code, _, err = run(
            *("verify", place / "model", *targets(tmp_path, "reader"), "--lines", place / "few.tsv"),
            *("--latency-lines", 0, "--out", tmp_path / name),
        )
        assert code == 0, err
    code, out, _ = run("compare", tmp_path / "before/report.json", tmp_path / "after/report.json", "--json")
    assert code == 0
    assert json.loads(out)["targets"][0]["regressions"] == []


@pytest.mark.usefixtures("plugins")
def test_runtimes_without_a_decoder_do_not_open_it(place, tmp_path):
    spec, made = load_artifact(place / "model").spec, Provenance(stage="test")
    with new_artifact(tmp_path / "onnx", spec=spec, format="onnx", precision=Precision.FP32, provenance=made) as draft:
        (draft / "model.onnx").write_bytes(b"whatever")
    artifact = load_artifact(tmp_path / "onnx")
    with pytest.raises(UnsupportedFormatError, match=r"returns text .* runtime 'onnxruntime' decodes nothing"):
        registry.open_any(artifact, runtime="onnxruntime")
    assert not registry.opens(artifact, "onnxruntime")
    with pytest.raises(UsageError, match="no scores per frame"):
        registry.open_session(load_artifact(place / "model"), runtime="reader")


@pytest.mark.parametrize(
    "command",
    [("export", "--to", "onnx-int8"), ("bundle", "--for", "python")],
    ids=["export", "bundle"],
)
def test_what_starts_from_a_network_refuses_it(run, place, tmp_path, command):
    name, *options = command
    code, _, err = run(name, place / "model", *options, "--out", tmp_path / "out")
    assert (code, "no exporter leads from glyphs fp32" in err) == (2, True)
    assert not (tmp_path / "out").exists()
