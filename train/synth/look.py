"""Settings of how synthetic lines look: a factor for each habit of hand and paper, a share for each mishap."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

from inkport.core.errors import UsageError
from inkport.train.synth.hand import Hand
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
