"""One synthetic line image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from inkport.train.synth.fonts import HandFont
from inkport.train.synth.hand import Hand
from inkport.train.synth.ink import Ink, thicken, write
from inkport.train.synth.paper import Paper, scan


HEIGHT = 64
"""Height of every image in pixels, that of the real lines."""


def render_line(text: str, font: HandFont, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Render a line of text as a scanned, tightly cropped line of handwriting; all of its ink is inside.

    Args:
        text: In NFC, with at least one symbol that is no space, and none in ``font.missing(text)``.
        font: The handwriting.
        rng: Decides everything else; equal states give equal images.

    Returns:
        uint8 (64, w), 0 black .. 255 white.
    """
    hand, paper = Hand.draw(rng), Paper.draw(rng)
    ink = write(text, font, hand, rng)
    coverage, baseline = _crop(ink, font, hand, rng)
    return scan(coverage, baseline, paper, rng)


def _crop(ink: Ink, font: HandFont, hand: Hand, rng: np.random.Generator) -> tuple[npt.NDArray[np.float32], float]:
    """Cut the line out and bring it to ``HEIGHT``; returns coverage 0..1 and the row of the baseline."""
    top, bottom = rng.integers(1, 9, 2)
    left, right = rng.integers(2, 17, 2)
    inner = int(HEIGHT - top - bottom)
    ascender, descender = font.extent_px
    # A crop of "a man" is not as tight as its ink: whoever drew it left part of the room for "d" and "p".
    room = rng.uniform(0.5, 1)
    band = (round(ink.baseline + room * ascender), round(ink.baseline + room * descender))
    _, first, _, last = _extent(ink.coverage, band)
    wanted_px = hand.stroke_px * (last - first) / inner
    thick = thicken(ink.coverage, (wanted_px - font.stroke_px) / 2)
    box = _extent(thick, band)
    scale = inner / (box[3] - box[1])
    width = max(1, round((box[2] - box[0]) * scale * hand.stretch))
    fitted = thick.crop(box).resize((width, inner), Image.Resampling.BILINEAR)
    canvas = np.zeros((HEIGHT, int(left) + width + int(right)), dtype=np.float32)
    canvas[top : top + inner, left : left + width] = np.asarray(fitted, dtype=np.float32) / 255
    return canvas, float(top + (ink.baseline - box[1]) * scale)


def _extent(coverage: Image.Image, band: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the box of all ink, at least as high as the band of rows."""
    left, top, right, bottom = coverage.getbbox() or (0, 0, 1, 1)
    return left, min(top, band[0]), right, max(bottom, band[1])
