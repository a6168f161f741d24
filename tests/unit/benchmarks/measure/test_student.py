from __future__ import annotations

from math import atan, pi, sqrt

import numpy as np
import pytest

from inkport.benchmarks.measure.quantiles import MANY, mean_interval, t_cdf, t_quantile


# Abramowitz & Stegun (1964), table 26.10: one-sided 95 % and 97.5 % points.
TABLE = [
    (1, 6.314, 12.706),
    (2, 2.920, 4.303),
    (3, 2.353, 3.182),
    (4, 2.132, 2.776),
    (9, 1.833, 2.262),
    (30, 1.697, 2.042),
    (120, 1.658, 1.980),
]


@pytest.mark.parametrize(("degrees", "p95", "p975"), TABLE)
def test_quantiles_are_the_published_ones(degrees, p95, p975):
    assert t_quantile(0.95, degrees) == pytest.approx(p95, abs=5e-4)
    assert t_quantile(0.975, degrees) == pytest.approx(p975, abs=5e-4)


@pytest.mark.parametrize("degrees", [1, 2, 5, 8])
def test_distribution_agrees_with_draws(degrees):
    draws = np.random.default_rng(0).standard_t(degrees, size=400_000)
    for t in (-2.0, -0.5, 0.0, 0.7, 3.0):
        assert t_cdf(t, degrees) == pytest.approx((draws < t).mean(), abs=0.003)


def test_the_interval_of_a_mean_is_the_textbooks():
    """Table 26.10 again: 12.706 at one degree of freedom, 2.776 at four."""
    assert mean_interval([0.0, 1.0]) == pytest.approx((0.5 - 12.706 / 2, 0.5 + 12.706 / 2), abs=1e-3)
    half = 2.776 * sqrt(2.5) / sqrt(5)
    assert mean_interval([1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx((3 - half, 3 + half), abs=1e-3)
    assert mean_interval([7.0]) is None
    assert mean_interval([]) is None


# Closed forms of the distribution function (Johnson, Kotz & Balakrishnan, *Continuous Univariate Distributions*).
CLOSED = {
    1: lambda t: 0.5 + atan(t) / pi,
    2: lambda t: 0.5 + t / (2 * sqrt(2 + t * t)),
    3: lambda t: 0.5 + (t / sqrt(3) / (1 + t * t / 3) + atan(t / sqrt(3))) / pi,
    4: lambda t: 0.5 + 3 / 8 * t / sqrt(1 + t * t / 4) * (1 - t * t / (1 + t * t / 4) / 12),
}


@pytest.mark.parametrize("degrees", CLOSED)
@pytest.mark.parametrize("t", [-50.0, -3.0, -1.0, -0.01, 0.0, 0.3, 1.0, 1.7, 2.5, 12.0, 1000.0])
def test_the_distribution_function_has_its_closed_form(degrees, t):
    assert t_cdf(t, degrees) == pytest.approx(CLOSED[degrees](t), rel=1e-11, abs=1e-15)


@pytest.mark.parametrize("degrees", [0.7, 1, 2.5, 17.3, 400, MANY, MANY + 1e-6, 1.5 * MANY, 100 * MANY])
@pytest.mark.parametrize("probability", [0.5, 0.6, 0.9, 0.975, 0.999])
def test_quantiles_invert_the_distribution_function(probability, degrees):
    """On both sides of the place where an expansion takes over from Newton's method."""
    assert t_cdf(t_quantile(probability, degrees), degrees) == pytest.approx(probability, abs=2e-10)
