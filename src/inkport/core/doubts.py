"""Doubts about an image that was handed in as one line: things that decode well and read as nonsense.

Common mistakes give no error: white writing on black, a page or several lines instead of one, a line upside down, one
too low to be read. Two are told from the gray values alone, the others with the help of what was read. A doubt is a
warning, never a refusal: nothing is inverted, turned or cut here.

Inversion and pages were measured by ``scripts/first_doubts.py`` on every third of the 27,563 lines of ``docs/data.md``
and of the samples (dark and stained paper, pencil, registers, forms, single words), and on every third of 302 pages of
the same sources: of 9,194 lines none is doubted, of the same lines inverted 9,178 are found (99.8 %), of 100 pages 96.
The other thresholds were fitted on validation lines by ``scripts/confidence.py``; ``docs/results/confidence.md`` says
how often each of them is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

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


UNSURE = 0.62
"""Confidence of a line below which its text is doubted: of the validation lines, the 1 % that are read least surely."""
SEVERAL_ROWS = 1.5
"""Rows of writing from which on an image may hold several lines; crops of one line have parts of its neighbours."""
SEVERAL_CONFIDENCE = 0.75
"""Confidence below which it then is said to: one line with parts of its neighbours is read more surely."""
TURNED_CONFIDENCE = 0.8
"""Confidence below which a line is read upside down as well: one line in ten, and nearly all that are upside down."""
TURNED_SURER = 0.05
"""By how much the confidence must be higher upside down."""
LOW = 0.5
"""Height of an image below which it is too low, as a share of the network's: enlarged twofold, lines are
read with a third more errors, and with half as many again for every 4 px less (``docs/results/confidence.md``)."""
HIGH = 12.0
"""Height above which it is too high, likewise: real lines of the training are 1.3 times as high as the network, and a
line scanned at 600 dpi is at most 600 px high (25 mm)."""


class DoubtKind(StrEnum):
    """What is doubtful about an image as one line of text."""

    INVERTED = "inverted"
    """The paper is darker than the ink."""
    PAGE = "page"
    """It looks like a page."""
    SEVERAL_LINES = "several-lines"
    """It seems to hold a few lines."""
    UPSIDE_DOWN = "upside-down"
    """It is read more surely upside down."""
    HEIGHT = "height"
    """It is far lower or higher than the lines that were trained on."""
    UNSURE = "unsure"
    """It was read with little confidence, and none of the other kinds says why."""


@dataclass(frozen=True)
class Doubt:
    """Why a text is likely to be wrong although it was read without an error."""

    kind: DoubtKind
    """What is doubtful."""
    message: str
    """What was found, and what helps, in one sentence."""

    def __str__(self) -> str:
        return self.message


def doubts(
    gray: npt.NDArray[np.float32],
    *,
    height: int,
    confidence: float | None,
    turned: Callable[[], float | None],
    least: float = UNSURE,
) -> tuple[Doubt, ...]:
    """Return what makes an image doubtful as one line of dark ink on light paper; nothing for a line that is right.

    Args:
        gray: (h, w), 0 black .. 1 white.
        height: Of the network's input, in pixels.
        confidence: Of what was read, 0..1; None if nothing was.
        turned: Reads the image upside down and returns the confidence; called only where this one is low.
        least: Confidence below which the text is doubted for that alone.
    """
    rows, share = text_rows(gray)
    found = [*_inverted(gray), *_page(gray, rows, share)] or _height(gray.shape[0], height)
    if not found and confidence is not None:
        if rows >= SEVERAL_ROWS and confidence < SEVERAL_CONFIDENCE:
            found += [_several(rows, confidence)]
        elif confidence < TURNED_CONFIDENCE and (other := turned()) and other > confidence + TURNED_SURER:
            found += [_upside_down(confidence, other)]
    if not found and confidence is not None and confidence < least:
        message = f"read with a confidence of {confidence:.2f}, below {least:g}; the text is likely to be wrong"
        found.append(Doubt(DoubtKind.UNSURE, f"{message}: check that the image is the crop of one line of handwriting"))
    return tuple(found)


def _inverted(gray: npt.NDArray[np.float32]) -> list[Doubt]:
    if not is_inverted(gray):
        return []
    message = "the paper is darker than the ink (white on black); the text is likely to be wrong"
    return [Doubt(DoubtKind.INVERTED, f"{message}: read it with --invert (in Python, invert=True)")]


def _page(gray: npt.NDArray[np.float32], rows: float, share: float) -> list[Doubt]:
    height, width = gray.shape
    has_shape = height >= PAGE_HEIGHT_PX and width < PAGE_SHAPE * height
    if rows < PAGE_ROWS and not (rows > 0 and has_shape and share < SMALL_WRITING):
        return []
    message = (
        f"looks like a page and not like one line ({width} x {height} px, "
        f"about {rows:.0f} row{'s' if rows > 1 else ''} of writing, each {share:.0%} of the height); "
        "the text is likely to be wrong: pass the crop of one line, or read it with inkport read --as page"
    )
    return [Doubt(DoubtKind.PAGE, message)]


def _height(height: int, wanted: int) -> list[Doubt]:
    if LOW * wanted <= height <= HIGH * wanted:
        return []
    helps = "scan it with more pixels" if height < wanted else "check that it is the crop of one line"
    message = f"{height} px high, far from what the recogniser was trained on ({wanted} px at the network)"
    return [Doubt(DoubtKind.HEIGHT, f"{message}; the text is likely to be wrong: {helps}")]


def _several(rows: float, confidence: float) -> Doubt:
    message = f"seems to hold several lines (about {rows:g} rows of writing, confidence {confidence:.2f})"
    return Doubt(
        DoubtKind.SEVERAL_LINES, f"{message}; the text is likely to be wrong: cut it, one line of text per image"
    )


def _upside_down(confidence: float, other: float) -> Doubt:
    message = f"read more surely upside down (confidence {other:.2f}, as it is {confidence:.2f})"
    return Doubt(DoubtKind.UPSIDE_DOWN, f"{message}; the text is likely to be wrong: turn the image by 180 degrees")


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
