"""Strips of lines whose places somebody has said: by a baseline and an outline, or by less."""

from __future__ import annotations

import numpy as np

from inkport.core.errors import ImageError
from inkport.pages.crop import DIRECTION_BITS, UNIT, Margins, Strip, frame_of
from inkport.pages.page import Line, Points, box_of, round_points


BASELINE_SHARE = 0.25
"""Height of a line below its baseline where only its outline is known, as a share of it."""
ASCENT_SHARE = 0.03
"""Height above a baseline of which nothing else is known, as a share of its length: half of what a line of 60 letters
half as wide as high would have, and for short lines ``LEAST_ASCENT_PX``."""
LEAST_ASCENT_PX = 24.0
"""Least such height, in pixels."""
MARGINS = Margins(above=0.08, below=0.08, ends=0.08)
"""Around outlines of ink: as good as half of it, and better than none or half as much again (``docs/pages.md``)."""


def outline_of(strip: Strip) -> Points:
    """Return the outline of a strip, clockwise from where it begins above; like the crop, it follows the baseline.

    Raises:
        ImageError: If it is none that can be cut out.
    """
    ux, uy = (value / (1 << DIRECTION_BITS) for value in frame_of(strip).direction)
    above = tuple((x + strip.above * uy, y - strip.above * ux) for x, y in strip.baseline)
    below = tuple((x - strip.below * uy, y + strip.below * ux) for x, y in strip.baseline)
    return round_points((*above, *reversed(below)))


def strip_of(line: Line) -> Strip:
    """Return the strip of a line.

    It reaches as far from the baseline as the corners of the outline do. Without a baseline, the outline's rectangle is
    the line; without an outline, heights are guessed from the length of the baseline.

    Raises:
        ImageError: If it has no place, or none that can be cut out.
    """
    if len(line.baseline) < 2:
        box = box_of(line.polygon)
        if box is None or box.width < 1 or box.height < 1:
            raise ImageError("a line without a place on its page")
        level = box.bottom - BASELINE_SHARE * box.height
        return Strip(baseline=((box.left, level), (box.right, level)), above=level - box.top, below=box.bottom - level)
    frame = frame_of(Strip(baseline=line.baseline, above=1.0, below=1.0))
    if len(line.polygon) < 3:
        above = max(ASCENT_SHARE * frame.width, LEAST_ASCENT_PX)
        return Strip(baseline=line.baseline, above=above, below=above / 2)
    corners = UNIT * np.array(line.polygon, np.float64) - frame.origin
    ux, uy = (value / (1 << DIRECTION_BITS) for value in frame.direction)
    along = np.rint(corners @ (ux, uy)).astype(np.int64)
    reach = (corners @ (-uy, ux) - frame.offsets(along)) / UNIT
    # The outline of a line that lies wholly on one side of its baseline still has a height.
    return Strip(baseline=line.baseline, above=max(-float(reach.min()), 1.0), below=max(float(reach.max()), 1.0))
