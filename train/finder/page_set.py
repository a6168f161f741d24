"""Pages with the lines on them, as the finder learns from them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image


Points = npt.NDArray[np.float64]
"""Float64 (k, 2): x to the right and y down, in pixels."""

STEP = 12.0
"""Pixels between the points of a baseline that its height is measured at."""
INNER = 60
"""Percentile of the heights along a line that counts as its height: a few flourishes do not stretch it."""


@dataclass(frozen=True, kw_only=True)
class TrueLine:
    """A line of the ground truth."""

    baseline: Points
    """At least two points, in reading direction."""
    above: float
    """Its height above the baseline, in pixels."""
    below: float
    """Its height below."""

    @cached_property
    def along(self) -> tuple[Points, Points]:
        """Points along the baseline, and the unit normals there."""
        return sample(self.baseline, STEP)


@dataclass(frozen=True, kw_only=True)
class TruePage:
    """A page, and what is written on it."""

    id: str
    dataset: str
    document: str
    image: bytes
    """Encoded."""
    lines: tuple[TrueLine, ...]
    polygons: tuple[Points, ...]
    texts: tuple[str, ...]

    def gray(self) -> npt.NDArray[np.uint8]:
        """Return the page, uint8 (h, w), 0 black .. 255 white."""
        with Image.open(io.BytesIO(self.image)) as image:
            return np.asarray(image.convert("L"))


def read_page_set(path: Path) -> Iterator[TruePage]:
    """Yield the pages of a Parquet file."""
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(path).iter_batches(8):
        for row in batch.to_pylist():
            good = [line for line in row["lines"] if len(line["baseline"]) > 1 and len(line["polygon"]) > 2]
            polygons = tuple(np.asarray(line["polygon"], np.float64) for line in good)
            baselines = [np.asarray(line["baseline"], np.float64) for line in good]
            yield TruePage(
                id=row["id"],
                dataset=row["dataset"],
                document=row["document"],
                image=row["image"]["bytes"],
                lines=tuple(measure(b, p) for b, p in zip(baselines, polygons, strict=True)),
                polygons=polygons,
                texts=tuple(line["text"] for line in good),
            )


def measure(baseline: Points, polygon: Points) -> TrueLine:
    """Return a line whose heights are those of its polygon, along the baseline."""
    points, normals = sample(baseline, STEP)
    up, down = zip(
        *(_reach(point, normal, polygon) for point, normal in zip(points, normals, strict=True)), strict=True
    )
    above, below = float(np.percentile(up, INNER)), float(np.percentile(down, INNER))
    return TrueLine(baseline=baseline, above=max(above, 2.0), below=max(below, 1.0))


def sample(baseline: Points, step: float) -> tuple[Points, Points]:
    """Return points along a baseline and its unit normals there, which point up where it runs to the right."""
    steps = np.diff(baseline, axis=0)
    lengths = np.hypot(*steps.T)
    places = np.concatenate([[0.0], np.cumsum(lengths)])
    count = max(2, int(places[-1] / step) + 1)
    at = np.linspace(0, places[-1], count)
    points = np.stack([np.interp(at, places, baseline[:, i]) for i in (0, 1)], axis=1)
    tangent = np.gradient(points, axis=0)
    tangent /= np.maximum(np.hypot(*tangent.T), 1e-9)[:, None]
    return points, np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)


def _reach(point: Points, normal: Points, polygon: Points) -> tuple[float, float]:
    """Return how far a polygon goes from a point along a direction and against it."""
    a = polygon - point
    b = np.roll(a, -1, axis=0)
    side_a, side_b = (v[:, 0] * normal[1] - v[:, 1] * normal[0] for v in (a, b))
    crosses = (side_a < 0) != (side_b < 0)
    if not crosses.any():
        return 0.0, 0.0
    share = (side_a[crosses] / (side_a[crosses] - side_b[crosses]))[:, None]
    where = (a[crosses] + share * (b[crosses] - a[crosses])) @ normal
    return float(max(where.max(), 0.0)), float(max(-where.min(), 0.0))
