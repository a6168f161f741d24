"""A recogniser that returns text and needs neither weights nor torch: it cuts a line at its gaps and compares glyphs.

Some that do it wrong are below. Tests copy this file to where plug-ins are loaded from.
"""

from __future__ import annotations

import sys

import numpy as np
from PIL import Image

from inkport.core.errors import ArtifactCorruptError, RuntimeUnavailableError, UsageError
from inkport.core.runtime import Availability
from inkport.core.texts import ReadText


SIZE = (16, 24)
"""Glyphs are compared in this width and height."""


def glyph(ink):
    """A piece of a line, bool (h, w), as float32 of one size, without the white around it."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    piece = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.asarray(Image.fromarray(np.uint8(255) * piece).resize(SIZE, Image.Resampling.BOX), np.float32) / 255


def pieces(gray):
    """The glyphs of a line, uint8 (h, w), from left to right."""
    ink = gray < 128
    filled = np.concatenate([[False], ink.any(0), [False]])
    edges = np.flatnonzero(filled[1:] != filled[:-1])
    return [glyph(ink[:, start:end]) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def read(gray, glyphs, symbols):
    """The text of a line, and how sure it is: how much closer the best glyph is than the next."""
    text, sure = "", []
    for piece in pieces(gray):
        distances = np.abs(glyphs - piece).mean((1, 2))
        best, second = np.sort(distances)[:2]
        text += symbols[int(distances.argmin())]
        sure.append(1 - best / second if second else 1.0)
    return text, float(np.mean(sure)) if sure else None


class Reader:
    name, formats = "reader", ("glyphs",)

    def probe(self):
        return Availability(ok=True, version="1", devices=("cpu",))

    def open(self, artifact, *, device, options):
        options.check_extra()
        if device != "cpu":
            raise RuntimeUnavailableError(f"it reads on cpu, not on {device!r}", remedy='set device = "cpu"')
        if options.threads != 1:
            raise UsageError(f"it reads with 1 thread, not with {options.threads}")
        try:
            self.glyphs = np.load(artifact.file(".npy"))
        except Exception as error:
            raise ArtifactCorruptError(f"{artifact.path}: no glyphs ({error})") from error
        self.symbols = artifact.spec.charset.symbols
        return self

    def run(self, images):
        return [ReadText(*read(image[0], self.glyphs, self.symbols)) for image in images]

    def close(self):
        pass


class Slips(Reader):
    name = "slips"

    def run(self, images):
        return [ReadText(found.text.replace("3", "8"), found.confidence) for found in super().run(images)]


class FirstLineOnly(Reader):
    name = "first-line-only"

    def run(self, images):
        return super().run(images[:1])


class FirstLineRepeated(Reader):
    name = "first-line-repeated"

    def run(self, images):
        return super().run(images[:1]) * len(images)


class TooSure(Reader):
    name = "too-sure"

    def run(self, images):
        return [ReadText(found.text, 1.5) for found in super().run(images)]


class BareTexts(Reader):
    name = "bare-texts"

    def run(self, images):
        return [found.text for found in super().run(images)]


class Scores(Reader):
    name = "scores"

    def run(self, images):
        return np.zeros((len(images), 4, 11), np.float32)


class Exits(Reader):
    name = "exits"

    def run(self, images):
        sys.exit(0)


class Draws(Reader):
    """Draws into what it is given."""

    name = "draws"

    def run(self, images):
        images[:] = 0
        return super().run(images)


class Forgets(Reader):
    """Reads each line once."""

    name = "forgets"

    def run(self, images):
        seen = self.__dict__.setdefault("seen", set())
        found = super().run(images)
        again = [image.tobytes() in seen or seen.add(image.tobytes()) for image in images]
        return [ReadText("") if known else read for known, read in zip(again, found, strict=True)]
