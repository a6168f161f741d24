"""A page out of what a finder found: lines with outlines and identifiers, in regions and reading order."""

from __future__ import annotations

import numpy as np

from inkport.core.errors import ImageError
from inkport.pages.crop import Strip
from inkport.pages.find import FoundLine
from inkport.pages.finding import FoundPage, LineFinder, as_given
from inkport.pages.inputs import PageImage
from inkport.pages.order import reading_order
from inkport.pages.page import Line, Page, Region, round_points
from inkport.pages.strips import outline_of


def found_page(picture: PageImage, finder: LineFinder) -> Page:
    """Return a page with the lines that a finder finds on it, in pixels of the page as it is displayed.

    Raises:
        ImageError: If a side of the page is longer than can be resampled.
    """
    return page_of(finder.find(picture.gray()), picture)


def page_of(found: FoundPage, picture: PageImage) -> Page:
    """Return what was found on a page as a page."""
    width, height = picture.size
    regions, number = [], 0
    for group in reading_order(found.lines, skew=found.skew):
        lines = []
        for index in group:
            line = _line(found.lines[index], found.turned, width, height, f"l{number + 1}")
            if line is not None:
                lines.append(line)
                number += 1
        if lines:
            regions.append(Region(id=f"r{len(regions) + 1}", lines=tuple(lines)))
    return Page(
        id=picture.id,
        width=width,
        height=height,
        image=picture.source.name,
        orientation=-found.turned % 360,
        skew=round(-found.skew, 2) + 0.0,
        regions=tuple(regions),
    )


def _line(found: FoundLine, turned: int, width: int, height: int, name: str) -> Line | None:
    points = as_given(np.asarray(found.baseline, np.float64), turned, width, height)
    baseline = round_points(tuple((float(x), float(y)) for x, y in points))
    strip = Strip(baseline=baseline, above=found.above, below=found.below)
    try:
        return Line(id=name, baseline=baseline, polygon=outline_of(strip))
    except ImageError:
        # Shorter than a pixel of the page: no line that anyone could read.
        return None
