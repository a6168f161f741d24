"""Pages with the lines on them, as the finder learns from them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inkport.core.errors import ImageError, LineDataError
from inkport.core.image import load_picture
from inkport.lines.roles import is_test_split
from inkport.pages.inputs import PAGE_PIXELS
from inkport.pages.page import Line, Page
from inkport.pages.page_sets import TruePage, read_page_set
from inkport.pages.strips import strip_of


Points = npt.NDArray[np.float64]
"""Float64 (k, 2): x to the right and y down, in pixels."""

STEP = 12.0
"""Pixels between the points of a baseline that its height is measured at."""
INNER = 60
"""Percentile of the heights along a line that counts as its height: a few flourishes do not stretch it."""
LEAST_ABOVE, LEAST_BELOW = 2.0, 1.0
"""Least heights of a line above and below its baseline, in pixels: their logarithms are learnt."""


@dataclass(frozen=True, kw_only=True)
class TrueLine:
    """A line of the ground truth."""

    baseline: Points
    """At least two points, in reading direction."""
    above: float
    """Its height above the baseline, in pixels."""
    below: float
    """Its height below."""
    measured: bool = True
    """Whether baseline and heights are those of the source; else they are guessed, and nothing is learnt there."""

    @cached_property
    def along(self) -> tuple[Points, Points]:
        """Points along the baseline, and the unit normals there."""
        return sample(self.baseline, STEP)


@dataclass(frozen=True, kw_only=True, eq=False)
class FinderPage:
    """A page, and what is written on it."""

    id: str
    """Its name in its page set."""
    dataset: str
    """The data set that it is of."""
    licence: str
    """What its licence asks; empty where the source does not say."""
    gray: npt.NDArray[np.uint8]
    """Its pixels, uint8 (h, w), 0 black .. 255 white."""
    lines: tuple[TrueLine, ...]
    """Its lines; none that is without any place."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of its pixels: a copy under another name, or in another file, is the same page."""
        return hashlib.sha256(f"{self.gray.shape}".encode() + self.gray.tobytes()).hexdigest()


def read_pages(paths: Iterable[Path], *, purpose: str) -> Iterator[FinderPage]:
    """Yield the pages of page sets.

    Args:
        paths: The files.
        purpose: What they are for, in errors: ``training``.

    Raises:
        LineDataError: If a file is no page set or is damaged, a page's split says that it is for testing, its image
            cannot be decoded or has another size than the set says, or a line has no place.
        RuntimeUnavailableError: If pyarrow is missing.
    """
    for path in paths:
        for true in read_page_set(path):
            where = f"{path}: page {true.page.id!r}"
            if is_test_split(true.split):
                raise LineDataError(
                    f"{where} is for testing (split {true.split!r}), and was given for {purpose}",
                    remedy="name page sets of other splits",
                )
            yield FinderPage(
                id=true.page.id,
                dataset=true.dataset,
                licence=true.licence,
                gray=_gray(true, where),
                lines=true_lines(true.page, where=where),
            )


def _gray(true: TruePage, where: str) -> npt.NDArray[np.uint8]:
    try:
        gray = np.asarray(load_picture(true.image, name=where, max_pixels=PAGE_PIXELS).convert("L"))
    except ImageError as error:
        raise LineDataError(error.message, remedy="take the page out, or make the page set again") from error
    if gray.shape != (true.page.height, true.page.width):
        raise LineDataError(
            f"{where}: the image has {gray.shape[1]} x {gray.shape[0]} pixels, the page {true.page.width} x "
            f"{true.page.height}",
            remedy="make the page set again, from the images that its lines were drawn on",
        )
    return gray


def true_lines(page: Page, *, where: str) -> tuple[TrueLine, ...]:
    """Return the lines of a page.

    Args:
        page: The page.
        where: What errors call it.

    Raises:
        LineDataError: If a line has neither a baseline nor an outline, or one of no length.
    """
    return tuple(_true_line(line, where) for line in page.lines)


def _true_line(line: Line, where: str) -> TrueLine:
    if len(line.baseline) > 1 and len(line.polygon) > 2 and len(set(line.baseline)) > 1:
        return measure(np.asarray(line.baseline, np.float64), np.asarray(line.polygon, np.float64))
    try:
        strip = strip_of(line)
    except ImageError as error:
        raise LineDataError(
            f"{where}: line {line.id!r}: {error.message}", remedy="give it a baseline and an outline, or take it out"
        ) from error
    baseline = np.asarray(strip.baseline, np.float64)
    return TrueLine(baseline=baseline, above=strip.above, below=strip.below, measured=False)


def measure(baseline: Points, polygon: Points) -> TrueLine:
    """Return a line whose heights are those of its polygon, along the baseline."""
    points, normals = sample(baseline, STEP)
    up, down = zip(
        *(_reach(point, normal, polygon) for point, normal in zip(points, normals, strict=True)), strict=True
    )
    above, below = float(np.percentile(up, INNER)), float(np.percentile(down, INNER))
    return TrueLine(baseline=baseline, above=max(above, LEAST_ABOVE), below=max(below, LEAST_BELOW))


def sample(baseline: Points, step: float) -> tuple[Points, Points]:
    """Return points along a baseline and its unit normals there, which point up where it runs to the right."""
    steps = np.diff(baseline, axis=0)
    lengths = np.hypot(*steps.T)
    places = np.concatenate([[0.0], np.cumsum(lengths)])
    count = max(2, int(places[-1] / step) + 1)
    at = np.linspace(0, places[-1], count)
    points = np.stack([np.interp(at, places, baseline[:, i]) for i in (0, 1)], axis=1)
    tangent = np.gradient(points, axis=0)
    tangent /= np.maximum(np.hypot(*tangent.T), 1e-9)[:, None]
    return points, np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)


def _reach(point: Points, normal: Points, polygon: Points) -> tuple[float, float]:
    """Return how far a polygon goes from a point along a direction and against it."""
    a = polygon - point
    b = np.roll(a, -1, axis=0)
    side_a, side_b = (v[:, 0] * normal[1] - v[:, 1] * normal[0] for v in (a, b))
    crosses = (side_a < 0) != (side_b < 0)
    if not crosses.any():
        return 0.0, 0.0
    share = (side_a[crosses] / (side_a[crosses] - side_b[crosses]))[:, None]
    where = (a[crosses] + share * (b[crosses] - a[crosses])) @ normal
    return float(max(where.max(), 0.0)), float(max(-where.min(), 0.0))
