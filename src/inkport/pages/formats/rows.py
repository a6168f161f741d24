"""Pages as tables: a row for each line, and one for each word; dropped lines are among them, with their flag."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from inkport.pages.page import Box, Page, box_of, line_box


Cell = str | float | int | None
"""What a cell holds."""
LINE_COLUMNS = ("page", "image", "region", "line", "text", "confidence", "flags", *("left", "top", "right", "bottom"))
"""Columns of the lines; places in pixels of the page."""
WORD_COLUMNS = (
    *("page", "line", "number", "text", "confidence", "whole", "alternatives"),
    *("left", "top", "right", "bottom"),
)
"""Columns of the words; ``whole`` is the whole word of which it is a part."""


def line_rows(pages: Iterable[Page]) -> Iterator[tuple[Cell, ...]]:
    """Yield a row per line, in reading order."""
    for page in pages:
        for region in page.regions:
            for line in region.lines:
                flags = " ".join(line.flags)
                cells = (page.id, page.image, region.id, line.id, line.text, line.confidence, flags)
                yield (*cells, *_sides(line_box(line)))


def word_rows(pages: Iterable[Page]) -> Iterator[tuple[Cell, ...]]:
    """Yield a row per word, in reading order."""
    for page in pages:
        for line in page.lines:
            for number, word in enumerate(line.words, start=1):
                others = " ".join(other.text for other in word.alternatives)
                cells = (page.id, line.id, number, word.text, word.confidence, word.whole, others)
                yield (*cells, *_sides(box_of(word.polygon)))


def write_csv(pages: Iterable[Page]) -> bytes:
    """Return a row per line as comma-separated values in UTF-8 with a head, as RFC 4180 has them.

    Texts are as they were read: a spreadsheet may take one that begins with ``=`` for a formula, which it never does
    with those of ``write_xlsx``.
    """
    buffer = io.StringIO(newline="")
    table = csv.writer(buffer)
    table.writerow(LINE_COLUMNS)
    table.writerows([_text(cell) for cell in row] for row in line_rows(pages))
    return buffer.getvalue().encode("utf-8", "backslashreplace")


def _sides(box: Box | None) -> Sequence[Cell]:
    return (None,) * 4 if box is None else (box.left, box.top, box.right, box.bottom)


def _text(cell: Cell) -> str:
    if isinstance(cell, float):
        return f"{cell:.6f}".rstrip("0").rstrip(".")
    return "" if cell is None else str(cell)
