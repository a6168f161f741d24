"""Searchable PDF: the page looks as before, and words are found where they were read."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from inkport.pages.formats.searchable_pdf import SearchablePdf
from inkport.pages.inputs import open_pages
from inkport.pages.page import Flag, Line, Page, Region, Word


pikepdf = pytest.importorskip("pikepdf", reason="the extra documents")
pdfium = pytest.importorskip("pypdfium2", reason="the extra pdf")
SIZE = (800, 400)
BLOCK = (100, 100, 300, 150)
"""Where the picture is black, and the word lies: left, top, right, bottom."""
TURNED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a picture is stored that EXIF turns right."""


def picture() -> Image.Image:
    found = Image.new("RGB", SIZE, "white")
    ImageDraw.Draw(found).rectangle((BLOCK[0], BLOCK[1], BLOCK[2] - 1, BLOCK[3] - 1), fill="black")
    return found


def word(text: str, box) -> Word:
    left, top, right, bottom = box
    return Word(text=text, polygon=((left, top), (right, top), (right, bottom), (left, bottom)))


def page(size, box=BLOCK, text="Käse\u017f😀") -> Page:
    lines = (
        Line(id="l", text=text, words=(word(text, box),)),
        Line(id="d", text="STAMP", words=(word("STAMP", box),), flags=(Flag.DROPPED,)),
    )
    return Page(id="p", width=size[0], height=size[1], regions=(Region(id="r", lines=lines),))


def make(source, target, **kwargs):
    with SearchablePdf() as made:
        for opened in open_pages(source):
            made.add(page(opened.size, **kwargs), opened)
        made.save(target)
    return pdfium.PdfDocument(target)


def drawn(sheet, width):
    pixels = sheet.render(scale=width / sheet.get_width(), grayscale=True).to_numpy().squeeze()
    return pixels.astype(int)


def span(sheet, count):
    """The rectangle of the first letters: left, bottom, right, top in points."""
    text = sheet.get_textpage()
    boxes = np.array([text.get_charbox(index) for index in range(count)])
    return (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0))


@pytest.mark.parametrize("turn", TURNED)
def test_a_photograph_keeps_its_bytes_and_is_turned_once(turn, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = turn
    stored = picture() if TURNED[turn] is None else picture().transpose(TURNED[turn])
    stored.save(tmp_path / "a.jpg", exif=exif, quality=95)
    (sheet,) = make(tmp_path / "a.jpg", tmp_path / "a.pdf", text="Käse")
    assert np.abs(drawn(sheet, SIZE[0]) - np.asarray(picture().convert("L"))).mean() < 1
    assert sheet.get_textpage().get_text_range().strip() == "Käse"
    expected = [value * 72 / 300 for value in (BLOCK[0], SIZE[1] - BLOCK[3], BLOCK[2], SIZE[1] - BLOCK[1])]
    assert span(sheet, 4) == pytest.approx(expected, abs=0.05)
    assert (tmp_path / "a.jpg").read_bytes() in (tmp_path / "a.pdf").read_bytes()


def test_other_pictures_are_kept_without_loss_and_any_letter_is_found(tmp_path):
    picture().save(tmp_path / "a.png")
    (sheet,) = make(tmp_path / "a.png", tmp_path / "a.pdf")
    assert (drawn(sheet, SIZE[0]) == np.asarray(picture().convert("L"))).all()
    text = sheet.get_textpage()
    assert text.get_text_range().strip() == "Käse\u017f😀"
    assert text.search("se\u017f").get_next() is not None
    assert text.search("STAMP").get_next() is None


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_pages_of_a_file_stay_as_they_are_whatever_way_they_lie(turn, tmp_path):
    source = pikepdf.new()
    for _ in range(2):
        source.add_blank_page(page_size=(200, 100))
    for number, sheet in enumerate(source.pages):
        sheet.obj.Contents = source.make_stream(f"{20 + 40 * number} 50 30 12 re f".encode())
        sheet.obj.Rotate, sheet.obj.CropBox = turn, pikepdf.Array([10, 5, 190, 95])
    source.save(tmp_path / "a.pdf")
    with SearchablePdf() as made:
        for opened in open_pages(tmp_path / "a.pdf"):
            rows, columns = np.nonzero(opened.gray() < 128)
            box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            made.add(page(opened.size, box=tuple(map(int, box)), text=f"w{opened.number}"), opened)
        made.save(tmp_path / "b.pdf")
    before, after = pdfium.PdfDocument(tmp_path / "a.pdf"), pdfium.PdfDocument(tmp_path / "b.pdf")
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        assert (drawn(old, 400) == drawn(new, 400)).all()
        assert new.get_textpage().get_text_range().strip() == f"w{number + 1}"
        # Places in a file are those of the page before it is turned.
        left = 20 + 40 * number
        assert span(new, 2) == pytest.approx((left, 50, left + 30, 62), abs=0.5)


def test_the_same_pages_give_the_same_bytes(tmp_path):
    picture().save(tmp_path / "a.png")
    for name in ("b.pdf", "c.pdf"):
        make(tmp_path / "a.png", tmp_path / name)
    assert (tmp_path / "b.pdf").read_bytes() == (tmp_path / "c.pdf").read_bytes()


def test_more_letters_than_a_font_has_codes(tmp_path):
    picture().save(tmp_path / "a.png")
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 300)))
    (sheet,) = make(tmp_path / "a.png", tmp_path / "a.pdf", text=text)
    assert sheet.get_textpage().get_text_range().strip() == text
