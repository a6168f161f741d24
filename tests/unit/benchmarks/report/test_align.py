from __future__ import annotations

from hypothesis import given, strategies as st

from inkport.benchmarks.measure.edits import edit_script
from inkport.benchmarks.report.flips import align
from inkport.core.metrics import edit_distance


WORDS = st.text(alphabet="ab c", max_size=12)


@given(WORDS, st.lists(WORDS, max_size=4))
def test_rows_are_the_readings_and_no_longer_than_they_must_be(first, others):
    rows = align(first, others)
    assert ["".join(cell.symbol for cell in row) for row in rows] == [first, *others]
    assert len({len(row) for row in rows}) == 1
    for row, other in zip(rows[1:], others, strict=True):
        edits = [cell.edit for cell in row if cell.edit is not None]
        # Each edit has one cell, in order, and everything else agrees with the first row.
        assert edits == list(range(edit_distance(first, other)))
        assert all(a.symbol == b.symbol for a, b in zip(rows[0], row, strict=True) if b.edit is None)
        assert len(edits) == len(edit_script(first, other))


def test_insertions_share_columns():
    first, longer, other = align("ac", ["abbc", "axc"])
    assert [cell.symbol for cell in first] == ["a", "", "", "c"]
    assert [cell.symbol for cell in longer] == ["a", "b", "b", "c"]
    assert [cell.symbol for cell in other] == ["a", "x", "", "c"]
