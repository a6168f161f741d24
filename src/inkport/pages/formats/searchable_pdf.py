"""PDF with the original page and invisible text over it; needs pikepdf (the extra ``documents``).

A page of a PDF file stays as it is, and so do the bytes of a JPEG file; other pictures are kept without loss. Words lie
where they were read, so that a search marks them and copying takes them in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from inkport.core.errors import ImageError, needing
from inkport.core.reading import open_regular
from inkport.pages.formats.invisible_text import Run, fonts_of, text_layer
from inkport.pages.formats.pdf_sheets import Sheet, add_picture
from inkport.pages.inputs import PageImage
from inkport.pages.page import Line, Page, Point, Word, box_of, line_box
from inkport.pages.pdf_in import is_pdf


class SearchablePdf:
    """A PDF file in the making; leaving the block closes the files that its pages are of.

    Raises:
        RuntimeUnavailableError: If pikepdf is not installed.
    """

    def __init__(self) -> None:
        with needing("writing PDF", extra="documents"):
            import pikepdf
        self._made = pikepdf.new()
        self._files = ExitStack()
        self._sources: dict[Path, Any] = {}

    def add(self, page: Page, picture: PageImage) -> None:
        """Add a page with its text; dropped lines are left out.

        Args:
            page: What was read.
            picture: What it was read of: if that comes of a PDF file, its page is taken over.

        Raises:
            ImageError: If a PDF file cannot be taken over, or has become another.
        """
        sheet = self._take_over(picture) if _is_pdf_file(picture.source) else add_picture(self._made, picture)
        runs = tuple(_runs(page, sheet))
        if not runs:
            return
        import pikepdf

        target = self._made.pages[-1]
        fonts = fonts_of(self._made, runs, page=len(self._made.pages))
        for name, font in fonts.objects.items():
            target.add_resource(font, pikepdf.Name.Font, pikepdf.Name(name))
        target.contents_add(pikepdf.Stream(self._made, b"q"), prepend=True)
        target.contents_add(pikepdf.Stream(self._made, b"Q\n" + text_layer(runs, fonts)))

    def save(self, path: Path) -> None:
        """Write the file; the same pages give the same bytes."""
        self._made.save(path, deterministic_id=True)

    def _take_over(self, picture: PageImage) -> Sheet:
        import pikepdf

        try:
            if picture.source not in self._sources:
                self._sources[picture.source] = self._files.enter_context(pikepdf.open(picture.source))
            source = self._sources[picture.source]
            self._made.pages.append(source.pages[picture.number - 1])
        except (pikepdf.PdfError, IndexError) as error:
            raise ImageError(
                f"{picture.source}, page {picture.number}: cannot be taken over ({error})",
                remedy="export the file again",
            ) from error
        page = self._made.pages[-1]
        left, bottom, right, top = (float(side) for side in page.cropbox)
        turn = int(page.obj.get("/Rotate", 0)) % 360
        sides = abs(right - left), abs(top - bottom)
        width, height = sides if turn in (0, 180) else sides[::-1]
        return Sheet(width=width, height=height, left=min(left, right), bottom=min(bottom, top), turn=turn)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()
        self._made.close()


def _is_pdf_file(path: Path) -> bool:
    try:
        with open_regular(path) as file:
            return is_pdf(file.read(1024))
    except OSError:
        return False


def _runs(page: Page, sheet: Sheet) -> Iterator[Run]:
    """Yield the words of a page with their places in points."""
    scale_x, scale_y = sheet.width / page.width, sheet.height / page.height

    def own(point: Point) -> Point:
        return sheet.own(point[0] * scale_x, sheet.height - point[1] * scale_y)

    for line in page.lines:
        if line.dropped:
            continue
        for word in line.words or (Word(text=line.text),):
            corners = _corners(word, line)
            if word.text and corners:
                begin, end, above = corners
                yield Run(text=word.text, begin=own(begin), end=own(end), above=own(above))


def _corners(word: Word, line: Line) -> tuple[Point, Point, Point] | None:
    """Return where a word's lower side begins and ends, and the corner above its beginning."""
    if len(word.polygon) == 4:
        above, _, end, begin = word.polygon
        return begin, end, above
    box = box_of(word.polygon) or line_box(line)
    if box is None or box.width <= 0:
        return None
    top = min(box.top, box.bottom - 1)
    return (box.left, box.bottom), (box.right, box.bottom), (box.left, top)
