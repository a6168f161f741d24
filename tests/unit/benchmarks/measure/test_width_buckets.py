"""The planner against trying every choice of widths."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings, strategies as st

from inkport.benchmarks.measure.width_cost import CostModel, evaluate_plan, plan_buckets
from inkport.core.errors import DataError, UsageError


COSTS = st.builds(
    CostModel,
    constant_ms=st.floats(0, 20),
    per_px_ms=st.floats(0.001, 0.1),
    per_px2_ms=st.floats(0, 1e-4),
)


def cost_of(buckets, widths, cost):
    """Cost per line, straight from the definition."""
    return sum(cost(min(b for b in buckets if b >= width)) for width in widths) / len(widths)


@settings(max_examples=50)
@given(
    widths=st.lists(st.integers(1, 14).map(lambda n: 16 * n), min_size=1, max_size=40),
    count=st.integers(1, 5),
    cost=COSTS,
)
def test_no_choice_of_widths_costs_less(widths, count, cost):
    plan = plan_buckets(widths, count, cost.time_ms)
    candidates = [16 * n for n in range(1, max(widths) // 16 + 1)]
    size = min(count, len(set(widths)))
    best = min(
        cost_of(chosen, widths, cost.time_ms) for chosen in combinations(candidates, size) if chosen[-1] >= max(widths)
    )
    assert plan.cost == pytest.approx(best, rel=1e-9)
    assert plan.cost == pytest.approx(cost_of(plan.buckets_px, widths, cost.time_ms), rel=1e-9)
    assert len(plan.buckets_px) == size
    assert sum(plan.lines) == len(widths)


@settings(max_examples=50)
@given(widths=st.lists(st.integers(2, 60).map(lambda n: 16 * n), min_size=2, max_size=30), cost=COSTS)
def test_more_buckets_never_cost_more_and_one_for_each_width_costs_nothing_extra(widths, cost):
    plans = [plan_buckets(widths, count, cost.time_ms) for count in range(1, len(set(widths)) + 1)]
    assert all(after.cost <= before.cost * (1 + 1e-12) for before, after in pairwise(plans))
    assert plans[-1].buckets_px == tuple(sorted(set(widths)))
    assert plans[-1].overhead == pytest.approx(0, abs=1e-9)
    assert plan_buckets(list(reversed(widths)), 2, cost.time_ms) == plan_buckets(widths, 2, cost.time_ms)


def test_a_plan_in_numbers():
    plan = plan_buckets([100, 100, 200, 900], 2, float)
    assert plan.buckets_px == (200, 900)
    assert (plan.cost, plan.lines) == (375.0, (3, 1))
    assert plan.overhead == pytest.approx(1500 / 1300 - 1)


def test_impossible_requests_are_refused():
    with pytest.raises(UsageError):
        plan_buckets([32], 0, float)
    with pytest.raises(DataError, match="no line"):
        plan_buckets([], 1, float)
    with pytest.raises(DataError, match="falls"):
        plan_buckets([32, 64], 1, lambda width: -width)
    with pytest.raises(DataError, match="narrower"):
        evaluate_plan([64], [32, 128], float)
