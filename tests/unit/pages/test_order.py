"""Reading order: columns, spreads, margins and slanted lines, each against the order in which a person reads."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from inkport.pages.find import FoundLine
from inkport.pages.order import reading_order


def line(left, right, y, *, slope=0.0):
    points = np.array([[left, y], [right, y + slope * (right - left)]], np.float64)
    return FoundLine(baseline=points, above=24.0, below=8.0, score=0.9)


def rows(left, right, top, count, *, step=50, slope=0.0):
    return [line(left, right, top + step * number + slope * left, slope=slope) for number in range(count)]


def order(lines, *, skew=0.0, seed=0):
    """The order of lines that are handed in shuffled, and the sizes of the regions."""
    places = np.random.default_rng(seed).permutation(len(lines))
    regions = reading_order([lines[place] for place in places], skew=skew)
    return [int(places[index]) for region in regions for index in region], [len(region) for region in regions]


def test_no_lines_have_no_order():
    assert reading_order([]) == []


def test_one_column_is_read_from_the_top():
    assert order(rows(100, 900, 100, 12)) == (list(range(12)), [12])


@pytest.mark.parametrize("shift", [0, 20, -25])
def test_two_columns_are_read_one_after_the_other_whatever_their_rows(shift):
    left, right = rows(100, 480, 300, 8), rows(520, 900, 300 + shift, 9)
    assert order(left + right) == (list(range(17)), [8, 9])


def test_what_runs_across_two_columns_parts_them():
    lines = [
        line(100, 900, 100),
        *rows(100, 480, 160, 4),
        *rows(520, 900, 160, 4),
        line(100, 900, 400),
        *rows(100, 480, 460, 3),
        *rows(520, 900, 460, 3),
    ]
    assert order(lines)[0] == list(range(len(lines)))


def test_the_left_page_of_a_spread_is_read_first_though_a_line_of_each_is_broken():
    left = [*rows(50, 700, 100, 10), line(50, 330, 600), line(400, 700, 605), *rows(50, 700, 650, 8)]
    right = [*rows(800, 1450, 90, 5), line(800, 1100, 340), line(1150, 1450, 338), *rows(800, 1450, 390, 14)]
    assert order(left + right)[0] == list(range(len(left) + len(right)))


def test_notes_in_the_left_margin_precede_the_text_and_those_in_the_right_one_follow_it():
    notes, text, more = rows(20, 150, 300, 3, step=40), rows(200, 900, 100, 14), rows(950, 1080, 400, 2, step=40)
    assert order(notes + text + more) == (list(range(19)), [3, 14, 2])


def test_a_date_at_the_right_stays_above_a_salutation_at_the_left():
    letter = [line(600, 900, 100), line(150, 400, 180), *rows(100, 900, 260, 6), line(120, 300, 620)]
    assert order(letter)[0] == list(range(len(letter)))


def test_pieces_of_a_row_are_read_from_the_left_and_stay_in_the_region():
    lines = [*rows(100, 900, 100, 3), line(100, 450, 250), line(480, 900, 246), *rows(100, 900, 300, 3)]
    assert order(lines) == (list(range(8)), [8])


@pytest.mark.parametrize("degrees", [-9, 9])
def test_slanted_columns_are_read_as_level_ones(degrees):
    slope = float(np.tan(np.radians(degrees)))
    lines = [*rows(100, 480, 400, 9, slope=slope), *rows(520, 900, 400, 9, slope=slope)]
    assert order(lines, skew=degrees) == (list(range(18)), [9, 9])


def test_a_far_line_begins_a_region():
    assert order([*rows(100, 900, 100, 3), *rows(100, 900, 500, 2)]) == (list(range(5)), [3, 2])


def test_the_order_does_not_depend_on_the_order_of_the_lines_and_keeps_each_once():
    rng = np.random.default_rng(5)
    lines = [line(x, x + w, y) for x, w, y in rng.uniform((0, 30, 0), (900, 600, 1200), (40, 3))]
    found = [order(lines, seed=seed)[0] for seed in range(5)]
    assert sorted(found[0]) == list(range(40))
    assert all(a == b for a, b in itertools.pairwise(found))


def test_a_page_of_thousands_of_lines_is_read_without_looking_for_columns():
    lines = rows(0, 100, 0, 1500) + rows(150, 250, 0, 1500)
    found = list(itertools.chain.from_iterable(reading_order(lines)))
    # By rows, then: what is above comes first, and the left one of a row.
    assert found == list(itertools.chain.from_iterable(zip(range(1500), range(1500, 3000), strict=True)))
