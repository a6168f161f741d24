"""The reading order of lines: a partial order of what must come before what, not by rows and not by columns.

In the upright page with its skew taken away, each line is a box as wide as its baseline. Of two lines

1. the upper one comes first if they share more than ``SHARED`` of the width of the narrower one;
2. else the left one comes first if they stand in columns. No line between them, by height, shares its width with both.
   Lines that do so above and below both bound a part of the page; in it, what is left of the gap between the two and
   what is right of it are columns if they overlap in height. A date at the upper right and a salutation below it at the
   left are none, so that the date stays first.

So the left page of a spread precedes the right one, headings across columns come before both, notes in the left margin
before the text beside them and notes in the right margin behind it. What nothing is said of is read from the top.
The second rule takes time that grows with the third power of the lines; above ``MOST_IN_COLUMNS`` it is left out.

Source:
    Breuel, *High performance document layout analysis* (2003), whose second rule does without columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inkport.pages.find import FoundLine


SHARED = 0.2
"""Share of the narrower line's width that lines of one column have in common; neighbours in a row hardly touch."""
APART = 3.0
"""Distance of two baselines, in heights of a line, from which on a new region begins."""
MOST_IN_COLUMNS = 500
"""Most lines of a page that columns are looked for on, which takes a second; a page has 30, a register 200."""

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Boxes:
    """Lines with the skew taken away, each value (n,)."""

    left: Floats
    right: Floats
    top: Floats
    bottom: Floats
    middle: Floats
    shared: Flags
    """Which share width, (n, n)."""


def reading_order(lines: Sequence[FoundLine], *, skew: float = 0.0) -> list[list[int]]:
    """Return the indices of lines in reading order, in regions: runs of lines that lie below one another.

    Args:
        lines: Of an upright page.
        skew: By how many degrees they fall to the right.
    """
    if not lines:
        return []
    boxes = _boxes(lines, skew)
    regions: list[list[int]] = []
    for index in _sorted(_before(boxes), boxes):
        last = regions[-1][-1] if regions else None
        near = last is not None and boxes.middle[index] - boxes.middle[last] < APART * lines[last].above
        if last is not None and near and _continues(boxes, last, index):
            regions[-1].append(index)
        else:
            regions.append([index])
    return regions


def _continues(boxes: _Boxes, last: int, index: int) -> bool:
    """Return whether a line lies under the last one, or goes on in its row."""
    below = bool(boxes.shared[last, index]) and boxes.middle[index] > boxes.middle[last]
    row = boxes.top[last] < boxes.middle[index] < boxes.bottom[last] and boxes.left[index] > boxes.left[last]
    return below or bool(row)


def _boxes(lines: Sequence[FoundLine], skew: float) -> _Boxes:
    angle = np.radians(-skew)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    level = [line.baseline @ turn for line in lines]
    left, right = (np.array([pick(points[:, 0]) for points in level]) for pick in (np.min, np.max))
    base = np.array([points[:, 1].mean() for points in level])
    above, below = np.array([line.above for line in lines]), np.array([line.below for line in lines])
    common = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    narrower = np.minimum((right - left)[:, None], right - left)
    # A mean is where the middle of a whole line is; where they are side by side, it does not matter.
    return _Boxes(
        left=left,
        right=right,
        top=base - above,
        bottom=base + below,
        middle=base - above / 2,
        shared=common > SHARED * narrower,
    )


def _before(boxes: _Boxes) -> Flags:
    """Return which line must come before which, (n, n)."""
    middle = boxes.middle
    before = boxes.shared & (middle[:, None] < middle)
    if len(middle) > MOST_IN_COLUMNS:
        return before
    left_of = ~boxes.shared & (boxes.left[:, None] + boxes.right[:, None] < boxes.left + boxes.right)
    for index in range(len(middle)):
        others = np.flatnonzero(left_of[index])
        before[index, others] = _in_columns(boxes, index, others)
    return before


def _in_columns(boxes: _Boxes, a: int, others: npt.NDArray[np.int64]) -> Flags:
    """Return which of the lines to its right stand in another column than a line, (k,)."""
    middle = boxes.middle
    across = boxes.shared[a] & boxes.shared[others]
    upper, lower = np.minimum(middle[a], middle[others]), np.maximum(middle[a], middle[others])
    over, under = middle < upper[:, None], middle > lower[:, None]
    parted = (across & ~over & ~under).any(axis=1)
    first = np.where(across & over, middle, -np.inf).max(axis=1)
    last = np.where(across & under, middle, np.inf).min(axis=1)
    inside = (middle > first[:, None]) & (middle < last[:, None])
    gap = ((boxes.right[a] + boxes.left[others]) / 2)[:, None]
    centre = (boxes.left + boxes.right) / 2
    sides = []
    for side in (inside & (centre < gap), inside & (centre > gap)):
        sides.append(np.where(side, boxes.top, np.inf).min(axis=1))
        sides.append(np.where(side, boxes.bottom, -np.inf).max(axis=1))
    columns: Flags = ~parted & (sides[0] < sides[3]) & (sides[2] < sides[1])
    return columns


def _sorted(before: Flags, boxes: _Boxes) -> list[int]:
    """Return indices so that none comes before what must precede it; where that is a circle, the uppermost goes on."""
    waiting = before.sum(axis=0).astype(np.int64)
    left = np.ones(len(waiting), bool)
    found: list[int] = []
    for _ in range(len(waiting)):
        free = np.flatnonzero(left & (waiting <= 0))
        choice = free if len(free) else np.flatnonzero(left)
        index = int(choice[np.lexsort((boxes.left[choice], boxes.middle[choice]))[0]])
        found.append(index)
        left[index] = False
        waiting -= before[index]
    return found
