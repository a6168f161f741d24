"""The verdict is held to its stated error rates by simulation: writers differ, lines flip, edits come in clumps."""

from __future__ import annotations

import numpy as np
import pytest

from inkport.benchmarks.bootstrap import paired_resamples
from inkport.benchmarks.equivalence import LEVEL, Verdict, judge_equivalence
from inkport.lines.line import Line


MARGIN = 0.005
SYMBOLS = 45


def draw(chance, truth, *, writers, lines):
    """Differences per line: most lines agree, the others change by clumps of edits, more so for some writers."""
    rate = np.repeat(chance.gamma(4.0, 1 / 4, size=writers), lines)
    count = writers * lines
    flipped = chance.random(count) < np.minimum(1, 0.2 * rate)
    worse = chance.poisson(np.full(count, 1.0)) + 1
    # Losses and gains alike, moved by the wanted mean: E[flipped] = 0.2, E[edits] = 2.
    share = 0.5 + truth * SYMBOLS / (0.2 * 2) / 2
    return np.where(flipped, np.where(chance.random(count) < share, worse, -worse), 0)


def verdicts(truth, *, writers=30, lines=20, trials=300, seed=7):
    chance = np.random.default_rng(seed)
    people = [
        Line(id=f"{w}-{i}", image=b"", text="x", dataset="set", writer=f"w{w}")
        for w in range(writers)
        for i in range(lines)
    ]
    found = []
    for trial in range(trials):
        difference = draw(chance, truth, writers=writers, lines=lines)
        symbols = SYMBOLS * len(people)
        resampled = paired_resamples(difference.tolist(), [SYMBOLS] * len(people), people, seed=trial, resamples=300)
        judged = judge_equivalence(
            resampled, delta=difference.sum() / symbols, lines=len(people), symbols=symbols, margin=MARGIN
        )
        found.append(judged.verdict)
    return {verdict: found.count(verdict) / trials for verdict in Verdict}


# Three standard errors of a rate of 5 % over 300 trials.
MOST = LEVEL + 3 * (LEVEL * (1 - LEVEL) / 300) ** 0.5


@pytest.mark.parametrize("writers", [8, 30])
@pytest.mark.parametrize("side", [1, -1])
def test_on_the_margin_a_verdict_is_wrong_as_rarely_as_stated(side, writers):
    rates = verdicts(side * MARGIN, writers=writers)
    assert rates[Verdict.EQUIVALENT] <= MOST
    assert rates[Verdict.WORSE if side > 0 else Verdict.BETTER] <= MOST
    assert rates[Verdict.BETTER if side > 0 else Verdict.WORSE] == 0


def test_enough_lines_find_the_truth():
    assert verdicts(0.0, lines=60, trials=60)[Verdict.EQUIVALENT] > 0.9
    assert verdicts(3 * MARGIN, lines=60, trials=60)[Verdict.WORSE] > 0.9
    assert verdicts(-3 * MARGIN, lines=60, trials=60)[Verdict.BETTER] > 0.9


def judge(difference, *, margin=MARGIN):
    lines = [Line(id=str(i), image=b"", text="x", dataset="set", writer="") for i in range(len(difference))]
    symbols = SYMBOLS * len(lines)
    resampled = paired_resamples(difference, [SYMBOLS] * len(lines), lines, seed=0)
    return judge_equivalence(
        resampled, delta=sum(difference) / symbols, lines=len(lines), symbols=symbols, margin=margin
    )


def test_no_flip_in_a_few_lines_proves_nothing():
    few = judge([0] * 10)
    assert few.verdict is Verdict.INCONCLUSIVE
    # Rule of three: 3 / n of the lines with 3 edits of 45 symbols each stay below half a point from n = 40 on.
    assert few.interval == pytest.approx((-0.02, 0.02))
    assert few.further_lines in {30, 31}
    assert judge([0] * 41).verdict is Verdict.EQUIVALENT


def test_further_lines_are_about_as_many_as_it_takes():
    chance = np.random.default_rng(3)
    open_case = judge(draw(chance, 0.002, writers=1, lines=300).tolist())
    assert open_case.verdict is Verdict.INCONCLUSIVE
    total = 300 + open_case.further_lines
    settled = [judge(draw(chance, 0.002, writers=1, lines=total).tolist()).verdict for _ in range(40)]
    assert sum(verdict is Verdict.EQUIVALENT for verdict in settled) >= 24


def test_a_difference_on_the_margin_is_never_settled():
    assert judge([0, 0, 0, 9] * 50, margin=0.05).further_lines is None


def test_clear_differences():
    assert judge([1] * 100).verdict is Verdict.WORSE
    assert judge([-1] * 100).verdict is Verdict.BETTER
    assert judge([1] * 100, margin=0.05).verdict is Verdict.EQUIVALENT
