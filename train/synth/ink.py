"""Where the ink is: letters along a wandering baseline, then bent, as 8-bit coverage (0 none, 255 full)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from inkport.train.synth.fonts import EM_PX, HandFont
from inkport.train.synth.look import Hand


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


@dataclass(frozen=True, kw_only=True)
class Stroke:
    """A line that the pen draws along a word: an underline, or one line of a crossing-out."""

    word: int
    """Number of the word, from 0."""
    rise_em: float
    """How far above the baseline; below it if negative."""
    wave_em: float
    """How far it goes up and down on its way."""
    phase: float
    """Where in a wave it begins, in radians."""


@dataclass(frozen=True)
class _Glyph:
    symbol: str
    """One symbol, or one word that is drawn whole."""
    x: float
    y: float


def write(
    text: str,
    font: HandFont,
    hand: Hand,
    rng: np.random.Generator,
    *,
    shaped: bool = False,
    strokes: Sequence[Stroke] = (),
) -> Ink:
    """Write ``text``, which the font can draw, at ``EM_PX`` pixels per em.

    Args:
        text: In NFC, with at least one symbol that is not a space.
        font: The handwriting.
        hand: How it is written.
        rng: Decides the places of letters and their distortion.
        shaped: Draw words whole, shaped by HarfBuzz, if ``font.shaped`` is there; else letters one at a time.
        strokes: Lines of the pen on top of the letters.
    """
    face = font.shaped if shaped and font.shaped is not None else font.face
    units = list(text) if face is font.face else re.findall(r"\s|\S+", text)
    glyphs = _place(units, face, hand, rng)
    paths = _paths(strokes, glyphs, face)
    inked = [g for g in glyphs if not g.symbol.isspace()]
    boxes = np.array([(g.x, g.y) * 2 for g in inked]) + [face.getbbox(g.symbol, anchor="ls") for g in inked]
    boxes = np.concatenate([boxes, *(_box(path, font.stroke_px) for path in paths)])
    left, top = np.floor(boxes[:, :2].min(axis=0)).astype(int)
    right, bottom = np.ceil(boxes[:, 2:].max(axis=0)).astype(int)
    # Room for the bending: slant and swell move ink in proportion to its height, wobble by a few deviations.
    reach = max(-top, bottom)
    pad_x = math.ceil(abs(hand.slant) * reach * 1.5 + 6 * hand.wobble_em * EM_PX) + RIM_PX
    pad_y = math.ceil(2 * hand.swell * reach + 6 * hand.wobble_em * EM_PX) + RIM_PX
    canvas = Image.new("L", (int(right - left) + 2 * pad_x, int(bottom - top) + 2 * pad_y))
    draw = ImageDraw.Draw(canvas)
    for glyph in glyphs:
        draw.text((glyph.x - left + pad_x, glyph.y - top + pad_y), glyph.symbol, 255, face, anchor="ls")
    for path in paths:
        points = [(float(x - left + pad_x), float(y - top + pad_y)) for x, y in path]
        draw.line(points, 255, max(1, round(font.stroke_px)), joint="curve")
    baseline = int(pad_y - top)
    return Ink(_bend(canvas, baseline, hand, rng), baseline)


def _place(units: list[str], face: ImageFont.FreeTypeFont, hand: Hand, rng: np.random.Generator) -> list[_Glyph]:
    phases, waves = rng.uniform(0, 2 * np.pi, 2), rng.uniform(4, 25, 2) * EM_PX
    jitter = rng.normal(0, hand.letter_jitter_em * EM_PX, (len(units), 2)) * (1.0, 0.5)
    glyphs, pen = [], 0.0
    for unit, (dx, dy) in zip(units, jitter, strict=True):
        drift = float(np.sin(2 * np.pi * pen / waves + phases).mean()) * hand.drift_em * EM_PX
        glyphs.append(_Glyph(unit, pen + dx, drift + dy + hand.slope * pen))
        advance = face.getlength(unit)
        if unit.isspace():
            pen += advance * hand.word_gap * rng.uniform(0.8, 1.25)
        else:
            pen += advance + hand.letter_gap_em * EM_PX
    return glyphs


def _paths(strokes: Sequence[Stroke], glyphs: list[_Glyph], face: ImageFont.FreeTypeFont) -> list[np.ndarray]:
    """Return the points (n, 2) of each stroke: from the start of its word to its end, three to an em."""
    if not strokes:
        return []
    words = [list(group) for space, group in groupby(glyphs, lambda g: g.symbol.isspace()) if not space]
    paths = []
    for stroke in strokes:
        first, last = words[stroke.word][0], words[stroke.word][-1]
        start, end = first.x, last.x + face.getlength(last.symbol)
        x = np.linspace(start, end, 2 + round(3 * (end - start) / EM_PX))
        wave = stroke.wave_em * np.sin(stroke.phase + 2 * np.pi * (x - start) / EM_PX)
        y = np.linspace(first.y, last.y, len(x)) - (stroke.rise_em + wave) * EM_PX
        paths.append(np.stack([x, y], axis=1))
    return paths


def _box(path: np.ndarray, width_px: float) -> np.ndarray:
    return np.array([[*(path.min(axis=0) - width_px), *(path.max(axis=0) + width_px)]])


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
