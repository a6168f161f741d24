"""``inkport bench`` on a toy, through the runtimes that are really there, in fresh processes, and under LoadGen."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jsonschema
import pytest

from inkport.benchmarks.checks.bench.measure import BenchOptions
from inkport.benchmarks.report.schema import schema_of
from inkport.cli import main
from inkport.core.config import to_plain
from inkport.core.errors import UsageError


pytest.importorskip("onnxruntime", reason="the port needs onnxruntime")

ROW = '[[target]]\nname = "{name}"\nruntime = "{runtime}"\nprecision = "fp32"\nrequired = {required}\n'
QUICK = ["--most-queries", 64, "--precision", 9, "--no-peaks"]


@pytest.fixture(scope="module")
def schema():
    return schema_of("bench")


@pytest.fixture
def bench(monkeypatch, capsys, toy_onnx, lines_folder, tmp_path):
    """Run ``inkport bench`` on the toy; returns exit code, output and the report."""

    def run(targets: str, *arguments: object) -> tuple[object, str, dict]:
        table, out = tmp_path / "targets.toml", tmp_path / "out"
        table.write_text(targets, encoding="utf-8")
        where = ["--targets", table, "--lines", lines_folder, "--out", out]
        monkeypatch.setattr(sys, "argv", ["inkport", "bench", *map(str, (toy_onnx.path, *where, *QUICK, *arguments))])
        with pytest.raises(SystemExit) as ended:
            main()
        report = out / "bench.json"
        found = json.loads(report.read_text(encoding="utf-8")) if report.is_file() else {}
        return ended.value.code, capsys.readouterr().out, found

    return run


def row(name, runtime="onnxruntime", required="true"):
    return ROW.format(name=name, runtime=runtime, required=required)


def test_everything_at_once(bench, schema, tmp_path):
    pytest.importorskip("onnx", reason="operations are counted in the graph")
    pytest.importorskip("mlperf_loadgen", reason="pip install 'inkport[loadgen]'")
    scenarios = ["--scenario", "single-stream", "offline"]
    loadgen = ["--loadgen", "--loadgen-seconds", "0.05"]
    code, out, report = bench(row("base") + row("again"), "--fresh", 1, "--overhead", *scenarios, *loadgen)
    assert code == 0, out
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(report, schema)
    assert report["baseline"] == "base"
    assert report["noise"].keys() == {"start", "single-stream", "offline"}
    assert report["host"]["n"] == 6
    assert report["peaks"] is None
    for target in report["targets"]:
        assert (target["outcome"], target["reason"]) == ("pass", "")
        single, offline = target["scenarios"]
        assert (single["scenario"], single["lines_per_query"], single["n"]) == ("single-stream", 1, 64)
        low, high = single["p50_interval_ms"]
        assert low <= single["p50_ms"] <= high
        assert single["p99_interval_ms"][1] is None, "64 queries have no upper limit for p99"
        assert (offline["scenario"], offline["lines_per_query"]) == ("offline", 64)
        assert sum(point["n"] for point in target["curve"]["points"]) == 64
        assert [e["of_peak"] for e in target["efficiency"]] == [None, None]
        assert target["efficiency"][0]["macs"] > 0
        assert target["overhead"]["rounds"] > 0
        assert [(run["scenario"], run["valid"]) for run in target["loadgen"]] == [
            ("single-stream", True),
            ("offline", True),
        ]
        fresh = target["fresh"]
        assert min(fresh["import_ms"], fresh["open_ms"], fresh["first_run_ms"]) > 0
        assert len(fresh["first_calls"]) >= 2
        assert fresh["memory"]["imported_mib"] <= fresh["memory"]["opened_mib"] <= fresh["memory"]["peak_mib"]
    assert (tmp_path / "out/loadgen/base/offline/mlperf_log_summary.txt").is_file()
    assert out == (tmp_path / "out/bench.txt").read_text(encoding="utf-8")
    assert "noise floor" in out
    assert out.count("VALID") == 4
    text = json.dumps(report)
    assert str(Path.home()) + "/" not in text
    assert str(tmp_path) not in text


def test_what_is_not_here_is_named_and_decides_the_exit_code(bench, schema, monkeypatch):
    from inkport.core.runtime import Availability
    from inkport.runtimes.ov import OpenVinoRuntime

    absent = Availability(ok=False, reason="openvino is not installed", remedy="pip install 'inkport[openvino]'")
    monkeypatch.setattr(OpenVinoRuntime, "probe", lambda _: absent)
    code, out, report = bench(row("here") + row("gone", "openvino"), "--fresh", 0)
    assert code == 3
    jsonschema.validate(report, schema)
    assert [target["outcome"] for target in report["targets"]] == ["pass", "unavailable"]
    assert "openvino is not installed (fix: pip install 'inkport[openvino]')" in " ".join(out.split())
    assert bench(row("here") + row("gone", "openvino", "false"), "--fresh", 0)[0] == 0


def test_a_target_that_breaks_is_exit_code_1(bench, schema, monkeypatch):
    from inkport.runtimes import ort

    def run(*_):
        raise ValueError("driver fell over")

    monkeypatch.setattr(ort._OrtSession, "run", run)
    code, out, report = bench(row("broken"), "--fresh", 0)
    assert code == report["exit_code"] == 1
    jsonschema.validate(report, schema)
    assert report["targets"][0]["outcome"] == "run-failed"
    assert "driver fell over" in out


@pytest.mark.parametrize("wrong", [["--threads", 0], ["--sustained", 1], ["--most-seconds", 0], ["--fresh", -1]])
def test_requests_out_of_range_are_exit_code_2(bench, wrong):
    assert bench(row("here"), *wrong)[0] == 2


def test_defaults_are_in_range():
    assert to_plain(BenchOptions())["rule"]["precision"] == 0.1
    with pytest.raises(UsageError):
        BenchOptions(sustained_minutes=1)
