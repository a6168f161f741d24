from __future__ import annotations

import json
from pathlib import Path

import junitparser
import pytest


SAMPLES = Path(__file__).parents[2] / "golden" / "report-0.1.json"


@pytest.fixture
def reports(tmp_path):
    """A report of inkport 0.1, and the same after its int8 row got worse and slower."""
    document = json.loads(SAMPLES.read_text(encoding="utf-8"))
    row = next(t for t in document["targets"] if t["name"] == "onnxruntime int8")
    row["outcome"], row["reason"] = "text-differs", "CER on rendered-fr went <up> & \x01 more."
    row["parity"]["flips"].pop()
    row["latency"]["p50_ms"] *= 3
    other = tmp_path / "worse.json"
    other.write_text(json.dumps(document), encoding="utf-8")
    return SAMPLES, other


@pytest.fixture
def other_data(tmp_path):
    """The same report as if of half as many lines of another set."""
    document = json.loads(SAMPLES.read_text(encoding="utf-8"))
    document["data"] |= {"sha256": "0" * 64, "lines": 150}
    for target in document["targets"]:
        if target["parity"]:
            target["parity"]["lines"] = 150
    path = tmp_path / "other.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_nothing_changed(inkport):
    run = inkport("compare", SAMPLES, SAMPLES)
    assert (run.code, run.err) == (0, "")
    assert run.out.splitlines()[-1] == "no regression"
    assert "onnxruntime int8" in run.out
    assert "coreml" not in run.out
    assert "targets available in neither report: 14" in run.out
    assert max(map(len, run.out.splitlines())) <= 120


def test_a_regression_is_exit_code_1_and_told(inkport, reports):
    run = inkport("compare", *reports)
    assert run.code == 1
    assert "pass to text-differs" in run.out
    assert "onnxruntime int8: regressed; The outcome went from pass to text-differs." in " ".join(run.out.split())
    assert "not flipped any more: " in run.out
    assert run.out.splitlines()[-1] == "1 of 20 targets regressed"
    assert inkport("compare", *reversed(reports)).code == 0


def test_the_views_are_written_where_they_are_wanted(inkport, reports, tmp_path):
    folder = tmp_path / "views"
    run = inkport("compare", *reports, "--out", folder)
    assert {path.suffix for path in folder.iterdir()} == {".html", ".json", ".md", ".txt", ".xml"}
    assert (folder / "compare.txt").read_text(encoding="utf-8") == run.out
    page = (folder / "compare.html").read_text(encoding="utf-8")
    assert '<li class="bad">' in page
    assert page.count("<table>") == page.count("<caption") > 0


def test_json_has_everything(inkport, reports):
    run = inkport("compare", *reports, "--json")
    found = json.loads(run.out)
    assert (run.code, found["schema"], found["regressed"]) == (1, 2, True)
    (worse,) = (t for t in found["targets"] if t["regressions"])
    assert (worse["name"], worse["before"], worse["after"]) == ("onnxruntime int8", "pass", "text-differs")
    assert len(worse["flips_lost"]) == 1
    assert worse["pace"]["ratio"] == pytest.approx(3)


def test_junit_is_read_by_a_library_of_others(inkport, reports, tmp_path):
    file = tmp_path / "out" / "compare.xml"
    assert inkport("compare", *reports, "--junit", file).code == 1
    suites = {suite.name: suite for suite in junitparser.JUnitXml.fromfile(str(file))}
    assert set(suites) == {t["name"] for t in json.loads(SAMPLES.read_text())["targets"]}
    cases = {case.name: case for case in suites["onnxruntime int8"]}
    (failure,) = cases["outcome"].result
    assert isinstance(failure, junitparser.Failure)
    assert "pass to text-differs" in failure.message
    assert "<up> & \N{REPLACEMENT CHARACTER} more." in failure.message
    # Without figures per line there is no verdict, and without intervals none on the latency.
    assert cases["CER"].is_skipped
    assert cases["latency"].is_skipped
    assert all(case.is_passed or case.is_skipped for case in suites["torch fp32"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{samples}", "nothing.json"], "nothing.json: cannot be read"),
        (["{samples}", "{samples}", "--max-slower", "-1"], "neither may be negative"),
        (["{samples}", "{other}"], "--allow-other-data"),
        (["{samples}", "{summary}"], "pass a whole report.json"),
    ],
)
def test_what_cannot_be_compared_is_exit_code_2(inkport, other_data, tmp_path, arguments, words):
    document = json.loads(SAMPLES.read_text(encoding="utf-8"))
    for target in document["targets"]:
        (target["parity"] or {}).pop("flips", None)
    summary = tmp_path / "summary.json"
    summary.write_text(json.dumps(document), encoding="utf-8")
    run = inkport("compare", *(a.format(samples=SAMPLES, other=other_data, summary=summary) for a in arguments))
    assert run.code == 2
    assert words in run.err
    assert run.out == ""


def test_other_data_on_request(inkport, other_data):
    run = inkport("compare", SAMPLES, other_data, "--allow-other-data")
    assert "different lines" in run.out
    assert "not the same lines" in run.out
