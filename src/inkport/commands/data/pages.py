"""``inkport data pages``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from inkport.benchmarks.run.progress import shown_progress, tracked
from inkport.commands._options import Count, OutFile
from inkport.core.errors import DataError, LineDataError
from inkport.lines.datasets.layout import Split
from inkport.pages.page_sets import TruePage, write_page_set
from inkport.pages.page_sources import layout_files, true_pages


LONG_SIDE = 1800
"""Longer side of the images unless told otherwise, in pixels: a line of A4 is then 40 to 60 px high, and more was no
better."""


def pages(
    paths: list[Path],
    /,
    *,
    out: OutFile,
    name: str,
    split: Split | None = None,
    licence: str = "",
    long_side: Count = LONG_SIDE,
    allow_partial: bool = False,
) -> None:
    """Make a page set of pages with files of ALTO or PAGE: images and the truth about their lines, in Parquet.

    A page whose file or image cannot be used is refused, and then nothing is written.

    Args:
        paths: Files of ALTO or PAGE, or folders with such, the images beside them; a folder's pages are one document.
        out: The Parquet file; it appears when all pages are in it.
        name: Name of the data set.
        split: Which part of it.
        licence: What its licence asks: SPDX identifier and whom to name.
        long_side: Most pixels of an image's longer side; larger ones are made smaller.
        allow_partial: Take the pages that can be used, and report what was left out.
    """
    files = layout_files(paths)
    refused: list[DataError] = []
    lines = 0

    def usable() -> Iterator[TruePage]:
        nonlocal lines
        found = true_pages(files, dataset=name, split=split or "", licence=licence, long_side=long_side)
        with shown_progress() as progress:
            for page in tracked(found, "reading pages", progress, total=len(files)):
                if isinstance(page, TruePage):
                    lines += sum(1 for _ in page.page.lines)
                    yield page
                elif allow_partial:
                    refused.append(page)
                else:
                    raise LineDataError(page.message, remedy=f"{page.remedy}, or leave it out with --allow-partial")

    written = write_page_set(usable(), out)
    sys.stderr.write(f"{written} pages, {lines} lines\n" if not refused else _summary(written, lines, refused))
    sys.stdout.write(f"{out}\n")


def _summary(written: int, lines: int, refused: list[DataError]) -> str:
    rows = [f"{written} pages, {lines} lines; left out: {len(refused)}", *(f"  {r.message}" for r in refused[:10])]
    return "\n".join(rows) + "\n"
