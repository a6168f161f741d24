"""Error rates against an independent library, the metric's own laws, and hand-made cases."""

from __future__ import annotations

import itertools
import sys

import jiwer
import pytest
from hypothesis import given, strategies as st

from inkport.core import metrics
from inkport.core.charset import normalise_text
from inkport.core.metrics import ErrorRate, cer, edit_costs, edit_distance, htr_words, plain_edit_distance, wer, wer_htr


short = st.text("abé' ", max_size=8)
lines = st.lists(
    st.tuples(st.text("abé' ,", max_size=12).map(normalise_text).filter(bool), st.text("abé' ,", max_size=12)),
    min_size=1,
    max_size=5,
)


@given(lines)
def test_cer_is_the_micro_average_of_jiwer(pairs):
    references, readings = zip(*pairs, strict=True)
    readings = [normalise_text(reading) for reading in readings]
    assert cer(references, readings).rate == pytest.approx(jiwer.cer(list(references), readings))


@given(lines)
def test_wer_is_the_micro_average_of_jiwer(pairs):
    references, readings = zip(*pairs, strict=True)
    readings = [normalise_text(reading) for reading in readings]
    assert wer(references, readings).rate == pytest.approx(jiwer.wer(list(references), readings))


def test_a_long_line_weighs_more_than_a_short_one():
    assert cer(["abcdefghij", "x"], ["abcdefghij", "y"]) == ErrorRate(1, 11)


@given(short, short)
def test_distance_is_symmetric_and_zero_only_for_equals(a, b):
    assert edit_distance(a, b) == edit_distance(b, a)
    assert (edit_distance(a, b) == 0) == (a == b)


@given(short, short, short)
def test_distance_keeps_the_triangle_inequality(a, b, c):
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)


@given(short, short)
def test_distance_lies_between_the_length_difference_and_the_longer_length(a, b):
    assert abs(len(a) - len(b)) <= edit_distance(a, b) <= max(len(a), len(b))


@pytest.mark.parametrize(("a", "b", "edits"), [("kitten", "sitting", 3), ("", "abc", 3), ("ab", "ba", 2)])
def test_distance_of_textbook_cases(a, b, edits):
    assert edit_distance(a, b) == edits


symbols = st.sampled_from(["a", "é", "ab", "\N{COMBINING ACUTE ACCENT}", "\U0001f58b", "\udc80", 1, -1, -2, None])


@given(st.text("abé \U0001f58b", max_size=30) | st.lists(symbols), st.text("abé ", max_size=30) | st.lists(symbols))
def test_the_plain_distance_and_rapidfuzz_agree(a, b):
    pytest.importorskip("rapidfuzz")
    assert edit_distance(a, b) == plain_edit_distance(a, b)


@given(short, short, st.integers(1, 60), st.data())
def test_both_distances_agree_at_any_cost(a, b, gap, data):
    cost = data.draw(st.integers(1, 2 * gap))
    found = plain_edit_distance(a, b, gap=gap, substitution=cost)
    assert edit_distance(a, b, gap=gap, substitution=cost) == found
    assert found == min(_every_cost(a, b, gap, cost))


def test_the_plain_distance_of_all_short_words_is_the_cheapest():
    """Every pair of words of up to four letters of an alphabet of two, where ends that look alike are frequent."""
    words = ["".join(word) for size in range(5) for word in itertools.product("ab", repeat=size)]
    for a, b in itertools.combinations(words, 2):
        assert plain_edit_distance(a, b) == plain_edit_distance(b, a) == min(_every_cost(a, b, 1, 1))


def test_different_things_with_one_hash_are_different():
    assert hash(-1.0) == hash(-2.0)
    assert edit_distance([-1.0, 3.0], [-2.0, 3.0]) == 1


def test_costs_are_named():
    with pytest.raises(TypeError, match="positional"):
        edit_distance("a", "b", 2, 1)


def _every_cost(a, b, gap, substitution):
    """Cost of every way to pair symbols of a with symbols of b in order, the others being gaps."""
    for count in range(min(len(a), len(b)) + 1):
        for left in itertools.combinations(a, count):
            for right in itertools.combinations(b, count):
                pairs = sum(substitution for x, y in zip(left, right, strict=True) if x != y)
                yield pairs + gap * (len(a) + len(b) - 2 * count)


def test_the_plain_distance_stands_in_where_rapidfuzz_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidfuzz.distance", None)
    metrics._rapidfuzz.cache_clear()
    try:
        assert metrics._rapidfuzz() is None
        assert (edit_distance("kitten", "sitting"), edit_distance(["a", "b"], ["b", "a"])) == (3, 2)
    finally:
        metrics._rapidfuzz.cache_clear()


def test_spelling_of_accents_and_runs_of_spaces_are_no_errors():
    assert cer(["e\N{COMBINING ACUTE ACCENT}  a"], ["é a"]).edits == 0


def test_case_and_punctuation_are_errors():
    assert cer(["Ab."], ["ab"]) == ErrorRate(2, 3)


def test_nothing_to_read():
    assert cer([""], [""]).rate == 0
    assert cer([""], ["a"]).rate == float("inf")


@pytest.mark.parametrize("rate", [cer, wer, wer_htr])
def test_lists_of_different_lengths_are_refused(rate):
    with pytest.raises(ValueError, match="zip"):
        rate(["a", "b"], ["a"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("l'an 1784, fin.", ["l", "'", "an", "1784", ",", "fin", "."]),
        ("(a)[b]{c}", ["(", "a", ")", "[", "b", "]", "{", "c", "}"]),
        ("3€ 5% n°7 #8", ["3", "€", "5", "%", "n", "°", "7", "#", "8"]),
        ("a-b—c_d", ["a", "-", "b", "—", "c", "_", "d"]),
        (r"a/b\c", ["a", "/", "b", "\\", "c"]),
        ('"x" <y> = z!?;:&+*', ['"', "x", '"', "<", "y", ">", "=", "z", "!", "?", ";", ":", "&", "+", "*"]),
        # A typographic apostrophe is not in the protocol's list.
        ("l\N{RIGHT SINGLE QUOTATION MARK}an", ["l\N{RIGHT SINGLE QUOTATION MARK}an"]),
    ],
)
def test_htr_protocol_makes_each_mark_a_word(text, words):
    assert htr_words(text) == words


def test_htr_protocol_counts_a_wrong_mark_as_one_of_the_words():
    assert wer_htr(["l'an, fin"], ["l'an. fin"]) == ErrorRate(1, 5)
    assert wer(["l'an, fin"], ["l'an. fin"]) == ErrorRate(1, 2)


@given(st.text("abc", max_size=12), st.text("abc", max_size=12), st.integers(0, 14))
def test_costs_within_a_band_are_exact_and_beyond_it_never_too_low(a, b, band):
    whole = list(edit_costs(a, b, gap=1, substitution=1))
    banded = list(edit_costs(a, b, gap=1, substitution=1, band=band))
    for i, (exact, found) in enumerate(zip(whole, banded, strict=True)):
        assert len(found) == len(exact)
        for j, (cost, bounded) in enumerate(zip(exact, found, strict=True)):
            assert bounded >= cost
            assert bounded == cost or cost > band, (i, j)
