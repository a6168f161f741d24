"""What a line costs as a function of its width: a constant, a part per pixel, and a part per pixel squared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from inkport.core.errors import DataError


POINTS = 16
"""Most points of a curve in a report; widths next to each other are put together beyond that."""


@dataclass(frozen=True, kw_only=True)
class CostModel:
    """``constant_ms + per_px_ms * width + per_px2_ms * width ** 2``; no coefficient is negative."""

    constant_ms: float
    """What every call costs, in milliseconds."""
    per_px_ms: float
    """What each column adds: convolutions, and attention within windows."""
    per_px2_ms: float
    """What each pair of columns adds: attention over the whole line."""

    def time_ms(self, width: float) -> float:
        """Return the time for a line of ``width`` pixels, in milliseconds."""
        return self.constant_ms + width * (self.per_px_ms + width * self.per_px2_ms)


@dataclass(frozen=True, kw_only=True)
class Point:
    """Lines of one width, or of widths next to each other."""

    width_px: float
    """Their width, or the median of their widths, in pixels."""
    time_ms: float
    """Median time."""
    n: int
    """Runs."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Time against width."""

    points: tuple[Point, ...]
    """What was measured, by width: at most 16 points."""
    cost: CostModel
    """What was fitted."""
    relative_error: float
    """Median of the fit's distance to the median time of a width, as a share of it."""


def fit_curve(widths: Sequence[int], times_ms: Sequence[float]) -> Curve:
    """Fit the cost model to the median time of each width.

    Args:
        widths: Width of each run, in pixels; at least one.
        times_ms: Time of each run, above 0.
    """
    points = _points(widths, times_ms, sorted(set(widths)))
    cost = fit_cost(points)
    errors = [abs(cost.time_ms(point.width_px) / point.time_ms - 1) for point in points]
    edges = np.array_split(sorted(set(widths)), min(POINTS, len(points)))
    return Curve(
        points=tuple(_points(widths, times_ms, [int(group[-1]) for group in edges])),
        cost=cost,
        relative_error=float(np.median(errors)),
    )


def _points(widths: Sequence[int], times_ms: Sequence[float], edges: Sequence[int]) -> list[Point]:
    """Put the runs into groups of widths up to each edge, and take the medians."""
    where = np.searchsorted(edges, widths)
    all_widths, times = np.asarray(widths), np.asarray(times_ms)
    return [
        Point(
            width_px=float(np.median(all_widths[where == group])),
            time_ms=float(np.median(times[where == group])),
            n=int(np.sum(where == group)),
        )
        for group in range(len(edges))
    ]


def fit_cost(points: Sequence[Point]) -> CostModel:
    """Fit the coefficients by least squares on relative errors, none of them negative.

    A point weighs as much as its runs. With three coefficients, each set of those that are not 0 can be
    tried: the best of the solutions without a negative one is the optimum (Lawson & Hanson, *Solving Least
    Squares Problems*, 1974, chapter 23: it solves the unconstrained problem in the coefficients that it keeps).

    Raises:
        DataError: If there is no point.
    """
    if not points:
        raise DataError("there is no point to fit a cost model to")
    width = np.array([point.width_px for point in points])
    time = np.array([point.time_ms for point in points])
    weight = np.sqrt([point.n for point in points]) / time
    # Widths are scaled so that the three columns are alike in size.
    scale = float(width.max())
    columns = np.stack([np.ones_like(width), width / scale, (width / scale) ** 2], axis=1) * weight[:, None]
    constant, linear, square = _non_negative(columns, time * weight)
    return CostModel(constant_ms=constant, per_px_ms=linear / scale, per_px2_ms=square / scale**2)


def _non_negative(columns: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64]) -> tuple[float, ...]:
    count = columns.shape[1]
    best = np.zeros(count)
    least = float(wanted @ wanted)
    for size in range(1, count + 1):
        for kept in map(list, combinations(range(count), size)):
            solution, _, rank, _ = np.linalg.lstsq(columns[:, kept], wanted, rcond=None)
            error = float(np.sum((columns[:, kept] @ solution - wanted) ** 2))
            # A larger set that is no better than a smaller one explains nothing more.
            if rank == size and solution.min() >= 0 and error < least - 1e-12 * float(wanted @ wanted):
                best, least = np.zeros(count), error
                best[kept] = solution
    return tuple(float(value) for value in best)
