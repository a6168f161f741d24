"""How one line was written: everything that a writer's hand and pen decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Hand:
    """A way of writing one line; lengths in em are multiples of the font size.

    The ranges in ``draw`` were set by eye and by the widths and stroke widths of real lines: 13 to 30 px per
    symbol and strokes of 1.3 to 3 px, at 64 px height.
    """

    slant: float
    """Sideways lean per unit of height, right is positive; on top of the font's own."""
    stretch: float
    """Horizontal scale."""
    letter_gap_em: float
    """Extra space after each letter."""
    letter_jitter_em: float
    """Standard deviation of each letter's place, along and, half as much, across the line."""
    word_gap: float
    """Width of a space, as a multiple of the font's."""
    slope: float
    """Rise of the baseline per unit of length, down is positive."""
    drift_em: float
    """How far the baseline wanders."""
    swell: float
    """How much letters grow and shrink along the line, as a share of their height."""
    wobble_em: float
    """Standard deviation of the letters' distortion."""
    stroke_px: float
    """Wanted stroke width, in pixels of the finished image."""

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Return a random hand."""
        return cls(
            slant=float(np.clip(rng.normal(0.05, 0.12), -0.25, 0.4)),
            stretch=float(rng.uniform(0.85, 1.25)),
            letter_gap_em=float(rng.choice([0.0, rng.uniform(-0.01, 0.06)])),
            letter_jitter_em=float(rng.uniform(0.0, 0.014)),
            word_gap=float(rng.uniform(0.9, 2.1)),
            slope=float(rng.normal(0.0, 0.004)),
            drift_em=float(rng.uniform(0.0, 0.06)),
            swell=float(rng.uniform(0.0, 0.12)),
            wobble_em=float(rng.uniform(0.0, 0.014)),
            stroke_px=float(np.clip(rng.lognormal(np.log(1.9), 0.22), 1.3, 3.6)),
        )
