"""Whole files of pages, to be damaged."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pikepdf
import pillow_heif
from PIL import Image, ImageDraw, ImageFont

from inkport.pages.formats.alto_out import write_alto
from inkport.pages.formats.page_out import write_page
from inkport.pages.formats.searchable_pdf import SearchablePdf
from inkport.pages.hyphens import join_hyphens
from inkport.pages.inputs import open_pages
from inkport.pages.page import Alternative, Line, Page, Region, Word
from inkport.pages.page_sets import TruePage, write_page_set


if TYPE_CHECKING:
    from campaign.seeds import Store

SIZE = (96, 64)
CORNERS = ((4.0, 4.0), (60.0, 4.0), (60.0, 20.0), (4.0, 20.0))


def page() -> Page:
    """A page with all that a format can say."""
    word = Word(text="abc-", polygon=CORNERS, confidence=0.9, alternatives=(Alternative(text="abe-", confidence=0.4),))
    lines = (
        Line(id="l1", baseline=((4, 16), (60, 17)), polygon=CORNERS, text="abc-", confidence=0.9, words=(word,)),
        Line(id="l2", baseline=((4, 36), (60, 37)), text="de fé", kind="DefaultLine"),
    )
    region = Region(id="r1", polygon=CORNERS, lines=lines, kind="MainZone")
    return join_hyphens(Page(id="p1", width=96, height=64, image="page.jpg", skew=1.5, regions=(region,)))


def picture(text: str) -> Image.Image:
    found = Image.new("L", SIZE, 240)
    ImageDraw.Draw(found).text((4, 4), text, fill=20, font=ImageFont.load_default(size=12))
    return found


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def make(store: Store) -> None:
    """Write files of pages."""
    for data in (write_alto(page()), write_page(page())):
        store.put("layout", "layout.xml", data)
    more = [picture("cd").convert("RGB"), picture("ef").convert("1")]
    for packing in ("tiff_lzw", "raw", "tiff_adobe_deflate"):
        store.put(
            "pages-tiff",
            "pages.tif",
            encoded(picture("ab"), "TIFF", save_all=True, append_images=more, compression=packing),
        )
    exif = Image.Exif()
    exif[0x0112] = 6
    store.put("pages-jpeg", "page.jpg", encoded(picture("ab"), "JPEG", exif=exif))
    buffer = io.BytesIO()
    pillow_heif.from_pillow(picture("ab").convert("RGB")).save(buffer)
    store.put("pages-heic", "page.heic", buffer.getvalue())
    true = TruePage(
        page=page(), image=encoded(picture("ab"), "JPEG"), dataset="d", document="d/1", split="", licence=""
    )
    write_page_set([true, true], store.new("page-set") / "pages.parquet")
    pdfs(store)


def pdfs(store: Store) -> None:
    """Write PDF files: drawn ones, packed and not, and one that inkport wrote."""
    made = pikepdf.new()
    for turn in (0, 90):
        made.add_blank_page(page_size=SIZE)
        made.pages[-1].obj.Rotate = turn
        made.pages[-1].obj.Contents = made.make_stream(b"10 10 20 30 re f")
    for mode in (pikepdf.ObjectStreamMode.disable, pikepdf.ObjectStreamMode.generate):
        buffer = io.BytesIO()
        made.save(buffer, object_stream_mode=mode, deterministic_id=True)
        store.put("pages-pdf", "pages.pdf", buffer.getvalue())
    with tempfile.TemporaryDirectory() as name, SearchablePdf() as searchable:
        path = Path(name) / "page.png"
        path.write_bytes(encoded(picture("ab"), "PNG"))
        for opened in open_pages(path):
            searchable.add(page(), opened)
        searchable.save(Path(name) / "made.pdf")
        store.put("pages-pdf", "pages.pdf", (Path(name) / "made.pdf").read_bytes())
