from __future__ import annotations

import ctypes
from collections import Counter

import numpy as np
import pytest

from inkport.benchmarks.measure.quantiles import quantile
from inkport.benchmarks.run.noise import Difference
from inkport.benchmarks.run.scenarios import (
    BATCH,
    LINES,
    Scenario,
    ScenarioRunner,
    Stop,
    StopRule,
    figures,
    make_queries,
    rate,
)
from inkport.core.errors import UsageError


class RunningCounter:
    """An energy counter that runs with the clock: one microjoule per microsecond."""

    def __init__(self, world):
        self.world, self.last = world, world.now

    def spent_uj(self):
        before, self.last = self.last, self.world.now
        return (self.last - before) // 1000


def run(world, inputs, sessions, scenario=Scenario.SINGLE_STREAM, load=lambda: 1e6, **rule):
    runner = ScenarioRunner(sessions, inputs, rule=StopRule(**rule), clock=world.clock)
    return runner.run(scenario, meter=world.meter(load), energy=RunningCounter(world))


def test_it_stops_when_the_intervals_are_narrow_and_not_before(world, inputs, rng):
    noisy = world.session(lambda _: 1e6 * rng.lognormal(0, 0.3))
    found = run(world, inputs, {"a": noisy}, precision=0.1)
    assert found.stop == {"a": Stop.PRECISE}
    result = figures(found, None)["a"]
    assert max(found.relative_width for found in result.quantiles[:2]) <= 0.1
    sharper = run(world, inputs, {"a": noisy}, precision=0.05)
    assert len(sharper.drawn) > 2 * len(found.drawn)


def test_coverage_survives_the_stop_rule():
    """The rule looks again and again and stops when it likes what it sees; the intervals must still cover."""
    covered, repeats = 0, 300
    truth = 1.0
    rule = StopRule(precision=0.15)
    for seed in range(repeats):
        rng = np.random.default_rng(seed)
        times, look = [], rule.next_look(0)
        while True:
            times += rng.lognormal(0, 0.5, size=look - len(times)).tolist()
            if rule.precise(times) or len(times) >= 5000:
                break
            look = rule.next_look(len(times))
        found = quantile(times, 0.5)
        covered += found.low <= truth <= found.high
    assert covered / repeats >= 0.92


@pytest.mark.parametrize(
    ("rule", "stop"), [({"most_queries": 200}, Stop.MOST_QUERIES), ({"most_s": 0.5}, Stop.MOST_TIME)]
)
def test_caps_end_what_never_becomes_precise(world, inputs, rng, rule, stop):
    wild = world.session(lambda _: 1e6 * rng.lognormal(0, 3))
    found = run(world, inputs, {"a": wild}, precision=0.01, **rule)
    assert found.stop == {"a": stop}
    assert len(found.drawn) <= 20_000


def test_targets_answer_the_same_queries_in_turns(world, inputs):
    a, b = world.session(lambda x: 1e3 * x.shape[3]), world.session(lambda x: 2e3 * x.shape[3])
    found = run(world, inputs, {"a": a, "b": b}, most_queries=128)
    assert found.ns["a"] == [1000 * inputs[draw].shape[3] for draw in found.drawn]
    assert found.ns["b"] == [2 * ns for ns in found.ns["a"]]
    assert a.shapes == b.shapes
    share = Counter(found.drawn)
    assert set(share) == set(range(len(inputs)))


def test_a_target_that_fails_does_not_stop_the_others(world, inputs):
    broken = world.session(lambda _: 1e6, fail_at=20)
    found = run(world, inputs, {"broken": broken, "whole": world.session(lambda _: 1e6)}, most_queries=64)
    assert list(found.errors) == ["broken"]
    assert list(figures(found, "broken")) == ["whole"]
    assert figures(found, "broken")["whole"].speed_up is None


@pytest.mark.parametrize("scenario", [Scenario.MULTI_STREAM, Scenario.OFFLINE])
def test_queries_of_several_lines_run_in_batches_of_one_width(world, inputs, scenario):
    session = world.session(lambda x: 1e5 + 1e3 * x.size)
    found = run(world, inputs, {"a": session}, scenario, most_queries=70)
    assert all(query.lines == LINES[scenario] for query in found.queries)
    assert max(n for n, _ in session.shapes) <= BATCH
    assert any(n > 1 for n, _ in session.shapes)
    query = found.queries[found.drawn[0]]
    expected = sum(1e5 + 1e3 * len(batch) * inputs[batch[0]].size for batch in query.batches)
    assert found.ns["a"][0] == expected
    result = figures(found, None)["a"]
    assert result.lines_per_s.value == pytest.approx(LINES[scenario] * len(found.drawn) / (sum(found.ns["a"]) / 1e9))


def test_every_shape_is_warm_before_anything_is_timed(world, inputs):
    seen = set()

    def cost(images):
        new = images.shape not in seen
        seen.add(images.shape)
        return 1e9 if new else 1e6

    found = run(world, inputs, {"a": world.session(cost)}, Scenario.MULTI_STREAM, most_queries=64)
    assert max(found.ns["a"]) < 1e8


def test_a_small_difference_is_none_and_a_large_one_is_shown(world, inputs, rng):
    def targets(factor):
        return {
            "base": world.session(lambda x: 1e4 * x.shape[3]),
            "port": world.session(lambda x: factor * 1e4 * x.shape[3] * rng.normal(1, 0.001)),
        }

    def shaky():
        return 1e6 * (1 + 0.03 * (world.now // 10**8 % 2))

    for factor, expected in ((1.01, Difference.NONE), (1.2, Difference.SLOWER), (1 / 1.2, Difference.FASTER)):
        found = run(world, inputs, targets(factor), load=shaky, most_queries=300, precision=1e-6)
        assert found.noise.floor == pytest.approx(0.03, rel=0.01)
        assert figures(found, "base")["port"].difference is expected
    calm = run(world, inputs, targets(1.01), most_queries=300, precision=1e-6)
    assert figures(calm, "base")["port"].difference is Difference.SLOWER


def test_energy_is_the_targets_own_and_absent_without_a_counter(world, inputs):
    sessions = {"a": world.session(lambda _: 1e6), "b": world.session(lambda _: 3e6)}
    found = figures(run(world, inputs, sessions, most_queries=64), None)
    assert found["a"].energy_mj_per_line == pytest.approx(1.0)
    assert found["b"].energy_mj_per_line == pytest.approx(3.0)

    class Without:
        def spent_uj(self):
            return None

    runner = ScenarioRunner(sessions, inputs, rule=StopRule(most_queries=64), clock=world.clock)
    without = runner.run(Scenario.SINGLE_STREAM, meter=world.meter(), energy=Without())
    assert figures(without, None)["a"].energy_mj_per_line is None


def test_rate_and_its_interval(rng):
    truth = 64 / 0.02
    covered = 0
    for _ in range(400):
        found = rate((rng.gamma(4, 0.005, size=100) * 1e9).astype(int).tolist(), 64)
        covered += found.low <= truth <= found.high
    assert covered >= 0.91 * 400
    assert rate([10**9], 64).low is None


def test_the_same_seed_draws_the_same(inputs):
    assert make_queries(inputs, Scenario.OFFLINE, seed=3) == make_queries(inputs, Scenario.OFFLINE, seed=3)
    assert make_queries(inputs, Scenario.OFFLINE, seed=3) != make_queries(inputs, Scenario.OFFLINE, seed=4)


@pytest.mark.parametrize("wrong", [{"precision": 0}, {"most_s": 0}, {"most_queries": 3}])
def test_impossible_rules_are_refused(wrong):
    with pytest.raises(UsageError):
        StopRule(**wrong)


@pytest.mark.parametrize(("narrow", "precise"), [(0.7, False), (0.97, True)])
def test_both_quantiles_must_be_precise(narrow, precise, rng):
    """Most of the times, or nearly all, are the same; the rest spread widely, and with them p90."""
    times = np.where(rng.random(800) < narrow, 1.0, 1 + rng.lognormal(0, 1.5, size=800))
    assert quantile(times, 0.5).relative_width == 0
    assert StopRule(precision=0.1).precise(times.tolist()) is precise


def test_a_target_that_writes_into_its_input_is_left_out_and_the_others_see_nothing_of_it(world, inputs):
    seen = {"before": set(), "after": set()}

    def look(name):
        def cost(images):
            seen[name].add(images.tobytes())
            return 1e6

        return cost

    def write(images):
        ctypes.memset(images.ctypes.data, 255, images.nbytes)
        return 1e6

    sessions = {
        "before": world.session(look("before")),
        "writes": world.session(write),
        "after": world.session(look("after")),
    }
    found = run(world, inputs, sessions, most_queries=64)
    assert set(found.errors) == {"writes"}
    assert "writes: changes its input" in str(found.errors["writes"])
    assert seen["before"] == seen["after"] == {image.tobytes() for image in inputs}
