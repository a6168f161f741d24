"""What a line costs as a function of its width, and which widths to compile for a device that runs fixed shapes."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import fsum

import numpy as np
import numpy.typing as npt

from inkport.core.errors import DataError, UsageError


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


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Bucket widths and what they cost; a line runs in the narrowest bucket that holds it."""

    buckets_px: tuple[int, ...]
    """Widths, ascending; the last is the widest line's."""
    cost: float
    """Mean cost per line, in the unit of the cost function."""
    overhead: float
    """``cost`` against running each line at its own width, less 1: what the padding costs."""
    lines: tuple[int, ...]
    """Lines that run in each bucket."""


def plan_buckets(widths: Sequence[int], count: int, cost: Callable[[float], float]) -> Plan:
    """Choose the ``count`` bucket widths that cost least on lines of these widths.

    A bucket narrower than the widest line that it serves could not serve it, and a wider one costs no less,
    so every bucket of some optimum has the width of a line: dynamic programming over the distinct widths,
    ``best[k][j] = min over i < j of best[k - 1][i] + lines(i .. j) * cost(width j)``, finds one. Among plans
    that cost the same, the one with the narrower buckets is taken, so a plan depends on its input alone.

    Args:
        widths: Padded width of each line, in pixels, in any order.
        count: Most buckets; fewer are used where there are fewer distinct widths.
        cost: Cost of a run at a width; must not fall as the width grows.

    Raises:
        UsageError: If ``count`` is below 1.
        DataError: If there is no line, or the cost falls somewhere.
    """
    if count < 1:
        raise UsageError(f"a plan needs at least 1 bucket, found {count}")
    if not len(widths):
        raise DataError("there is no line to plan buckets for", remedy="pass line sets with --lines")
    lines_at = sorted(Counter(map(int, widths)).items())
    distinct = [width for width, _ in lines_at]
    costs = [cost(width) for width in distinct]
    if any(after < before for before, after in pairwise(costs)):
        raise DataError("the cost of a run falls as its width grows: no plan can be made from it")
    buckets = _cheapest(distinct, [lines for _, lines in lines_at], costs, min(count, len(distinct)))
    return evaluate_plan(buckets, widths, cost)


def _cheapest(distinct: Sequence[int], lines: Sequence[int], costs: Sequence[float], count: int) -> list[int]:
    """Return the cheapest ``count`` widths of ``distinct``, the last of which is always among them."""
    size = len(distinct)
    upto = np.concatenate([[0], np.cumsum(lines)])
    # best[j]: least cost of the lines up to the j-th width in the buckets so far; came[k][j]: where the last began.
    best = np.full(size + 1, np.inf)
    best[0] = 0.0
    came: list[list[int]] = []
    for _ in range(count):
        step, origins = np.full(size + 1, np.inf), [0] * (size + 1)
        for last in range(1, size + 1):
            candidates = best[:last] + (upto[last] - upto[:last]) * costs[last - 1]
            origins[last] = int(np.argmin(candidates))
            step[last] = candidates[origins[last]]
        best = step
        came.append(origins)
    chosen, last = [], size
    for origins in reversed(came):
        chosen.append(distinct[last - 1])
        last = origins[last]
    return chosen[::-1]


def evaluate_plan(buckets: Sequence[int], widths: Sequence[int], cost: Callable[[float], float]) -> Plan:
    """Return what given buckets cost on lines of these widths.

    Args:
        buckets: Widths, ascending.
        widths: Padded width of each line, in pixels.
        cost: Cost of a run at a width, above 0.

    Raises:
        DataError: If a line fits in no bucket.
    """
    if not buckets or max(widths) > buckets[-1]:
        raise DataError(f"the widest line has {max(widths)} px, the widest of the buckets {list(buckets)} is narrower")
    where = Counter(bisect_left(buckets, width) for width in widths)
    lines = tuple(where[index] for index in range(len(buckets)))
    # Exact sums: the order of the lines must not show in the last digit.
    total = fsum(count * cost(bucket) for bucket, count in zip(buckets, lines, strict=True))
    own = fsum(cost(width) for width in widths)
    return Plan(buckets_px=tuple(buckets), cost=total / len(widths), overhead=total / own - 1, lines=lines)
