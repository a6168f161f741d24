from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from inkport.benchmarks.measure.edits import Edits
from inkport.benchmarks.measure.parity import Reading, line_edits, per_line, to_json_text
from inkport.core.ctc import Transcription
from inkport.lines.line import Line


LINES = [
    Line(id="1", image=b"", text="e\u0301te\u0301", dataset="left", writer="ann"),
    Line(id="2", image=b"", text="ab", dataset="left", writer="ann", seen_writer=True),
    Line(id="3", image=b"", text="abcd", dataset="right", writer="ann"),
    Line(id="4", image=b"", text="abc", dataset="right", document="letter 1"),
    Line(id="5", image=b"", text="abc", dataset="right"),
]
READING = Reading(
    (Transcription("", (), float("inf")), *(Transcription("x", (), 1 / 3),) * 4),
    (Edits(deletions=3), Edits(substitutions=1, insertions=2), Edits(), Edits(insertions=1), Edits()),
)


def test_figures_of_lines_without_names_of_writers():
    found = per_line(LINES, READING)
    assert [(g.dataset, g.seen_writer) for g in found.groups] == [("left", False), ("left", True), ("right", False)]
    assert found.group == (0, 1, 2, 2, 2)
    # Another data set's Ann is somebody else.
    assert found.writer == (0, 0, 1, 2, None)
    assert found.documents == (2,)
    assert found.symbols == (3, 2, 4, 3, 3)
    assert found.edits_reference == (3, 3, 0, 1, 0)
    assert found.gap_reference == (None, 0.3333, 0.3333, 0.3333, 0.3333)


def test_edits_stand_where_their_lines_do():
    assert line_edits(READING, None, lines=5) == (3, 3, 0, 1, 0)
    assert line_edits(READING.part([1, 3]), [2, 5], lines=6) == (None, None, 3, None, None, 1)
    with pytest.raises(ValueError, match="zip"):
        line_edits(READING, [1, 2], lines=6)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


@given(PLAIN)
def test_any_document_comes_back(document):
    assert json.loads(to_json_text(document)) == document


def holding(inner):
    """Documents in which every list holds another document, so that none is written on a single line."""
    return st.lists(inner, min_size=1, max_size=3) | st.dictionaries(st.text(), st.integers() | st.text() | inner)


@given(st.recursive(st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False)), holding))
def test_all_but_lists_of_numbers_and_words_is_indented_as_by_the_standard_library(document):
    assert to_json_text(document) == json.dumps(document, indent=1, ensure_ascii=False)


def test_long_lists_take_one_line_and_members_one_each():
    text = to_json_text({"a": list(range(500)), "b": [{"c": [1, None]}, {}], "é": {"d": "x\n"}})
    assert len(text.splitlines()) == 12
    assert '"é": {' in text
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json_text([float("nan")])
