"""PDF, drawn page by page; needs pypdfium2 (the extra ``pdf``).

A page is drawn at 300 dots per inch, or at as many as its pixels allow: what a file claims to be as large as a house
takes no more memory than others. Coordinates on the page are those of this drawing.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import closing
from typing import Any, BinaryIO

from PIL import Image

from inkport.core.errors import ImageError, needing
from inkport.core.image import MAX_PAGES


DOTS_PER_INCH = 300
"""What pages are drawn at: what archives scan at, and handwriting of 3 mm is then 35 px high."""
POINTS_PER_INCH = 72
"""The unit of PDF."""
DRAWN_PIXELS = 16_000_000
"""Most pixels that a page is drawn with: A4 at 300 dpi has 8.7 million, A3 17."""
PICTURES = (b"\xff\xd8", b"\x89PNG", b"RIFF", b"II*\0", b"MM\0*", b"GIF8")
"""How pictures begin, whatever their notes say."""
TAIL_BYTES = 2048
"""Where the mark of the end must be: programs append some bytes behind it."""


def is_pdf(head: bytes) -> bool:
    """Return whether a file that begins so is PDF: some have a few bytes before their mark, and are no pictures."""
    return b"%PDF-" in head and not head.startswith(PICTURES)


def pdf_pages(file: BinaryIO, *, name: str, max_pixels: int) -> Iterator[Image.Image | ImageError]:
    """Yield the pages of a PDF file, or why one cannot be drawn; one is held at a time.

    Args:
        file: The file, open.
        name: What to call it in errors.
        max_pixels: Most pixels of a page.

    Raises:
        ImageError: If the file is damaged, ends early, is encrypted, or has too many pages.
        RuntimeUnavailableError: If pypdfium2 is not installed.
    """
    with needing(f"{name}: reading PDF", extra="pdf"):
        import pypdfium2
    _require_end(file, name)
    try:
        document = pypdfium2.PdfDocument(file)
    except pypdfium2.PdfiumError as error:
        raise _refused(name, error) from error
    try:
        count = len(document)
        if not 1 <= count <= MAX_PAGES:
            raise ImageError(f"{name}: {count} pages, expected 1 to {MAX_PAGES}", remedy=_EXPORT)
        for index in range(count):
            yield _drawn(document, index, f"{name}, page {index + 1}", min(max_pixels, DRAWN_PIXELS))
    finally:
        document.close()


def scale_of(width_pt: float, height_pt: float, most_pixels: int) -> float:
    """Return how many pixels a point is drawn with.

    Args:
        width_pt: Width of the page, in points.
        height_pt: Height of the page, in points.
        most_pixels: Most pixels of the drawing.
    """
    fits = math.sqrt(most_pixels / (width_pt * height_pt))
    return min(DOTS_PER_INCH / POINTS_PER_INCH, fits)


def _drawn(document: Any, index: int, label: str, most_pixels: int) -> Image.Image | ImageError:
    try:
        with closing(document[index]) as page:
            width, height = page.get_size()
            if not (1 <= width < math.inf and 1 <= height < math.inf):
                raise ValueError(f"{width:g} x {height:g} points are no size of a page")
            scale = scale_of(width, height, most_pixels)
            if max(width, height) * scale > MOST_SIDE or min(width, height) * scale < 1:
                raise ValueError(f"{width:g} x {height:g} points are no shape of a page")
            with closing(page.render(scale=scale, may_draw_forms=False, rev_byteorder=True)) as bitmap:
                # The bitmap's memory is PDFium's.
                picture: Image.Image = bitmap.to_pil().convert("RGB")
                return picture.copy()
    except (RuntimeError, ValueError) as error:
        return ImageError(f"{label}: cannot be drawn ({error})", remedy=_EXPORT)


def _require_end(file: BinaryIO, name: str) -> None:
    """Refuse a file without the mark of its end: its pages would be guessed from what is left."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - TAIL_BYTES))
    if b"%%EOF" not in file.read(TAIL_BYTES):
        raise ImageError(f"{name}: the file ends early (no %%EOF at its end)", remedy="copy or export it again")
    file.seek(0)


def _refused(name: str, error: Exception) -> ImageError:
    if "password" in str(error).lower():
        return ImageError(f"{name}: encrypted, it opens with a password only", remedy="save it without a password")
    return ImageError(f"{name}: damaged PDF ({error})", remedy=_EXPORT)


_EXPORT = "export the file again"
MOST_SIDE = 1 << 15
"""Longest side of a drawing, in pixels: resampling is defined up to it."""
