"""What befalls ink and paper after writing: uneven pressure, a dry pen, the other side, stains, JPEG."""

from __future__ import annotations

import io
import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from inkport.train.synth.paper import clouds


def press(coverage: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Let strokes grow and thin by up to half a pixel on each side, slowly along the line.

    Args:
        coverage: float32 (h, w), 0 no ink .. 1 full.
        rng: Decides where.
    """
    image = _image(coverage)
    thick, thin = (_coverage(image.filter(kind)) for kind in (ImageFilter.MaxFilter(3), ImageFilter.MinFilter(3)))
    press_by = rng.uniform(0.2, 0.6) * np.tanh(clouds(rng, coverage.shape, cell=int(rng.integers(20, 120))))
    # Thinned hairlines vanish, so strokes lose less than they gain.
    grown = coverage + press_by.clip(0) * (thick - coverage) - 0.5 * press_by.clip(None, 0) * (thin - coverage)
    return np.asarray(grown.clip(0, 1), dtype=np.float32)


def run_dry(coverage: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Take ink away in specks, in some places along the line, never more than two thirds of it.

    Args:
        coverage: float32 (h, w), 0 no ink .. 1 full.
        rng: Decides where and how much.
    """
    specks = (clouds(rng, coverage.shape, cell=2) - rng.uniform(-0.2, 0.8)).clip(0, 1)
    where = clouds(rng, coverage.shape, cell=60).clip(0, 1)
    return np.asarray(coverage * (1 - rng.uniform(0.4, 0.67) * specks * where), dtype=np.float32)


def shine_through(
    coverage: npt.NDArray[np.float32], verso: npt.NDArray[np.float32], rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Add the writing of the other side: mirrored, blurred and faint, at any height.

    Args:
        coverage: float32 (h, w), 0 no ink .. 1 full.
        verso: float32 (h2, w2), likewise.
        rng: Decides place, blur and strength.
    """
    mirrored = _image(verso[:, ::-1]).filter(ImageFilter.GaussianBlur(float(rng.uniform(0.8, 1.8))))
    placed = lay(coverage.shape, _coverage(mirrored), int(rng.integers(-20, 21)), int(rng.integers(-40, 41)))
    return np.asarray(np.maximum(coverage, rng.uniform(0.08, 0.28) * placed), dtype=np.float32)


def lay(shape: tuple[int, int], part: npt.NDArray[np.float32], top: int, left: int) -> npt.NDArray[np.float32]:
    """Return an empty sheet of ``shape`` with ``part`` laid on it, its corner at ``top``, ``left``."""
    sheet = np.zeros(shape, dtype=np.float32)
    height, width = part.shape
    rows = slice(max(top, 0), max(0, min(top + height, shape[0])))
    columns = slice(max(left, 0), max(0, min(left + width, shape[1])))
    sheet[rows, columns] = part[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return sheet


def stain(gray: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Darken one to three round spots, their rims most, as dried drops do.

    Args:
        gray: uint8 (h, w), 0 black .. 255 white.
        rng: Decides size, place and strength.
    """
    height, width = gray.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    light = np.ones(gray.shape, dtype=np.float32)
    for _ in range(int(rng.integers(1, 4))):
        radius = math.exp(rng.uniform(math.log(3), math.log(60)))
        uneven = 1 + 0.15 * clouds(rng, gray.shape, cell=24)
        centre_y, centre_x = rng.uniform(0, height), rng.uniform(0, width)
        away = np.hypot(y - centre_y, (x - centre_x) * rng.uniform(0.6, 1.2)) / radius * uneven
        inside = ((1 - away) * radius / 2).clip(0, 1)
        rim = np.exp(-((away - 0.95) ** 2) / 0.005) * rng.uniform(0, 1)
        light *= 1 - rng.uniform(0.05, 0.25) * np.maximum(0.7 * inside, rim)
    return np.rint(gray * light).astype(np.uint8)


def compress(gray: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Write and read the image as JPEG of quality 25 to 90.

    Args:
        gray: uint8 (h, w), 0 black .. 255 white.
        rng: Decides the quality.
    """
    file = io.BytesIO()
    Image.fromarray(gray).save(file, "JPEG", quality=int(rng.integers(25, 91)))
    with Image.open(file) as image:
        return np.asarray(image.convert("L"))


def _image(coverage: npt.NDArray[np.float32]) -> Image.Image:
    return Image.fromarray(np.rint(coverage * 255).astype(np.uint8))


def _coverage(image: Image.Image) -> npt.NDArray[np.float32]:
    return np.asarray(image, dtype=np.float32) / np.float32(255)
