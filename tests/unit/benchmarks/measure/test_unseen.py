"""The bound for writers that were not seen: exact cases, and that it keeps its level for losses of every shape."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given, strategies as st

from inkport.benchmarks.measure.equivalence import CREDITS, STAKES, evidence, log_evidence_below, unseen_limit


LARGE = 1e6
"""So many symbols that a writer shows all of its loss."""


def test_stakes_and_credits_fit():
    assert sum(CREDITS) == pytest.approx(1)
    assert min(CREDITS) > 0
    # A larger share than 1 could lose more than there is, and a negative one would bet on losses.
    assert 1 == STAKES[0] > STAKES[1] > STAKES[2] > STAKES[3] > STAKES[4] > 0
    assert len(CREDITS) == len(STAKES)


def test_counting_a_unit_twice_is_seeing_another_like_it(rng):
    losses, shown = rng.uniform(-0.02, 0.03, 12), rng.uniform(0.5, 1, 12)
    once, twice = (log_evidence_below(losses, shown, 0.02, 0.05, times=times) for times in (1.0, 2.0))
    assert twice == pytest.approx(log_evidence_below(np.tile(losses, 2), np.tile(shown, 2), 0.02, 0.05))
    assert once == pytest.approx(log_evidence_below(losses, shown, 0.02, 0.05))


@pytest.mark.parametrize("writers", [5, 20, 42, 60, 200])
def test_without_any_loss_it_is_the_rule_of_three(writers):
    found = unseen_limit(np.zeros(writers), np.full(writers, LARGE), largest=0.05, level=0.05)
    # (1 - p) ** n = 0.05 * 0.9 has the solution p; 3 / n is its first order.
    assert found == pytest.approx(0.05 * (1 - (0.05 * 0.9) ** (1 / writers)), rel=0.01)
    assert found == pytest.approx(0.05 * 3 / writers, rel=0.3)


def test_a_unit_of_little_text_shows_a_loss_less_surely():
    shown = evidence(np.array([4.0, 40.0, 400.0, 4000.0, LARGE]), 0.05)
    # One line of 40 symbols has one flip of two edits on average: it shows with 1 - exp(-1).
    assert shown[1] == pytest.approx(1 - np.exp(-1))
    assert shown[0] == pytest.approx(1 - np.exp(-0.1))
    assert (np.diff(shown) > 0).all()
    assert 0.99 < shown[-1] < 1


def test_evidence_is_what_a_capped_count_of_flips_keeps(rng):
    for symbols in (30.0, 100.0, 333.0, 900.0):
        flips = 0.05 * symbols / 2
        kept = np.minimum(rng.poisson(flips, 400_000), flips).mean() / flips
        assert evidence(np.array([symbols]), 0.05)[0] == pytest.approx(kept, abs=0.004)


def test_what_a_writer_may_lose_and_the_level_are_named():
    """Both are often 0.05: by position, one could be taken for the other."""
    with pytest.raises(TypeError, match="positional"):
        unseen_limit(np.zeros(3), np.full(3, LARGE), 0.05, 0.01)


def test_one_writer_beyond_the_largest_loss_keeps_it_high():
    losses = np.zeros(42)
    losses[7] = 0.2
    assert unseen_limit(losses, np.full(42, LARGE), largest=0.05, level=0.05) > 0.0075


@given(st.lists(st.floats(-0.05, 0.05), min_size=3, max_size=30), st.floats(0.001, 0.02))
def test_more_loss_never_lowers_it(losses, more):
    symbols = np.full(len(losses), 900.0)
    lower, higher = (unseen_limit(np.array(losses) + added, symbols, largest=0.05, level=0.05) for added in (0.0, more))
    assert lower <= higher + 1e-9
    assert np.mean(losses) <= lower + 1e-9


@pytest.mark.parametrize("writers", [10, 30, 60])
@pytest.mark.parametrize(
    "population",
    [{0.0: 0.9, 0.05: 0.1}, {0.0: 0.8, 0.025: 0.2}, {0.005: 1.0}, {-0.05: 0.1, 0.0: 0.7, 0.05: 0.2}],
    ids=["a tenth", "a fifth, by half as much", "all alike", "gains too"],
)
def test_it_refutes_the_truth_in_at_most_one_of_twenty_samples(population, writers):
    # All that is needed is a mean of 0.005 and no loss above 0.05.
    chance, samples = np.random.default_rng(writers), 20_000
    losses = chance.choice(list(population), p=list(population.values()), size=(samples, writers))
    refuted = log_evidence_below(losses, np.ones(writers), 0.005, 0.05) >= log(20)
    assert refuted.mean() <= 0.05 + 3 * (0.05 * 0.95 / samples) ** 0.5
