"""One synthetic line image: letters along a wandering baseline, bent, then cut, marked and scanned."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from inkport.train.synth.fonts import EM_PX, HandFont
from inkport.train.synth.look import Hand, Look
from inkport.train.synth.paper import Paper, compress, lay, press, run_dry, scan, shine_through, stain


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
