"""``inkport read --lines-from``: pages whose lines are known, in every format."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import jsonschema
import numpy as np
import pytest
from PIL import Image

from inkport.benchmarks.report.schema import PAGES_FILE
from inkport.pages.formats.alto_out import write_alto
from inkport.pages.formats.layout_files import read_layout
from inkport.pages.page import Flag, Line, Page, Region


WIDTH, HEIGHT = 1024, 400
BLOCK = (480, 560)
"""Columns of each line's one dark block: a symbol for the fake runtime."""
GRAYS = {"a": (100, 0), "b": (250, 73)}
"""By line: the row that its outline begins at, and how dark its block is: the fake runtime reads é and d of that."""
INDENT, TALL = 6.62, 82.76
"""So far from the sides and so high are outlines: with the margins around it a strip is as wide as the page and twice
as high as the network, so that blocks are whole frames."""


def picture() -> Image.Image:
    pixels = np.full((HEIGHT, WIDTH), 255, np.uint8)
    for top, gray in GRAYS.values():
        pixels[top - 20 : top + 110, slice(*BLOCK)] = gray
    return Image.fromarray(pixels)


def outline(name: str) -> Line:
    top = GRAYS[name][0]
    left, right = INDENT, WIDTH - INDENT
    corners = ((left, top), (right, top), (right, top + TALL), (left, top + TALL))
    return Line(id=name, baseline=((left, top + 62), (right, top + 62)), polygon=corners, text="before")


def page() -> Page:
    dropped = replace(outline("b"), id="c", text="STAMP", flags=(Flag.DROPPED,))
    lines = (outline("a"), outline("b"), dropped)
    return Page(id="p", width=WIDTH, height=HEIGHT, regions=(Region(id="r", lines=lines),))


pytestmark = pytest.mark.usefixtures("fake")


@pytest.fixture
def scan(tmp_path):
    picture().save(tmp_path / "scan.png")
    (tmp_path / "scan.xml").write_bytes(write_alto(page()))
    return tmp_path / "scan.png"


def test_the_lines_of_a_page_are_read_in_order(inkport, scan, fake):
    run = inkport("read", scan, "--lines-from", scan.with_suffix(".xml"))
    assert (run.code, run.out, run.err) == (0, "é\nd\n", "")
    assert fake.closed == 1


def test_json_has_words_places_and_dropped_lines(inkport, scan, onnx_artifact):
    run = inkport("read", scan, "--lines-from", scan.parent, "--format", "json")
    records = json.loads(run.out)
    schema = json.loads(PAGES_FILE.read_text(encoding="utf-8"))
    jsonschema.validate(records, schema)
    (record,) = records
    assert (record["source"], record["number"], record["runtime"]) == (str(scan), 1, "fake")
    assert record["artifact"]["sha256"] == onnx_artifact.digest
    first, second, third = record["page"]["regions"][0]["lines"]
    assert (first["text"], second["text"]) == ("é", "d")
    assert (third["text"], third["flags"]) == ("STAMP", ["dropped"])
    (word,) = first["words"]
    # A symbol alone has a cell of its strip's height, about the middle of the block.
    xs, ys = zip(*word["polygon"], strict=True)
    assert (min(xs) + max(xs)) / 2 == pytest.approx(sum(BLOCK) / 2, abs=1.5)
    assert (min(ys), max(ys)) == pytest.approx((100, 100 + TALL), abs=0.6)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate([{**record, "number": "one"}], schema)
    run = inkport("read", scan, "--lines-from", scan.parent, "--format", "jsonl")
    assert json.loads(run.out) == record


@pytest.mark.parametrize("form", ["alto", "page"])
def test_a_layout_comes_back_with_the_texts(inkport, scan, form, tmp_path):
    run = inkport("read", scan, "--lines-from", scan.parent, "--format", form)
    (tmp_path / "printed.xml").write_text(run.out, encoding="utf-8")
    (found,) = read_layout(tmp_path / "printed.xml")
    assert [(line.id, line.text) for line in found.lines] == [("a", "é"), ("b", "d"), ("c", "STAMP")]
    assert (found.id, found.image) == ("scan", "scan.png")


def test_text_formats_are_printed_or_written(inkport, scan, tmp_path):
    for form in ("hocr", "tei", "csv", "json", "jsonl", "text"):
        printed = inkport("read", scan, "--lines-from", scan.parent, "--format", form)
        written = inkport("read", scan, "--lines-from", scan.parent, "--format", form, "--out", tmp_path / "out")
        assert (printed.code, written) == (0, (0, "", ""))
        assert (tmp_path / "out").read_bytes() == printed.out.encode()
    rows = list(csv.DictReader(io.StringIO(inkport("read", scan, "--lines-from", scan.parent, "--format", "csv").out)))
    assert [row["text"] for row in rows] == ["é", "d", "STAMP"]


@pytest.mark.parametrize(("form", "magic"), [("xlsx", b"PK"), ("docx", b"PK"), ("pdf", b"%PDF")])
def test_other_formats_need_a_file(inkport, scan, form, magic, tmp_path):
    pytest.importorskip("pikepdf", reason="the extra documents")
    run = inkport("read", scan, "--lines-from", scan.parent, "--format", form)
    assert (run.code, run.out) == (2, "")
    assert "fix: name it with --out" in run.err
    names = [tmp_path / "one", tmp_path / "two"]
    for out in names:
        assert inkport("read", scan, "--lines-from", scan.parent, "--format", form, "--out", out) == (0, "", "")
    assert names[0].read_bytes().startswith(magic)
    assert names[0].read_bytes() == names[1].read_bytes()


def several(folder):
    """A TIFF file of two pages, and a file with the lines of each."""
    picture().save(folder / "book.tif", save_all=True, append_images=[picture()])
    for number in (1, 2):
        (folder / f"book-{number}.xml").write_bytes(write_alto(page()))
    return folder / "book.tif"


def test_pages_of_a_file_have_a_document_each(inkport, tmp_path):
    book = several(tmp_path)
    run = inkport("read", book, "--lines-from", tmp_path, "--format", "alto", "--out", tmp_path / "out")
    assert run == (0, "", "")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["book-1.xml", "book-2.xml"]
    run = inkport("read", book, "--lines-from", tmp_path)
    assert run.out == "é\nd\n\fé\nd\n"
    run = inkport("read", book, "--lines-from", tmp_path, "--format", "page")
    assert run.code == 2
    assert "fix: name a folder with --out" in run.err


@pytest.mark.usefixtures("scan")
def test_one_bad_page_never_stops_the_rest(inkport, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"hello")
    picture().resize((512, 200)).save(tmp_path / "small.png")
    (tmp_path / "small.xml").write_bytes(write_alto(page()))
    picture().save(tmp_path / "alone.png")
    run = inkport("read", tmp_path, "--lines-from", tmp_path)
    assert (run.code, run.out) == (2, "é\nd\n")
    assert "bad.png: not an image" in run.err
    assert "small.png, page 1: 512 x 200 px, its lines are for 1024 x 400" in run.err
    assert "alone.xml" in run.err


def test_one_bad_line_never_stops_the_rest(inkport, scan):
    bad = Line(id="x", baseline=((10, 10), (10.2, 10)), polygon=((1, 1), (2, 1), (2, 2)), text="before")
    region = Region(id="r", lines=(outline("a"), bad, outline("b")))
    scan.with_suffix(".xml").write_bytes(write_alto(replace(page(), regions=(region,))))
    run = inkport("read", scan, "--lines-from", scan.parent, "--format", "json")
    assert run.code == 2
    assert "line x: a baseline shorter than a pixel" in run.err
    lines = json.loads(run.out)[0]["page"]["regions"][0]["lines"]
    assert [(line["text"], line["flags"]) for line in lines] == [("é", []), ("", ["unread"]), ("d", [])]


def test_lines_of_little_confidence_are_flagged_and_said(inkport, scan):
    arguments = ("read", scan, "--lines-from", scan.parent, "--format", "json", "--min-confidence", "1")
    run = inkport(*arguments)
    assert run.code == 0
    assert "2 lines below a confidence of 1, flagged" in run.err
    lines = json.loads(run.out)[0]["page"]["regions"][0]["lines"]
    assert [line["flags"] for line in lines] == [["unsure"], ["unsure"], ["dropped"]]
    assert inkport(*arguments, "--strict").code == 2


def test_white_on_black_is_read_when_asked_for(inkport, scan):
    Image.fromarray(255 - np.asarray(picture())).save(scan)
    assert inkport("read", scan, "--lines-from", scan.parent, "--invert").out == "é\nd\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--format", "alto"), "--format alto is for pages"),
        (("--out", "x"), "--out is for pages"),
        (("--join-hyphens",), "--join-hyphens is for pages"),
        (("--lines-from", "FOLDER", "--format", "tsv"), "--format tsv is for images of lines"),
        (("--lines-from", "absent.xml"), "absent.xml: cannot be read"),
        (("--lines-from", "FOLDER", "--max-megapixels", "101"), "max-megapixels must be"),
        (("--lines-from", "FOLDER", "--out", "FOLDER"), "it is a folder"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_read(inkport, scan, fake, arguments, says):
    run = inkport("read", scan, *(scan.parent if a == "FOLDER" else a for a in arguments))
    assert (run.code, run.out) == (2, "")
    assert says in run.err
    assert fake.closed == 0


def test_a_page_comes_on_standard_input(inkport, scan, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(scan.read_bytes())))
    run = inkport("read", "-", "--lines-from", scan.with_suffix(".xml"))
    assert (run.code, run.out, run.err) == (0, "é\nd\n", "")
