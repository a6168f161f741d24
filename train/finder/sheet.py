"""A sheet to take examples from: pixels, and the lines on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from inkport.train.finder.page_set import FinderPage, TrueLine


GUTTER = 0.02
"""Width of the shadow between two pages of a spread, as a share of a page's: where it is down by half or so."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sheet:
    """Pixels, and the lines on them."""

    gray: npt.NDArray[np.uint8]
    """uint8 (h, w), 0 black .. 255 white."""
    lines: tuple[TrueLine, ...]
    """What is written on it; empty where there is no writing."""


def sheet_of(page: FinderPage) -> Sheet:
    """Return a page of a page set as a sheet."""
    return Sheet(gray=page.gray, lines=page.lines)


def spread(left: Sheet, right: Sheet, rng: np.random.Generator) -> Sheet:
    """Return two pages side by side, as an open book: equally high, with a shadow where they meet.

    Args:
        left: Keeps its size.
        right: Is scaled to the height of the left one.
        rng: Draws the shadow.
    """
    height, width = left.gray.shape
    scale = height / right.gray.shape[0]
    beside = Image.fromarray(right.gray).resize(
        (max(1, round(right.gray.shape[1] * scale)), height), Image.Resampling.BILINEAR
    )
    gray = np.hstack([left.gray, np.asarray(beside)]).astype(np.float32)
    away = (np.arange(gray.shape[1], dtype=np.float32) + 0.5 - width) / np.float32(GUTTER * width)
    gray *= 1 - np.float32(rng.uniform(0, 0.7)) * np.exp(-np.abs(away))
    moved = tuple(_moved(line, scale, width) for line in right.lines)
    return Sheet(gray=(gray + 0.5).astype(np.uint8), lines=left.lines + moved)


def _moved(line: TrueLine, scale: float, right: float) -> TrueLine:
    return TrueLine(
        baseline=line.baseline * scale + (right, 0.0),
        above=line.above * scale,
        below=line.below * scale,
        measured=line.measured,
    )
