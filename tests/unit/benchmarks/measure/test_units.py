from __future__ import annotations

import pytest

from inkport.benchmarks.measure.units import counted, documents_of, units_of
from inkport.lines.line import Line, hands


def line(number, **who):
    return Line(id=str(number), image=b"", text="x", **{"dataset": "set", **who})


def test_all_documents_of_a_writer_are_one_unit():
    lines = [line(i, writer="peraire", document=f"letter {i}") for i in range(8)]
    found = units_of(hands([*lines, line(8, writer="hooker", document="letter 0")]))
    assert (found.kind, found.count) == ("writer", 2)
    assert found.index.tolist() == [0] * 8 + [1]


def test_documents_are_units_where_nobody_says_who_wrote_them():
    found = units_of(hands([line(0, document="a"), line(1, document="b"), line(2, document="a")]))
    assert (found.kind, found.index.tolist()) == ("document", [0, 1, 0])


def test_one_document_without_a_writer_makes_it_documents():
    assert units_of(hands([line(0, writer="a"), line(1, document="b")])).kind == "document"


def test_one_name_in_two_data_sets_is_two_units():
    assert units_of(hands([line(0, writer="1"), line(1, writer="1", dataset="other")])).count == 2


def test_lines_never_stand_in_for_writers_that_are_known():
    # Two hands of which one is named: the fifty unnamed lines are one unit, not fifty.
    found = units_of(hands([line(0, writer="a"), *(line(i) for i in range(1, 51))]))
    assert (found.kind, found.count) == ("document", 2)
    assert units_of(hands([line(i, writer="a") for i in range(50)])).count == 1


def test_lines_are_units_where_no_unit_is_known():
    found = units_of(hands([line(i) for i in range(5)]))
    assert (found.kind, found.count) == ("line", 5)


def test_of_one_hand_its_documents_or_lines_are_asked_about():
    named = [line(i, writer="a", document=str(i % 3)) for i in range(9)]
    assert (documents_of(named).kind, documents_of(named).count) == ("document", 3)
    unnamed = [line(i, writer="a") for i in range(9)]
    assert (documents_of(unnamed).kind, documents_of(unnamed).count) == ("line", 9)


def test_a_single_document_says_no_more_than_its_lines():
    """Nor do lines of which only the writer is known, whatever data sets they are of."""
    one = [line(i, writer="a", document="only" if i else "") for i in range(9)]
    assert (documents_of(one).kind, documents_of(one).count) == ("line", 9)
    assert documents_of([line(0, document="a"), line(1, document="b")]).kind == "document"
    sets = [line(i, writer="a", dataset=f"set {i}") for i in range(3)]
    assert documents_of(sets).kind == "line"


@pytest.mark.parametrize(("count", "words"), [(0, "0 writers"), (1, "1 writer"), (2, "2 writers")])
def test_numbers_in_words(count, words):
    assert counted(count, "writer") == words


def test_sums_are_per_unit():
    units = units_of(hands([line(0, writer="a"), line(1, writer="b"), line(2, writer="a")]))
    assert units.sums([1, 2, 4]).tolist() == [5.0, 2.0]
