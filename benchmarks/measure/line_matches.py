"""Which lines of a page were found: geometry of baselines and outlines, and no texts.

A true line is matched by a found strip that covers at least 60 % of its baseline, if there is no other true line of
whose baseline the strip covers more, in pixels. Of several such strips, the one that covers the most is its match; the
others are found for nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inkport.core.errors import DataError


Polyline = npt.NDArray[np.float64]
"""Points (n, 2) of a baseline, or corners of an outline, in pixels."""
LEAST_COVERED = 0.6
"""Share of a baseline that a strip must cover, and of a strip's own that must lie in an excused box."""
MOST_EXCUSED = 0.03
"""Most boxes that may be excused, as a share of all true lines: more would excuse the finder and not the truth."""


@dataclass(frozen=True, kw_only=True)
class Matches:
    """Which found strip is which true line."""

    pairs: tuple[tuple[int, int], ...]
    """Indices of matched true lines and of their strips, in the order of the lines."""
    true: int
    """True lines."""
    found: int
    """Found strips, without those that are excused."""

    @property
    def recall(self) -> float:
        """Matched lines over true ones; NaN without any."""
        return len(self.pairs) / self.true if self.true else float("nan")

    @property
    def precision(self) -> float:
        """Matched strips over found ones; NaN without any."""
        return len(self.pairs) / self.found if self.found else float("nan")


def length_of(path: Polyline) -> float:
    """Return the length of a path, in pixels."""
    return float(np.hypot(*np.diff(path, axis=0).T).sum())


def covered_length(path: Polyline, outline: Polyline) -> float:
    """Return how much of a path lies inside an outline, in pixels.

    Pieces between crossings are inside or outside as a whole, by the even-odd rule at their middles.

    Args:
        path: (n, 2), at least two points.
        outline: (m, 2), at least three corners.
    """
    if (path.max(axis=0) < outline.min(axis=0)).any() or (path.min(axis=0) > outline.max(axis=0)).any():
        return 0.0
    starts, sides = outline, np.roll(outline, -1, axis=0) - outline
    total = 0.0
    for begin, end in itertools.pairwise(path):
        step = end - begin
        cross = step[0] * sides[:, 1] - step[1] * sides[:, 0]
        away = starts - begin
        with np.errstate(divide="ignore", invalid="ignore"):
            along = (away[:, 0] * sides[:, 1] - away[:, 1] * sides[:, 0]) / cross
            across = (away[:, 0] * step[1] - away[:, 1] * step[0]) / cross
        crossed = (cross != 0) & (along > 0) & (along < 1) & (across >= 0) & (across <= 1)
        cuts = np.unique(np.concatenate(([0.0], along[crossed], [1.0])))
        middles = begin + ((cuts[:-1] + cuts[1:]) / 2)[:, None] * step
        total += float(np.diff(cuts)[_inside(middles, starts, sides)].sum()) * float(np.hypot(*step))
    return total


def _inside(points: Polyline, starts: Polyline, sides: Polyline) -> npt.NDArray[np.bool_]:
    """Return which points are inside an outline: a ray to the right crosses an odd number of its sides."""
    x, y = points[:, :1], points[:, 1:]
    ends = starts[:, 1] + sides[:, 1]
    spans = (starts[:, 1] <= y) != (ends <= y)
    with np.errstate(divide="ignore", invalid="ignore"):
        meets = starts[:, 0] + (y - starts[:, 1]) / sides[:, 1] * sides[:, 0]
    odd: npt.NDArray[np.bool_] = (spans & (meets > x)).sum(axis=1) % 2 == 1
    return odd


def match_lines(
    baselines: Sequence[Polyline],
    outlines: Sequence[Polyline],
    *,
    found_baselines: Sequence[Polyline] = (),
    excused: Sequence[Polyline] = (),
) -> Matches:
    """Match the lines of a page.

    Args:
        baselines: Of the true lines.
        outlines: Of the found strips.
        found_baselines: Of the found strips, where boxes are excused.
        excused: Boxes of ink that the truth leaves out; strips whose baselines lie in one, and that match no true line,
            are not counted.

    Raises:
        DataError: If boxes are excused and the baselines of the strips are not there.
    """
    if excused and len(found_baselines) != len(outlines):
        raise DataError(f"{len(outlines)} strips with {len(found_baselines)} baselines, one each is needed")
    covered = np.array([[covered_length(line, strip) for strip in outlines] for line in baselines])
    covered = covered.reshape(len(baselines), len(outlines))
    pairs: list[tuple[int, int]] = []
    if covered.size:
        lengths = np.array([length_of(line) for line in baselines])
        best = covered.argmax(axis=0)
        for index, row in enumerate(covered):
            usable = np.where((best == index) & (row >= LEAST_COVERED * lengths[index]) & (row > 0), row, -1.0)
            if usable.max() > 0:
                pairs.append((index, int(usable.argmax())))
    matched = {strip for _, strip in pairs}
    alone = [strip for strip in range(len(outlines)) if strip not in matched]
    pardoned = sum(_is_excused(found_baselines[strip], excused) for strip in alone) if excused else 0
    return Matches(pairs=tuple(pairs), true=len(baselines), found=len(outlines) - pardoned)


def require_few(excused: int, true: int) -> None:
    """Refuse more excuses than the truth can need.

    Args:
        excused: Boxes that are excused, of all pages.
        true: True lines of all pages.

    Raises:
        DataError: If there are more than ``MOST_EXCUSED`` of them.
    """
    if excused > MOST_EXCUSED * true:
        raise DataError(
            f"{excused} boxes are excused with {true} true lines, at most {MOST_EXCUSED:.0%} may be",
            remedy="transcribe what is on the pages",
        )


def _is_excused(baseline: Polyline, boxes: Sequence[Polyline]) -> bool:
    least = LEAST_COVERED * length_of(baseline)
    return any(covered_length(baseline, box) >= least > 0 for box in boxes)
