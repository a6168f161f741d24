"""Settings of how synthetic lines look: a factor for each habit of hand and paper, a share for each mishap."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np

from inkport.core.errors import UsageError
from inkport.train.synth.paper import Paper


@dataclass(frozen=True, kw_only=True)
class Look:
    """How strongly, and on which share of the lines; 0 switches any of them off.

    Factors (1 = as in ``Hand.draw`` and ``Paper.draw``, whose ranges follow real lines) multiply what was drawn.
    Shares are probabilities, 0..1: whether a line has the mishap at all; how bad it is, is drawn for the line, from
    a random stream of that mishap alone.

    Raises:
        UsageError: If a value is out of range.
    """

    slant: float = 1.0
    """Factor: sideways lean."""
    spacing: float = 1.0
    """Factor: extra space between letters and its jitter."""
    drift: float = 1.0
    """Factor: slope and wandering of the baseline."""
    swell: float = 1.0
    """Factor: how much letters grow and shrink along the line."""
    wobble: float = 1.0
    """Factor: distortion of the letters."""
    flow: float = 1.0
    """Factor: variation of the ink's darkness."""
    shade: float = 1.0
    """Factor: difference in brightness between the ends of the line."""
    texture: float = 1.0
    """Factor: blotches of the paper."""
    ruling: float = 1.0
    """Factor: darkness of ruled and squared paper."""
    noise: float = 1.0
    """Factor: noise of the scanner."""
    blur: float = 1.0
    """Factor: blur of the scanner."""
    shaping: float = 0.0
    """Share of lines whose words are drawn whole, shaped by HarfBuzz, where the font has layout tables."""
    pressure: float = 0.3
    """Share with strokes that grow and thin along the line as the pen is pressed."""
    dry: float = 0.1
    """Share with a pen that runs dry here and there."""
    underline: float = 0.04
    """Share with underlined words."""
    crossing: float = 0.03
    """Share with a word too many, crossed out beyond reading and not in the text."""
    crop: float = 0.3
    """Share whose crop is loose, or cuts into the highest and lowest strokes."""
    neighbours: float = 0.4
    """Share with strokes of the lines above and below at the edges."""
    bleed: float = 0.12
    """Share with writing of the other side shining through."""
    stains: float = 0.08
    """Share with stains on the paper."""
    jpeg: float = 0.4
    """Share that went through JPEG."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value, most = getattr(self, field.name), 3.0 if field.name in FACTORS else 1.0
            if not 0 <= value <= most:
                raise UsageError(f"{field.name} must be within 0..{most:g}, found {value:g}")

    @classmethod
    def plain(cls) -> Self:
        """Return the look without any mishap: hand, ink and paper alone."""
        return cls().without_mishaps()

    def without_mishaps(self) -> Self:
        """Return this look with every share 0."""
        return replace(self, **dict.fromkeys(self.shares(), 0.0))

    def shares(self) -> dict[str, float]:
        """Return the share of each mishap by name."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name not in FACTORS}

    def on_hand(self, hand: Hand) -> Hand:
        """Return ``hand`` with the factors that concern it."""
        return replace(
            hand,
            slant=hand.slant * self.slant,
            letter_gap_em=hand.letter_gap_em * self.spacing,
            letter_jitter_em=hand.letter_jitter_em * self.spacing,
            slope=hand.slope * self.drift,
            drift_em=hand.drift_em * self.drift,
            swell=hand.swell * self.swell,
            wobble_em=hand.wobble_em * self.wobble,
        )

    def on_paper(self, paper: Paper) -> Paper:
        """Return ``paper`` with the factors that concern it."""
        return replace(
            paper,
            flow=min(1.0, paper.flow * self.flow),
            shade=paper.shade * self.shade,
            texture=paper.texture * self.texture,
            ruling=paper.ruling * self.ruling,
            noise=paper.noise * self.noise,
            blur_px=paper.blur_px * self.blur,
        )


FACTORS = frozenset(
    ("slant", "spacing", "drift", "swell", "wobble", "flow", "shade", "texture", "ruling", "noise", "blur")
)
"""Fields of ``Look`` that are factors; the others are shares."""


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
