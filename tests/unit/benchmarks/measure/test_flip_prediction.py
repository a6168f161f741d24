"""Margins against brute force, and predictions against flips that are really drawn."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest

from inkport.benchmarks.measure.gaps import ErrorModel, FrameGaps, Probe, find_gaps, logit_errors, predict
from inkport.benchmarks.measure.parity import choose_fragile


def collapse(labels):
    kept = [label for before, label in zip([0, *labels], labels, strict=False) if label != before]
    return [label for label in kept if label]


def draw_line(rng, frames=60, classes=9):
    """Logits like a CTC network's: mostly sure of the blank, symbols in short runs, unsure at their edges."""
    best = np.where(rng.random(frames) < 0.6, 0, rng.integers(1, classes, frames))
    logits = rng.normal(0, 1, (frames, classes))
    logits[np.arange(frames), best] += rng.gamma(3, 1.5, frames)
    return logits.astype(np.float32)


def draw_port(rng, logits, scale):
    """Errors that are larger on some lines than on others and have heavier tails than the normal distribution."""
    noise = rng.standard_t(6, logits.shape) * scale * np.exp(rng.normal(0, 0.3))
    return (logits + noise).astype(np.float32)


def flips(logits, port):
    return collapse(logits.argmax(axis=1)) != collapse(port.argmax(axis=1))


@pytest.mark.parametrize("classes", [4, 100])
def test_a_frame_matters_exactly_if_its_rival_changes_the_text(rng, classes):
    for _ in range(60):
        logits = draw_line(rng, frames=12, classes=classes)
        found = find_gaps(logits)
        labels = logits.argmax(axis=1)
        for frame in range(len(labels)):
            rival = logits[frame].argsort()[-2]
            changed = labels.copy()
            changed[frame] = rival
            assert found.rival[frame] == rival
            assert found.matters[frame] == (collapse(changed) != collapse(labels))
            assert np.isclose(found.gaps[frame], logits[frame, labels[frame]] - logits[frame, rival])


def test_no_error_at_one_frame_below_the_threshold_changes_the_text(rng):
    for _ in range(40):
        logits = draw_line(rng, frames=15)
        found = find_gaps(logits)
        for frame in range(len(logits)):
            for size, flipped in ((0.99, False), (1.01, found.gaps[frame] <= 1.01 * found.threshold)):
                port = logits.copy()
                port[frame, found.rival[frame]] += np.float32(size * found.threshold)
                if found.matters[frame] or not flipped:
                    assert flips(logits, port) == (flipped and bool(found.matters[frame]))


def test_an_error_above_the_gap_is_a_change_of_label(rng):
    logits = draw_line(rng)
    port = logits.copy()
    frames = find_gaps(logits)
    port[3, frames.rival[3]] = port[3].max() + 1
    port[5, frames.rival[5]] += np.float32(0.5 * frames.gaps[5])
    errors = logit_errors(frames, port)
    assert (errors[3] > frames.gaps[3], errors[5] > frames.gaps[5]) == (True, False)
    assert np.abs(np.delete(errors, [3, 5])).max() < 1e-5


def test_the_scale_of_the_errors_is_found_where_it_falls_with_the_gap(rng):
    """Normal errors whose deviation is known at every gap: the chance is that of the normal distribution."""
    gaps = rng.uniform(0, 4, 20_000)
    deviations = np.exp(-0.4 - 0.5 * gaps)
    model = ErrorModel.fit([rng.normal(0, deviations)], [gaps])
    assert model.slope == pytest.approx(-0.5, abs=0.03)
    asked = np.array([0.05, 0.2, 0.5, 0.8, 1.0])
    expected = [1 - NormalDist(0, math.exp(-0.4 - 0.5 * gap)).cdf(gap) for gap in asked]
    assert model.exceeds(asked) == pytest.approx(expected, abs=0.015)


@pytest.mark.parametrize("exponent", [2.0, 5.0])
def test_the_exponent_of_a_power_law_is_found(rng, exponent):
    """Hill's estimate from 5 % of 20,000 errors is right within a tenth: three of its standard errors."""
    errors = (1 + rng.pareto(exponent, 20_000)) * rng.choice([-1, 1], 20_000)
    model = ErrorModel.fit([errors], [rng.gamma(2, 1, 20_000)])
    assert model.exponent == pytest.approx(exponent, rel=0.1)


def test_a_rival_as_good_as_the_best_is_the_other_one(rng):
    """Whole numbers tie often: the first of the best wins, as in ``argmax``, and the next of them is its rival."""
    logits = rng.integers(0, 3, (400, 5)).astype(np.float32)
    found = find_gaps(logits)
    assert (found.best == logits.argmax(axis=1)).all()
    assert (found.rival != found.best).all()
    seconds = np.sort(logits, axis=1)[:, -2]
    assert (logits[np.arange(400), found.rival] == seconds).all()
    assert (found.gaps == logits.max(axis=1) - seconds).all()
    assert (found.gaps == 0).sum() > 100


def test_errors_of_one_size_never_exceed_it():
    signs = np.tile([1.0, -1.0], 30)
    model = ErrorModel.fit([signs], [np.linspace(0, 3, 60)])
    assert model.exponent == math.inf
    assert model.exceeds(np.array([0.5, 0.99, 1.01, 2.0])).tolist() == [0.5, 0.5, 0.0, 0.0]


def test_even_the_fewest_errors_have_a_tail(rng):
    model = ErrorModel.fit([rng.normal(0, 0.3, 25)], [rng.gamma(2, 1, 25)])
    assert 0 < model.exponent < math.inf
    beyond = model.exceeds(np.array([3.0, 30.0]))
    assert 0.5 * 2 / 25 > beyond[0] > beyond[1] > 0
    with_too_few = ErrorModel.fit([rng.normal(0, 0.3, 19)], [rng.gamma(2, 1, 19)])
    assert not with_too_few.exceeds(np.zeros(1)).any()


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.03, 0.15])
def test_predictions_are_calibrated(rng, scale):
    """Over many ports: the interval holds the flips in nine of ten at least, and the mean is right within a fifth."""
    inside, expected, observed = 0, 0.0, 0
    for seed in range(40):
        lines = [draw_line(rng) for _ in range(120)]
        ports = [draw_port(rng, line, scale) for line in lines]
        frames = [find_gaps(line) for line in lines]
        probes = [Probe(errors=logit_errors(f, p), frames=f) for f, p in zip(frames[:15], ports[:15], strict=True)]
        prediction = predict(probes, frames[15:], seed=seed, resamples=60)
        came = sum(flips(line, port) for line, port in zip(lines[15:], ports[15:], strict=True))
        inside += prediction.interval[0] <= came <= prediction.interval[1]
        expected += prediction.expected
        observed += came
    assert inside >= 34
    assert 0.8 * observed < expected < 1.2 * observed


def coin_flips(lines):
    """Lines that flip with a probability of exactly one half: the only frame has no gap at all."""
    frame = FrameGaps(gaps=np.zeros(1), best=np.array([1]), rival=np.array([2]), matters=np.ones(1, dtype=np.bool_))
    return [frame] * lines


def binomial_quantile(share, draws):
    """The smallest number of heads that so large a share of the series of tosses does not exceed."""
    chances = np.cumsum([math.comb(draws, heads) / 2**draws for heads in range(draws + 1)])
    return int(np.searchsorted(chances, share))


def test_the_interval_leaves_a_fortieth_at_either_end(rng):
    """Fair coins: 95 % of the series of 64 tosses have 24 to 40 heads, 90 % have 25 to 39."""
    frames = find_gaps(draw_line(rng))
    probe = Probe(errors=rng.normal(0, 0.2, len(frames.gaps)), frames=frames)
    found = predict([probe], coin_flips(64), resamples=500)
    assert found.expected == 32
    assert (binomial_quantile(0.025, 64), binomial_quantile(0.975, 64)) == (24, 40)
    assert found.interval == pytest.approx((24, 40), abs=1)
    assert 14 < found.interval[1] - found.interval[0] < 18


def test_probe_lines_that_disagree_widen_the_interval(rng):
    """With the same errors in all, chance alone is left; what single lines add is what another draw of them would."""
    lines = [find_gaps(draw_line(rng)) for _ in range(40)]
    frames = [find_gaps(draw_line(rng)) for _ in range(6)]
    sizes = [0.02, 0.02, 0.02, 0.02, 0.02, 1.5]
    noise = rng.normal(0, 1, 60)
    probes = [Probe(errors=size * noise, frames=f) for size, f in zip(sizes, frames, strict=True)]
    widths = [np.ptp(predict(part, lines, resamples=60).interval) for part in (probes[:5], probes, probes[5:])]
    assert widths[1] > max(widths[0], widths[2])


def test_lines_of_like_probability_flip_that_often(rng):
    lines = [draw_line(rng) for _ in range(1500)]
    ports = [draw_port(rng, line, 0.03) for line in lines]
    frames = [find_gaps(line) for line in lines]
    probes = [Probe(errors=logit_errors(f, p), frames=f) for f, p in zip(frames[:100], ports[:100], strict=True)]
    found = predict(probes, frames[100:], resamples=2).probabilities
    flipped = np.array([flips(a, b) for a, b in zip(lines[100:], ports[100:], strict=True)])
    edges = np.quantile(found, [0, 1 / 3, 2 / 3, 1])
    assert edges[2] > 1.5 * edges[1]  # else there is nothing to tell apart
    for low, high in pairwise(edges):
        part = (found >= low) & (found <= high)
        spread = np.sqrt((found[part] * (1 - found[part])).sum())
        assert abs(flipped[part].sum() - found[part].sum()) < 4 * spread + 0.1 * found[part].sum()


def test_a_port_without_errors_flips_nothing(rng):
    frames = [find_gaps(draw_line(rng)) for _ in range(30)]
    probes = [Probe(errors=np.zeros(len(f.gaps)), frames=f) for f in frames[:5]]
    prediction = predict(probes, frames[5:], resamples=5)
    assert (prediction.expected, prediction.interval) == (0.0, (0.0, 0.0))


def test_the_chance_falls_with_the_gap_and_is_a_half_at_zero(rng):
    gaps = rng.gamma(2, 1, 4000)
    model = ErrorModel.fit([rng.normal(0, 0.3, 4000)], [gaps])
    chances = model.exceeds(np.array([0.0, 0.1, 0.3, 0.6, 1.0, 3.0]))
    assert np.isclose(chances[0], 0.5)
    assert (np.diff(chances) < 0).all()
    # The normal distribution's own answer: P(error > 0.3) for a standard deviation of 0.3.
    assert abs(chances[2] - 0.1587) < 0.03


def test_the_most_fragile_lines_come_first():
    assert choose_fragile([3.0, 0.5, float("inf"), 0.5, 0.1], 3) == [4, 1, 3]
