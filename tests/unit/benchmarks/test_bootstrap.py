from __future__ import annotations

import random
from itertools import product

import numpy as np
import pytest

from inkport.benchmarks import bootstrap
from inkport.benchmarks.bootstrap import paired_interval
from inkport.lines.line import Line


def make_lines(writers, dataset="set"):
    return [Line(id=str(i), image=b"", text="x", dataset=dataset, writer=w) for i, w in enumerate(writers)]


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
    return np.percentile(rates, [2.5, 97.5])


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


def test_interval_covers_the_true_difference_about_as_often_as_it_says():
    # 24 writers with 8 lines each; a writer's own difficulty moves all his lines.
    covered, trials, truth = 0, 150, 0.02
    chance = np.random.default_rng(5)
    writers = [f"w{i}" for i in range(24) for _ in range(8)]
    for trial in range(trials):
        mean = np.repeat(chance.normal(truth, 0.01, size=24), 8) * 100
        difference = np.rint(chance.normal(mean, 1.0)).astype(int)
        interval = paired_interval(difference, [100] * 192, make_lines(writers), seed=trial, resamples=400)
        covered += interval.low <= truth <= interval.high
    assert 0.86 <= covered / trials <= 0.99
