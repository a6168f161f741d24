"""One synthetic line image."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from inkport.train.synth.fonts import HandFont
from inkport.train.synth.ink import Ink, Stroke, thicken, write
from inkport.train.synth.look import Hand, Look
from inkport.train.synth.paper import Paper, compress, lay, press, run_dry, scan, shine_through, stain


HEIGHT = 64
"""Height of every image in pixels, that of the real lines."""
Coverage = npt.NDArray[np.float32]
"""float32 (h, w), 0 no ink .. 1 full."""
MISHAPS = ("shaping", "pressure", "dry", "underline", "crossing", "crop", "neighbours", "bleed", "stains", "jpeg")
"""Shares of ``Look`` in the order of their random streams; new ones go to the end."""


@dataclass(frozen=True)
class _Cut:
    """A line brought to its final height."""

    coverage: Coverage
    baseline: float
    """Row of the baseline."""
    scale: float
    """Pixels of the image per pixel of the ink."""
    growth_px: float
    """How much its strokes were thickened, in pixels of the ink."""

    def other(self, text: str, font: HandFont, hand: Hand, rng: np.random.Generator) -> Coverage:
        """Return another line of the same hand and size: the words of ``text`` in another order, cut tightly."""
        shuffled = " ".join(rng.permutation(text.split()))
        ink = thicken(write(shuffled, font, hand, rng).coverage, self.growth_px)
        box = ink.getbbox() or (0, 0, 1, 1)
        size = (round((box[2] - box[0]) * self.scale * hand.stretch), round((box[3] - box[1]) * self.scale))
        fitted = ink.crop(box).resize((max(1, size[0]), max(1, size[1])), Image.Resampling.BILINEAR)
        return np.asarray(fitted, dtype=np.float32) / np.float32(255)


def render_line(text: str, font: HandFont, rng: np.random.Generator, look: Look | None = None) -> npt.NDArray[np.uint8]:
    """Render a line of text as a scanned, cropped line of handwriting; all of its letters are inside.

    Args:
        text: In NFC, with at least one symbol that is not a space, and none in ``font.missing(text)``.
        font: The handwriting.
        rng: Decides everything else; equal states give equal images. It is spawned from, so its bit generator must
            have a seed sequence.
        look: How strongly and how often; ``Look.plain()`` if left out: a tight crop with all of its ink inside.

    Returns:
        uint8 (64, w), 0 black .. 255 white.
    """
    look = look or Look.plain()
    streams = dict(zip(MISHAPS, rng.spawn(len(MISHAPS)), strict=True))
    befalls = {name: bool(stream.random() < getattr(look, name)) for name, stream in streams.items()}
    hand, paper = look.on_hand(Hand.draw(rng)), look.on_paper(Paper.draw(rng))
    strokes: list[Stroke] = []
    if befalls["underline"]:
        strokes += _underline(text, streams["underline"])
    written = text
    if befalls["crossing"]:
        written, more = _cross_out(text, streams["crossing"])
        strokes = [replace(s, word=s.word + (s.word >= more[0].word)) for s in strokes] + more
    ink = write(written, font, hand, rng, shaped=befalls["shaping"], strokes=strokes)
    cut = _crop(ink, font, hand, rng)
    if befalls["crop"]:
        cut = _crop_badly(cut, streams["crop"])
    coverage = cut.coverage
    for name, change in (("pressure", press), ("dry", run_dry)):
        if befalls[name]:
            coverage = change(coverage, streams[name])
    if befalls["neighbours"]:
        stream = streams["neighbours"]
        above, below = (cut.other(text, font, hand, stream) for _ in range(2))
        coverage = _add_neighbours(coverage, above, below, stream)
    if befalls["bleed"]:
        coverage = shine_through(coverage, cut.other(text, font, hand, streams["bleed"]), streams["bleed"])
    gray = scan(coverage, cut.baseline, paper, rng)
    if befalls["stains"]:
        gray = stain(gray, streams["stains"])
    return compress(gray, streams["jpeg"]) if befalls["jpeg"] else gray


def _crop(ink: Ink, font: HandFont, hand: Hand, rng: np.random.Generator) -> _Cut:
    """Cut the line out and bring it to ``HEIGHT``."""
    top, bottom = rng.integers(1, 9, 2)
    left, right = rng.integers(2, 17, 2)
    inner = int(HEIGHT - top - bottom)
    ascender, descender = font.extent_px
    # A crop of "a man" is not as tight as its ink: whoever drew it left part of the room for "d" and "p".
    room = rng.uniform(0.5, 1)
    band = (round(ink.baseline + room * ascender), round(ink.baseline + room * descender))
    _, first, _, last = _extent(ink.coverage, band)
    wanted_px = hand.stroke_px * (last - first) / inner
    growth_px = (wanted_px - font.stroke_px) / 2
    thick = thicken(ink.coverage, growth_px)
    box = _extent(thick, band)
    scale = inner / (box[3] - box[1])
    width = max(1, round((box[2] - box[0]) * scale * hand.stretch))
    fitted = thick.crop(box).resize((width, inner), Image.Resampling.BILINEAR)
    canvas = np.zeros((HEIGHT, int(left) + width + int(right)), dtype=np.float32)
    canvas[top : top + inner, left : left + width] = np.asarray(fitted, dtype=np.float32) / 255
    return _Cut(canvas, float(top + (ink.baseline - box[1]) * scale), scale, growth_px)


def _extent(coverage: Image.Image, band: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the box of all ink, at least as high as the band of rows."""
    left, top, right, bottom = coverage.getbbox() or (0, 0, 1, 1)
    return left, min(top, band[0]), right, max(bottom, band[1])


def _crop_badly(cut: _Cut, rng: np.random.Generator) -> _Cut:
    """Move the edges: up to 10 px too far out, at the ends up to 60; at top and bottom up to 3 px into the ink."""
    rows = np.flatnonzero(cut.coverage.max(axis=1) > 0.1)
    top = int(rng.integers(-10, rows[0] + 4))
    bottom = int(rng.integers(rows[-1] - 2, HEIGHT + 11))
    left, right = rng.integers(0, 61, 2)
    width = cut.coverage.shape[1] + int(left + right)
    window = lay((bottom - top, width), cut.coverage, -top, int(left))
    zoom = HEIGHT / window.shape[0]
    fitted = Image.fromarray(window).resize((max(1, round(width * zoom)), HEIGHT), Image.Resampling.BILINEAR)
    return _Cut(
        np.asarray(fitted, dtype=np.float32).clip(0, 1), (cut.baseline - top) * zoom, cut.scale * zoom, cut.growth_px
    )


def _underline(text: str, rng: np.random.Generator) -> list[Stroke]:
    words = len(text.split())
    first = int(rng.integers(words))
    last = min(words, first + int(rng.integers(1, 4)))
    rise, wave, phase = rng.uniform(-0.16, -0.08), rng.uniform(0, 0.02), rng.uniform(0, 6.28)
    return [Stroke(word=word, rise_em=rise, wave_em=wave, phase=phase) for word in range(first, last)]


def _cross_out(text: str, rng: np.random.Generator) -> tuple[str, list[Stroke]]:
    """Return the text with one of its words a second time, anywhere, and the strokes that make it unreadable."""
    words = text.split()
    place = int(rng.integers(len(words) + 1))
    extra = words[rng.integers(len(words))]
    strokes = [
        Stroke(word=place, rise_em=rise, wave_em=rng.uniform(0.05, 0.14), phase=rng.uniform(0, 6.28))
        for rise in np.linspace(0.0, 0.42, int(rng.integers(5, 9)))
    ]
    return " ".join([*words[:place], extra, *words[place:]]), strokes


def _add_neighbours(coverage: Coverage, above: Coverage, below: Coverage, rng: np.random.Generator) -> Coverage:
    """Let the lowest strokes of the line above, the highest of the one below, or both reach up to 12 px inside."""
    height = coverage.shape[0]
    which = rng.integers(3)
    for other, is_above in ((above, True), (below, False)):
        inside, left = int(rng.integers(2, 13)), int(rng.integers(-60, 61))
        if which == 0 or (which == 1) == is_above:
            top = inside - other.shape[0] if is_above else height - inside
            coverage = np.maximum(coverage, lay(coverage.shape, other, top, left))
    return coverage
