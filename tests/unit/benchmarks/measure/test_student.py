from __future__ import annotations

import numpy as np
import pytest

from inkport.benchmarks.measure.student import t_cdf, t_quantile


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
