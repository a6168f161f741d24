"""Quantiles with intervals that assume nothing about the distribution of the times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import lgamma, log

import numpy as np
import numpy.typing as npt

from inkport.benchmarks.measure import CONFIDENCE


Limits = tuple[float | None, float | None]
"""Both limits of an interval; absent where there is none."""


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
    def limits(self) -> Limits:
        """Both limits."""
        return self.low, self.high

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


@dataclass(frozen=True, kw_only=True)
class Percentiles:
    """Times, one per line, in milliseconds; percentiles are interpolated linearly."""

    p50_ms: float
    """Median time per line, in milliseconds."""
    p90_ms: float
    """90th percentile."""
    p99_ms: float
    """99th percentile."""
    n: int
    """Lines timed, each once."""
    p50_interval_ms: Limits = (None, None)
    """95 % interval of the median, free of assumptions about the distribution."""
    p90_interval_ms: Limits = (None, None)
    """The same of the 90th percentile; a limit is absent where there are too few lines for one."""
    p99_interval_ms: Limits = (None, None)
    """The same of the 99th percentile, whose upper limit takes 368 lines."""

    @classmethod
    def of(cls, ns: Sequence[int]) -> Percentiles:
        """Return the percentiles of times in nanoseconds."""
        p50, p90, p99 = (quantile([value / 1e6 for value in ns], q) for q in (0.5, 0.9, 0.99))
        return Percentiles(
            p50_ms=p50.value,
            p90_ms=p90.value,
            p99_ms=p99.value,
            n=len(ns),
            p50_interval_ms=p50.limits,
            p90_interval_ms=p90.limits,
            p99_interval_ms=p99.limits,
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
