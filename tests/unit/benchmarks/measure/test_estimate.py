"""Intervals by writer: against exact moments, published special cases, and how often they cover the truth."""

from __future__ import annotations

import numpy as np
import pytest

from inkport.benchmarks.measure.estimate import _unskewed, estimate, limits, moments
from inkport.benchmarks.measure.quantiles import t_quantile
from inkport.benchmarks.measure.units import Units, numbered


def by_writer(writers):
    return numbered(writers, kind="writer")


def test_equal_units_give_students_interval_of_their_mean():
    # Five writers of 100 symbols, losses symmetrical about 3: the textbook interval of a mean.
    found = estimate([1, 2, 3, 4, 5], [100] * 5, by_writer("abcde"))
    half = t_quantile(0.975, 4) * np.std([0.01, 0.02, 0.03, 0.04, 0.05], ddof=1) / 5**0.5
    assert found.moments.degrees == pytest.approx(4)
    assert found.interval() == pytest.approx((0.03 - half, 0.03 + half))


@pytest.mark.parametrize(
    "symbols", [[100.0, 150.0, 220.0, 500.0, 900.0, 80.0], [8500.0, *[190.0] * 8]], ids=["uneven", "one of 85 %"]
)
def test_variance_and_third_moment_are_unbiased_for_units_of_any_size(rng, symbols):
    symbols = np.array(symbols)
    losses = rng.gamma(1.0, 0.02, size=(1_200_000 // len(symbols), len(symbols)))
    found = moments(losses * symbols, np.broadcast_to(symbols, losses.shape))
    share = symbols / symbols.sum()
    variance, third = 0.02**2 * (share**2).sum(), 2 * 0.02**3 * (share**3).sum()
    assert (found.error**2).mean() == pytest.approx(variance, rel=0.03)
    assert (found.skewness * found.error**3).mean() == pytest.approx(third, rel=0.08)


def test_degrees_of_freedom_are_those_of_the_variance_estimate(rng):
    symbols = np.array([100.0, 150.0, 220.0, 500.0, 900.0, 80.0])
    normal = rng.normal(0, 0.02, size=(200_000, 6))
    found = moments(normal * symbols, np.broadcast_to(symbols, normal.shape))
    variance = found.error**2
    assert found.degrees[0] == pytest.approx(2 * variance.mean() ** 2 / variance.var(), rel=0.03)
    assert 1 < found.degrees[0] < 5


def test_lines_of_a_writer_count_together():
    # All the trouble is one writer's: by line it looks certain, by writer it may not be there at all.
    difference, length = [1] * 50 + [0] * 100, [10] * 150
    low, _ = estimate(difference, length, by_writer(["bad"] * 50 + ["good"] * 50 + ["fine"] * 50)).interval()
    assert low < 0
    low, _ = estimate(difference, length, Units(kind="line", index=np.arange(150))).interval()
    assert low > 0.02


@pytest.mark.parametrize("writers", ["a" * 8, "ab" * 4])
def test_fewer_than_three_units_have_no_interval(writers):
    found = estimate([0, 1] * 4, [10] * 8, by_writer(writers))
    assert found.interval() is None
    assert found.rate == 0.05


def test_equal_systems_have_no_spread():
    assert estimate([0] * 6, [5] * 6, by_writer("aabbcc")).interval() == (0.0, 0.0)


def test_skewness_moves_both_limits_outwards_only():
    rare = moments(np.array([0.0] * 19 + [50.0]), np.full(20, 1000.0))
    low, high = limits(rare, 2.0)
    assert low == pytest.approx(rare.rate - 2 * rare.error)
    assert high > rare.rate + 2.5 * rare.error
    mirrored = limits(moments(np.array([0.0] * 19 + [-50.0]), np.full(20, 1000.0)), 2.0)
    assert mirrored == pytest.approx((-high, -low))


@pytest.mark.parametrize("skewness", [-1.2, -0.3, -1e-7, 0.0, 0.05, 0.8])
def test_the_transform_undoes_the_skewness_of_the_statistic(skewness):
    """Hall's cubic of the quantile found is the quantile asked for: t + k t^2 / 3 + k^2 t^3 / 27 + k / 6."""
    for wanted in (-2.5, -1.0, 0.0, 0.4, 1.96):
        t = float(_unskewed(np.asarray(skewness), wanted))
        assert t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / 6 == pytest.approx(wanted, abs=1e-6)


def test_no_unit_size_makes_it_infinite():
    for symbols in ([1e6, 10.0, 10.0], [500.0, 500.0, 1.0], [1e6, 1e6, 1.0, 1.0]):
        difference = np.arange(1.0, len(symbols) + 1)
        low, high = limits(moments(difference, np.asarray(symbols)), 2.0)
        assert np.isfinite(low)
        assert low < high < np.inf


@pytest.mark.parametrize("sizes", ["equal", "uneven"])
@pytest.mark.parametrize("writers", [20, 42])
def test_interval_covers_the_truth_as_often_as_it_says(writers, sizes):
    # Writers lose by an exponential distribution (CV 1): skewed, which plain t intervals do not survive.
    chance, truth, samples = np.random.default_rng(writers), 0.005, 2000
    symbols = chance.choice([200.0, 800.0, 1500.0, 8000.0], size=(samples, writers))
    symbols = np.full_like(symbols, 800.0) if sizes == "equal" else symbols
    edits = chance.poisson(symbols * chance.gamma(1.0, truth, size=symbols.shape)).astype(float)
    found = moments(edits, symbols)
    quantiles = np.interp(1 / found.degrees, GRID, [t_quantile(0.975, 1 / value) for value in GRID])
    low, high = limits(found, quantiles)
    covered = ((low <= truth) & (truth <= high)).mean()
    # 94 %, less three standard errors of 2,000 samples.
    assert covered >= 0.94 - 3 * (0.94 * 0.06 / samples) ** 0.5


GRID = np.linspace(1e-3, 1, 100)
