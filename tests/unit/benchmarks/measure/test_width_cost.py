"""The cost model finds what was planted, and never answers with a negative coefficient."""

from __future__ import annotations

import numpy as np
import pytest

from inkport.benchmarks.measure.width_cost import POINTS, CostModel, Point, fit_cost, fit_curve
from inkport.core.errors import DataError


WIDTHS = range(32, 2049, 16)


def planted(constant, linear, square, widths=WIDTHS):
    model = CostModel(constant_ms=constant, per_px_ms=linear, per_px2_ms=square)
    return [Point(width_px=w, time_ms=model.time_ms(w), n=1 + w % 7) for w in widths]


@pytest.mark.parametrize(
    "coefficients",
    [(1.5, 0.01, 2e-6), (0.0, 0.02, 0.0), (3.0, 0.0, 5e-6), (0.0, 0.0, 1e-5), (2.0, 0.0, 0.0), (0.7, 0.004, 0.0)],
)
def test_planted_coefficients_come_back(coefficients):
    cost = fit_cost(planted(*coefficients))
    found = (cost.constant_ms, cost.per_px_ms, cost.per_px2_ms)
    assert found == pytest.approx(coefficients, rel=1e-6, abs=1e-9)


def test_planted_coefficients_come_back_from_noisy_runs(rng):
    widths = rng.choice(np.arange(32, 1500, 16), size=3000)
    true = CostModel(constant_ms=1.0, per_px_ms=0.01, per_px2_ms=4e-6)
    # Most runs are near the truth, one in twenty is interrupted for far longer: medians do not mind.
    times = [true.time_ms(w) * rng.lognormal(0, 0.03) + (rng.random() < 0.05) * 20 for w in widths]
    curve = fit_curve(widths.tolist(), times)
    for width in (64, 400, 1400):
        assert curve.cost.time_ms(width) == pytest.approx(true.time_ms(width), rel=0.02)
    assert curve.relative_error < 0.02


@pytest.mark.parametrize("seed", range(20))
def test_the_fit_is_the_constrained_optimum(seed):
    optimize = pytest.importorskip("scipy.optimize", reason="the oracle is scipy")
    rng = np.random.default_rng(seed)
    points = [Point(width_px=float(w), time_ms=float(rng.uniform(0.5, 9)), n=int(rng.integers(1, 9))) for w in WIDTHS]
    cost = fit_cost(points)
    width = np.array([p.width_px for p in points])
    weight = np.sqrt([p.n for p in points]) / np.array([p.time_ms for p in points])
    scales = np.array([1.0, 1e3, 1e6])
    columns = np.stack([width**0, width, width**2], axis=1) / scales * weight[:, None]
    expected, _ = optimize.nnls(columns, np.array([p.time_ms for p in points]) * weight)
    found = np.array([cost.constant_ms, cost.per_px_ms, cost.per_px2_ms])
    assert found * scales == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert (found >= 0).all()


def test_a_curve_has_few_points_and_every_run_is_in_one():
    widths = [w for w in WIDTHS for _ in range(3)]
    curve = fit_curve(widths, [w / 100 for w in widths])
    assert len(curve.points) == POINTS
    assert sum(point.n for point in curve.points) == len(widths)
    assert [point.width_px for point in curve.points] == sorted(point.width_px for point in curve.points)
    few = fit_curve([64, 32, 64], [3.0, 1.0, 5.0])
    assert [(p.width_px, p.time_ms, p.n) for p in few.points] == [(32, 1.0, 1), (64, 4.0, 2)]


def test_one_width_gives_a_model_all_the_same():
    curve = fit_curve([160] * 5, [2.0] * 5)
    assert curve.cost.time_ms(160) == pytest.approx(2.0)
    assert min(curve.cost.constant_ms, curve.cost.per_px_ms, curve.cost.per_px2_ms) >= 0


def test_no_point_is_refused():
    with pytest.raises(DataError):
        fit_cost([])
