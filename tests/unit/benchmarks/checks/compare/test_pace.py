from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from inkport.benchmarks.checks.compare.changes import pace_change
from inkport.benchmarks.checks.compare.document import read_report


@pytest.fixture
def run(make, write):
    return read_report(write("report", make["document"](make["target"]())))


@pytest.fixture
def change(run):
    """Compare the report's target with itself after changes to its times and to the report."""

    def between(times=lambda t: t, *, before=lambda t: t, **settings):
        row = run.rows["port"]
        old, new = replace(row, times=before(row.times)), replace(row, times=times(row.times))
        return pace_change(old, new, run, replace(run, **settings))

    return between


def scaled(factors):
    return lambda t: replace(
        t, points={w: (time * f, n) for (w, (time, n)), f in zip(t.points.items(), factors, strict=True)}
    )


def test_the_interval_covers_the_true_ratio_as_often_as_it_says(change, rng):
    covered = 0
    for _ in range(400):
        found = change(scaled(1.2 * np.exp(rng.normal(0, 0.05, 9))))
        covered += found.interval[0] <= 1.2 <= found.interval[1]
    # Three standard errors of 95 % over 400 trials.
    assert 0.917 <= covered / 400 <= 0.983


def test_widths_are_paired(change):
    """A time that depends on the width as much as it likes leaves no doubt if every width got slower alike."""
    found = change(scaled([1.3] * 9))
    assert found.ratio == pytest.approx(1.3)
    assert found.interval == pytest.approx((1.3, 1.3))
    assert found.slower_by(0.2)
    assert not found.slower_by(0.29)


def test_without_shared_widths_the_medians_decide(change):
    def other(times):
        return replace(times, points={}, median_ms=20.0, interval=(18.0, 25.0))

    found = change(other)
    assert found.ratio == 2.0
    assert found.interval[0] < 2.0 < found.interval[1]
    # Wider than either interval alone, narrower than their worst case.
    assert 18 / 12 < found.interval[0] < 18 / 10
    assert change(lambda t: replace(other(t), interval=None)).interval is None
    assert not change(lambda t: replace(other(t), interval=None)).slower_by(0.1)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"machine": {"cpu": "another"}}, "not the same machine: cpu"),
        ({"data": "ff"}, "not the same lines"),
        ({"timed_lines": 7}, "not the same number of timed lines"),
    ],
)
def test_what_cannot_be_compared_says_why(change, run, settings, words):
    if "machine" in settings:
        settings = {"machine": {**run.machine, **settings["machine"]}}
    found = change(scaled([9.0] * 9), **settings)
    assert (found.ratio, found.interval, found.reason) == (None, None, words)
    assert not found.slower_by(0.1)


def test_noise_is_the_floor_or_what_the_calibration_load_moved_by(change):
    assert change().noise == 0.02
    assert change(floor=0.05).noise == 0.05
    moved = change(scaled([1.3] * 9), load_ms=5.05 * 1.25)
    assert moved.noise == pytest.approx(0.25)
    assert not moved.slower_by(0.1)
    assert change(floor=None).noise is None


def test_no_times_no_pace(run):
    row = run.rows["port"]
    assert pace_change(replace(row, times=None), row, run, run) is None
