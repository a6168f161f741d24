"""What the lines that are closest to changing prove: flips if there are any, and nothing about the others."""

from __future__ import annotations

import pytest

from inkport.benchmarks.measure.equivalence import Verdict
from inkport.benchmarks.measure.parity import choose_fragile, compare, fragile_reason, score, without_claims
from inkport.core.ctc import Transcription
from inkport.lines.line import Line


LINES = [Line(id=f"l{i}", image=b"", text="ce matin", dataset="a" if i % 2 else "b", writer=f"w{i}") for i in range(40)]


@pytest.fixture
def read():
    """Compare a target that reads the first lines wrong with a reference that reads all of them right."""

    def run(flips):
        right = [Transcription(line.text, (), 1.0) for line in LINES]
        wrong = [Transcription("x", (), 1.0) for _ in range(flips)]
        # A margin of 12 points, and writers that lose no more: few lines suffice for either verdict.
        return compare(
            LINES, score(LINES, right), score(LINES, [*wrong, *right[flips:]]), margin=0.12, largest_writer_loss=0.1
        )

    return run


def test_without_a_flip_the_verdict_stands(read):
    parity = read(0)
    assert parity.equivalence.verdict is Verdict.EQUIVALENT
    assert without_claims(parity) == parity


def test_with_flips_no_verdict_is_left(read):
    parity = read(36)
    assert parity.equivalence.verdict is Verdict.WORSE
    found = without_claims(parity)
    for judged in (found, *found.datasets):
        assert judged.equivalence.verdict is Verdict.INCONCLUSIVE
        assert (judged.equivalence.non_inferior, judged.equivalence.further_writers) == (False, None)
    assert found.worst_writer is None
    assert (found.flips, found.cer, found.datasets[0].cer) == (parity.flips, parity.cer, parity.datasets[0].cer)
    assert fragile_reason(found).startswith("36 of the 40 most fragile lines read differently.")


def test_the_smallest_margins_come_first_and_of_equals_the_earlier_line():
    assert choose_fragile([3.0, 1.0, float("inf"), 1.0, 0.5], 4) == [4, 1, 3, 0]
