from __future__ import annotations

import json

import pytest
from PIL import Image


@pytest.fixture
def line_set(tmp_path):
    """Ten lines whose padded widths at height 48 are 64 (six), 128 (three) and 1024 (one)."""
    folder = tmp_path / "lines"
    folder.mkdir()
    for index, width in enumerate([64] * 6 + [120] * 3 + [1024]):
        Image.new("L", (width, 48), 255).save(folder / f"l{index}.png")
        (folder / f"l{index}.gt.txt").write_text("abc\n", encoding="utf-8")
    return folder


@pytest.fixture
def report(tmp_path):
    def write(rows):
        path = tmp_path / "report.json"
        path.write_text(json.dumps({"targets": rows}), encoding="utf-8")
        return path

    return write


def curve(constant, linear):
    cost = {"constant_ms": constant, "per_px_ms": linear, "per_px2_ms": 0.0}
    return {"points": [], "cost": cost, "relative_error": 0.0}


def test_without_a_report_a_run_costs_as_much_as_it_is_wide(inkport, onnx_artifact, line_set):
    done = inkport("data", "widths", onnx_artifact.path, "--lines", line_set, "--count", 9, "--json")
    assert done.code == 0
    found = json.loads(done.out)
    assert (found["unit"], found["lines"]) == ("px", 10)
    assert [plan["buckets_px"] for plan in found["plans"]] == [[1024], [128, 1024], [64, 128, 1024]]
    assert [plan["cost"] for plan in found["plans"]] == [1024.0, (9 * 128 + 1024) / 10, (6 * 64 + 3 * 128 + 1024) / 10]
    assert found["plans"][1]["lines"] == [9, 1]
    again = inkport("data", "widths", onnx_artifact.path, "--lines", line_set, "--count", 9, "--json")
    assert again.out == done.out


@pytest.mark.parametrize("place", ["verify", "bench"])
def test_the_cost_is_taken_from_a_reports_curve(inkport, onnx_artifact, line_set, report, place):
    found = curve(10.0, 0.01)
    row = {"name": "phone", "curve": found} if place == "bench" else {"name": "phone", "latency": {"curve": found}}
    path = report([row, {"name": "absent", "latency": None}])
    done = inkport("data", "widths", onnx_artifact.path, "--lines", line_set, "--count", 1, "--report", path)
    assert done.code == 0
    assert "ms per line" in done.out
    assert done.out.split()[-4:] == ["1", "20.24", "+71.6%", "1024"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--count", 0], "--count must be at least 1"),
        (["--target", "phone"], "--report"),
    ],
)
def test_requests_that_make_no_sense(inkport, onnx_artifact, line_set, arguments, message):
    done = inkport("data", "widths", onnx_artifact.path, "--lines", line_set, *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_reports_without_the_curve(inkport, onnx_artifact, line_set, report, tmp_path):
    two = report([{"name": "a", "curve": curve(1, 1)}, {"name": "b", "curve": curve(1, 1)}])
    base = ["data", "widths", onnx_artifact.path, "--lines", line_set, "--report"]
    assert "'a', 'b'" in inkport(*base, two).err
    assert "no curve of 'c'" in inkport(*base, two, "--target", "c").err
    assert inkport(*base, two, "--target", "b").code == 0
    assert inkport(*base, tmp_path / "nothing.json").code == 2
    assert inkport(*base, report([{"name": "a", "curve": {"cost": {"constant_ms": "fast"}}}])).code == 2
    assert inkport(*base, report("rows")).code == 2


@pytest.mark.parametrize("words", [["data", "frames"], ["data", "widths", "--lines"]])
def test_a_bad_image_among_good_ones_is_refused_by_name_or_skipped_and_counted(inkport, onnx_artifact, line_set, words):
    (line_set / "l3.png").write_bytes(b"")
    model = [onnx_artifact.path] if words[1] == "widths" else []
    command = [*words[:2], *model, *words[2:], line_set, "--json"]
    refused = inkport(*command)
    assert (refused.code, refused.out) == (2, "")
    assert "1 unusable lines; 9 lines can be read" in refused.err
    assert "l3.png: bad-image" in refused.err
    done = inkport(*command, "--skip", "bad-image")
    assert done.code == 0
    assert "left out by --skip: 1 lines (1 bad-image)" in done.err
    found = json.loads(done.out)
    assert (found["lines"] if words[1] == "widths" else found[0]["lines"]) == 9
    assert inkport(*command, "--skip", "bad-imgae").code == 2


def test_nothing_left_to_measure_is_an_error(inkport, onnx_artifact, line_set):
    for path in line_set.glob("*.png"):
        path.write_bytes(b"")
    for command in (["data", "frames", line_set], ["data", "widths", onnx_artifact.path, "--lines", line_set]):
        done = inkport(*command, "--skip", "bad-image")
        assert (done.code, done.out) == (2, "")
        assert "no line" in done.err
