"""Pages composed of rendered lines, whose baselines are known because they were written there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from inkport.train.finder.negatives import draw_size, paper, picture
from inkport.train.finder.page_set import TrueLine
from inkport.train.finder.sheet import Sheet
from inkport.train.synth.corpus import Corpus
from inkport.train.synth.fonts import EM_PX, HandFont


ASCENTS = (0.009, 0.028)
"""Least and greatest height of the letters above the baseline, as a share of the page's longer side: 14 to 45 px when a
page is searched."""
PITCHES = (1.0, 2.2)
"""Least and greatest distance of baselines, in heights of a line: ascenders and descenders just meet at 1."""
LAYOUTS = {"one": 0.4, "two": 0.2, "three": 0.1, "table": 0.3}
"""How often a page has so many columns, or is a table."""
NOTES = 0.35
"""How often there are notes in the margin."""
PICTURES = 0.15
"""How often a picture takes the place of text."""
LONG, CELL = (20, 90), (2, 18)
"""Fewest and most symbols of what is cut from a text, for a line and for a cell of a table."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Writing:
    """What pages are composed of."""

    fonts: tuple[HandFont, ...]
    """Handwritings, equally often."""
    corpora: tuple[Corpus, ...]
    """Texts, equally often."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Pen:
    """One hand at one size."""

    font: HandFont
    face: ImageFont.FreeTypeFont
    above: float
    """Height of its ascenders, in pixels."""
    below: float
    slope: float
    """Fall of its baselines per unit of length."""
    pitch: float
    """Distance of its baselines, in pixels."""

    @classmethod
    def draw(cls, font: HandFont, ascent: float, slope: float, rng: np.random.Generator) -> _Pen:
        top, bottom = font.extent_px
        scale = ascent / max(-top, 1)
        below = max(bottom * scale, 1.0)
        return cls(
            font=font,
            face=_face(font, max(4, round(EM_PX * scale))),
            above=ascent,
            below=below,
            slope=slope,
            pitch=(ascent + below) * rng.uniform(*PITCHES),
        )

    def smaller(self, share: float) -> _Pen:
        return _Pen(
            font=self.font,
            face=_face(self.font, max(4, round(self.face.size * share))),
            above=self.above * share,
            below=self.below * share,
            slope=self.slope,
            pitch=self.pitch * share,
        )


@lru_cache(maxsize=256)
def _face(font: HandFont, size: int) -> ImageFont.FreeTypeFont:
    return font.face.font_variant(size=size)


def compose_page(writing: Writing, rng: np.random.Generator) -> Sheet:
    """Return a page with one to three columns or a table, notes in its margin, and pictures.

    Args:
        writing: Fonts and texts; symbols that a font lacks are left out with their words.
        rng: Draws everything.

    Raises:
        LineDataError: If a text has no piece of the wanted length.
    """
    height, width = shape = draw_size(rng)
    gray, ink = paper(shape, rng), Image.new("L", (width, height))
    writer = _Writer(writing, ImageDraw.Draw(ink), rng)
    font = writing.fonts[int(rng.integers(len(writing.fonts)))]
    pen = _Pen.draw(font, float(np.exp(rng.uniform(*np.log(ASCENTS)))) * max(shape), rng.normal(0, 0.01), rng)
    left, right = rng.uniform(0.03, 0.12, 2) * width
    top, bottom = rng.uniform(0.03, 0.1, 2) * height
    box = (left, top, width - right, height - bottom)
    if rng.random() < NOTES:
        edge = left + rng.uniform(0.12, 0.24) * width
        beside = (left, top + rng.uniform(0, 0.3) * height, edge, box[3])
        writer.column(beside, pen.smaller(rng.uniform(0.6, 0.95)), full=0.5)
        box = (edge + 1.5 * pen.above, *box[1:])
    if rng.random() < PICTURES:
        box = _add_picture(gray, box, rng)
    _fill(writer, box, pen, rng)
    dark = np.float32(rng.uniform(50, 200))
    soft = np.asarray(ink.filter(ImageFilter.GaussianBlur(float(rng.uniform(0, 0.9)))), np.float32) / 255
    return Sheet(gray=np.clip(gray - dark * soft, 0, 255).astype(np.uint8), lines=tuple(writer.lines))


def _fill(writer: _Writer, box: Box, pen: _Pen, rng: np.random.Generator) -> None:
    layout = str(rng.choice(list(LAYOUTS), p=list(LAYOUTS.values())))
    if layout == "table":
        writer.table(box, pen)
        return
    columns = 1 + list(LAYOUTS).index(layout)
    gap = pen.above * rng.uniform(1.2, 3)
    step = (box[2] - box[0] + gap) / columns
    for number in range(columns):
        left = box[0] + number * step
        writer.column((left, box[1], left + step - gap, box[3]), pen, full=rng.uniform(0.8, 1))


def _add_picture(gray: np.ndarray, box: Box, rng: np.random.Generator) -> Box:
    """Put a picture over the lower part of a box and return what is left of it."""
    left, top, right, bottom = (round(value) for value in box)
    middle = round(top + rng.uniform(0.4, 0.8) * (bottom - top))
    if middle >= bottom or left >= right:
        return box
    gray[middle:bottom, left:right] = picture((bottom - middle, right - left), rng)
    return box[0], box[1], box[2], float(middle)


class _Writer:
    """Writes into boxes and keeps what it wrote."""

    def __init__(self, writing: Writing, draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
        self.lines: list[TrueLine] = []
        self._writing, self._draw, self._rng = writing, draw, rng

    def column(self, box: Box, pen: _Pen, *, full: float) -> None:
        """Write lines under one another, down to a share of the box; some begin later or end early."""
        left, top, right, bottom = box
        rng = self._rng
        last = top + full * (bottom - top) - pen.below
        for y in np.arange(top + pen.above, last, pen.pitch).tolist():
            indent = rng.uniform(1, 4) * pen.above if rng.random() < 0.1 else 0.0
            end = left + rng.uniform(0.2, 0.9) * (right - left) if rng.random() < 0.12 else right
            self._line(left + indent, y + rng.normal(0, 0.03) * pen.above, end, pen, LONG)

    def table(self, box: Box, pen: _Pen) -> None:
        """Write short lines in rows and columns, most cells and most rules."""
        left, top, right, bottom = box
        rng = self._rng
        count = int(rng.integers(2, 8))
        inner = np.concatenate([[0.0], np.cumsum(rng.dirichlet(np.full(count, 4.0)))])
        edges = (left + inner * (right - left)).tolist()
        rows = np.arange(top + pen.above, bottom - pen.below, pen.pitch).tolist()
        thick, inset = int(rng.integers(1, 4)), 0.3 * pen.above
        if rng.random() < 0.8:
            for x in edges:
                self._draw.line((x, top, x, bottom), fill=int(rng.integers(90, 256)), width=thick)
        ruled = rng.random() < 0.5
        for y in rows:
            if ruled:
                under = y + pen.below
                self._draw.line((left, under, right, under), fill=int(rng.integers(90, 256)), width=thick)
            for x, end in pairwise(edges):
                if rng.random() < 0.75:
                    self._line(x + inset, y, end - inset, pen, CELL)

    def _line(self, left: float, y: float, right: float, pen: _Pen, symbols: tuple[int, int]) -> None:
        """Write as many words as have room; a line without one is none."""
        rng = self._rng
        corpus = self._writing.corpora[int(rng.integers(len(self._writing.corpora)))]
        words = corpus.sample(rng, least=symbols[0], most=symbols[1]).split()
        slope = pen.slope + rng.normal(0, 0.003)
        space = pen.face.getlength("n") * rng.uniform(0.5, 1.3)
        points = list(self._words(words, (left, y, right), pen, slope, space))
        if points:
            baseline = np.array(points, np.float64)
            self.lines.append(TrueLine(baseline=baseline, above=pen.above, below=pen.below))

    def _words(
        self, words: Sequence[str], place: tuple[float, float, float], pen: _Pen, slope: float, space: float
    ) -> Iterator[tuple[float, float]]:
        """Write words and yield where the ink of each begins and ends on the baseline."""
        left, y, right = place
        x = left
        for word in words:
            if pen.font.missing(word):
                continue
            at = y + slope * (x - left)
            start, _, end, _ = pen.face.getbbox(word, anchor="ls")
            if x + end > right:
                return
            if end <= start:
                continue
            self._draw.text((x, at), word, 255, pen.face, anchor="ls")
            yield x + start, at
            yield x + end, y + slope * (x + end - left)
            x += pen.face.getlength(word) + space
