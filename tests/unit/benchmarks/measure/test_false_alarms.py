"""How often the outcome accuses a port wrongly, with several data sets: the rates that docs/verify.md states."""

from __future__ import annotations

import numpy as np
import pytest

from inkport.benchmarks.measure.edits import Edits, Effects
from inkport.benchmarks.measure.equivalence import LEVEL, judge_equivalence
from inkport.benchmarks.measure.estimate import estimate
from inkport.benchmarks.measure.parity import DatasetScore, Parity
from inkport.benchmarks.measure.units import units_of
from inkport.benchmarks.run.record import Outcome, judge
from inkport.core.target import Budget
from inkport.lines.line import Line, hands


MARGIN = 0.005
SYMBOLS = 45
LARGEST = 0.03
"""Largest loss on a writer: with 86 writers of ten lines each, five points would leave most of them open."""
TRIALS = 100
SIZES = (60, 100, 100, 200, 400)
"""Lines per data set, ten of each writer."""
DATASETS = [
    [Line(id=f"{d}-{i}", image=b"", text="x", dataset=f"set {d}", writer=f"w{i // 10}") for i in range(size)]
    for d, size in enumerate(SIZES)
]


def fields(difference, lines):
    symbols = SYMBOLS * len(lines)
    found = estimate(difference.tolist(), [SYMBOLS] * len(lines), units_of(hands(lines)))
    delta = found.rate
    return {
        "lines": len(lines),
        "symbols": symbols,
        "cer": 0.1 + delta,
        "cer_reference": 0.1,
        "delta": delta,
        "interval": found.interval(),
        "interval_unit": found.kind,
        "clusters": found.units,
        "equivalence": judge_equivalence(found, margin=MARGIN, largest_writer_loss=LARGEST),
        "flipped_lines": int((difference != 0).sum()),
        "edits": Edits(),
        "edits_reference": Edits(),
        **dict.fromkeys(("wer", "wer_reference", "wer_htr", "wer_htr_reference"), 0.0),
    }  # fmt: skip


def simulate(truth):
    """Return the shares of the outcomes of ports whose true difference is ``truth`` on every data set.

    A third of the lines flip, by one or two edits for better or worse; and the share of ports with a data set
    that is beyond the margin on the lines drawn.
    """
    chance = np.random.default_rng(5)
    worse = 0.5 + truth * SYMBOLS / (1 / 3 * 1.5) / 2
    found, beyond = [], 0
    for _ in range(TRIALS):
        differences = []
        for lines in DATASETS:
            by = chance.integers(1, 3, len(lines)) * (chance.random(len(lines)) < 1 / 3)
            differences.append(np.where(chance.random(len(lines)) < worse, by, -by))
        rows = tuple(
            DatasetScore(dataset=lines[0].dataset, seen_writer=False, **fields(difference, lines))
            for lines, difference in zip(DATASETS, differences, strict=True)
        )
        total = fields(np.concatenate(differences), [line for lines in DATASETS for line in lines])
        parity = Parity(**total, datasets=rows, flips=(), effects=Effects(), worst_writer=None)
        found.append(judge(parity, None, None, Budget(cer_margin=MARGIN))[0])
        beyond += any(abs(row.delta) > MARGIN for row in rows)
    return {outcome: found.count(outcome) / TRIALS for outcome in Outcome}, beyond / TRIALS


@pytest.mark.slow
@pytest.mark.parametrize("truth", [0.0, MARGIN / 2])
def test_a_faithful_port_is_not_accused_of_what_chance_did_to_a_small_data_set(truth):
    shares, beyond = simulate(truth)
    assert beyond > 0.05
    # In 1,000 trials 0.2 and 1.6 %.
    assert shares[Outcome.TEXT_DIFFERS] <= LEVEL
    assert shares[Outcome.INCONCLUSIVE] >= beyond - shares[Outcome.TEXT_DIFFERS]


@pytest.mark.slow
def test_on_the_margin_of_every_data_set_false_alarms_stay_below_the_sum_of_the_levels():
    shares, _ = simulate(-MARGIN)
    assert shares[Outcome.TEXT_DIFFERS] <= LEVEL * (len(DATASETS) + 1)
    assert shares[Outcome.PASS] <= LEVEL


@pytest.mark.slow
def test_twice_the_margin_is_found():
    assert simulate(2 * MARGIN)[0][Outcome.TEXT_DIFFERS] > 0.95
