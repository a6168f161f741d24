"""``along-v1``: the strip of a page that a line is read from, rectified along its baseline, in integers.

One definition for training and for every device. The strip has the page's own scale. Its columns are perpendicular to
the chord, which joins the ends of the baseline, and each is shifted so that the baseline becomes a straight row:
nothing is fanned out where a baseline bends, and a level one cuts out the page's own pixels. All values are integers of
64 bits, ``>>`` and ``//`` round down, and lengths count in units of 1/64 px::

    P_k = floor(64 p_k + 1/2)                  the baseline's points, in both coordinates; D = P_last - P_0
    L = isqrt(D_x^2 + D_y^2)                   at least 64; u = (2^21 D + L) // (2 L), the direction times 2^20
    a_k = ((P_k - P_0) . (u_x, u_y)) >> 20     along the chord; points whose a does not exceed all before are left out
    o_k = ((P_k - P_0) . (-u_y, u_x)) >> 20    away from the chord, downwards positive for text from left to right
    T = floor(64 above + 1/2), B of below, E of both ends
    H = (T + B + 32) >> 6, W = (L + 2 E + 32) >> 6, both at least 1
    s_j = 64 j + 32 - E, t_i = 64 i + 32 - T   where column j stands on the chord, and row i across it
    o(s) = o_k + (o_k+1 - o_k) (s - a_k) // (a_k+1 - a_k)    between a_k and a_k+1; beyond the ends that of the end
    X_ij = ((2^20 P_0x + s_j u_x - o(s_j) u_y - 2^25) >> 18) + ((-t_i u_y) >> 18)       in units of 1/256 px
    Y_ij = ((2^20 P_0y + s_j u_y + o(s_j) u_x - 2^25) >> 18) + ((t_i u_x) >> 18)
    out_ij = (sum of the four pixels around, weighted by 256 - f and f in both coordinates, + 2^15) >> 16

with ``f = X & 255`` and the pixel ``X >> 8``; beyond the page its outermost pixels go on. ``above``, ``below`` and the
ends have margins in them, which are shares of the line's height.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inkport.core.errors import ImageError
from inkport.core.image import MAX_PIXELS
from inkport.core.triangle import MOST_SAMPLES
from inkport.pages.page import Point, Points


UNIT = 64
"""Units of length in a pixel."""
DIRECTION_BITS = 20
"""Bits behind the point of a direction: over 32,768 px it leads astray by less than 1/30 px."""
PLACE_BITS = 8
"""Bits behind the point of a place in the page."""
CHUNK = 2048
"""Columns that are cut at a time, so that a long line takes no more memory than a short one."""
BEYOND_PX = 1 << 14
"""How far beyond the page a strip may begin or end, in pixels; more is no line of this page."""


@dataclass(frozen=True, kw_only=True)
class Strip:
    """Where a line is: its baseline, and how far its ink reaches from there."""

    baseline: Points
    """At least two points, in the direction of reading, in pixels of the page."""
    above: float
    """Height above the baseline, in pixels."""
    below: float
    """Height below the baseline, in pixels."""

    @property
    def height(self) -> float:
        """Height of the line, in pixels."""
        return self.above + self.below


@dataclass(frozen=True, kw_only=True)
class Margins:
    """Paper around a line, in shares of its height; negative ones cut into it."""

    above: float = 0.0
    """Over what is above the baseline."""
    below: float = 0.0
    """Under what is below it."""
    ends: float = 0.0
    """Before the beginning and behind the end."""


@dataclass(frozen=True)
class Frame:
    """A strip in integers, as the definition has them."""

    origin: tuple[int, int]
    """P_0."""
    direction: tuple[int, int]
    """u."""
    along: npt.NDArray[np.int64]
    """a_k, (k,), increasing from 0."""
    away: npt.NDArray[np.int64]
    """o_k, (k,)."""
    top: int
    """T."""
    ends: int
    """E."""
    height: int
    """H, in pixels."""
    width: int
    """W, in pixels."""

    def offsets(self, along: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return o(s) for places on the chord."""
        places = np.clip(along, self.along[0], self.along[-1])
        piece = np.clip(np.searchsorted(self.along, places, side="right") - 1, 0, len(self.along) - 2)
        begin, rise = self.along[piece], self.away[piece + 1] - self.away[piece]
        found: npt.NDArray[np.int64] = self.away[piece] + rise * (places - begin) // (self.along[piece + 1] - begin)
        return found

    def place(self, x: float, y: float) -> Point:
        """Return where on the page a place of the strip is, both in pixels.

        Args:
            x: From the left edge of the strip.
            y: From its upper edge.
        """
        s, t = UNIT * x - self.ends, UNIT * y - self.top
        v = float(self.offsets(np.array([round(s)]))[0]) + t
        ux, uy = (value / (1 << DIRECTION_BITS) for value in self.direction)
        return (self.origin[0] + s * ux - v * uy) / UNIT, (self.origin[1] + s * uy + v * ux) / UNIT


def frame_of(strip: Strip, margins: Margins = Margins()) -> Frame:
    """Return a strip in integers.

    Raises:
        ImageError: If its baseline is shorter than a pixel, or it would be too large or lies nowhere near a page.
    """
    reach = MOST_SAMPLES + BEYOND_PX
    values = [*(value for point in strip.baseline for value in point), strip.above, strip.below]
    if len(strip.baseline) < 2 or not all(abs(value) <= reach for value in values):
        raise ImageError("a line without a baseline of two points on its page")
    points = np.array([[_units(x), _units(y)] for x, y in strip.baseline], np.int64)
    points -= (origin := points[0].copy())
    dx, dy = map(int, points[-1])
    length = math.isqrt(dx * dx + dy * dy)
    if length < UNIT:
        raise ImageError("a baseline shorter than a pixel")
    ux, uy = (((value << (DIRECTION_BITS + 1)) + length) // (2 * length) for value in (dx, dy))
    along = (points[:, 0] * ux + points[:, 1] * uy) >> DIRECTION_BITS
    away = (points[:, 1] * ux - points[:, 0] * uy) >> DIRECTION_BITS
    kept = np.append(True, along[1:] > np.maximum.accumulate(along)[:-1])
    top = _units(strip.above + margins.above * strip.height)
    bottom = _units(strip.below + margins.below * strip.height)
    ends = _units(margins.ends * strip.height)
    height, width = max((top + bottom + UNIT // 2) >> 6, 1), max((length + 2 * ends + UNIT // 2) >> 6, 1)
    if max(height, width) > MOST_SAMPLES or height * width > MAX_PIXELS:
        raise ImageError(f"a line of {width} x {height} px, at most {MAX_PIXELS} pixels are read as one")
    return Frame((int(origin[0]), int(origin[1])), (ux, uy), along[kept], away[kept], top, ends, height, width)


def crop(gray: npt.NDArray[np.uint8], strip: Strip, margins: Margins = Margins()) -> npt.NDArray[np.uint8]:
    """Return the strip of a page that a line is read from.

    Args:
        gray: uint8 (h, w), 0 black .. 255 white.
        strip: Where the line is.
        margins: Paper around it.

    Returns:
        uint8 (H, W).

    Raises:
        ImageError: See ``frame_of``.
    """
    frame = frame_of(strip, margins)
    out = np.empty((frame.height, frame.width), np.uint8)
    for start in range(0, frame.width, CHUNK):
        columns = np.arange(start, min(start + CHUNK, frame.width), dtype=np.int64)
        out[:, columns[0] : columns[-1] + 1] = _cut(gray, frame, columns)
    return out


def _units(value: float) -> int:
    return math.floor(UNIT * value + 0.5)


def _cut(gray: npt.NDArray[np.uint8], frame: Frame, columns: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    (x0, y0), (ux, uy) = frame.origin, frame.direction
    shift = DIRECTION_BITS + 6 - PLACE_BITS
    centre = 1 << (DIRECTION_BITS + 5)
    s = UNIT * columns + UNIT // 2 - frame.ends
    t = UNIT * np.arange(frame.height, dtype=np.int64)[:, None] + UNIT // 2 - frame.top
    o = frame.offsets(s)
    x = (((x0 << DIRECTION_BITS) + s * ux - o * uy - centre) >> shift) + ((-t * uy) >> shift)
    y = (((y0 << DIRECTION_BITS) + s * uy + o * ux - centre) >> shift) + ((t * ux) >> shift)
    # Sums of weighted bytes stay below 2^24 + 2^15.
    return _between(gray, x.astype(np.int32), y.astype(np.int32))


def _between(gray: npt.NDArray[np.uint8], x: npt.NDArray[np.int32], y: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
    """Return the gray values at places in units of 1/256 px from the centre of the first pixel."""
    rows, columns = gray.shape
    one = 1 << PLACE_BITS
    fx, fy = x & (one - 1), y & (one - 1)
    x >>= PLACE_BITS
    y >>= PLACE_BITS
    left, right = np.clip(x, 0, columns - 1), np.clip(x + 1, 0, columns - 1)
    upper, lower = np.clip(y, 0, rows - 1) * columns, np.clip(y + 1, 0, rows - 1) * columns
    flat = gray.reshape(-1)
    above = flat[upper + left] * (one - fx) + flat[upper + right] * fx
    below = flat[lower + left] * (one - fx) + flat[lower + right] * fx
    total = above * (one - fy) + below * fy + (1 << (2 * PLACE_BITS - 1))
    found: npt.NDArray[np.uint8] = (total >> (2 * PLACE_BITS)).astype(np.uint8)
    return found
