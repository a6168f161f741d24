"""A page out of what a finder found: lines with outlines and identifiers, in regions and reading order."""

from __future__ import annotations

import numpy as np

from inkport.core.errors import ImageError
from inkport.pages.crop import Strip
from inkport.pages.find import FoundLine
from inkport.pages.finding import FoundPage, as_given
from inkport.pages.inputs import PageImage
from inkport.pages.order import reading_order
from inkport.pages.page import Box, Line, Page, Region, corners, round_points
from inkport.pages.strips import MARGINS, outline_of


FILLED = 0.3
"""Share of an image's height from which on its only row of writing makes it the crop of a line."""
WIDE = 2.0
"""Width over height from which on an image is a line although nothing was found on it: a faint or a short one."""
LONG = 0.3
"""Share of the longest line's length from which on another counts: crops have pieces of their neighbours' ink."""
WIDENED = 0.16
"""So much is added to a found line above and below, as a share of its height, before it is a line's outline.

The finder learned heights that 60 % of a line's outline keep to; outlines hold all ink. With the usual margins around
them, validation pages are read as well as with half of it more or less: docs/pages.md.
"""
ROWS = 0.6
"""Distance of two baselines, in heights above them, from which on they are of different rows."""


def is_line(found: FoundPage, width: int, height: int) -> bool:
    """Return whether an image is the crop of one line: it has one row of writing, which fills its height.

    Args:
        found: What was found on it.
        width: Of the image, in pixels.
        height: The same.
    """
    if not found.lines:
        return width >= WIDE * height
    if found.turned:
        return False
    lengths = [float(np.ptp(line.baseline[:, 0])) for line in found.lines]
    counted = [line for line, length in zip(found.lines, lengths, strict=True) if length >= LONG * max(lengths)]
    tallest = max(counted, key=lambda line: line.above + line.below)
    rows = [float(line.baseline[:, 1].mean()) for line in counted]
    one = max(rows) - min(rows) < ROWS * tallest.above
    return one and tallest.above + tallest.below >= FILLED * height


def line_page(picture: PageImage) -> Page:
    """Return an image of one line as a page whose one strip, with the usual margins around it, is the whole image."""
    width, height = picture.size
    inner = height / (1 + MARGINS.above + MARGINS.below)
    top, side = MARGINS.above * inner, MARGINS.ends * inner
    box = Box(min(side, width / 4), top, max(width - side, 3 * width / 4), top + inner)
    line = Line(id="l1", polygon=corners(box))
    regions = (Region(id="r1", lines=(line,)),)
    return Page(id=picture.id, width=width, height=height, image=picture.source.name, regions=regions)


def page_of(found: FoundPage, picture: PageImage) -> Page:
    """Return what was found on a page as a page."""
    width, height = picture.size
    regions: list[Region] = []
    number = 0
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
    more = WIDENED * (found.above + found.below)
    strip = Strip(baseline=baseline, above=found.above + more, below=found.below + more)
    try:
        return Line(id=name, baseline=baseline, polygon=outline_of(strip))
    except ImageError:
        # Shorter than a pixel of the page: no line that anyone could read.
        return None
