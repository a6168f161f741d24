from __future__ import annotations

import random
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

from inkport.benchmarks import bootstrap
from inkport.benchmarks.bootstrap import expanded_tail, paired_resamples
from inkport.lines.line import Line


def make_lines(writers, dataset="set"):
    return [Line(id=str(i), image=b"", text="x", dataset=dataset, writer=w) for i, w in enumerate(writers)]


def paired_interval(difference, length, lines, **settings):
    """The 95 % interval of the shipped settings, with what was drawn for it."""
    resampled = paired_resamples(difference, length, lines, **settings)
    low, high = resampled.interval()
    return SimpleNamespace(low=low, high=high, unit=resampled.unit, clusters=resampled.clusters)


def slow_interval(difference, length, clusters, *, resamples):
    """Draw whole clusters one by one, in plain Python."""
    chance = random.Random(11)  # noqa: S311 - statistics, not secrets
    names = sorted(set(clusters))
    rates = []
    for _ in range(resamples):
        edits = symbols = 0
        for name in chance.choices(names, k=len(names)):
            for d, n, cluster in zip(difference, length, clusters, strict=True):
                if cluster == name:
                    edits, symbols = edits + d, symbols + n
        rates.append(edits / symbols)
    tail = 100 * expanded_tail(0.95, len(names))
    return np.percentile(rates, [tail, 100 - tail])


def test_agrees_with_a_slow_bootstrap(rng):
    writers = [f"w{i}" for i in rng.integers(0, 9, size=60)]
    length = rng.integers(5, 60, size=60)
    difference = rng.integers(-2, 4, size=60)
    interval = paired_interval(difference, length, make_lines(writers), seed=3, resamples=4000)
    slow = slow_interval(difference.tolist(), length.tolist(), writers, resamples=4000)
    spread = slow[1] - slow[0]
    assert interval.unit == "writer"
    assert interval.clusters == len(set(writers))
    assert [interval.low, interval.high] == pytest.approx(list(slow), abs=0.06 * spread)


def test_equals_the_exact_distribution_of_few_clusters():
    # Three writers can be drawn in 27 equally likely ways; here all rates differ enough to know the limits.
    edits, symbols = {"a": 9, "b": 3, "c": 0}, {"a": 10, "b": 30, "c": 50}
    exact = [sum(edits[w] for w in draw) / sum(symbols[w] for w in draw) for draw in product("abc", repeat=3)]
    writers = ["a", "b", "c"]
    interval = paired_interval(
        list(edits.values()), list(symbols.values()), make_lines(writers), seed=0, resamples=200_000
    )
    # 1 of 27 draws is all a (3.7 %), 1 of 27 is all c: the 95 % limits are these extremes.
    assert (interval.low, interval.high) == (min(exact), max(exact))


def test_lines_of_a_writer_are_drawn_together():
    # All the trouble is one writer's: drawn by line it looks certain, drawn by writer it may not be there at all.
    writers = ["bad"] * 50 + ["good"] * 50
    difference, length = [1] * 50 + [0] * 50, [10] * 100
    by_writer = paired_interval(difference, length, make_lines(writers), seed=0)
    by_line = paired_interval(difference, length, make_lines([""] * 100), seed=0)
    assert (by_writer.low, by_writer.high) == (0.0, 0.1)
    assert 0.02 < by_line.low < 0.05 < by_line.high < 0.08


@pytest.mark.parametrize("writers", [[""] * 8, ["only"] * 8], ids=["none named", "one named"])
def test_single_lines_are_drawn_where_there_are_not_two_writers(writers):
    interval = paired_interval([0, 1] * 4, [10] * 8, make_lines(writers), seed=0)
    assert (interval.unit, interval.clusters) == ("line", 8)
    assert interval.low < 0.05 < interval.high


def test_one_name_in_two_data_sets_is_two_writers():
    lines = make_lines(["1", "1"], "left") + make_lines(["1", "1"], "right")
    interval = paired_interval([0, 0, 1, 1], [10] * 4, lines, seed=0)
    assert (interval.unit, interval.clusters) == ("writer", 2)


def test_a_line_without_a_writer_is_drawn_by_itself():
    interval = paired_interval([0, 1, 0, 1, 0], [10] * 5, make_lines(["a", "b", "b", "", ""]), seed=0)
    assert interval.clusters == 4


def test_equal_systems_have_no_spread():
    interval = paired_interval([0] * 6, [5] * 6, make_lines("aabbcc"), seed=0)
    assert (interval.low, interval.high) == (0.0, 0.0)


def test_seed_decides_and_chunks_do_not_lose_resamples(monkeypatch, rng):
    difference, length = rng.integers(0, 3, size=40), [10] * 40
    lines = make_lines([""] * 40)
    assert paired_interval(difference, length, lines, seed=1) == paired_interval(difference, length, lines, seed=1)
    monkeypatch.setattr(bootstrap, "CHUNK", 40 * 7)
    rates = bootstrap._resampled_rates(
        np.asarray(difference), np.asarray(length), np.random.default_rng(0), resamples=100
    )
    assert rates.shape == (100,)


def test_seed_gives_the_same_resamples(rng):
    difference, lines = rng.integers(0, 3, size=40), make_lines([""] * 40)
    draws = [paired_resamples(difference, [10] * 40, lines, seed=1, resamples=50).rates for _ in range(2)]
    assert np.array_equal(*draws)


@pytest.mark.parametrize(("clusters", "tail"), [(10, 0.0086), (30, 0.0187), (10_000, 0.025)])
def test_tails_are_expanded_for_few_clusters(clusters, tail):
    # By hand: sqrt(10/9) * t(9, .975) = 2.3846, whose normal tail is 0.0086; sqrt(30/29) * 2.0452 = 2.0802: 0.0188.
    assert expanded_tail(0.95, clusters) == pytest.approx(tail, abs=1e-4)


@pytest.mark.parametrize("clusters", [8, 24])
def test_interval_covers_the_true_difference_as_often_as_it_says(clusters):
    # Writers with 8 lines each; a writer's own difficulty moves all his lines.
    covered, trials, truth = 0, 400, 0.02
    chance = np.random.default_rng(5)
    lines = make_lines([f"w{i}" for i in range(clusters) for _ in range(8)])
    for trial in range(trials):
        mean = np.repeat(chance.normal(truth, 0.01, size=clusters), 8) * 100
        difference = np.rint(chance.normal(mean, 1.0)).astype(int)
        found = paired_interval(difference, [100] * len(lines), lines, seed=trial, resamples=400)
        covered += found.low <= truth <= found.high
    # 95 %, give or take three standard errors of 400 trials.
    assert 0.917 <= covered / trials <= 0.983
