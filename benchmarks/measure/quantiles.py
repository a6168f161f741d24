"""Quantiles with intervals that assume no distribution, and Student's t without SciPy: devices install numpy alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import exp, lgamma, log, pi, sqrt
from statistics import NormalDist, fmean, stdev

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
    """Times of lines (or of queries) in milliseconds; percentiles are interpolated linearly."""

    p50_ms: float
    """Median time, in milliseconds."""
    p90_ms: float
    """90th percentile."""
    p99_ms: float
    """99th percentile."""
    n: int
    """Lines timed, each once, or queries."""
    p50_interval_ms: Limits = (None, None)
    """95 % interval of the median, free of assumptions about the distribution."""
    p90_interval_ms: Limits = (None, None)
    """The same of the 90th percentile; a limit is absent where there are too few lines for one."""
    p99_interval_ms: Limits = (None, None)
    """The same of the 99th percentile, whose upper limit takes 368 lines."""

    @property
    def quantiles(self) -> tuple[Quantile, Quantile, Quantile]:
        """The three with their intervals, in milliseconds."""
        p50, p90, p99 = self.p50_interval_ms, self.p90_interval_ms, self.p99_interval_ms
        return (
            Quantile(value=self.p50_ms, low=p50[0], high=p50[1]),
            Quantile(value=self.p90_ms, low=p90[0], high=p90[1]),
            Quantile(value=self.p99_ms, low=p99[0], high=p99[1]),
        )

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


TERMS = 300
"""Most terms of the continued fraction; it converges in about the square root of the degrees of freedom."""
STEPS = 60
"""Most of Newton's steps to a quantile; a dozen do."""
MANY = 1000
"""Degrees of freedom from which on an expansion about the normal distribution is exact to 1e-9."""
SMALL = 1e-300
"""Stands in for a zero in the continued fraction."""


def mean_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the interval of the mean of a few values, at ``CONFIDENCE``; None for fewer than two."""
    count = len(values)
    if count < 2:
        return None
    mean, reach = fmean(values), t_quantile((1 + CONFIDENCE) / 2, count - 1) * stdev(values) / sqrt(count)
    return mean - reach, mean + reach


def t_cdf(t: float, degrees: float) -> float:
    """Return the probability that Student's t with ``degrees`` (above 0) is below ``t``.

    Source:
        Abramowitz & Stegun, *Handbook of Mathematical Functions* (1964), 26.7.1: by the incomplete beta function.
    """
    outside = _incomplete_beta(degrees / (degrees + t * t), degrees / 2, 0.5) / 2
    return 1 - outside if t > 0 else outside


@cache
def t_quantile(probability: float, degrees: float) -> float:
    """Return the t below which ``probability`` (0.5 to below 1) lies, to about 1e-9.

    Source:
        Abramowitz & Stegun, 26.7.5, for many degrees of freedom.
    """
    t = NormalDist().inv_cdf(probability)
    if degrees > MANY:
        return t + (t**3 + t) / (4 * degrees) + (5 * t**5 + 16 * t**3 + 3 * t) / (96 * degrees**2)
    front = exp(lgamma((degrees + 1) / 2) - lgamma(degrees / 2)) / sqrt(degrees * pi)
    # The distribution function is concave here and the normal quantile too small: Newton's steps only grow towards t.
    for _ in range(STEPS):
        step = (probability - t_cdf(t, degrees)) / (front * (1 + t * t / degrees) ** (-(degrees + 1) / 2))
        t += step
        if abs(step) < 1e-10 * (1 + t):
            break
    return t


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), 0 <= x <= 1."""
    if x in {0.0, 1.0}:
        return x
    # The continued fraction converges fast on one side of the mean only; the other follows by symmetry.
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(1 - x, b, a)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(1 - x)) / a
    return front / _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """Return the continued fraction of Abramowitz & Stegun 26.5.8, by Lentz's method."""
    value, upper, lower = 1.0, 1.0, 0.0
    for term in range(1, TERMS):
        k = term // 2
        if term % 2:
            step = -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1))
        else:
            step = k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k))
        lower = 1 / ((1 + step * lower) or SMALL)
        upper = (1 + step / upper) or SMALL
        value *= upper * lower
        if abs(upper * lower - 1) < 1e-15:
            break
    return value
