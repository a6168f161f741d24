"""Where the ink is: letters along a wandering baseline, then bent, as 8-bit coverage (0 none, 255 full)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from inkport.train.synth.fonts import EM_PX, HandFont
from inkport.train.synth.hand import Hand


CELL_PX = 40
"""Size of a cell of the bending grid: half an em, so that neighbouring letters bend differently but smoothly."""
RIM_PX = 12
"""Room around all ink for strokes that grow."""
THINNING_PX = 0.3
"""Strokes lose at most this much on either side: hairlines of pointed pens are 1 px wide at ``EM_PX``."""


@dataclass(frozen=True)
class Ink:
    """A written line, not yet cropped."""

    coverage: Image.Image
    """Mode L, 0 no ink .. 255 full; its border has none."""
    baseline: int
    """Row of the baseline, in pixels from the top."""


@dataclass(frozen=True)
class _Glyph:
    symbol: str
    x: float
    y: float


def write(text: str, font: HandFont, hand: Hand, rng: np.random.Generator) -> Ink:
    """Write ``text``, which the font can draw, at ``EM_PX`` pixels per em."""
    glyphs = _place(text, font, hand, rng)
    boxes = np.array([font.face.getbbox(g.symbol, anchor="ls") for g in glyphs if not g.symbol.isspace()])
    places = np.array([(g.x, g.y) for g in glyphs if not g.symbol.isspace()])
    left, top = np.floor((places + boxes[:, :2]).min(axis=0)).astype(int)
    right, bottom = np.ceil((places + boxes[:, 2:]).max(axis=0)).astype(int)
    # Room for the bending: slant and swell move ink in proportion to its height, wobble by a few deviations.
    reach = max(-top, bottom)
    pad_x = math.ceil(abs(hand.slant) * reach * 1.5 + 6 * hand.wobble_em * EM_PX) + RIM_PX
    pad_y = math.ceil(2 * hand.swell * reach + 6 * hand.wobble_em * EM_PX) + RIM_PX
    canvas = Image.new("L", (int(right - left) + 2 * pad_x, int(bottom - top) + 2 * pad_y))
    draw = ImageDraw.Draw(canvas)
    for glyph in glyphs:
        draw.text((glyph.x - left + pad_x, glyph.y - top + pad_y), glyph.symbol, 255, font.face, anchor="ls")
    baseline = int(pad_y - top)
    return Ink(_bend(canvas, baseline, hand, rng), baseline)


def _place(text: str, font: HandFont, hand: Hand, rng: np.random.Generator) -> list[_Glyph]:
    phases, waves = rng.uniform(0, 2 * np.pi, 2), rng.uniform(4, 25, 2) * EM_PX
    jitter = rng.normal(0, hand.letter_jitter_em * EM_PX, (len(text), 2)) * (1.0, 0.5)
    glyphs, pen = [], 0.0
    for symbol, (dx, dy) in zip(text, jitter, strict=True):
        drift = float(np.sin(2 * np.pi * pen / waves + phases).mean()) * hand.drift_em * EM_PX
        glyphs.append(_Glyph(symbol, pen + dx, drift + dy + hand.slope * pen))
        advance = font.face.getlength(symbol)
        if symbol.isspace():
            pen += advance * hand.word_gap * rng.uniform(0.8, 1.25)
        else:
            pen += advance + hand.letter_gap_em * EM_PX
    return glyphs


def _bend(canvas: Image.Image, baseline: int, hand: Hand, rng: np.random.Generator) -> Image.Image:
    """Slant, swell and distort, by a grid whose nodes say where their ink comes from."""
    columns = np.append(np.arange(0, canvas.width, CELL_PX), canvas.width)
    rows = np.append(np.arange(0, canvas.height, CELL_PX), canvas.height)
    x, y = np.meshgrid(columns.astype(float), rows.astype(float))
    wobble = rng.normal(0, 1, (2, *x.shape)).clip(-3, 3) * hand.wobble_em * EM_PX
    swell = 1 + hand.swell * rng.uniform(-1, 1, len(columns))
    above = baseline - y
    source_x = x - hand.slant * above + wobble[0]
    source_y = baseline - above / swell + wobble[1]
    cells = [
        (
            (int(columns[i]), int(rows[j]), int(columns[i + 1]), int(rows[j + 1])),
            tuple(float(s[q]) for q in ((j, i), (j + 1, i), (j + 1, i + 1), (j, i + 1)) for s in (source_x, source_y)),
        )
        for j in range(len(rows) - 1)
        for i in range(len(columns) - 1)
    ]
    return canvas.transform(canvas.size, Image.Transform.MESH, cells, Image.Resampling.BILINEAR)


def thicken(coverage: Image.Image, growth_px: float) -> Image.Image:
    """Move the outline of all strokes outwards: blur, then cut at the level that lies so far outside an edge.

    Args:
        coverage: Mode L, with a border of ``RIM_PX`` pixels without ink.
        growth_px: How far, in pixels of ``coverage``; thinning stops at ``THINNING_PX``.
    """
    growth = max(growth_px, -THINNING_PX)
    sigma = max(0.6, growth)
    level = 0.5 * math.erfc(growth / sigma / math.sqrt(2))
    ramp = 1.6 * min(level, 1 - level)
    table = [round(255 * min(1.0, max(0.0, 0.5 + (v / 255 - level) / ramp))) for v in range(256)]
    return coverage.filter(ImageFilter.GaussianBlur(sigma)).point(table)
