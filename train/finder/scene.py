"""One training example of the finder: a piece of a page, moved and lit otherwise, and the maps that it should give."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from inkport.model.finder import STRIDE
from inkport.train.finder.page_set import Points, TrueLine


LONG_SIDE = 1600
"""Pixels of a page's longer side when it is searched."""
SIDE = 512
"""Pixels of an example, in both directions."""
FINE = 3
"""Points per cell, in both directions, that the maps are drawn with before they are averaged."""
TOP, BOTTOM = 0.42, 0.06
"""The core strip reaches from so far above the baseline to so far below, in heights above the baseline."""
EDGE = 0.5
"""Length of a line's end in the maps, in heights above the baseline; at most a quarter of the line."""
LEAST_CORE = 1.6
"""Least height of the core strip in cells, so that the smallest writing has one."""
UPRIGHT = math.radians(35)
"""A line that runs at a steeper angle is to be found after the page has been turned: the core says nothing of it."""
TURNED = math.radians(25)
"""A line within so much of a quarter turn has been turned by it; of others nobody says."""
BETWEEN = 9
"""Drawn where a line has been turned by no quarter."""
TURN_CELLS = 4
"""Cells of the maps per cell of the turns, in both directions."""
LEAST_SHARE = 0.25
"""Share of such a cell that a line covers, at least, to count."""

Maps = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Example:
    """A training example."""

    image: npt.NDArray[np.uint8]
    """(SIDE, SIDE)."""
    maps: Maps
    """Core, start, end: 0 .. 1; above, below: log2 of cells where there is a core. (5, SIDE / 4, SIDE / 4)."""
    known: npt.NDArray[np.bool_]
    """Where the core, start and end are known, (SIDE / 4, SIDE / 4)."""
    turns: npt.NDArray[np.int64]
    """Class of the turn, -1 where it is not known, (SIDE / 16, SIDE / 16)."""


@dataclass(frozen=True, kw_only=True)
class Move:
    """Where the pixels of an example come from: a projective map of example to page."""

    matrix: npt.NDArray[np.float64]
    """(3, 3), of column vectors (x, y, 1)."""

    @cached_property
    def inverse(self) -> npt.NDArray[np.float64]:
        """The map of page to example, (3, 3)."""
        return np.asarray(np.linalg.inv(self.matrix), np.float64)

    def back(self, points: Points) -> Points:
        """Return where points of the page lie in the example."""
        moved = np.column_stack([points, np.ones(len(points))]) @ self.inverse.T
        return np.asarray(moved[:, :2] / moved[:, 2:], np.float64)


def draw_move(rng: np.random.Generator, width: int, height: int) -> Move:
    """Draw how a piece of a page becomes an example: scale, rotation, turn, perspective and place."""
    scale = max(width, height) / LONG_SIDE / float(np.exp(rng.normal(0, 0.22)).clip(0.6, 1.7))
    angle = math.radians(float(rng.normal(0, 2.0) if rng.random() < 0.7 else rng.uniform(-16, 16)))
    angle += rng.choice([0, 1, 2, 3], p=[0.7, 0.1, 0.1, 0.1]) * math.pi / 2
    shear, stretch = rng.normal(0, 0.03), float(np.exp(rng.normal(0, 0.08)))
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    linear = scale * turn @ np.array([[1, shear], [0, 1]]) @ np.diag([stretch, 1 / stretch])
    half = SIDE * scale / 2
    centre = np.array(
        [
            rng.uniform(min(half, width / 2) * 0.8, max(width - half * 0.8, width / 2)),
            rng.uniform(min(half, height / 2) * 0.8, max(height - half * 0.8, height / 2)),
        ]
    )
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = centre - linear @ np.array([SIDE / 2, SIDE / 2])
    if rng.random() < 0.3:
        tilt = np.eye(3)
        tilt[2, :2] = rng.normal(0, 0.12, 2) / SIDE
        middle = np.eye(3)
        middle[:2, 2] = SIDE / 2
        matrix = matrix @ middle @ tilt @ np.linalg.inv(middle)
    return Move(matrix=matrix / matrix[2, 2])


def make_example(
    page: npt.NDArray[np.uint8], lines: tuple[TrueLine, ...], behind: npt.NDArray[np.uint8], rng: np.random.Generator
) -> Example:
    """Return an example.

    Args:
        page: uint8 (h, w).
        lines: What is written on it.
        behind: Another page, uint8, whose ink may shine through.
        rng: Draws everything.
    """
    move = draw_move(rng, page.shape[1], page.shape[0])
    image = take(page, move, fill=int(paper(page) if rng.random() < 0.6 else rng.integers(0, 256)))
    gray = image.astype(np.float32) / np.float32(255)
    if rng.random() < 0.25:
        other = take(behind[:, ::-1], draw_move(rng, behind.shape[1], behind.shape[0]), fill=paper(behind))
        ink = np.clip(paper(behind) - other.astype(np.float32), 0, None) / np.float32(255)
        gray -= ink * np.float32(rng.uniform(0.05, 0.35))
    maps, known, turns = draw_maps(lines, move)
    return Example(image=relight(gray, rng), maps=maps, known=known, turns=turns)


def paper(page: npt.NDArray[np.uint8]) -> int:
    """Return the gray of a page's paper: the median of every 64th pixel."""
    return int(np.median(page[::8, ::8]))


def take(page: npt.NDArray[np.uint8], move: Move, *, fill: int) -> npt.NDArray[np.uint8]:
    """Return the pixels of an example, uint8 (SIDE, SIDE)."""
    # Pillow's coordinates are of corners, as ours; a page made smaller is reduced first, so that no ink is lost.
    scale = math.sqrt(abs(np.linalg.det(move.matrix[:2, :2])))
    image = Image.fromarray(page)
    matrix = move.matrix
    if scale > 1.3:
        size = (max(1, round(page.shape[1] / scale)), max(1, round(page.shape[0] / scale)))
        image = image.resize(size, Image.Resampling.BOX)
        matrix = np.diag([size[0] / page.shape[1], size[1] / page.shape[0], 1.0]) @ matrix
    data = tuple((matrix / matrix[2, 2]).ravel()[:8])
    return np.asarray(
        image.transform((SIDE, SIDE), Image.Transform.PERSPECTIVE, data, Image.Resampling.BILINEAR, fillcolor=fill)
    )


def relight(gray: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Return an example in another light: shadow, contrast, gamma, blur, noise."""
    if rng.random() < 0.4:
        x, y = np.meshgrid(np.linspace(-1, 1, SIDE, dtype=np.float32), np.linspace(-1, 1, SIDE, dtype=np.float32))
        angle = rng.uniform(0, 2 * math.pi)
        edge = np.cos(angle) * x + np.sin(angle) * y - rng.uniform(-0.8, 0.8)
        shadow = rng.uniform(0.1, 0.5) / (1 + np.exp(-edge * rng.uniform(1, 12)))
        gray = gray * (1 - shadow).astype(np.float32)
    if rng.random() < 0.6:
        gray = np.clip(gray, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.3)))
        gray = (gray - 0.5) * np.float32(rng.uniform(0.45, 1.15)) + np.float32(0.5 + rng.uniform(-0.15, 0.1))
    if rng.random() < 0.3:
        blurred = Image.fromarray((np.clip(gray, 0, 1) * 255).astype(np.uint8))
        gray = np.asarray(blurred.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.4))), np.float32)
        gray /= np.float32(255)
    if rng.random() < 0.4:
        gray = gray + rng.normal(0, rng.uniform(0.01, 0.06), gray.shape).astype(np.float32)
    return (np.clip(gray, 0, 1) * 255 + 0.5).astype(np.uint8)


def draw_maps(lines: tuple[TrueLine, ...], move: Move) -> tuple[Maps, npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Return the maps of an example, where they are known, and the turns."""
    canvas = _Canvas(SIDE // STRIDE)
    for line in lines:
        canvas.add(line, move)
    return canvas.maps(), canvas.known(), _turns(np.asarray(canvas.turned))


class _Canvas:
    """What the maps are drawn on.

    Args:
        cells: Their height and width.
    """

    def __init__(self, cells: int) -> None:
        self._cells = cells
        self._strips = [Image.new("L", (cells * FINE, cells * FINE)) for _ in range(3)]
        self._heights = [Image.new("F", (cells, cells)) for _ in range(2)]
        self._unknown, self.turned = Image.new("L", (cells, cells)), Image.new("L", (cells, cells))

    def maps(self) -> Maps:
        """Return the maps."""
        small = (self._cells, self._cells)
        maps = [np.asarray(strip.resize(small, Image.Resampling.BOX), np.float32) / 255 for strip in self._strips]
        return np.stack([*maps, *(np.asarray(height, np.float32) for height in self._heights)])

    def known(self) -> npt.NDArray[np.bool_]:
        """Return where they are known."""
        return np.asarray(self._unknown) == 0

    def add(self, line: TrueLine, move: Move) -> None:
        """Draw a line; where it is not to be found as it lies, or nobody has measured it, nothing is known."""
        points, normals = line.along
        at = move.back(points) / STRIDE
        if not ((at > -4) & (at < self._cells + 4)).all(axis=1).any():
            return
        # Heights are carried along the normal, so that scale and perspective hold for them too.
        over = move.back(points + normals * line.above) / STRIDE - at
        under = move.back(points - normals * line.below) / STRIDE - at
        run = at[-1] - at[0]
        angle = math.atan2(run[1], run[0])
        up, down = np.hypot(*over.T), np.hypot(*under.T)
        core = _ribbon(at, over, np.maximum(TOP, LEAST_CORE / np.maximum(up, 0.1) - BOTTOM), -BOTTOM)
        off = abs(math.remainder(angle, math.pi / 2))
        turn = 1 + round(angle / (math.pi / 2)) % 4 if off < TURNED and line.measured else BETWEEN
        ImageDraw.Draw(self.turned).polygon(_points(core), fill=turn)
        if abs(angle) > UPRIGHT or not line.measured:
            ImageDraw.Draw(self._unknown).polygon(_points(_ribbon(at, over, 1.0, -0.3)), fill=1)
            return
        ImageDraw.Draw(self._strips[0]).polygon(_points(core * FINE), fill=255)
        middle = len(up) // 2
        around = _points(_ribbon(at, over, TOP + 0.3, -BOTTOM - 0.2))
        for image, value in zip(self._heights, (up[middle], down[middle]), strict=True):
            ImageDraw.Draw(image).polygon(around, fill=math.log2(max(value, 0.25)))
        self._add_ends(at, over, EDGE * float(up[middle]))

    def _add_ends(self, at: Points, over: Points, reach: float) -> None:
        long = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(at, axis=0).T))])
        reach = min(reach, long[-1] / 4)
        for image, first in ((self._strips[1], True), (self._strips[2], False)):
            cut = _cut(at, over, long, reach, first=first)
            ImageDraw.Draw(image).polygon(_points(_ribbon(*cut, TOP, -BOTTOM) * FINE), fill=255)


def _turns(cells: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Return the class of each block of four by four cells, -1 where a line runs through no more than a part of it."""
    size = cells.shape[0] // TURN_CELLS
    blocks = cells.reshape(size, TURN_CELLS, size, TURN_CELLS).transpose(0, 2, 1, 3).reshape(size, size, -1)
    share, found = (blocks > 0).mean(axis=2), blocks.max(axis=2).astype(np.int64)
    return np.where((found == BETWEEN) | ((share > 0) & (share <= LEAST_SHARE)), -1, found)


def _cut(
    at: Points, over: Points, long: npt.NDArray[np.float64], reach: float, *, first: bool
) -> tuple[Points, Points]:
    """Return the first or the last ``reach`` cells of a line."""
    low, high = (0.0, reach) if first else (long[-1] - reach, long[-1])
    places = np.array([low, (low + high) / 2, high])
    points = np.stack([np.interp(places, long, at[:, i]) for i in (0, 1)], axis=1)
    upward = np.stack([np.interp(places, long, over[:, i]) for i in (0, 1)], axis=1)
    return points, upward


def _ribbon(at: Points, over: Points, top: npt.NDArray[np.float64] | float, bottom: float) -> Points:
    """Return the outline of a strip along a baseline, in shares of its height."""
    upper = at + over * (np.asarray(top)[:, None] if isinstance(top, np.ndarray) else top)
    return np.concatenate([upper, (at + over * bottom)[::-1]])


def _points(outline: Points) -> list[tuple[float, float]]:
    # Pillow names pixels by their middle, we by their corner.
    return [(x, y) for x, y in (outline - 0.5).tolist()]
