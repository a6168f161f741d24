"""Margins against brute force, and predictions against flips that are really drawn."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from inkport.benchmarks.measure.flip_model import ErrorModel, logit_errors
from inkport.benchmarks.measure.flip_prediction import Probe, predict
from inkport.benchmarks.measure.fragile import choose_fragile
from inkport.benchmarks.measure.gaps import find_margins


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


def test_a_frame_matters_exactly_if_its_rival_changes_the_text(rng):
    for _ in range(60):
        logits = draw_line(rng, frames=12, classes=4)
        found = find_margins(logits)
        labels = logits.argmax(axis=1)
        for frame in range(len(labels)):
            rival = logits[frame].argsort()[-2]
            changed = labels.copy()
            changed[frame] = rival
            assert found.rival[frame] == rival
            assert found.matters[frame] == (collapse(changed) != collapse(labels))
            assert np.isclose(found.margins[frame], logits[frame, labels[frame]] - logits[frame, rival])


def test_no_error_at_one_frame_below_the_threshold_changes_the_text(rng):
    for _ in range(40):
        logits = draw_line(rng, frames=15)
        found = find_margins(logits)
        for frame in range(len(logits)):
            for size, flipped in ((0.99, False), (1.01, found.margins[frame] <= 1.01 * found.threshold)):
                port = logits.copy()
                port[frame, found.rival[frame]] += np.float32(size * found.threshold)
                if found.matters[frame] or not flipped:
                    assert flips(logits, port) == (flipped and bool(found.matters[frame]))


def test_an_error_above_the_margin_is_a_change_of_label(rng):
    logits = draw_line(rng)
    port = logits.copy()
    frames = find_margins(logits)
    port[3, frames.rival[3]] = port[3].max() + 1
    port[5, frames.rival[5]] += np.float32(0.5 * frames.margins[5])
    errors = logit_errors(frames, port)
    assert (errors[3] > frames.margins[3], errors[5] > frames.margins[5]) == (True, False)
    assert np.abs(np.delete(errors, [3, 5])).max() < 1e-5


@pytest.mark.parametrize("scale", [0.03, 0.15])
def test_predictions_are_calibrated(rng, scale):
    """Over many ports: the interval holds the flips in nine of ten at least, and the mean is right within a fifth."""
    inside, expected, observed = 0, 0.0, 0
    for seed in range(40):
        lines = [draw_line(rng) for _ in range(120)]
        ports = [draw_port(rng, line, scale) for line in lines]
        frames = [find_margins(line) for line in lines]
        probes = [Probe(errors=logit_errors(f, p), frames=f) for f, p in zip(frames[:15], ports[:15], strict=True)]
        prediction = predict(probes, frames[15:], seed=seed, resamples=60)
        came = sum(flips(line, port) for line, port in zip(lines[15:], ports[15:], strict=True))
        inside += prediction.interval[0] <= came <= prediction.interval[1]
        expected += prediction.expected
        observed += came
    assert inside >= 34
    assert 0.8 * observed < expected < 1.2 * observed


def test_lines_of_like_probability_flip_that_often(rng):
    lines = [draw_line(rng) for _ in range(1500)]
    ports = [draw_port(rng, line, 0.03) for line in lines]
    frames = [find_margins(line) for line in lines]
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
    frames = [find_margins(draw_line(rng)) for _ in range(30)]
    probes = [Probe(errors=np.zeros(len(f.margins)), frames=f) for f in frames[:5]]
    prediction = predict(probes, frames[5:], resamples=5)
    assert (prediction.expected, prediction.interval) == (0.0, (0.0, 0.0))


def test_the_chance_falls_with_the_margin_and_is_a_half_at_zero(rng):
    margins = rng.gamma(2, 1, 4000)
    model = ErrorModel.fit([rng.normal(0, 0.3, 4000)], [margins])
    chances = model.exceeds(np.array([0.0, 0.1, 0.3, 0.6, 1.0, 3.0]))
    assert np.isclose(chances[0], 0.5)
    assert (np.diff(chances) < 0).all()
    # The normal distribution's own answer: P(error > 0.3) for a standard deviation of 0.3.
    assert abs(chances[2] - 0.1587) < 0.03


def test_the_most_fragile_lines_come_first():
    assert choose_fragile([3.0, 0.5, float("inf"), 0.5, 0.1], 3) == [4, 1, 3]
