"""The intervals cover as often as they say, whatever the distribution; scipy's binomial is the oracle for the ranks."""

from __future__ import annotations

import numpy as np
import pytest

from inkport.benchmarks.measure.quantiles import interval_ranks, quantile


def draw(name, rng, size):
    """Draws whose distribution is far from normal: two widths, a long tail, interruptions."""
    if name == "lognormal":
        return rng.lognormal(0, 0.6, size=size)
    if name == "two widths":
        return np.where(rng.random(size) < 0.3, 5.0, 9.0) + rng.random(size)
    return 1 + rng.random(size) + (rng.random(size) < 0.03) * 50 * rng.random(size)


@pytest.mark.parametrize("name", ["lognormal", "two widths", "interrupted"])
@pytest.mark.parametrize(("q", "count"), [(0.5, 64), (0.5, 400), (0.9, 100), (0.9, 700), (0.99, 800)])
def test_coverage(name, q, count, rng):
    truth = np.quantile(draw(name, rng, 2_000_000), q)
    repeats = 1500
    covered = 0
    for sample in draw(name, rng, (repeats, count)):
        found = quantile(sample, q)
        covered += found.low <= truth <= found.high
    # Never below 95 % but for chance (three standard errors), and not uselessly wide either.
    error = 3 * (0.95 * 0.05 / repeats) ** 0.5
    assert 0.95 - error <= covered / repeats <= 0.99


@pytest.mark.parametrize("count", [5, 64, 200, 367, 368, 5000])
@pytest.mark.parametrize("q", [0.5, 0.9, 0.99])
def test_ranks_are_the_tightest_that_the_binomial_allows(count, q):
    binom = pytest.importorskip("scipy.stats", reason="the oracle is scipy").binom(count, q)
    low, high = interval_ranks(count, q, 0.95)
    if low is None:
        assert binom.cdf(0) > 0.025
    else:
        assert binom.cdf(low - 1) <= 0.025 < binom.cdf(low)
    if high is None:
        assert binom.sf(count - 1) > 0.025
    else:
        assert binom.sf(high - 1) <= 0.025
        assert high == 1 or binom.sf(high - 2) > 0.025


def test_limits_are_the_values_of_their_ranks(rng):
    """Clopper and Pearson's ranks for the median of 20 are the sixth value and the fifteenth."""
    found = quantile(rng.permutation(np.arange(101.0, 121.0)), 0.5)
    assert (found.low, found.value, found.high) == (106.0, 110.5, 115.0)


def test_p99_has_no_upper_limit_below_368_runs():
    assert quantile(np.arange(367.0), 0.99).high is None
    assert quantile(np.arange(368.0), 0.99).high == 367.0
    assert quantile(np.arange(367.0), 0.99).relative_width == float("inf")


def test_estimate_and_width():
    found = quantile(np.arange(1.0, 102.0), 0.5)
    assert found.value == 51.0
    assert found.low < 51.0 < found.high
    assert found.relative_width == pytest.approx((found.high - found.low) / 51)
