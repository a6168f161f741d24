"""``inkport read --as page`` and ``--as auto``: lines that the shipped finder finds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


pytest.importorskip("onnxruntime", reason="finding lines needs onnxruntime")
SAMPLE = Path(__file__).parents[3] / "benchmarks" / "samples" / "rendered-en-000000.png"


pytestmark = pytest.mark.usefixtures("fake")


@pytest.fixture
def scan(tmp_path, pasted_page):
    Image.fromarray(pasted_page[0]).save(tmp_path / "scan.png")
    return tmp_path / "scan.png"


def lines_of(run):
    return [
        [line for region in record["page"]["regions"] for line in region["lines"]] for record in json.loads(run.out)
    ]


def test_lines_of_a_page_are_found_and_read(inkport, scan, pasted_page):
    run = inkport("read", scan, "--as", "page", "--format", "json", "--min-confidence", "0")
    assert (run.code, run.err) == (0, "")
    (lines,) = lines_of(run)
    assert len(lines) == len(pasted_page[1])
    for line, (_, top, _, bottom) in zip(lines, pasted_page[1], strict=True):
        assert top < line["baseline"][0][1] < bottom + 5
        assert line["flags"] == []


def test_a_turned_and_inverted_page_is_read_and_said_to_be_turned(inkport, scan, tmp_path):
    with Image.open(scan) as image:
        turned = image.transpose(Image.Transpose.ROTATE_270)
        Image.fromarray(255 - np.asarray(turned)).save(tmp_path / "turned.png")
    upright = inkport("read", scan, "--as", "page", "--min-confidence", "0")
    run = inkport("read", tmp_path / "turned.png", "--as", "page", "--invert", "--min-confidence", "0")
    assert (run.code, len(run.out.split("\n"))) == (0, len(upright.out.split("\n")))
    assert "read as if turned clockwise by 270 degrees" in run.err


def test_unsure_lines_are_dropped_and_kept_in_json(inkport, scan):
    run = inkport("read", scan, "--as", "page", "--format", "json", "--min-confidence", "1")
    (lines,) = lines_of(run)
    read = [line for line in lines if line["confidence"] is not None]
    assert read
    assert all(line["flags"] == ["unsure", "dropped"] for line in read)
    assert f"{len(read)} lines below a confidence of 1, dropped" in run.err
    assert inkport("read", scan, "--as", "page", "--min-confidence", "1").out.strip() == ""


def test_a_blank_page_gives_nothing_and_one_that_is_broken_stops_nothing(inkport, scan, tmp_path):
    Image.new("L", (800, 1000), 250).save(tmp_path / "a-blank.png")
    (tmp_path / "b-broken.png").write_bytes(scan.read_bytes()[:3000])
    run = inkport("read", tmp_path, "--as", "page", "--format", "json", "--min-confidence", "0")
    assert run.code == 2
    assert [len(lines) for lines in lines_of(run)] == [0, 12]
    assert "a-blank.png, page 1: no line found" in run.err
    assert "b-broken.png" in run.err


def test_auto_tells_a_line_from_a_page_and_says_which(inkport, scan):
    run = inkport("read", SAMPLE, scan, "--as", "auto", "--format", "json", "--min-confidence", "0")
    assert f"{SAMPLE}, page 1: taken for one line" in run.err
    assert f"{scan}, page 1: taken for a page" in run.err
    assert [len(lines) for lines in lines_of(run)] == [1, 12]
    alone = json.loads(inkport("read", SAMPLE, "--format", "json", "--min-confidence", "0").out)
    assert lines_of(run)[0][0]["text"] == alone[0]["text"].strip()


def test_what_contradicts_is_refused(inkport, scan):
    run = inkport("read", scan, "--as", "auto", "--lines-from", scan.parent)
    assert (run.code, run.out) == (2, "")
    assert "fix: leave --as out" in run.err
