"""Words out of symbols: places, confidences, other readings, and divided words."""

from __future__ import annotations

import numpy as np
import pytest

from inkport.core.charset import Charset
from inkport.core.ctc import greedy
from inkport.core.line_reading import Symbol
from inkport.pages.hyphens import join_hyphens, running_text
from inkport.pages.page import Flag, Line, Page, Region, Word
from inkport.pages.words import Runner, runners_up, words_of


def symbol(text: str, x0: float, x1: float, confidence: float = 0.9) -> Symbol:
    return Symbol(text, confidence, 1.0, 0, 0, x0, x1)


def place(left: float, right: float):
    return (left, 0.0), (right, 0.0), (right, 20.0), (left, 20.0)


def spans(words):
    return [(word.text, word.polygon[0][0], word.polygon[1][0]) for word in words]


def test_words_take_the_cells_of_their_symbols():
    symbols = [symbol("a", 10, 14), symbol("b", 20, 24), symbol(" ", 40, 44), symbol("c", 50, 54)]
    found = words_of(symbols, (), width=57, height=20, place=place)
    # Centres at 12, 22, 42, 52: cells end half-way, and at the ends as far on the other side, within the strip.
    assert spans(found) == [("ab", 7, 32), ("c", 47, 57)]


def test_a_symbol_alone_has_a_cell_of_the_strips_height():
    (found,) = words_of([symbol("a", 30, 34)], (), width=100, height=20, place=place)
    assert spans([found]) == [("a", 22, 42)]
    assert words_of([], (), width=100, height=20, place=place) == ()


def test_white_space_makes_no_word():
    found = words_of(
        [symbol(" ", 0, 2), symbol("a", 5, 6), symbol(" ", 8, 9), symbol(" ", 10, 11)],
        (),
        width=20,
        height=9,
        place=place,
    )
    assert [word.text for word in found] == ["a"]


def test_alternatives_are_one_symbol_off_and_the_most_probable_first():
    symbols = [symbol("c", 0, 2, 0.6), symbol("a", 4, 6, 0.9), symbol("t", 8, 10, 0.7)]
    runners = [Runner("e", 0.3), Runner("o", 0.005), Runner("", 0.25)]
    (word,) = words_of(symbols, runners, width=20, height=9, place=place)
    assert word.confidence == pytest.approx((0.6 + 0.9 + 0.7) / 3, abs=1e-6)
    assert [(a.text, a.confidence) for a in word.alternatives] == [
        ("eat", pytest.approx((0.3 + 0.9 + 0.7) / 3, abs=1e-6)),
        ("ca", pytest.approx((0.6 + 0.9 + 0.25) / 3, abs=1e-6)),
    ]


def test_a_word_of_one_symbol_has_no_empty_alternative():
    (word,) = words_of([symbol("a", 0, 2)], [Runner("", 0.4)], width=20, height=9, place=place)
    assert word.alternatives == ()


def test_the_second_best_label_is_that_of_the_symbols_best_frame(rng):
    charset = Charset(tuple("abc"))
    logits = rng.normal(size=(30, 4)).astype(np.float32) * 3
    found = greedy(logits, charset)
    probability = np.exp(logits.astype(np.float64))
    probability /= probability.sum(axis=1, keepdims=True)
    expected = []
    for emission in found.emissions:
        own = "-abc".index(emission.symbol)
        frames = range(emission.first_frame, emission.last_frame + 1)
        row = probability[max(frames, key=lambda t: probability[t, own])]
        second = sorted(range(4), key=lambda k: -row[k])[1]
        expected.append(Runner("-abc"[second].strip("-"), pytest.approx(row[second], abs=1e-9)))
    assert len(expected) > 5
    assert list(runners_up(logits, found.emissions, charset)) == expected


def page(*texts: str | Line) -> Page:
    lines = tuple(t if isinstance(t, Line) else Line(id=f"l{n}", text=t) for n, t in enumerate(texts))
    return Page(id="p", width=9, height=9, regions=(Region(id="r", lines=lines),))


@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        (("a exam-", "ple b"), ["a example", "b"]),
        (("a exam\u00ac", "ple"), ["a example"]),
        (("a exam-", "Ple b"), ["a exam-", "Ple b"]),
        (("a 12-", "ple"), ["a 12-", "ple"]),
        (("a -", "ple"), ["a -", "ple"]),
        (("exam-", "", "ple"), ["exam-", "", "ple"]),
        (("so-", "mehow di-", "vided"), ["somehow", "divided"]),
        (("un-", "di-", "vided"), ["undi-", "vided"]),
    ],
)
def test_divided_words_are_joined_where_they_surely_are(texts, joined):
    (region,) = join_hyphens(page(*texts)).regions
    assert running_text(region.lines, joined=True) == joined
    # The lines are as they were written.
    assert [line.text for line in region.lines] == list(texts)
    assert running_text(region.lines, joined=False) == list(texts)


def test_a_dropped_line_between_is_passed_over():
    noise = Line(id="n", text="stamp", flags=(Flag.DROPPED,))
    (region,) = join_hyphens(page("exam-", noise, "ple")).regions
    assert running_text(region.lines, joined=True) == ["example"]
    assert running_text(region.lines, joined=False) == ["exam-", "ple"]


def test_words_keep_their_places_when_they_are_joined():
    first = Line(id="a", text="exam-", words=(Word(text="exam-", polygon=place(1, 2), confidence=0.5),))
    (region,) = join_hyphens(page(first, "ple")).regions
    (word,) = region.lines[0].words
    assert (word.text, word.whole, word.part, word.polygon) == ("exam-", "example", 1, place(1, 2))
    assert [(w.text, w.whole, w.part) for w in region.lines[1].words] == [("ple", "example", 2)]
