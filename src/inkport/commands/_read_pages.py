"""``inkport read`` of pages: lines that are known, or that the finder finds."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from inkport.commands._named_files import named_files
from inkport.commands._output import say, warn
from inkport.commands._page_formats import PageWriter
from inkport.core.errors import DataError, ImageError, LineDataError, RuntimeUnavailableError
from inkport.core.image import file_bytes
from inkport.core.line_reading import ArtifactId
from inkport.core.recogniser import Recogniser
from inkport.lines.folder import IMAGE_SUFFIXES, list_images
from inkport.pages.finder_files import shipped_finder
from inkport.pages.finding import LineFinder
from inkport.pages.formats.layout_files import read_layout
from inkport.pages.formats.records import PageRecord
from inkport.pages.found import is_line, line_page, page_of
from inkport.pages.hyphens import join_hyphens
from inkport.pages.inputs import PageFault, PageImage, open_pages
from inkport.pages.page import Flag, Line, Page
from inkport.pages.read import PageReading, read_page


STDIN = Path("-")
"""Stands for a file on standard input."""
SUFFIXES = (*IMAGE_SUFFIXES, ".heic", ".heif", ".hif", ".pdf")
"""Names of files that may be pages end so."""


@dataclass
class Outcome:
    """What came of all pages."""

    faults: int = 0
    """Files, pages and lines that could not be read."""
    unsure: int = 0
    """Lines that were read with less confidence than was asked for."""


class Lines(Protocol):
    """Says where the lines of pages are."""

    unsure: Flag
    """What becomes of lines that are read with less confidence than was asked for."""

    def page(self, picture: PageImage) -> Page:
        """Return a page with its lines."""


class FoundLines:
    """What the shipped finder finds. Lines that are read with little confidence are dropped: they may be no lines.

    Args:
        threads: Threads for the computation.
        decides: Whether an image may also be the crop of one line.
        invert: Look for white writing on black.

    Raises:
        RuntimeUnavailableError: If there is no finder in this build, or no ONNX Runtime.
    """

    unsure = Flag.DROPPED

    def __init__(self, *, threads: int, decides: bool, invert: bool) -> None:
        self._decides, self._invert = decides, invert
        folder = shipped_finder()
        if folder is None:
            raise RuntimeUnavailableError("this build of inkport has no line finder", remedy="pass --lines-from")
        self._finder = LineFinder(folder, threads=threads)

    def page(self, picture: PageImage) -> Page:
        """Return a page with the lines on it; what is particular about it is said on standard error.

        Raises:
            ImageError: If a side of it is longer than can be resampled.
        """
        gray = picture.gray()
        found = self._finder.find(np.uint8(255) - gray if self._invert else gray)
        page = page_of(found, picture)
        label = f"{picture.source}, page {picture.number}"
        if self._decides:
            line = is_line(found, *picture.size)
            say(f"{label}: taken for {'one line' if line else 'a page'}")
            if line:
                return line_page(picture)
        if not page.regions:
            warn(f"{label}: no line found")
        elif page.orientation:
            warn(f"{label}: read as if turned clockwise by {page.orientation} degrees")
        return page


class Layouts:
    """What is known of pages, in files of ALTO or PAGE.

    Args:
        place: A file, or a folder: the lines of a page are in the file of the page's name there, ``scan-3.xml``, or
            among those of its file, ``scan.xml``.

    Raises:
        LineDataError: If the file cannot be read.
    """

    unsure = Flag.UNSURE

    def __init__(self, place: Path) -> None:
        self._place = place
        self._file: Path | None = None if place.is_dir() else place
        self._pages: tuple[Page, ...] = () if place.is_dir() else read_layout(place)

    def page(self, picture: PageImage) -> Page:
        """Return what is known of a page.

        Raises:
            LineDataError: If nothing is.
        """
        file, index = self._place, picture.number - 1
        if self._place.is_dir():
            file = self._place / f"{picture.id}.xml"
            if file.exists() and picture.id != picture.source.stem:
                index = 0
            elif not file.exists():
                file = self._place / f"{picture.source.stem}.xml"
        if file != self._file:
            self._file, self._pages = file, read_layout(file)
        if index >= len(self._pages):
            raise LineDataError(
                f"{picture.source}, page {picture.number}: {file} has only {len(self._pages)} page(s)",
                remedy="name a file with the lines of all pages",
            )
        return self._pages[index]


def read_pages(
    recogniser: Recogniser,
    files: Iterable[Path | LineDataError],
    known: Lines,
    write: PageWriter,
    *,
    joined: bool,
    invert: bool,
    max_pixels: int,
) -> Outcome:
    """Read the pages of files and write them; what cannot be read is reported, and the others still are.

    Args:
        recogniser: What reads.
        files: Files of pages, or why there are none.
        known: Where the lines are.
        write: What writes the pages.
        joined: Whether divided words are joined.
        invert: Read white writing on black.
        max_pixels: Most pixels of an image.
    """
    outcome = Outcome()
    for found in _pages(recogniser, files, known, invert=invert, max_pixels=max_pixels):
        if isinstance(found, DataError):
            sys.stderr.write(f"inkport: {found}\n")
            outcome.faults += 1
            continue
        picture, reading = found
        page = replace(reading.page, id=picture.id, image=picture.source.name)
        for fault in reading.faults:
            warn(f"{picture.source}, page {picture.number}: {fault}")
        outcome.faults += len(reading.faults)
        if unsure := sum(Flag.UNSURE in line.flags for line in page.lines):
            done = "dropped" if known.unsure is Flag.DROPPED else "flagged"
            count = f"{unsure} line{'s' if unsure > 1 else ''}"
            where = f"{picture.source}, page {picture.number}"
            warn(f"{where}: {count} below a confidence of {recogniser.min_confidence:g}, {done}")
            page = _flagged(page, known.unsure)
        outcome.unsure += unsure
        record = PageRecord(
            source=str(picture.source),
            number=picture.number,
            page=join_hyphens(page) if joined else page,
            runtime=recogniser.runtime,
            artifact=ArtifactId(recogniser.digest),
        )
        try:
            write.add(record, picture)
        except ImageError as error:
            sys.stderr.write(f"inkport: {error}\n")
            outcome.faults += 1
    write.end()
    return outcome


def _flagged(page: Page, flag: Flag) -> Page:
    """Return a page whose unsure lines have a flag besides."""

    def mark(line: Line) -> Line:
        flags = tuple(dict.fromkeys((*line.flags, flag)))
        return replace(line, flags=flags) if Flag.UNSURE in line.flags else line

    regions = tuple(replace(region, lines=tuple(map(mark, region.lines))) for region in page.regions)
    return replace(page, regions=regions)


def page_files(paths: Iterable[Path]) -> Iterator[Path | LineDataError]:
    """Yield the files of pages that were named, or why there is none; in folders those whose names say so."""
    for path in paths:
        try:
            yield from named_files(path, partial(list_images, suffixes=SUFFIXES))
        except LineDataError as error:
            yield error


def _pages(
    recogniser: Recogniser,
    files: Iterable[Path | LineDataError],
    known: Lines,
    *,
    invert: bool,
    max_pixels: int,
) -> Iterator[tuple[PageImage, PageReading] | DataError]:
    for file in files:
        if isinstance(file, LineDataError):
            yield file
            continue
        data = sys.stdin.buffer.read(file_bytes(max_pixels) + 1) if file == STDIN else None
        for found in open_pages(file, data=data, max_pixels=max_pixels):
            if isinstance(found, PageFault):
                yield found.error
                continue
            try:
                yield found, read_page(found, known.page(found), recogniser, invert=invert)
            except DataError as error:
                yield error
