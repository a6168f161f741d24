"""Readers of pages: images, TIFF of several pages, HEIC, PDF, and the XML that says where lines are."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from campaign.reader import Reader


def read_pages(name: str, folder: Path) -> object:
    """Open all pages of a file, and write those that can be into a PDF file with a word on each."""
    from inkport.core.image import MAX_PIXELS
    from inkport.pages.formats.searchable_pdf import SearchablePdf
    from inkport.pages.inputs import PageFault, open_pages
    from inkport.pages.page import Line, Page, Region

    opened = 0
    with SearchablePdf() as made:
        for found in open_pages(folder / name, max_pixels=MAX_PIXELS):
            if isinstance(found, PageFault):
                last: PageFault | None = found
                continue
            last = None
            width, height = found.size
            assert found.gray().shape == (height, width)
            line = Line(id="l", text="abc", polygon=((0, 0), (width, 0), (width, height)))
            made.add(Page(id="p", width=width, height=height, regions=(Region(id="r", lines=(line,)),)), found)
            opened += 1
        if not opened:
            # A file without any page is refused.
            raise last.error if last else AssertionError("no page and no fault")
        made.save(folder / "made.pdf")
    return opened


def read_layout_file(folder: Path) -> object:
    """Read a file of ALTO or PAGE, and write what it says in every format that needs no picture."""
    from inkport.pages.formats.alto_out import write_alto
    from inkport.pages.formats.hocr import write_hocr
    from inkport.pages.formats.layout_files import read_layout
    from inkport.pages.formats.page_out import write_page
    from inkport.pages.formats.rows import write_csv
    from inkport.pages.formats.tei import write_tei
    from inkport.pages.hyphens import join_hyphens

    pages = [join_hyphens(page) for page in read_layout(folder / "layout.xml")]
    for write in (write_hocr, write_tei, write_csv):
        write(pages)
    for page in pages:
        for write_one in (write_alto, write_page):
            (folder / "again.xml").write_bytes(write_one(page))
            (again,) = read_layout(folder / "again.xml")
            assert [line.text for line in again.lines] == [line.text for line in page.lines]
    return len(pages)


def read_set(folder: Path) -> object:
    """Read a page set, and write its pages."""
    from inkport.pages.formats.page_out import write_page
    from inkport.pages.page_sets import read_page_set

    return sum(len(write_page(true.page)) for true in read_page_set(folder / "pages.parquet"))


PAGE_READERS = (
    Reader(name="page-set", modules=("lines.tables",), read=read_set),
    Reader(name="layout", modules=("lines.safe_xml",), read=read_layout_file),
    Reader(name="pages-tiff", modules=("core.image",), read=partial(read_pages, "pages.tif")),
    Reader(name="pages-jpeg", modules=("pages.formats.pdf_sheets",), read=partial(read_pages, "page.jpg")),
    Reader(name="pages-heic", modules=("pages.heic",), read=partial(read_pages, "page.heic")),
    Reader(name="pages-pdf", modules=("pages.pdf_in",), read=partial(read_pages, "pages.pdf")),
)
