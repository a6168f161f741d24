"""Greedy decoding against a collapse by ``itertools.groupby`` and torch-free arithmetic of its own."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from inkport.core.charset import Charset
from inkport.core.ctc import frames_needed, greedy
from inkport.core.errors import SpecMismatchError


CHARSET = Charset(tuple("abc"))


def logits_of(labels, scale=5.0):
    rows = np.zeros((len(labels), CHARSET.size), dtype=np.float32)
    rows[np.arange(len(labels)), labels] = scale
    return rows


@given(st.lists(st.integers(0, 3), max_size=20), st.integers(0, 2**32 - 1))
def test_agrees_with_a_collapse_by_groupby(labels, seed):
    logits = logits_of(labels) + np.random.default_rng(seed).uniform(0, 2, (len(labels), 4)).astype(np.float32)
    runs = [(k, [i for i, _ in g]) for k, g in itertools.groupby(enumerate(labels), key=lambda pair: pair[1])]
    runs = [(label, frames) for label, frames in runs if label]
    read = greedy(logits, CHARSET)
    assert read.text == "".join(CHARSET.symbols[label - 1] for label, _ in runs)
    assert [(e.first_frame, e.last_frame) for e in read.emissions] == [(f[0], f[-1]) for _, f in runs]
    for emission, (label, frames) in zip(read.emissions, runs, strict=True):
        probabilities = [math.exp(logits[f, label]) / sum(math.exp(x) for x in logits[f]) for f in frames]
        gaps = [(top := sorted(map(float, logits[f]), reverse=True))[0] - top[1] for f in frames]
        assert emission.symbol == CHARSET.symbols[label - 1]
        assert emission.confidence == pytest.approx(max(probabilities), rel=1e-5)
        assert emission.gap == pytest.approx(min(gaps), rel=1e-5)


def test_line_margin_counts_blank_frames():
    logits = logits_of([1, 0, 2])
    logits[1] = [1.0, 0.75, 0.0, 0.0]
    assert greedy(logits, CHARSET).gap == pytest.approx(0.25)


def test_repeats_need_a_blank_between():
    assert greedy(logits_of([1, 1]), CHARSET).text == "a"
    assert greedy(logits_of([1, 0, 1]), CHARSET).text == "aa"


def test_large_logits_do_not_overflow():
    assert greedy(logits_of([1], scale=1e4), CHARSET).emissions[0].confidence == 1.0


def test_no_frames_read_as_nothing():
    read = greedy(np.zeros((0, 4), dtype=np.float32), CHARSET)
    assert (read.text, read.emissions, read.gap) == ("", (), math.inf)


@pytest.mark.parametrize("shape", [(4,), (2, 3), (1, 2, 4)])
def test_logits_that_do_not_fit_the_charset_are_refused(shape):
    with pytest.raises(SpecMismatchError, match=r"expected logits of shape \(t, 4\)"):
        greedy(np.zeros(shape, dtype=np.float32), CHARSET)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_logits_that_are_not_finite_are_refused(value):
    logits = logits_of([1, 2])
    logits[1, 3] = value
    with pytest.raises(SpecMismatchError, match="not finite"):
        greedy(logits, CHARSET)


@given(st.lists(st.integers(1, 2), max_size=5))
def test_frames_needed_is_the_shortest_path_that_reads_the_labels(labels):
    def collapse(path):
        return [label for label, _ in itertools.groupby(path) if label]

    shortest = next(
        t for t in itertools.count() if any(collapse(p) == labels for p in itertools.product((0, 1, 2), repeat=t))
    )
    assert frames_needed(labels) == shortest
