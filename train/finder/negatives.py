"""Sheets without a line: empty paper, and what stands for photographs - textures, shapes and stripes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from inkport.train.finder.sheet import Sheet
from inkport.train.synth.paper import clouds


SIZES = (900, 1800)
"""Shortest and longest longer side of a sheet, in pixels: those of the pages in page sets."""
SHAPES = (3, 30)
"""Fewest and most shapes in a picture."""

Gray = npt.NDArray[np.float32]
Place = tuple[float, float, float, float]


def draw_size(rng: np.random.Generator) -> tuple[int, int]:
    """Draw height and width of a sheet, in pixels: upright four times of five."""
    long = int(rng.integers(*SIZES))
    short = round(long * rng.uniform(0.6, 0.85))
    return (long, short) if rng.random() < 0.8 else (short, long)


def paper(shape: tuple[int, int], rng: np.random.Generator) -> Gray:
    """Return empty paper, float32, 0 black .. 255 white: blotches, half of the time spots, ruling or a frame.

    Args:
        shape: Height and width, in pixels.
        rng: Draws everything.
    """
    gray = np.float32(rng.uniform(140, 255)) + np.float32(rng.uniform(0, 6)) * clouds(
        rng, shape, cell=int(rng.choice([12, 60, 300]))
    )
    marks = Image.new("L", shape[::-1])
    draw = ImageDraw.Draw(marks)
    if rng.random() < 0.35:
        _rule(draw, shape, rng)
    if rng.random() < 0.2:
        inset = rng.uniform(0.02, 0.12) * min(shape)
        draw.rectangle((inset, inset, shape[1] - inset, shape[0] - inset), outline=255, width=int(rng.integers(1, 6)))
    gray -= np.asarray(marks, np.float32) / 255 * np.float32(rng.uniform(8, 90))
    if rng.random() < 0.4:
        gray -= _spots(shape, rng) * np.float32(rng.uniform(8, 70))
    return np.clip(gray, 0, 255)


def empty_sheet(rng: np.random.Generator) -> Sheet:
    """Return paper that nobody has written on."""
    return Sheet(gray=paper(draw_size(rng), rng).astype(np.uint8), lines=())


def picture(shape: tuple[int, int], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Return what has the tones, edges and textures of a photograph, and no writing, uint8.

    Args:
        shape: Height and width, in pixels.
        rng: Draws everything.
    """
    gray = np.full(shape, rng.uniform(60, 200), np.float32)
    for cell in (4, 16, 64, 256):
        gray += np.float32(rng.uniform(0, 22)) * clouds(rng, shape, cell=cell)
    if rng.random() < 0.4:
        gray += _stripes(shape, rng)
    image = Image.fromarray(np.clip(gray, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(*SHAPES))):
        _shape(draw, shape, rng)
    return np.asarray(image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0, 2.5)))))


def picture_sheet(rng: np.random.Generator) -> Sheet:
    """Return a picture for a page."""
    return Sheet(gray=picture(draw_size(rng), rng), lines=())


def _rule(draw: ImageDraw.ImageDraw, shape: tuple[int, int], rng: np.random.Generator) -> None:
    """Rule paper: lines, half of the time also down."""
    height, width = shape
    pitch, thick = rng.uniform(14, 90), int(rng.integers(1, 4))
    for y in np.arange(rng.uniform(0, pitch), height, pitch).tolist():
        draw.line((0, y, width, y), fill=255, width=thick)
    if rng.random() < 0.5:
        pitch *= rng.choice([1.0, rng.uniform(2, 8)])
        for x in np.arange(rng.uniform(0, pitch), width, pitch).tolist():
            draw.line((x, 0, x, height), fill=255, width=thick)


def _spots(shape: tuple[int, int], rng: np.random.Generator) -> Gray:
    image = Image.new("L", shape[::-1])
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 8))):
        draw.ellipse(_place(shape, rng, most=0.12), fill=int(rng.integers(60, 256)))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.5, 8)))), np.float32) / np.float32(255)


def _stripes(shape: tuple[int, int], rng: np.random.Generator) -> Gray:
    """Return stripes as wide apart as lines of writing: cloth, boards, blinds."""
    angle, period = rng.uniform(0, math.pi), rng.uniform(8, 90)
    y, x = np.ogrid[: shape[0], : shape[1]]
    along = (math.cos(angle) * x + math.sin(angle) * y) / period
    return np.asarray(rng.uniform(10, 70) * np.sign(np.sin(2 * math.pi * along)), np.float32)


def _place(shape: tuple[int, int], rng: np.random.Generator, *, most: float) -> Place:
    """Draw a rectangle whose sides are at most a share of the sheet's longer one."""
    width, height = rng.uniform(0.01, most, 2) * max(shape)
    left, top = rng.uniform(-0.1, 1, 2) * (shape[1], shape[0])
    return float(left), float(top), float(left + width), float(top + height)


def _shape(draw: ImageDraw.ImageDraw, shape: tuple[int, int], rng: np.random.Generator) -> None:
    place, fill = _place(shape, rng, most=0.5), int(rng.integers(0, 256))
    corners = rng.uniform(0, 1, (int(rng.integers(3, 8)), 2)) * np.subtract(place[2:], place[:2]) + place[:2]
    kinds: tuple[Callable[[], None], ...] = (
        lambda: draw.ellipse(place, fill=fill),
        lambda: draw.rectangle(place, fill=fill),
        lambda: draw.polygon([(x, y) for x, y in corners.tolist()], fill=fill),
        lambda: draw.line([(x, y) for x, y in corners.tolist()], fill=fill, width=int(rng.integers(1, 12))),
    )
    kinds[int(rng.integers(len(kinds)))]()
