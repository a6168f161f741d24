"""Text, hOCR, TEI, tables and documents."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from inkport.core.errors import UsageError
from inkport.pages.formats.hocr import write_hocr
from inkport.pages.formats.rows import LINE_COLUMNS, WORD_COLUMNS, write_csv
from inkport.pages.formats.spreadsheet import write_xlsx
from inkport.pages.formats.tei import NAMESPACE, write_tei
from inkport.pages.formats.text import write_text
from inkport.pages.formats.word_document import write_docx
from inkport.pages.hyphens import join_hyphens
from inkport.pages.page import Line, Region


HTML = "{http://www.w3.org/1999/xhtml}"
TEI = f"{{{NAMESPACE}}}"


def parsed(data: bytes):
    return ET.fromstring(data)  # noqa: S314 - what we wrote


def test_text_has_a_line_per_line_and_no_dropped_ones(page):
    other = replace(page, regions=(*page.regions, Region(id="r3", lines=(Line(id="x", text="fin"),))))
    assert write_text([page, other]).decode() == "Le café exam-\nple & <fin>\n\fLe café exam-\nple & <fin>\n\nfin\n"
    assert write_text([join_hyphens(page)], joined=True).decode() == "Le café example\n& <fin>\n"
    assert write_text([replace(page, regions=())]) == b"\n"


def test_hocr_has_places_confidences_and_alternatives(page):
    root = parsed(write_hocr([page]))
    found = {e.get("id"): e for e in root.iter() if e.get("id")}
    assert found["scan-1"].get("title") == 'image "scan.jpg"; bbox 0 0 640 480; ppageno 0'
    assert found["l1"].get("title") == "bbox 38 60 302 100; baseline 0.0058 -9.5"
    words = [e for e in root.iter(f"{HTML}span") if e.get("class") == "ocrx_word"]
    assert words[0].get("title") == "bbox 40 60 90 100; x_wconf 99"
    assert "".join(words[0].itertext()) == "Le"
    assert [e.text for e in words[1].iter(f"{HTML}del")] == ["cafe", "cofé"]
    assert [e.text for e in words[1].iter(f"{HTML}ins")] == ["café"]
    assert words[-1].text == "ple & <fin>"
    assert "l3" not in found


def without_notes(element):
    for parent in element.iter():
        for note in parent.findall(f"{TEI}note"):
            parent.remove(note)
    return element


def test_tei_has_zones_line_beginnings_and_weak_hyphens(page):
    root = parsed(write_tei([join_hyphens(page)]))
    zones = {zone.get("{http://www.w3.org/XML/1998/namespace}id"): zone for zone in root.iter(f"{TEI}zone")}
    begins = list(root.iter(f"{TEI}lb"))
    assert [lb.get("facs") for lb in begins] == ["#l1", "#l2"]
    assert set(zones) == {"l1", "l2"}
    assert zones["l1"].get("points") == "38,60 302,60 302,100 38,100"
    assert [lb.get("break") for lb in begins] == [None, "no"]
    block = without_notes(root.find(f".//{TEI}ab"))
    assert "".join(block.itertext()) == "Le café exam-ple & <fin>"
    # Whoever drops weak hyphens has the whole word.
    for hyphen in block.findall(f"{TEI}pc"):
        assert hyphen.get("force") == "weak"
        hyphen.text = ""
    assert "".join(block.itertext()) == "Le café example & <fin>"


def test_csv_has_every_line_with_its_flags(page):
    found = list(csv.DictReader(io.StringIO(write_csv([page]).decode(), newline="")))
    assert tuple(found[0]) == LINE_COLUMNS
    assert [(r["line"], r["text"], r["confidence"], r["flags"]) for r in found] == [
        ("l1", "Le café exam-", "0.912345", ""),
        ("l2", "ple & <fin>", "0.5", "unsure"),
        ("l3", "STAMP", "0.3", "dropped"),
    ]
    assert [found[0][side] for side in ("left", "top", "right", "bottom")] == ["38", "60", "302", "100"]


@pytest.fixture
def workbook():
    openpyxl = pytest.importorskip("openpyxl")
    pytest.importorskip("xlsxwriter", reason="the extra documents")
    return lambda data: openpyxl.load_workbook(io.BytesIO(data))


def test_xlsx_has_lines_and_words_and_no_formula(page, workbook):
    region = page.regions[0]
    evil = replace(region.lines[1], text="=1+1")
    data = write_xlsx([replace(page, regions=(replace(region, lines=(region.lines[0], evil)),))])
    book = workbook(data)
    assert [tuple(c.value for c in row)[4:6] for row in book["lines"].iter_rows()] == [
        ("text", "confidence"),
        ("Le café exam-", 0.912345),
        ("=1+1", 0.5),
    ]
    assert book["lines"]["E3"].data_type == "s"
    words = [tuple(cell.value for cell in row) for row in book["words"].iter_rows()]
    assert words[0] == WORD_COLUMNS
    assert words[2] == ("scan-1", "l1", 2, "café", 0.7, None, "cafe cofé", 100, 60, 180, 100)
    assert write_xlsx([page]) == write_xlsx([page])


def test_a_row_that_no_sheet_holds_is_refused(page):
    pytest.importorskip("xlsxwriter", reason="the extra documents")
    line = replace(page.regions[0].lines[0], text="a" * 40_000)
    with pytest.raises(UsageError, match="no room for row 2"):
        write_xlsx([replace(page, regions=(Region(id="r", lines=(line,)),))])


def test_docx_has_a_paragraph_per_region_and_a_line_per_line(page):
    docx = pytest.importorskip("docx", reason="the extra documents")
    data = write_docx([page, join_hyphens(page)], joined=True)
    found = docx.Document(io.BytesIO(data))
    assert [p.text for p in found.paragraphs if p.text.strip()] == [
        "Le café exam-\nple & <fin>",
        "Le café example\n& <fin>",
    ]
    assert found.core_properties.created.year == 1980
    assert write_docx([page]) == write_docx([page])


@pytest.mark.parametrize("write", [write_hocr, write_tei, write_csv, write_text])
def test_the_same_pages_give_the_same_bytes(page, write):
    assert write([page, page]) == write([page, page])


def test_what_xml_cannot_hold_is_replaced(page):
    line = Line(id="l", text="a\x07b")
    odd = replace(page, regions=(Region(id="r", lines=(line,)),))
    assert "a\N{REPLACEMENT CHARACTER}b" in "".join(parsed(write_tei([odd])).itertext())
    assert "a\N{REPLACEMENT CHARACTER}b" in "".join(parsed(write_hocr([odd])).itertext())
