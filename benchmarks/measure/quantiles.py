"""Quantiles with intervals that assume nothing about the distribution of the times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import lgamma, log

import numpy as np
import numpy.typing as npt

from inkport.benchmarks.measure import CONFIDENCE


@dataclass(frozen=True, kw_only=True)
class Quantile:
    """An estimate of a quantile and its interval."""

    value: float
    """The estimate, interpolated linearly between order statistics."""
    low: float | None
    """Lower limit; absent where too few values were drawn to have one."""
    high: float | None
    """Upper limit; absent where too few values were drawn to have one: p99 needs 368."""

    @property
    def relative_width(self) -> float:
        """Width of the interval as a share of the estimate; infinite where a limit is absent."""
        if self.low is None or self.high is None or not self.value > 0:
            return float("inf")
        return (self.high - self.low) / self.value


def quantile(
    values: Sequence[float] | npt.NDArray[np.float64], q: float, *, confidence: float = CONFIDENCE
) -> Quantile:
    """Estimate the ``q``-quantile of what ``values`` were drawn from.

    Args:
        values: Independent draws, at least one, in any unit.
        q: Between 0 and 1, both excluded.
        confidence: Of the interval, which covers at least so often; each tail is held to half the rest.

    Source:
        Order statistics of the binomial: Hahn & Meeker, *Statistical Intervals* (1991), section 5.2;
        Le Boudec, *Performance Evaluation of Computer and Communication Systems* (2010), theorem 2.1.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    low, high = interval_ranks(len(ordered), q, confidence)
    return Quantile(
        value=float(np.quantile(ordered, q)),
        low=None if low is None else float(ordered[low - 1]),
        high=None if high is None else float(ordered[high - 1]),
    )


@cache
def interval_ranks(count: int, q: float, confidence: float) -> tuple[int | None, int | None]:
    """Return the ranks (from 1) of the order statistics that bound the ``q``-quantile, None where there is none.

    The number of draws below the quantile is binomial (``count``, ``q``). The lower rank is the largest whose
    value lies above the quantile with at most half the error, and the upper rank likewise.
    """
    below = np.cumsum(_binomial(count, q))
    tail = (1 - confidence) / 2
    # P(X_(r) > quantile) = P(fewer than r draws below it) = below[r - 1].
    low = int(np.searchsorted(below, tail, side="right"))
    # P(X_(r) < quantile) = P(at least r draws below it) = 1 - below[r - 1].
    high = int(np.searchsorted(below, 1 - tail, side="left")) + 1
    return low or None, high if high <= count else None


def _binomial(count: int, q: float) -> npt.NDArray[np.float64]:
    """Return the probabilities of 0 .. ``count``, through logarithms so that no count is too large."""
    successes = np.arange(count + 1)
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])
    logs = lgamma(count + 1) - factorials - factorials[::-1] + successes * log(q) + (count - successes) * log(1 - q)
    probabilities: npt.NDArray[np.float64] = np.exp(logs)
    return probabilities
