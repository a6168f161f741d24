"""The verdict is held to its error rates by simulation; scripts/verdict_simulation.py holds it to all of them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from inkport.benchmarks.measure.equivalence import LEVEL, Verdict, judge_equivalence
from inkport.benchmarks.measure.estimate import Estimate, estimate
from inkport.benchmarks.measure.units import units_of
from inkport.lines.line import Line, hands


MARGIN = 0.005
SYMBOLS = 40
LARGEST = 0.05
LINES = (5, 10, 14, 20, 21, 28, 34, 47, 214)
"""Lines per writer, uneven as in the test lines."""
TRIALS = 100
MOST = LEVEL + 3 * (LEVEL * (1 - LEVEL) / TRIALS) ** 0.5
"""A rate of 5 % plus three standard errors."""


def draw(chance, truth, *, writers, effect="none", changed=0.03):
    """Loss and symbols per writer: losses by flips of one to three edits, besides lines that change for nothing."""
    lines = chance.choice(LINES, size=writers)
    symbols = SYMBOLS * lines.astype(float)
    loss = {
        "none": np.full(writers, abs(truth)),
        "cv1": chance.gamma(1.0, abs(truth) or 1.0, writers),
        "tenth": np.where(chance.random(writers) < abs(truth) / LARGEST, LARGEST, 0.0),
    }[effect]
    flips = chance.poisson(symbols * loss / 2)
    lost = [chance.integers(1, 4, size=count).sum() for count in flips]
    noise = [(chance.integers(1, 4, n) * chance.choice([-1, 1], n)).sum() for n in chance.binomial(lines, changed)]
    return Estimate(difference=np.sign(truth or 1) * np.array(lost) + noise, symbols=symbols, kind="writer")


def verdicts(truth, *, trials=TRIALS, seed=7, **population):
    chance = np.random.default_rng(seed)
    found = [judge_equivalence(draw(chance, truth, **population), margin=MARGIN).verdict for _ in range(trials)]
    return {verdict: found.count(verdict) / trials for verdict in Verdict}


@pytest.mark.parametrize(
    ("side", "effect", "writers"),
    [(1, "tenth", 42), (-1, "tenth", 60), (1, "cv1", 8), (-1, "cv1", 42), (1, "none", 42)],
)
def test_on_the_margin_a_verdict_is_wrong_as_rarely_as_stated(side, effect, writers):
    rates = verdicts(side * MARGIN, writers=writers, effect=effect)
    assert rates[Verdict.EQUIVALENT] <= MOST
    assert rates[Verdict.WORSE if side > 0 else Verdict.BETTER] <= MOST
    assert rates[Verdict.BETTER if side > 0 else Verdict.WORSE] == 0


def test_enough_writers_find_the_truth():
    assert verdicts(0.0, writers=60, trials=40)[Verdict.EQUIVALENT] > 0.8
    assert verdicts(0.0, writers=42, trials=40)[Verdict.EQUIVALENT] > 0.5
    assert verdicts(0.02, writers=42, trials=30)[Verdict.WORSE] > 0.9
    assert verdicts(-0.02, writers=42, trials=30)[Verdict.BETTER] > 0.9


def judge(losses, *, symbols=1000, margin=MARGIN, **options):
    """Judge writers who lost so many edits, of so many symbols each."""
    losses = np.asarray(losses, dtype=float)
    found = Estimate(difference=losses, symbols=np.full(len(losses), float(symbols)), kind="writer")
    return judge_equivalence(found, margin=margin, **options)


def samples():
    path = Path(__file__).parents[4] / "benchmarks" / "samples" / "lines.tsv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    keys = ("id", "text", "dataset", "writer")
    return [Line(image=b"", **{key: row[key] for key in keys}) for row in rows]


def test_no_flip_on_the_sample_lines_is_equivalent_at_half_a_point():
    lines = samples()
    units = units_of(hands(lines))
    assert (len(lines), units.kind, units.count) == (300, "writer", 42)
    found = judge_equivalence(estimate([0] * 300, [len(line.text) for line in lines], units), margin=MARGIN)
    assert found.verdict is Verdict.EQUIVALENT
    assert found.largest_writer_loss == LARGEST
    assert 0.003 < found.interval[1] < MARGIN
    assert found.interval[0] == pytest.approx(-found.interval[1])


def test_no_flip_of_a_few_writers_proves_nothing():
    few = judge([0] * 10)
    assert few.verdict is Verdict.INCONCLUSIVE
    # Rule of three: what none of n writers lost, up to 5 points each, is 0.05 * 3 / n at most.
    assert few.interval[1] == pytest.approx(0.05 * (1 - 0.045**0.1), rel=0.1)
    assert judge([0] * (10 + few.further_writers)).verdict is Verdict.EQUIVALENT
    assert judge([0] * (9 + few.further_writers)).verdict is Verdict.INCONCLUSIVE


def test_the_largest_loss_on_a_writer_decides_how_many_it_takes():
    assert judge([0] * 42, largest_writer_loss=0.1).verdict is Verdict.INCONCLUSIVE
    assert judge([0] * 20, largest_writer_loss=0.02).verdict is Verdict.EQUIVALENT
    # If no writer loses more than the margin, all of them together do not, however few are seen.
    assert judge([1, 0, 2], margin=0.06).verdict is Verdict.EQUIVALENT
    assert judge([1, 0, 2], margin=0.06, largest_writer_loss=0.2).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("loss", [0, 400])
@pytest.mark.parametrize("writers", [1, 2])
def test_fewer_than_three_writers_prove_nothing(writers, loss):
    found = judge([loss] * writers)
    assert (found.verdict, found.interval, found.non_inferior) == (Verdict.INCONCLUSIVE, None, False)
    assert found.further_writers >= 3 - writers


def test_a_thousand_lines_of_two_writers_are_two_units():
    lines = [Line(id=str(i), image=b"", text="x" * 40, writer=f"w{i % 2}") for i in range(1000)]
    found = judge_equivalence(estimate([0] * 1000, [40] * 1000, units_of(hands(lines))), margin=MARGIN)
    assert found.verdict is Verdict.INCONCLUSIVE
    unnamed = [Line(id=str(i), image=b"", text="x" * 40) for i in range(1000)]
    found = judge_equivalence(estimate([0] * 1000, [40] * 1000, units_of(hands(unnamed))), margin=MARGIN)
    assert found.verdict is Verdict.EQUIVALENT


def test_one_lost_writer_of_sixty_is_never_equivalent():
    # The mean is 0.33 points, within the margin; but a writer lost more than the promise allows for.
    found = judge([200] + [0] * 59)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.interval[1] > MARGIN
    assert judge([0] * 60).verdict is Verdict.EQUIVALENT


def test_further_writers_are_about_as_many_as_it_takes():
    chance = np.random.default_rng(3)
    open_case = judge_equivalence(draw(chance, 0.001, writers=25, effect="cv1"), margin=MARGIN)
    assert open_case.verdict is Verdict.INCONCLUSIVE
    total = 25 + open_case.further_writers
    assert 35 < total < 90
    settled = [
        judge_equivalence(draw(chance, 0.001, writers=total, effect="cv1"), margin=MARGIN).verdict for _ in range(60)
    ]
    assert sum(verdict is Verdict.EQUIVALENT for verdict in settled) >= 36


def test_further_writers_make_a_loss_that_seems_worse_certain():
    losses = [0, 0, 0, 60, 0, 0, 10, 0]
    there = judge(losses)
    assert there.verdict is Verdict.INCONCLUSIVE
    assert sum(losses) / 8000 > MARGIN
    times = -(-(8 + there.further_writers) // 8)
    assert times > 2
    assert judge(losses * times).verdict is Verdict.WORSE
    assert judge(losses * (times // 4)).verdict is Verdict.INCONCLUSIVE


def test_a_difference_on_the_margin_is_never_settled():
    assert judge([0, 0, 0, 20] * 12).further_writers is None


def test_clear_differences():
    assert judge([20] * 30).verdict is Verdict.WORSE
    assert judge([-20] * 30).verdict is Verdict.BETTER
    assert judge([20] * 100, margin=0.04).verdict is Verdict.EQUIVALENT
    worse = judge([19, 20, 21])
    assert worse.verdict is Verdict.WORSE
    # WORSE rests on what was seen: its interval holds no allowance for writers that were not.
    assert worse.interval[0] > MARGIN


def test_what_is_settled_needs_no_further_writers():
    settled = [judge([20] * 30), judge([-20] * 30), judge([20] * 100, margin=0.04)]
    assert {found.verdict for found in settled} == {Verdict.WORSE, Verdict.BETTER, Verdict.EQUIVALENT}
    assert [found.further_writers for found in settled] == [None] * 3


def test_where_no_writer_can_lose_more_than_the_margin_the_spread_alone_asks_for_more():
    losses = [100, 0, 0, 90, 5]
    there = judge(losses, margin=0.06)
    assert there.verdict is Verdict.INCONCLUSIVE
    times = -(-(5 + there.further_writers) // 5)
    assert 1 < times < 20
    assert judge(losses * times, margin=0.06).verdict is Verdict.EQUIVALENT


def test_a_proof_of_no_loss_reckons_with_writers_that_were_not_seen():
    assert judge([-20] * 60).non_inferior
    few = judge([-20, -21, -19, -20])
    assert (few.verdict, few.non_inferior) == (Verdict.BETTER, False)


@pytest.mark.parametrize("losses", [[3, -2, 8, 0, 1, 0], [40, 1, 0, 0, 2], [0] * 8])
def test_gains_are_judged_as_losses_are(losses):
    there, back = judge(losses), judge([-loss for loss in losses])
    assert back.interval == pytest.approx((-there.interval[1], -there.interval[0]))
    assert back.further_writers == there.further_writers
