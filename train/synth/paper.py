"""What befalls ink and paper: pressure, a dry pen, stains, and in the scan tone, shade, ruling, blur and noise."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A sheet, the ink on it and the scanner; gray values are 0 black .. 1 white.

    The ranges in ``draw`` follow real lines: paper at 0.7 to 1, ink 0.2 to 0.75 below it.
    """

    white: float
    """Gray of the paper."""
    contrast: float
    """How much darker full ink is than the paper."""
    flow: float
    """How much the ink's darkness varies along the strokes, 0..1."""
    shade: float
    """Difference in brightness between the ends of the line."""
    texture: float
    """Standard deviation of the paper's blotches."""
    blotch_px: int
    """Size of the paper's blotches, in pixels."""
    ruling: float
    """How dark ruled lines are; 0 for none."""
    grid: bool
    """Whether the ruling is squared."""
    blur_px: float
    """Standard deviation of the scanner's blur, in pixels."""
    noise: float
    """Standard deviation of the scanner's noise."""

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Return a random sheet: half are clean scans on white, half are gray."""
        clean = rng.random() < 0.5
        contrast = float(rng.uniform(0.45, 0.85) if clean else rng.uniform(0.3, 0.65))
        return cls(
            white=1.0 if clean else float(rng.uniform(0.7, 0.97)),
            contrast=contrast,
            flow=float(rng.uniform(0.0, 0.35)),
            shade=float(rng.normal(0, 0.005 if clean else 0.03)),
            texture=float(rng.uniform(0.0, 0.003 if clean else 0.012)),
            blotch_px=int(rng.choice([3, 8, 40])),
            ruling=contrast * float(rng.uniform(0.05, 0.25)) if rng.random() < 0.2 else 0.0,
            grid=bool(rng.random() < 0.4),
            blur_px=float(rng.uniform(0.2, 0.8)),
            noise=float(rng.uniform(0.002, 0.008 if clean else 0.02)),
        )


def scan(
    coverage: npt.NDArray[np.float32], baseline: float, paper: Paper, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Put ink on paper and scan it.

    Args:
        coverage: float32 (h, w), 0 no ink .. 1 full.
        baseline: Row of the baseline, where a ruled line lies.
        paper: The sheet.
        rng: Decides texture and noise.

    Returns:
        uint8 (h, w), 0 black .. 255 white.
    """
    height, width = coverage.shape
    sheet = paper.white + paper.texture * clouds(rng, (height, width), cell=paper.blotch_px)
    sheet += np.linspace(-paper.shade / 2, paper.shade / 2, width, dtype=np.float32)
    if paper.ruling:
        sheet -= paper.ruling * _rules(height, width, baseline, grid=paper.grid, rng=rng)
    strength = 1 - paper.flow * (0.5 + 0.3 * clouds(rng, (height, width), cell=12)).clip(0, 1)
    gray = np.minimum(sheet, 1) - coverage * strength * paper.contrast
    blurred = _blur(gray, paper.blur_px) + rng.normal(0, paper.noise, gray.shape)
    return np.rint(blurred.clip(0, 1) * 255).astype(np.uint8)


def clouds(rng: np.random.Generator, shape: tuple[int, int], *, cell: int) -> npt.NDArray[np.float32]:
    """Return smooth noise of about unit deviation, float32 ``shape``, with blotches of about ``cell`` pixels."""
    height, width = shape
    coarse = rng.normal(0, 1.5, (height // cell + 2, width // cell + 2)).astype(np.float32)
    smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(smooth, dtype=np.float32)


def _rules(
    height: int, width: int, baseline: float, *, grid: bool, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return the darkness of ruled lines, 0..1: one near the baseline, and others a ruling's height apart."""
    spacing = rng.uniform(14, 22) if grid else rng.uniform(40, 60)
    rows = np.abs((np.arange(height) - baseline - rng.uniform(-3, 5) + spacing / 2) % spacing - spacing / 2)
    across = (1 - rows).clip(0, 1)[:, None]
    if not grid:
        return np.broadcast_to(across, (height, width)).astype(np.float32)
    columns = np.abs((np.arange(width) - rng.uniform(0, spacing)) % spacing - spacing / 2)
    return np.maximum(across, (1 - columns).clip(0, 1)[None]).astype(np.float32)


def _blur(gray: npt.NDArray[np.float32], deviation: float) -> npt.NDArray[np.float32]:
    if deviation == 0:
        return gray
    reach = 3
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1, dtype=np.float32) / np.float32(deviation)) ** 2)
    kernel /= kernel.sum()
    height, width = gray.shape
    padded = np.pad(gray, reach, mode="edge")
    rows = sum(weight * padded[k : k + height] for k, weight in enumerate(kernel))
    return np.asarray(sum(weight * rows[:, k : k + width] for k, weight in enumerate(kernel)), dtype=np.float32)


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
