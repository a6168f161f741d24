"""From the finder's maps to lines: plain numpy behind the network, the same on every device.

The maps have cells of four pixels. Lengths here are in cells until the last step, and places are of corners: the middle
of cell 0 is at 0.5.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from inkport.pages.components import components


STRIDE = 4
"""Pixels per cell."""
LEVELS = (0.0, 1.5, 3.0)
"""Logits of the core that a cell must have; the next one is tried where a part is two lines that touch."""
THICK = 1.9
"""A part is more than one line where its columns are so many core strips high."""
STRIP = 0.48
"""Height of a core strip, in heights above the baseline."""
MIDDLE = 0.18
"""The strip's middle lies so far above the baseline."""
SHORTEST = 0.8
"""Shortest line, in heights above the baseline."""
BRIDGE = 1.6
"""Longest gap inside a line, the same."""
STEP = 0.35
"""Largest step of the baseline across a gap, the same."""
STEEPEST = 0.5
"""Largest slope of a baseline."""
SCORE = 0.7
"""Least mean probability of a line's core."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class FoundLine:
    """A line on a page, in pixels of the image that was searched."""

    baseline: Floats
    """Float64 (k, 2), at least two points, from left to right."""
    above: float
    """Its height above the baseline."""
    below: float
    """Its height below."""
    score: float
    """Mean probability of the cells that it was found by, 0 .. 1."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    """Columns of one line, or of a piece of one."""

    x: Floats
    """Middles of its columns."""
    y: Floats
    """Middle of the strip in each."""
    above: float
    below: float
    score: float
    begins: bool
    """Whether the maps say that a line begins at its left."""
    ends: bool
    """Whether they say that one ends at its right."""


def find_lines(maps: npt.NDArray[np.float32]) -> list[FoundLine]:
    """Return the lines, from top to bottom by their middles.

    Args:
        maps: ``inkport.model.finder.MAPS``, float32 (5, h, w).
    """
    core = maps[0].astype(np.float64)
    parts = [part for piece in _pieces(core, maps, 0) for part in _split(piece, core, maps)]
    lines = [line for part in _bridge(parts) if (line := _line(part)) is not None]
    return sorted(lines, key=lambda line: float(line.baseline[:, 1].mean()))


def _pieces(
    core: Floats, maps: npt.NDArray[np.float32], level: int
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Yield rows and columns of each connected part of the core, at the least level at which it is one line."""
    labels, _ = components(core > LEVELS[level])
    rows, columns = np.nonzero(labels)
    order = np.argsort(labels[rows, columns], kind="stable")
    rows, columns = rows[order], columns[order]
    bounds = np.flatnonzero(np.diff(labels[rows, columns])) + 1
    for y, x in zip(np.split(rows, bounds), np.split(columns, bounds), strict=True):
        if len(y) < 2:
            continue
        above = _octaves(maps[3, y, x])
        extent = _extent(y, x)
        if level + 1 < len(LEVELS) and float(np.mean(extent > THICK * max(STRIP * above, 2.0))) > 0.08:
            # Its own cells alone, and no more of the page than they need: a photograph has a thousand such parts.
            top, left = int(y.min()), int(x.min())
            inner = np.full((int(np.ptp(y)) + 1, int(np.ptp(x)) + 1), -np.inf)
            inner[y - top, x - left] = core[y, x]
            box = maps[:, top : top + inner.shape[0], left : left + inner.shape[1]]
            yield from ((rows + top, columns + left) for rows, columns in _pieces(inner, box, level + 1))
        else:
            yield y, x


def _extent(y: npt.NDArray[np.int64], x: npt.NDArray[np.int64]) -> Floats:
    """Return the height of each column that a part has."""
    left = x.min()
    top = np.full(x.max() - left + 1, np.iinfo(np.int64).max)
    bottom = np.full(len(top), -1)
    np.minimum.at(top, x - left, y)
    np.maximum.at(bottom, x - left, y)
    return (bottom - top + 1)[bottom >= 0].astype(np.float64)


def _split(
    piece: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]], core: Floats, maps: npt.NDArray[np.float32]
) -> Iterator[_Part]:
    """Cut a part where one line ends and the next begins."""
    y, x = piece
    left, size = int(x.min()), int(np.ptp(x)) + 1
    chance = 1 / (1 + np.exp(-core[y, x]))
    weight = np.bincount(x - left, chance, size)
    there = weight > 0
    middle = np.bincount(x - left, chance * (y + 0.5), size)[there] / weight[there]
    columns = np.flatnonzero(there)
    start, end = (np.full(size, -np.inf) for _ in range(2))
    np.maximum.at(start, x - left, maps[1, y, x])
    np.maximum.at(end, x - left, maps[2, y, x])
    start, end = start[there], end[there]
    above = _octaves(maps[3, y, x])
    cuts = [0, *_cuts(start, end, max(2, round(above))), len(columns)]
    near = max(1, round(above * 0.6))
    for low, high in pairwise(cuts):
        own = (x - left >= columns[low]) & (x - left <= columns[high - 1])
        yield _Part(
            x=(left + columns[low:high] + 0.5).astype(np.float64),
            y=middle[low:high],
            above=_octaves(maps[3, y[own], x[own]]),
            below=_octaves(maps[4, y[own], x[own]]),
            score=float(chance[own].mean()),
            begins=bool(start[low : low + near].max() > 0),
            ends=bool(end[max(low, high - near) : high].max() > 0),
        )


def _octaves(values: npt.NDArray[np.float32]) -> float:
    """Return the length in cells that most of a map of octaves agree on."""
    return float(2.0 ** np.median(values))


def _cuts(start: Floats, end: Floats, reach: int) -> list[int]:
    """Return the columns that a new line begins at: where the marks of an end are followed by those of a start."""
    cuts, column = [], 0
    while column < len(end):
        if end[column] <= 0:
            column += 1
            continue
        last = column
        while last < len(end) and end[last] > 0:
            last += 1
        begun = np.flatnonzero(start[column : last + reach] > 0)
        begun = begun[begun + column > column]
        if len(begun) and last < len(end):
            first = column + int(begun[0])
            cuts.append(max(1, (max(last, first) + min(last, first)) // 2))
            column = max(last, first + 1)
        else:
            column = last
    return cuts


def _bridge(parts: list[_Part]) -> list[_Part]:
    """Join pieces of one line: a gap with no end before it and no start behind it."""
    waiting: list[_Part | None] = [*sorted(parts, key=lambda part: float(part.x[0]))]
    starts = [float(part.x[0]) for part in waiting if part]
    done: list[_Part] = []
    for index, part in enumerate(waiting):
        whole = part
        while whole and not whole.ends and (found := _next(whole, waiting, starts, index)) is not None:
            behind, waiting[found] = waiting[found], None
            whole = _merge(whole, behind) if behind else whole
        if whole:
            done.append(whole)
    return done


def _next(part: _Part, others: list[_Part | None], starts: list[float], index: int) -> int | None:
    """Return which of the parts that begin behind another one, by their starts, goes on with it."""
    size, end = part.above, float(part.x[-1])
    at, level, slope = _heading(part)
    first = max(index + 1, bisect_right(starts, end - 0.5 * size))
    for place in range(first, bisect_left(starts, end + BRIDGE * size)):
        other = others[place]
        if (
            other
            and not other.begins
            and abs(level + slope * (other.x[0] - at) - other.y[0]) < STEP * size
            and 0.5 < other.above / size < 2
        ):
            return place
    return None


def _heading(part: _Part) -> tuple[float, float, float]:
    """Return a place on a part's strip near its right end, x and y, and the slope there."""
    near = part.x > part.x[-1] - 4 * part.above
    if near.sum() < 3:
        return float(part.x[-1]), float(part.y[-1]), 0.0
    x, y = part.x[near], part.y[near]
    slope = float(np.polyfit(x, y, 1)[0].clip(-STEEPEST, STEEPEST))
    return float(x.mean()), float(y.mean()), slope


def _merge(a: _Part, b: _Part) -> _Part:
    keep = b.x > a.x[-1]
    weights = [len(a.x), len(b.x)]
    return _Part(
        x=np.concatenate([a.x, b.x[keep]]),
        y=np.concatenate([a.y, b.y[keep]]),
        above=float(np.average([a.above, b.above], weights=weights)),
        below=float(np.average([a.below, b.below], weights=weights)),
        score=float(np.average([a.score, b.score], weights=weights)),
        begins=a.begins,
        ends=b.ends,
    )


def _line(part: _Part) -> FoundLine | None:
    length = part.x[-1] - part.x[0] + 1
    if length < SHORTEST * part.above or part.score < SCORE:
        return None
    count = max(2, round(length / max(1.5 * part.above, 2.0)) + 1)
    places = np.linspace(part.x[0], part.x[-1], count)
    y = _smooth(part.x, part.y, places, max(1.5 * part.above, 2.0)) + MIDDLE * part.above
    places[0], places[-1] = part.x[0] - 0.5, part.x[-1] + 0.5
    return FoundLine(
        baseline=np.stack([places, y], axis=1) * STRIDE,
        above=part.above * STRIDE,
        below=part.below * STRIDE,
        score=part.score,
    )


def _smooth(x: Floats, y: Floats, places: Floats, width: float) -> Floats:
    """Return straight lines fitted to the columns near each place, at the place."""
    found = np.empty(len(places))
    for i, place in enumerate(places):
        near = np.abs(x - place) <= width
        xs, ys = x[near] - place, y[near]
        if len(xs) < 3:
            found[i] = np.interp(place, x, y)
            continue
        spread = float(((xs - xs.mean()) ** 2).mean())
        slope = float(((xs - xs.mean()) * (ys - ys.mean())).mean()) / spread if spread > 0 else 0.0
        found[i] = ys.mean() - float(np.clip(slope, -STEEPEST, STEEPEST)) * xs.mean()
    return found
