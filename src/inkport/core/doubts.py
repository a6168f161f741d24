"""First doubts about an image that was handed in as one line: things that decode well and read as nonsense.

Two mistakes are common and give no error: white writing on black, and a whole page instead of a line. Both are told
from the gray values alone. A doubt is a warning, never a refusal: nothing is inverted or cut here.

Measured by ``scripts/first_doubts.py`` on every third of the 27,563 lines of ``docs/data.md`` and of the samples (dark
and stained paper, pencil, registers, forms, single words), and on every third of 302 pages of the same sources: of
9,194 lines none is doubted, of the same lines inverted 9,178 are found (99.8 %), of 100 pages 96.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from inkport.core.preprocess import MIN_SIDE_PX


INVERTED_SKEWNESS = 0.8
"""Skewness of the gray values above which ink is lighter than paper.

Ink covers little of a line, so dark ink makes a long tail to the dark side: a skewness of -2 to -6. Inversion changes
nothing but the sign. Two plain colours have a skewness of 1 where the light one covers 28 % of the image.
"""
FLAT = 0.01
"""Standard deviation of the gray values, 0..1, below which there is no ink at all, and nothing to say about it."""
PAGE_ROWS = 4
"""Rows of writing from which on an image is a page, whatever its shape; the crops of lines have 1 to 3."""
PAGE_SHAPE = 2.0
"""Width over height below which an image has the shape of a page, if its writing is small as well."""
PAGE_HEIGHT_PX = 200
"""Height in pixels below which small writing does not make a page: nobody could read a page of so few."""
SMALL_WRITING = 0.15
"""Height of the tallest row of writing, as a share of the image's height, below which it is small."""
STRIPS = 4
"""Rows are counted in this many strips side by side, of which the median counts: rows slope, and margins have none."""
STRIP_PX = 64
"""Narrowest strip, in pixels. A narrower image is the crop of a letter or a short word, and no page: along so few
pixels the noise of paper looks like writing."""
PROFILE_ROWS = 256
"""A higher image is averaged to so many rows: of a page of 40 lines each has 6."""
SMOOTHED_ROWS = 3
"""Rows that the profile of a high image is averaged over, against noise."""
CONTRAST = 1.5
"""How many times as much must change along the rows with writing as along those without, or there are none: noise."""


def doubts(gray: npt.NDArray[np.float32]) -> tuple[str, ...]:
    """Return what makes an image doubtful as one line of dark ink on light paper; nothing for a line that is right.

    Args:
        gray: (h, w), 0 black .. 1 white.
    """
    found = []
    if is_inverted(gray):
        found.append(
            "the paper is darker than the ink (white on black); the text is likely to be wrong: "
            "invert the image so that dark ink is on light paper"
        )
    rows, share = text_rows(gray)
    height, width = gray.shape
    has_shape = height >= PAGE_HEIGHT_PX and width < PAGE_SHAPE * height
    if rows >= PAGE_ROWS or (rows > 0 and has_shape and share < SMALL_WRITING):
        found.append(
            f"looks like a page and not like one line ({width} x {height} px, "
            f"about {rows:.0f} row{'s' if rows > 1 else ''} of writing, each {share:.0%} of the height); "
            "the text is likely to be wrong: pass the crop of one line"
        )
    return tuple(found)


def is_inverted(gray: npt.NDArray[np.float32]) -> bool:
    """Return whether the ink is lighter than the paper, told by the skewness of the gray values."""
    centred = gray - gray.mean(dtype=np.float64)
    spread = float(np.sqrt(np.mean(centred * centred)))
    return spread > FLAT and float(np.mean(centred**3)) > INVERTED_SKEWNESS * spread**3


def text_rows(gray: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Return how many rows of writing there are, and the height of the tallest as a share of the image's.

    Writing changes quickly along a row of pixels, the paper between rows of writing does not; ruled lines, shades and
    dark paper do not change along it either. Both figures are medians over strips; there are no rows where nothing is
    written, or the image is narrower than a strip.
    """
    strips = min(STRIPS, gray.shape[1] // STRIP_PX)
    if not strips:
        return 0.0, 1.0
    changes = np.abs(np.diff(gray, axis=1))
    found = [_rows_of(_profile(strip)) for strip in np.array_split(changes, strips, axis=1)]
    rows, shares = np.median(found, axis=0)
    # Rows that are too low to be read by anyone are grain, not writing.
    return (float(rows), float(shares)) if rows * MIN_SIDE_PX <= gray.shape[0] else (0.0, 1.0)


def _profile(strip: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    profile: npt.NDArray[np.float64] = strip.mean(axis=1, dtype=np.float64)
    height = len(profile)
    if height <= PROFILE_ROWS:
        return profile
    places = np.arange(height) * PROFILE_ROWS // height
    averaged = np.bincount(places, profile, PROFILE_ROWS) / np.bincount(places, minlength=PROFILE_ROWS)
    padded = np.pad(averaged, SMOOTHED_ROWS // 2, mode="edge")
    smoothed: npt.NDArray[np.float64] = np.convolve(padded, np.full(SMOOTHED_ROWS, 1 / SMOOTHED_ROWS), "valid")
    return smoothed


def _rows_of(profile: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return the number of rows of writing in one strip, and the share of its height that the tallest takes."""
    low, high = np.quantile(profile, (0.05, 0.95))
    if high <= max(CONTRAST * low, 1e-4):
        return 0.0, 1.0
    # A row begins above the middle and ends near the bottom: the gap between x-height and ascenders is none.
    level = (profile - low) / (high - low)
    count, inside = 0, False
    for value in level:
        if not inside and value > 0.5:
            count, inside = count + 1, True
        elif inside and value < 0.25:
            inside = False
    top = profile.max()
    above = np.concatenate(([False], profile - profile.min() > (top - profile.min()) / 3, [False]))
    edges = np.flatnonzero(np.diff(above.astype(np.int8)))
    return float(count), float((edges[1::2] - edges[::2]).max() / len(profile))
