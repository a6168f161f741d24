"""Which widths to compile for a device that runs fixed shapes only, so that a line costs least on average."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import fsum

import numpy as np

from inkport.core.errors import DataError, UsageError


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
