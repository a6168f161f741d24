"""Ports must read the same; weights of their own may read better; a data set that loses is not hidden by the rest."""

from __future__ import annotations

import numpy as np
import pytest

from inkport.benchmarks.measure.equivalence import Verdict
from inkport.benchmarks.measure.parity import compare, score
from inkport.compress.measure import Standing, judge_member, standing
from inkport.core.ctc import Transcription
from inkport.lines.line import Line


def lines(count, dataset="a", text="abcde" * 8):
    return [Line(id=f"{dataset}{i}", image=b"", text=text, dataset=dataset, writer=f"w{i % 40}") for i in range(count)]


def judged(some, reference, edits, margin=0.01):
    return judge_member(some, reference, edits, flips=0, margin=margin)


@pytest.mark.parametrize(
    ("change", "verdict", "port", "own"),
    [
        (0, Verdict.EQUIVALENT, Standing.WITHIN, Standing.WITHIN),
        (2, Verdict.WORSE, Standing.BEYOND, Standing.BEYOND),
        (-2, Verdict.BETTER, Standing.BEYOND, Standing.WITHIN),
    ],
)
def test_better_is_a_fault_of_ports_alone(change, verdict, port, own):
    some = lines(400)
    found = judged(some, [4] * 400, [4 + change] * 400)
    assert found.equivalence.verdict is verdict
    assert standing(found, own_weights=False) is port
    assert standing(found, own_weights=True) is own


def test_own_weights_that_are_surely_no_worse_keep_a_budget_although_nothing_is_proven_equal(rng):
    some = lines(400)
    # Better by about the margin, give or take: neither within it nor beyond.
    edits = 4 - rng.choice([0, 0, 0, 1, 1], size=400)
    found = judged(some, [4] * 400, edits.tolist())
    assert found.equivalence.verdict is Verdict.INCONCLUSIVE
    assert standing(found, own_weights=True) is Standing.WITHIN
    assert standing(found, own_weights=False) is Standing.OPEN


def test_a_data_set_that_loses_is_not_hidden_by_a_large_one():
    some = lines(2000) + lines(40, "small")
    found = judged(some, [4] * 2040, [4] * 2000 + [8] * 40)
    assert found.delta < 0.01
    assert found.equivalence.verdict is Verdict.INCONCLUSIVE
    assert found.datasets["small"].equivalence.verdict is Verdict.WORSE
    assert standing(found, own_weights=True) is Standing.BEYOND


def test_few_lines_leave_it_open():
    found = judged(lines(3), [4] * 3, [4] * 3)
    assert standing(found, own_weights=False) is Standing.OPEN
    assert found.equivalence.further_writers


def test_as_inkport_verify_judges_the_same_readings(rng):
    texts = ["".join(rng.choice(list("abcde"), size=30)) for _ in range(60)]
    some = [Line(id=str(i), image=b"", text=t, dataset="d", writer=f"w{i % 7}") for i, t in enumerate(texts)]

    def readings():
        read = []
        for text in texts:
            symbols = np.array(list(text))
            symbols[rng.random(len(symbols)) < 0.1] = "x"
            read.append(Transcription(text="".join(symbols), emissions=(), gap=1.0))
        return score(some, read)

    reference, target = readings(), readings()
    expected = compare(some, reference, target, margin=0.02)
    found = judged(some, [e.total for e in reference.edits], [e.total for e in target.edits], margin=0.02)
    assert (found.cer, found.cer_reference, found.delta) == (expected.cer, expected.cer_reference, expected.delta)
    assert (found.interval, found.equivalence) == (expected.interval, expected.equivalence)
